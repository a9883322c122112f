/*
 * The stream lane: what waits for something to happen later, and holds no thread while it does.
 *
 * A bell counts how often it has rung. A job waits until the count is no longer the one that it has
 * seen, until a point in time, until its caller has gone, or until the lane is drained; whichever
 * comes first ends it, once, by its done() on the lane's thread. A ring that came before the wait
 * is not missed: the counts differ then. Many rings may be seen as one.
 */
#ifndef JUNCTION_SERVER_LANE_STREAM_H
#define JUNCTION_SERVER_LANE_STREAM_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "base/status.h"

struct stream_lane;

/* All zero is a bell that never rang. Used with one lane, and lives as long as that does, or until
 * bells_heard(). */
struct bell {
	atomic_uint_fast64_t count;
	/* The lane's. */
	LIST_HEAD(, wait_job) waiting;
	atomic_bool told;
	struct loop_task task;
};

struct wait_job {
	struct bell *bell;            /* or NULL: only for time */
	uint64_t seen;                /* the bell's count as the waiter knows it */
	int64_t until;                /* on clock_now(); CLOCK_NEVER */
	int64_t deadline;             /* on clock_now(); CLOCK_NEVER */
	const atomic_bool *cancelled; /* or NULL; noticed within 50 ms */
	/* error NULL: it has rung, or the time has come. Else DEADLINE_EXCEEDED, CANCELLED, or
	 * UNAVAILABLE (the lane is drained: the server is shutting down). */
	void (*done)(struct wait_job *job, const struct status *error);
	/* The lane's. */
	struct loop_task task;
	struct stream_lane *lane;
	LIST_ENTRY(wait_job) at_bell, in_lane;
};

struct stream_lane *stream_lane_start(void);
/* Jobs that wait, and all that come later, end with UNAVAILABLE: streams of a server that shuts
 * down go elsewhere at once. Bells that have rung before are heard before. Any thread. */
void stream_lane_drain(struct stream_lane *lane);
/* For streams that seldom wait. Any thread. */
bool stream_lane_draining(const struct stream_lane *lane);
/* After the last job and the last ring. */
void stream_lane_stop(struct stream_lane **lane);

/* Any thread. */
void stream_lane_wait(struct stream_lane *lane, struct wait_job *job);
/* How many jobs wait now. Any thread. */
int stream_lane_depth(const struct stream_lane *lane);

/* Any thread; lane NULL: there is none yet, so nobody waits. Never blocks. */
void bell_ring(struct stream_lane *lane, struct bell *bell);
uint64_t bell_count(const struct bell *bell);
/* Waits until what has rung before has been heard: then a bell that nobody waits for, or rings any
 * more, may go before its lane does. Not on the lane's thread. */
void bells_heard(struct stream_lane *lane);

#endif
