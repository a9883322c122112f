/*
 * Writes: records of one call that are written each on its own, many at a time.
 *
 * The call's steps add records and wait; lane threads end them. The call's state is its writes, and
 * its at_end leaves them. They live until the call and the last record under way have gone: a
 * client that breaks off takes back nothing of what it has handed over.
 */
#ifndef JUNCTION_SERVER_AUDIT_WRITES_H
#define JUNCTION_SERVER_AUDIT_WRITES_H

#include "server/audit/record.h"

enum { WRITES_MOST = 1000 }; /* under way at a time */

/* What came of one record. */
struct write_outcome {
	int64_t index;
	struct status status;
	Audit__WriteResult result; /* if the status is OK */
};

/* Before the others. keep: how many outcomes are kept, the first ones by index; of records that
 * were written, too, or of refused ones only. */
void writes_begin(struct call *c, size_t keep, bool written_too);
/* The next record. Its arena, which may hold the request, is the write's from now on; what the
 * record points into besides lives until the write has ended. */
void writes_add(struct call *c, struct arena *arena, const Audit__WriteRequest *in);
/* Ends a step: then() runs when at most so many are under way, and not too many bytes of them. */
enum next writes_wait(struct call *c, int most, call_step *then);

/* After writes_wait(c, 0): how many there were, and the outcomes kept. They live until the call
 * ends. */
struct writes_end {
	int64_t written, repeated, refused;
	const struct write_outcome *outcomes; /* by index */
	size_t count;
};
const struct writes_end *writes_end(const struct call *c);

#endif
