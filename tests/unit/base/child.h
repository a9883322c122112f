/* Runs a function in a child process and keeps what it printed and how it ended, for what ends a
 * process. Include after cmocka.h. */
#ifndef TESTS_UNIT_BASE_CHILD_H
#define TESTS_UNIT_BASE_CHILD_H

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	char output[32768]; /* standard output */
	char errors[32768]; /* standard error */
	int exit_code;      /* -1 if it was killed */
	int signal;         /* that killed it, or 0 */
};

/* What was written into an unlinked temporary file; closes it. */
static inline void child_read(int fd, char text[32768])
{
	ssize_t size = pread(fd, text, 32767, 0);

	assert_true(size >= 0);
	text[size] = '\0';
	close(fd);
}

static inline int child_file(void)
{
	char path[] = "/tmp/junction-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static inline struct child child_run(void (*run)(void *arg), void *arg)
{
	static struct child c;
	int output = child_file(), errors = child_file(), status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		dup2(output, STDOUT_FILENO);
		dup2(errors, STDERR_FILENO);
		run(arg);
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	child_read(output, c.output);
	child_read(errors, c.errors);
	c.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	c.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return c;
}

#endif
