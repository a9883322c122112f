/*
 * Intake: the requests that the body of a client stream stands for, one by one as it comes.
 *
 * body "*": a JSON object a line (NDJSON), each a message; blank lines are none, the last line
 * needs no line feed. What the path binds is set in each message and wins over the line. An error
 * names the line. body "field": the body as it is. The first message is made of path and query
 * alone; each further one carries a piece of at most INTAKE_PIECE bytes in that field.
 *
 * A line may be as long as limit says, the body is without limit, and memory holds one line. One
 * thread at a time.
 */
#ifndef JUNCTION_BRIDGE_INTAKE_H
#define JUNCTION_BRIDGE_INTAKE_H

#include "bridge/queue.h"
#include "bridge/request.h"

#define INTAKE_PIECE (64 * 1024)

struct intake {
	const struct route_match *match;
	struct text query;
	size_t limit;                                 /* bytes of a line */
	void (*take)(void *arg, struct text message); /* serialized; stands until it returns */
	void *arg;
	/* What follows is the intake's. */
	struct arena *turn;
	struct queue line; /* so far */
	size_t lines;
};

/* match, query, limit, take and arg are set, the rest is zero. False with status set (in a) if path
 * and query are no message; after that intake_free() is all that is left. */
bool intake_open(struct intake *in, struct arena *a, struct status *status);
bool intake_read(struct intake *in, struct text piece, struct arena *a, struct status *status);
bool intake_end(struct intake *in, struct arena *a, struct status *status);
void intake_free(struct intake *in); /* of an intake that is all zero, too */

#endif
