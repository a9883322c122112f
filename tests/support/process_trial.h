/*
 * A folder of shell scripts that are started as extensions, and the log of it. A failed expectation
 * fails the running test. After cmocka.h.
 *
 * The scripts have to be readable by nobody, as whom they run if the test runs as root.
 */
#ifndef JUNCTION_TESTS_SUPPORT_PROCESS_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_PROCESS_TRIAL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/loop.h"
#include "server/extension/process.h"

#define TRIAL_WAIT (30 * CLOCK_SECOND) /* until what must come counts as not coming */
#define TRIAL_LOG  (1 << 20)

struct process_trial {
	char folder[64];
	struct processes_options options;
	struct processes *processes;
	struct arena *arena;
	int log, errors; /* the log's file, and where standard error goes else */
	int descriptors; /* of this process, before */
	char text[TRIAL_LOG];
};

static struct process_trial trial;

static inline int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* --- before and after each test ------------------------------------------------------------- */

/* The first loop of a process opens what is never closed. */
static inline int trial_setup(void **state)
{
	char log[] = "/tmp/jt-log-XXXXXX";
	struct loop *first = loop_new("first");

	loop_stop(&first);
	trial.descriptors = count_descriptors();
	strcpy(trial.folder, "/tmp/jt-extensions-XXXXXX");
	assert_non_null(mkdtemp(trial.folder));
	assert_int_equal(chmod(trial.folder, 0755), 0);
	trial.options = (struct processes_options){
		.folder = trial.folder,
		.api_address = "127.0.0.1:3000",
		.register_ms = 60000,
		.restart_ms = 60000,
		.stop_ms = 20000,
	};
	trial.arena = arena_new(0);
	trial.log = mkostemp(log, O_APPEND);
	assert_true(trial.log >= 0);
	unlink(log);
	trial.errors = dup(STDERR_FILENO);
	dup2(trial.log, STDERR_FILENO);
	return 0;
}

static inline const char *trial_log(void)
{
	ssize_t size = pread(trial.log, trial.text, TRIAL_LOG - 1, 0);

	assert_true(size >= 0 && size < TRIAL_LOG - 1);
	trial.text[size] = '\0';
	return trial.text;
}

static inline int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *at)
{
	return remove(path);
}

/* What was logged is shown; what cmocka said about a failure is in it. No child and no descriptor
 * may be left. */
static inline int trial_teardown(void **state)
{
	if (trial.processes) {
		processes_stop(trial.processes, 0);
		processes_free(&trial.processes);
	}
	fputs(trial_log(), stdout);
	fflush(stdout);
	dup2(trial.errors, STDERR_FILENO);
	close(trial.errors);
	close(trial.log);
	arena_free(&trial.arena);
	nftw(trial.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(count_descriptors(), trial.descriptors);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return 0;
}

/* --- the folder ------------------------------------------------------------------------------ */

static inline char *in_folder(const char *name)
{
	return arena_printf(trial.arena, "%s/%s", trial.folder, name);
}

static inline void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(in_folder(name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(in_folder(name), mode), 0);
}

static inline void write_script(const char *name, const char *commands)
{
	write_file(name, arena_printf(trial.arena, "#!/bin/sh\n%s\n", commands), 0755);
}

static inline void trial_open(void)
{
	trial.processes = processes_open(&trial.options);
	assert_non_null(trial.processes);
}

static inline void trial_begin(void)
{
	trial_open();
	processes_begin(trial.processes);
}

static inline void trial_end(int64_t term_at)
{
	processes_stop(trial.processes, term_at);
	processes_free(&trial.processes);
}

/* --- what is known of one ------------------------------------------------------------------- */

static inline struct process_info known(const char *name)
{
	size_t count;
	struct process_info *list = processes_list(trial.processes, trial.arena, &count);

	for (size_t i = 0; i < count; i++)
		if (text_equal(list[i].name, text_of(name)))
			return list[i];
	fail_msg("%s is not known", name);
	return (struct process_info){0};
}

static inline int pid_of(const char *name)
{
	int pid = -1;

	assert_true(processes_find(trial.processes, text_of(name), &pid));
	return pid;
}

/* --- waiting --------------------------------------------------------------------------------- */

#define WAIT_UNTIL(condition)                                                                      \
	do {                                                                                       \
		int64_t wait_end_ = clock_now() + TRIAL_WAIT;                                      \
		while (!(condition)) {                                                             \
			assert_true(clock_now() < wait_end_);                                      \
			usleep(2000);                                                              \
		}                                                                                  \
	} while (0)

static inline size_t count_logged(const char *text)
{
	size_t count = 0;

	for (const char *at = trial_log(); (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

static inline bool is_logged(const char *text)
{
	return strstr(trial_log(), text);
}

static inline void wait_logged(const char *text)
{
	WAIT_UNTIL(is_logged(text));
}

/* The number behind key= of the nth line (from 0) with this text. */
static inline long logged_number(const char *text, size_t nth, const char *key)
{
	const char *line = trial_log();

	for (line = strstr(line, text); line && nth; nth--)
		line = strstr(line + 1, text);
	assert_non_null(line);
	const char *found = strstr(line, arena_printf(trial.arena, " %s=", key));
	assert_non_null(found);
	return strtol(found + strlen(key) + 2, NULL, 10);
}

/* One line of what the extension wrote. */
static inline bool has_said(const char *name, const char *stream, const char *line)
{
	return is_logged(arena_printf(trial.arena,
		"event=\"extension output\" name=%s stream=%s line=%s\n", name, stream, line));
}

/* It is not there, or only its corpse is. */
static inline bool is_dead(int pid)
{
	char path[64], line[512], *state;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");

	if (!file)
		return true;
	bool read = fgets(line, sizeof(line), file);
	fclose(file);
	state = read ? strrchr(line, ')') : NULL;
	return !state || state[2] == 'Z' || state[2] == 'X';
}

#endif
