/*
 * What the lanes share. Everything here belongs to one lane thread and is touched by that thread
 * only, except what is atomic and the constants of struct lanes.
 *
 * A job is handed over by loop_post(), waits in its lane's queue, is sent on a slot's link, and
 * ends by done(). A job that ends early while it is in flight leaves its flight behind without a
 * job; the answer is then dropped when it comes. done() posts at most, so lists are never changed
 * under a lane that walks them.
 */
#ifndef JUNCTION_SERVER_LANE_LANE_PRIV_H
#define JUNCTION_SERVER_LANE_LANE_PRIV_H

#include "base/clock.h"
#include "server/db/connect.h"
#include "server/db/link.h"
#include "server/lane/sql.h"
#include "server/lane/work.h"

#define HOOKS_MOST   8
#define THREADS_MOST 16

struct lane_thread;

/* --- connections ---------------------------------------------------------------------------- */

/* A place for a link. */
struct slot {
	struct lane_thread *thread;
	const struct db_settings *settings;
	struct link *link;                  /* NULL: not connected */
	bool leaving;                       /* the link has been hung up and is not lost yet */
	bool wanted;                        /* waits to be connected, or is being */
	struct slot *next;                  /* of the wanted ones */
	void (*changed)(struct slot *slot); /* it has come up, has gone, or has given answers */
};

/* Connects one wanted slot after the other, on the work pool. */
struct connector {
	struct slot *first;
	bool running;
	bool away; /* the last attempt failed */
	uint64_t delay_ms;
	struct loop_timer *retry;
	uv_work_t request;
	PGconn *conn;
	char reason[DB_REASON_SIZE];
	char logged[DB_REASON_SIZE];
};

void connector_init(struct lane_thread *t);
/* Connects the slot, and goes on until it is connected. */
void connector_want(struct slot *slot);
/* No further attempt; one that runs is dropped when it ends. */
void connector_stop(struct lane_thread *t);
/* Has PostgreSQL end what it does for a read-only slot; the link is lost when it has. */
void slot_hang_up(struct slot *slot);
void slot_close(struct slot *slot);

/* --- jobs ----------------------------------------------------------------------------------- */

extern const struct status lane_away, lane_lost, lane_unknown, lane_stopping, lane_bad_text;

/* The deadline has passed or the caller has gone: says which in *why. */
bool lane_job_over(int64_t deadline, const atomic_bool *cancelled, const struct status **why);
/* Why jobs can neither be sent nor wait, or NULL. connected: the lane has a link. */
const struct status *lane_refusal(const struct lane_thread *t, bool connected);
/* PostgreSQL's texts hold no NUL. */
bool lane_texts_valid(const struct text *texts, int count);

struct sql_queue {
	struct sql_job *first, *last;
};

/* A job that was handed over waits, or fails for its texts. queued counts those that wait. */
void sql_queue_arrive(struct sql_queue *q, atomic_int *queued, struct sql_job *job);
/* One that was sent waits again, for its next attempt. */
void sql_queue_again(struct sql_queue *q, atomic_int *queued, struct sql_job *job);
struct sql_job *sql_queue_pop(struct sql_queue *q);
/* Ends and removes the jobs that are over. */
void sql_queue_sweep(struct sql_queue *q, atomic_int *queued);
void sql_queue_fail(struct sql_queue *q, atomic_int *queued, const struct status *why);
void sql_job_fail(struct sql_job *job, const struct status *why);
/* Ends the job with what came of sending it; false if it is to be sent again. reads: it may be,
 * although the outcome is unknown. */
bool sql_job_answer(struct sql_job *job, const struct link_result *result, bool reads);

/* --- lanes ---------------------------------------------------------------------------------- */

struct query_flight;

struct query_lane {
	struct slot slot;
	atomic_int queued; /* handed over and not sent */
	struct sql_queue waiting;
	struct query_flight *flights, *spare;
	int in_flight;
};

struct append_batch;

struct append_lane {
	struct slot slot;
	atomic_int queued;
	struct append_job *first, *last; /* waiting */
	struct append_batch *parts;      /* of batches that failed, to be sent before all others */
	struct append_batch *current;    /* in flight */
};

struct pool_link;

struct pool_lane {
	struct lane_thread *thread;
	const struct db_settings *settings;
	atomic_int queued;
	struct sql_queue waiting;
	struct pool_link *links;
	int count;
};

struct work_lane {
	atomic_int queued; /* handed over and not ended */
	struct work_job *first;
};

struct hook {
	void (*run)(void *arg, int thread);
	void *arg;
};

struct lane_thread {
	struct lanes *lanes;
	int number;
	struct loop *loop;
	struct connector connector;
	struct query_lane query;
	struct append_lane append;
	struct pool_lane change, search;
	struct work_lane work;
	struct loop_timer *sweep; /* while there are jobs */
	struct hook hooks[HOOKS_MOST];
	int hook_count;
	atomic_bool ready;
	bool stopping, ended;
	struct loop_task start, stop;
	uv_sem_t stopped;
};

struct lanes {
	struct lanes_options options;
	atomic_int up, wanted; /* slots that are connected, that want to be */
	char *database_url;
	struct db_settings settings, search_settings;
	struct lane_thread threads[THREADS_MOST];
};

/* Where a job of the calling thread goes: its own loop if that is a lane's, else always the same.
 */
struct lane_thread *lane_thread_here(struct lanes *lanes);
/* The lane thread that runs; NULL elsewhere. */
struct lane_thread *lane_thread_current(void);
uint32_t lane_key_hash(struct text key);
/* False if the lane is full; else the job is counted. */
bool lane_admit(struct lanes *lanes, atomic_int *queued);
void lane_leave(atomic_int *queued);
/* There is a job: the sweep runs from now on. */
void lane_thread_wake(struct lane_thread *t);
/* The read connection has come up. */
void lane_thread_connected(struct lane_thread *t);

/* init before the loop starts; flush sends what waits or fails it while PostgreSQL is away; sweep
 * ends jobs that are over and tells whether any job is left. */
void query_lane_init(struct lane_thread *t);
void query_lane_flush(struct query_lane *q);
bool query_lane_sweep(struct query_lane *q);
void query_lane_close(struct query_lane *q);

void append_lane_init(struct lane_thread *t);
void append_lane_flush(struct append_lane *a);
bool append_lane_sweep(struct append_lane *a);
void append_lane_close(struct append_lane *a);

/* Settings that are read-only make it a lane of searches, else of changes. */
void pool_lane_init(struct pool_lane *p, struct lane_thread *t, const struct db_settings *settings,
	int connections);
void pool_lane_flush(struct pool_lane *p);
bool pool_lane_sweep(struct pool_lane *p);
void pool_lane_close(struct pool_lane *p);

/* stopping: what has not begun is over. */
bool work_lane_sweep(struct work_lane *w, bool stopping);

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
