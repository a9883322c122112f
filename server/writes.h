/*
 * Writes: things of one call that are appended each on its own, many at a time, in their order.
 *
 * What they are, a kind says: how a request becomes columns, and what its row means. A kind may say
 * "again": then nothing more of the call is handed to the lane until what is there has come back
 * and the kind has made ready; after that all that has not ended goes once more, still in order.
 *
 * The call's steps add requests and wait; lane threads end them. The call's state is its writes,
 * and its at_end leaves them. They live until the call and the last one under way have gone: a
 * client that breaks off takes back nothing of what it has handed over.
 */
#ifndef JUNCTION_SERVER_WRITES_H
#define JUNCTION_SERVER_WRITES_H

#include <sys/queue.h>

#include "server/call.h"

enum { WRITES_MOST = 1000 }; /* under way at a time */

/* Where a write stands after a function of its kind. */
enum write_step {
	WRITE_GO,      /* on, or written */
	WRITE_REFUSED, /* the reason is in the outcome's status */
	WRITE_AGAIN    /* only of a kind with renew() */
};

/* What came of one. */
struct write_outcome {
	int64_t index;
	struct status status;
	/* If the status is OK, what the kind says. The id ends in NUL. */
	char *id;
	int64_t number;
	bool repeated;
};

struct writes;

struct write {
	struct append_job job; /* the kind sets columns */
	struct arena *arena;   /* its home */
	struct write_outcome outcome;
	void *thing; /* of the kind's size, zero at first */
	/* The writes' own. */
	struct writes *all;
	size_t bytes;
	TAILQ_ENTRY(write) in_line;
};

/* Functions run on any thread, one at a time for a call's writes but for finish(), which may run
 * beside the others. shared: the kind's memory of all writes of the call, zero at first. */
struct writes_kind {
	const struct append_log *log;
	size_t thing, shared; /* sizes */
	/* Once. caller lives as long as the writes. */
	enum write_step (*read)(
		struct write *w, const struct caller *caller, const ProtobufCMessage *in);
	/* NULL, or each time before it is appended. */
	enum write_step (*prepare)(struct write *w, void *shared);
	/* row as in append(). */
	enum write_step (*finish)(struct write *w, const struct rows *rows, int row);
	/* NULL, or nothing of the call is in the lane now: what prepare() has put into shared for
	 * those that are may go. Held for a moment only. */
	void (*settled)(void *shared);
	/* Of a kind that says "again": makes ready, and calls writes_renewed() once, at once or
	 * later. */
	void (*renew)(struct writes *all, void *shared);
};

/* Before the others. keep: how many outcomes are kept, the first ones by index; of things that were
 * written, too, or of refused ones only. */
void writes_begin(struct call *c, const struct writes_kind *kind, size_t keep, bool written_too);
/* The next one. Its arena, which may hold the request, is the write's from now on; what the request
 * points to besides lives until the write has ended. */
void writes_add(struct call *c, struct arena *arena, const ProtobufCMessage *in);
/* Ends a step: then() runs when at most so many are under way, and not too many bytes of them. */
enum next writes_wait(struct call *c, int most, call_step *then);
/* Ends the first step of a client stream: each message is a thing, the next one is received while
 * others are under way, and takes the memory that it came in along; then() runs when the last one
 * has ended. Of refused ones so many are kept. */
enum next writes_stream(
	struct call *c, const struct writes_kind *kind, size_t keep, call_step *then);

/* After writes_wait(c, 0) or writes_stream(): how many there were, and the outcomes kept. They live
 * until the call ends. */
struct writes_end {
	int64_t written, repeated, refused;
	const struct write_outcome *outcomes; /* by index */
	size_t count;
};
const struct writes_end *writes_end(const struct call *c);

/* --- within renew() --------------------------------------------------------------------------- */

/* Shows the kind those that go again, in order, under the lock. */
void writes_each(struct writes *all, void (*look)(const struct write *w, void *arg), void *arg);
/* Until when the last of them may take. */
int64_t writes_deadline(struct writes *all);
/* The renewal is over. error: NULL, or what those that wait end with. */
void writes_renewed(struct writes *all, const struct status *error);

#endif
