/* Between fork() and execve() the child is a copy of one thread of many: whatever the others were
 * in the middle of, it finds so. It calls nothing but what is safe in a signal handler, and all
 * that it needs is made before. */
#include "server/extension/process_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

#define FILES_USUAL 1024 /* the server has raised its own number, which breaks select(2) */
#define REPORT_FD   3    /* in the child; closed by execve() */

/* What the child cannot do is told by its name. */
enum step { STEP_EXECUTE, STEP_DESCRIPTORS, STEP_LIMITS, STEP_USER, STEP_TIES };

static const char *const steps[] = {
	[STEP_EXECUTE] = "",
	[STEP_DESCRIPTORS] = "its descriptors cannot be set: ",
	[STEP_LIMITS] = "its limits cannot be set: ",
	[STEP_USER] = "its user cannot be set: ",
	[STEP_TIES] = "it cannot be tied to the server: ",
};

struct report {
	enum step step;
	int error;
};

struct child {
	const char *path;
	const struct process_user *user;
	char *const *arguments, *const *environment;
	int output[2], report; /* the ends that it writes to */
	pid_t parent;
};

static void default_signals(void)
{
	const struct sigaction action = {.sa_handler = SIG_DFL};

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL); /* some cannot be set, and are right */
}

/* All are first put where none is in the way of another. */
static bool set_descriptors(const struct child *c)
{
	int from[] = {open("/dev/null", O_RDONLY), c->output[0], c->output[1], c->report};

	if (from[0] < 0)
		return false;
	for (int i = 0; i <= REPORT_FD; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD, REPORT_FD + 1)) < 0)
			return false;
	for (int i = 0; i <= REPORT_FD; i++)
		if (dup2(from[i], i) < 0)
			return false;
	return fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) == 0 &&
	       close_range(REPORT_FD + 1, ~0U, 0) == 0;
}

static bool set_limits(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit files;

	umask(022);
	if (chdir("/") || setrlimit(RLIMIT_CORE, &none) || getrlimit(RLIMIT_NOFILE, &files))
		return false;
	if (files.rlim_cur > FILES_USUAL)
		files.rlim_cur = FILES_USUAL;
	return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

/* Is it that user for good, whatever the calls before have answered? */
static bool is_user(const struct process_user *user)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) || getresgid(&gid[0], &gid[1], &gid[2]))
		return false;
	errno = EPERM;
	for (int i = 0; i < 3; i++)
		if (uid[i] != user->uid || gid[i] != user->gid)
			return false;
	return uid[0] != 0 && getgroups(0, NULL) == 0;
}

static bool set_user(const struct process_user *user)
{
	if (user->change && (setgroups(0, NULL) || setresgid(user->gid, user->gid, user->gid) ||
				    setresuid(user->uid, user->uid, user->uid)))
		return false;
	if (user->change && !is_user(user))
		return false;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* A change of user would undo it. The server may have died before. */
static bool set_ties(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return false;
	errno = ESRCH;
	return getppid() == parent;
}

static _Noreturn void give_up(int report, enum step step)
{
	const struct report r = {step, errno};

	while (write(report, &r, sizeof(r)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static _Noreturn void become(const struct child *c)
{
	sigset_t none;

	default_signals();
	setsid();
	if (!set_descriptors(c))
		give_up(c->report, STEP_DESCRIPTORS);
	if (!set_limits())
		give_up(REPORT_FD, STEP_LIMITS);
	if (!set_user(c->user))
		give_up(REPORT_FD, STEP_USER);
	if (!set_ties(c->parent))
		give_up(REPORT_FD, STEP_TIES);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(c->path, c->arguments, c->environment);
	give_up(REPORT_FD, STEP_EXECUTE);
}

static void close_each(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Three pipes: [2 * i] is read, [2 * i + 1] written. */
static bool open_pipes(int fds[6])
{
	for (int i = 0; i < 6; i++)
		fds[i] = -1;
	for (int i = 0; i < 6; i += 2)
		if (pipe2(fds + i, O_CLOEXEC))
			return false;
	return true;
}

static int fork_child(const struct spawn *s, const int pipes[6])
{
	char *address = NULL;
	CHECK(asprintf(&address, "EXTENSION_API_ADDR=%s", s->api_address) > 0);
	const char *const arguments[] = {s->path, NULL};
	const char *const environment[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", address, NULL};
	const struct child child = {
		.path = s->path,
		.user = s->user,
		.arguments = (char *const *)arguments,
		.environment = (char *const *)environment,
		.output = {pipes[1], pipes[3]},
		.report = pipes[5],
		.parent = getpid(),
	};

	int pid = fork();
	if (pid == 0)
		become(&child);
	int error = errno;
	free(address);
	errno = error;
	return pid;
}

static bool failed(char reason[SPAWN_REASON_SIZE], enum step step, int error)
{
	snprintf(
		reason, SPAWN_REASON_SIZE, "cannot be started: %s%s", steps[step], strerror(error));
	return false;
}

bool spawn_fork(const struct spawn *s, struct spawned *p, char reason[SPAWN_REASON_SIZE])
{
	int pipes[6];
	int pid = open_pipes(pipes) ? fork_child(s, pipes) : -1;
	int fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	int error = errno;

	if (fd < 0 && pid > 0) {
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	if (fd < 0) {
		close_each(pipes, 6);
		return failed(reason, STEP_EXECUTE, error);
	}
	for (int i = 1; i < 6; i += 2)
		close(pipes[i]);
	*p = (struct spawned){pid, fd, {pipes[0], pipes[2]}, pipes[4]};
	return true;
}

/* The report's other end is closed without a word when the executable has taken over, or when the
 * child was killed on its way, which its end will tell. */
bool spawn_await(struct spawned *p, char reason[SPAWN_REASON_SIZE])
{
	struct report r;
	ssize_t size;

	while ((size = read(p->report, &r, sizeof(r))) < 0 && errno == EINTR)
		;
	close_each(&p->report, 1);
	if (size != sizeof(r))
		return true;
	CHECK(waitpid(p->pid, NULL, 0) == p->pid);
	close_each(p->output, 2);
	close_each(&p->fd, 1);
	return failed(reason, r.step, r.error);
}

bool spawn_has_ended(const struct spawned *p)
{
	siginfo_t info = {0};
	return waitid(P_PIDFD, (id_t)p->fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

/* Until it is reaped its number, and so its group's, cannot be anybody else's. */
void spawn_reap(const struct spawned *p, char reason[SPAWN_REASON_SIZE])
{
	siginfo_t info = {0};

	kill(-p->pid, SIGKILL);
	CHECK(waitid(P_PIDFD, (id_t)p->fd, &info, WEXITED) == 0);
	snprintf(reason, SPAWN_REASON_SIZE, "%s %d", info.si_code == CLD_EXITED ? "exit" : "signal",
		info.si_status);
}
