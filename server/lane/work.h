/* The work lane: CPU or blocking library calls on libuv's small bounded thread pool, started from a
 * lane thread's loop, ended there by done(). */
#ifndef JUNCTION_SERVER_LANE_WORK_H
#define JUNCTION_SERVER_LANE_WORK_H

#include "server/lane/sql.h"

struct work_job {
	struct loop_task task;
	uv_work_t request;                                              /* the lane's */
	void (*run)(struct work_job *job);                              /* on a pool thread */
	void (*done)(struct work_job *job, const struct status *error); /* on the lane thread */
	int64_t deadline;
	const atomic_bool *cancelled; /* or NULL */
};

bool lane_work(struct lanes *lanes, struct work_job *job); /* false: full */

#endif
