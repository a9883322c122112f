/*
 * Life: one executable of the folder, from its first start to its last end, as process.h promises.
 * All functions on the loop's thread, without the lock.
 */
#ifndef JUNCTION_SERVER_EXTENSION_PROCESS_LIFE_H
#define JUNCTION_SERVER_EXTENSION_PROCESS_LIFE_H

#include <pthread.h>
#include <semaphore.h>

#include "server/extension/process.h"
#include "server/extension/process_output.h"
#include "server/extension/process_spawn.h"
#include "server/extension/process_watch.h"

struct process {
	struct loop_task task; /* first: processes_deregistered()'s word to the loop */
	struct processes *all;
	char *path;
	const char *name; /* in path */

	/* Under the lock. */
	bool posted; /* the task */
	int pid;     /* 0: it does not run */
	enum process_state state;
	int restarts;
	char last_exit[SPAWN_REASON_SIZE];

	/* The loop's. */
	struct spawned life; /* while pid is not 0 */
	struct watch *end;
	struct output *output[2];
	struct output_limit limit;
	int64_t started; /* on clock_now() */
	int quick_ends;  /* that it was started again after, at most until it settles */
	struct loop_timer *overdue, *restart, *term, *kill;
};

struct processes {
	struct processes_options options;
	struct process_user user;
	struct loop *loop;
	bool begun;
	size_t count;
	struct process *list; /* by name */
	pthread_mutex_t lock;

	/* The loop's. */
	bool retired, ending;
	int64_t term_at; /* while ending */
	sem_t gone;      /* posted once, when nothing runs while ending */
};

void life_start(struct process *p);
/* Gives it register_ms from now if it runs and is not registered. */
void life_await_registration(struct process *p);
/* It is not started again. */
void life_retire(struct process *p);
/* Ends it: SIGTERM at once or at term_at, then SIGKILL. */
void life_end(struct process *p);
/* Posts gone if nothing runs and all is ending. */
void life_look_round(struct processes *all);

#endif
