/*
 * The SQL lanes: query, change, search and append, on lane threads that own their connections.
 *
 * Each lane thread (a libuv loop) has one pipelined connection for bounded reads, one writer for
 * appends, and two small pools of connections that run one statement at a time: one for changes,
 * and one, which cannot write, for searches. A job is handed over from any thread and ends exactly
 * once, on the lane's thread, by its done(); a job whose caller has gone or whose deadline has
 * passed leaves its lane within 50 ms, and a search leaves PostgreSQL, too, soon after. While
 * PostgreSQL is away jobs fail with UNAVAILABLE at once; a connection is tried again every 100 to
 * 500 ms.
 * A write whose outcome is unknown (the connection broke after it was sent) fails with UNAVAILABLE
 * and is never sent again; a read is sent again once.
 */
#ifndef JUNCTION_SERVER_LANE_SQL_H
#define JUNCTION_SERVER_LANE_SQL_H

#include <stdatomic.h>

#include "base/loop.h"
#include "base/status.h"
#include "server/db/statement.h"

struct lanes;

struct lanes_options {
	const char *database_url; /* libpq URL or keywords */
	int threads;              /* lane threads, 1 to 16 */
	int change_connections;   /* per lane thread, 1 to 32 */
	int search_connections;   /* the same */
	int queue_limit;          /* jobs that may wait in each lane; beyond: RESOURCE_EXHAUSTED */
	int64_t statement_timeout_ms; /* of change and append; less if the job's deadline is earlier
				       */
	int64_t search_timeout_ms;    /* the same, of search */
	int64_t lock_timeout_ms;
};

struct sql_job {
	struct loop_task task;
	const struct statement *statement;
	const struct text *parameters; /* data NULL is SQL NULL; live until done() */
	int64_t deadline;              /* on clock_now() */
	const atomic_bool *cancelled;  /* or NULL */
	/* rows is valid during the call only; NULL with the reason in error. */
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error);
	/* The lane's. */
	struct sql_job *next;
	int attempt;
};

/*
 * A kind of row that is appended: one multi-row statement for all that wait.
 *
 * The statement takes one text[] per column and returns, for each input row, a row whose first
 * column is its position in the arrays from 1; an input row without result is refused and its
 * then() gets row -1. Rows of equal key never share a batch and keep their order; in a log without
 * keys all rows keep the order in which one thread hands them over. 40001 and 40P01 are retried;
 * any other error splits the batch until the bad row fails alone. Rows of equal key go through one
 * lane thread, the others through any.
 */
struct append_log {
	const struct statement *statement;
	int columns;
	int batch; /* rows in a statement at most, 1 to 1000 */
};

struct append_job {
	struct loop_task task;
	const struct append_log *log;
	struct text key; /* empty: equal to no other */
	unsigned line; /* without a key: those of an equal one, but 0, keep the order in which they
			  are handed over, whoever does it */
	const struct text *columns; /* data NULL is SQL NULL; live until done() */
	int64_t deadline;
	const atomic_bool *cancelled;
	void (*done)(struct append_job *job, const struct rows *rows, int row,
		const struct status *error);
	/* The lane's. */
	struct append_job *next;
};

/* Starts the threads; connects in the background. NULL if an option is wrong (logged). */
struct lanes *lanes_start(const struct lanes_options *options);
/* Jobs still waiting fail with UNAVAILABLE; those in flight are waited for up to their deadline. */
void lanes_stop(struct lanes **lanes);

/* Any thread. False at once, without done(), if the lane is full. */
bool lane_query(struct lanes *lanes, struct sql_job *job);
bool lane_change(struct lanes *lanes, struct sql_job *job);
bool lane_search(struct lanes *lanes, struct sql_job *job);
bool lane_append(struct lanes *lanes, struct append_job *job);

int lanes_threads(const struct lanes *lanes);
/* A lane thread's loop: its own tasks and timers may be added there. */
struct loop *lane_loop(struct lanes *lanes, int thread); /* thread 0 to threads - 1 */

/* PostgreSQL answers on every lane thread's read connection, and its schema is current. */
bool lanes_ready(const struct lanes *lanes);
/* Any thread: jobs that wait in a lane, those of work also while they run; and connections. */
enum lane_kind { LANE_QUERY, LANE_APPEND, LANE_CHANGE, LANE_SEARCH, LANE_WORK };
int lanes_depth(const struct lanes *lanes, enum lane_kind kind);
int lanes_connections(const struct lanes *lanes); /* that are up */
int lanes_connecting(const struct lanes *lanes);  /* that are wanted and not up */
/* Called on a lane thread each time its read connection has come up. Before the first use. */
void lanes_on_connect(struct lanes *lanes, void (*run)(void *arg, int thread), void *arg);

#endif
