/* A batch of rows of one append log: which jobs it holds, and the arrays its statement takes. Lane
 * thread only. */
#ifndef JUNCTION_SERVER_LANE_APPEND_BATCH_H
#define JUNCTION_SERVER_LANE_APPEND_BATCH_H

#include "server/lane/lane_priv.h"

struct append_batch {
	struct link_item item;
	struct append_lane *lane;
	const struct append_log *log;
	struct append_batch *next;
	int attempt;
	int count;
	struct append_job *jobs[]; /* NULL: ended early */
};

struct append_batch *append_batch_new(
	struct append_lane *lane, const struct append_log *log, int room);
/* Takes from the waiting jobs those of the first one's log, in order, until it is full; of equal
 * keys only the first. Sorted by key, if there is one, so that batches of several servers lock in
 * the same order. */
struct append_batch *append_batch_take(struct append_lane *lane);
/* A batch of its own of jobs from..until-1. */
struct append_batch *append_batch_part(const struct append_batch *b, int from, int until);
/* Leaves out the jobs that have ended. */
void append_batch_pack(struct append_batch *b);

/* One text[] literal per column. */
const struct text *append_batch_arrays(const struct append_batch *b, struct arena *a);

/* Each ends all jobs of the batch, but not the batch. */
void append_batch_deliver(struct append_batch *b, const struct rows *rows);
void append_batch_fail(struct append_batch *b, const struct status *why);
/* Ends the jobs that are over; true if any is left. */
bool append_batch_sweep(struct append_batch *b);

#endif
