/*
 * Processes: the executables of the extension folder, each started as a process, looked after and
 * started again when it ends.
 *
 * A process gets EXTENSION_API_ADDR, a clean environment, no descriptors of the server but its
 * three standard ones, a session (and so a process group) and an unprivileged user of its own; what
 * it writes is logged line by line by its name. When it ends, what is left of its group is killed,
 * and it is started again after restart_ms, twice as much each time, up to 64 times as much, and
 * from the beginning once it has run for settle_ms. One that has not registered after register_ms
 * is reported, and goes on running. Should the server die, the kernel kills the processes; not what
 * they have started themselves.
 *
 * They live on a loop thread of their own. Any thread may ask and tell; no function but
 * processes_stop() waits for a process. A pid stands for one life of a process: what is said of
 * another life than the present one does nothing.
 */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_H

#include "base/arena.h"
#include "base/text.h"

struct processes;

struct processes_options {
	const char *folder;
	const char *user;        /* NULL: nobody if this process is root, else its own user */
	const char *api_address; /* "127.0.0.1:3000" */
	int64_t register_ms;     /* from its start until it has to be registered */
	int64_t restart_ms;
	int64_t stop_ms;   /* from SIGTERM to SIGKILL */
	int64_t settle_ms; /* how long it has to run to be taken for well; 0: a minute */
	/* That life of the process is over, on the loop's thread: must not block. It comes before
	 * the next one starts, while stopping too, and not after processes_stop(). */
	void (*ended)(void *arg, const char *name, int pid);
	void *arg;
};

enum process_state {
	PROCESS_STARTING,   /* it runs and is not registered */
	PROCESS_REGISTERED, /* it runs and is registered */
	PROCESS_OVERDUE,    /* it runs and is not registered in time */
	PROCESS_RESTARTING, /* it has ended, or could not be started, and waits for the next start
			     */
};

struct process_info {
	struct text name; /* file name */
	enum process_state state;
	int pid;               /* 0: it does not run */
	int restarts;          /* how often it was started again */
	struct text last_exit; /* "exit 1", "signal 9", or why it was not started; "" at first */
};

#define PROCESSES_MOST 10 /* so many extensions may register */

/* Reads the folder (regular files that may be executed, and links to such, by name, none that
 * begins with a dot; the first PROCESSES_MOST of them, the others are logged) and the user. Nothing
 * is started yet. The texts of the options live as long as it. NULL, logged, if the user is wrong
 * or root, or if the folder is not there or anybody may write to it; a file that anybody may write
 * to is left out, and logged. From now on SIGCHLD is not ignored: ends could not be seen. */
struct processes *processes_open(const struct processes_options *options);
/* Starts them all, once. */
void processes_begin(struct processes *p);

/* False: no such executable was found in the folder. pid: of its present life; 0: it has none. */
bool processes_find(struct processes *p, struct text name, int *pid);
/* It has registered, for the first time or again. False: that life is over. */
bool processes_registered(struct processes *p, struct text name, int pid);
/* It has deregistered, and is given register_ms again to register. */
void processes_deregistered(struct processes *p, struct text name, int pid);
/* All of the folder, by name in byte order, copied into the arena. */
struct process_info *processes_list(struct processes *p, struct arena *a, size_t *count);

/* From now on nothing is started: what ends does not come back. Before they are told to end. */
void processes_retire(struct processes *p);
/* Those that are not registered get SIGTERM at once, the others when that time (on clock_now()) has
 * come, unless they have ended by then; what is left of any of them stop_ms after its SIGTERM gets
 * SIGKILL. Returns when all are gone, and what they started in their process groups has been
 * killed. Retires them first. Afterwards they may still be asked for: nothing runs. */
void processes_stop(struct processes *p, int64_t term_at);
/* When nobody asks any more; stopped before, or never begun. Clears the pointer; NULL allowed. */
void processes_free(struct processes **p);

#endif
