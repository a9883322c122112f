/*
 * Spawn: an executable becomes a process of its own, as the extensions of the folder are started.
 *
 * It gets a session of its own, a given user for good (all ids, no further groups, no capabilities,
 * none to be had), "/" as its folder, a clean environment, standard input from nothing, two pipes,
 * no other descriptor, default signals, no core dumps and the usual number of descriptors; the
 * kernel kills it when the thread that has spawned it ends.
 */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_SPAWN_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_SPAWN_H

#include "server/extension/process_folder.h"

#define SPAWN_REASON_SIZE 128

struct spawn {
	const char *path; /* absolute; also its argv[0] */
	const struct process_user *user;
	const char *api_address; /* EXTENSION_API_ADDR */
};

struct spawned {
	int pid;       /* of the process, its group and its session */
	int fd;        /* pidfd */
	int output[2]; /* where its standard output and its standard error are read */
	int report;    /* where it tells why it could not become the executable */
};

/* Forks. The thread has all signals blocked and lives as long as the process. False with the
 * reason: there is no process and nothing to close. */
bool spawn_fork(const struct spawn *s, struct spawned *p, char reason[SPAWN_REASON_SIZE]);
/* Waits until it is the executable, and closes report. False with the reason: the process is gone,
 * and all is closed. */
bool spawn_await(struct spawned *p, char reason[SPAWN_REASON_SIZE]);
/* It has ended, and was not reaped yet. */
bool spawn_has_ended(const struct spawned *p);
/* Kills what is left of the group of a process that has ended, and reaps it; writes "exit 1" or
 * "signal 9". The pipes and the pidfd stay open. */
void spawn_reap(const struct spawned *p, char reason[SPAWN_REASON_SIZE]);

#endif
