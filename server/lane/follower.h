/*
 * Follower: keeps something in memory equal to a log of changes in PostgreSQL.
 *
 * It lives on one lane thread, its home. At each connect it loads the whole state, then follows the
 * log by revision: at once when a call waits, and every poll_ms for what other servers change.
 * While PostgreSQL is away the memory stays as it was, and it tries again.
 */
#ifndef JUNCTION_SERVER_LANE_FOLLOWER_H
#define JUNCTION_SERVER_LANE_FOLLOWER_H

#include "base/arena.h"
#include "server/lane/sql.h"

struct follower;

/* What one statement has brought. */
struct follower_step {
	struct arena *arena; /* from before the statement until after apply() */
	bool loading;        /* of the whole state; else changes after the last position */
	bool first;          /* of a load: what was before is void. False: its next page */

	/* What read() finds. */
	int64_t position; /* revision up to which it goes: what follows is asked for after it. At
			     first as before; that of a load is its first page's */
	bool more;        /* there is more of it: it is asked for at once */
	bool lost;        /* of changes: the log does not reach back so far; all is loaded anew */
	void *changes;    /* for apply() */
	size_t count;
};

/* What is followed. Constant. */
struct followed {
	const char *name; /* in log lines */
	/* With the parameters that page() gives; or without any, then it may take long. */
	const struct statement *load;
	const struct statement *follow; /* $1: after which revision, $2: of how many rows at most */
	/* The next page's parameters, in the step's arena; NULL: it is loaded in one statement. On
	 * the home thread. */
	const struct text *(*page)(void *arg, const struct follower_step *step);
	/* On the lane's thread, which may be another. Takes out of the rows what is wanted. */
	void (*read)(void *arg, const struct rows *rows, struct follower_step *step);
	/* On the home thread, unless the step is lost. True: readers see it now. False: it is held
	 * back, and the next changes are asked for at once. */
	bool (*apply)(void *arg, const struct follower_step *step);
};

#define FOLLOWER_ROWS 1000 /* $2 of follow */

/* home: a lane thread's loop. What arg belongs to outlives the follower. */
struct follower *follower_start(const struct followed *what, void *arg, struct lanes *lanes,
	struct loop *home, int64_t poll_ms);
/* Readers see a whole state. Any thread. */
bool follower_ready(const struct follower *f);
/* The revision that readers see; 0 before the first load. Any thread. */
int64_t follower_revision(const struct follower *f);
/* On clock_now(): readers see all that was committed before; the start until it has been loaded.
 * Any thread. */
int64_t follower_current_at(const struct follower *f);
/* What is followed has been brought up to that revision by other means, as it does not need the log
 * for it: what is asked for next is after it. Changes that come nevertheless are read and applied.
 * Home. */
void follower_skip(struct follower *f, int64_t revision);
/* After the lanes have stopped. NULL allowed; clears the pointer. */
void follower_free(struct follower **f);

/* Waits until readers see what it wants. */
struct follow_job {
	int64_t revision; /* this one, which is committed; 0: all that was committed, by any server,
			     before follower_wait() */
	int64_t deadline; /* on clock_now(); CLOCK_NEVER */
	const atomic_bool *cancelled; /* noticed within 50 ms */
	/* Once, on the home thread. error NULL: they see it. Else UNAVAILABLE: the deadline has
	 * come or it was cancelled. */
	void (*done)(struct follow_job *job, const struct status *error);
	/* The follower's. */
	struct loop_task task;
	struct follower *follower;
	int64_t number;
	struct follow_job *next;
};

/* Any thread. */
void follower_wait(struct follower *f, struct follow_job *job);

#endif
