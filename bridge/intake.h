/*
 * Intake: the requests that the body of a client stream stands for, one by one as it comes.
 *
 * body "*": a JSON object a line (NDJSON), each a message; blank lines are none, the last line
 * needs no line feed. What the path binds is set in each message and wins over the line. A header
 * that a field would be taken from is refused: one value cannot be meant for every line. An error
 * names the line.
 *
 * body "field": the body as it is, whatever its Content-Type, but for multipart/form-data: of that
 * the part "file" is meant, which there must be once. The first message is made of path, query and
 * headers; each further one carries a piece of at most INTAKE_PIECE bytes in that field; smaller
 * ones are gathered until intake_flush(). A part that is called like a string field of the message
 * (and is not bound by the path) is that field of the first message, over the query: at most
 * INTAKE_TEXT_MAX bytes, before the part "file", once. All other parts are ignored.
 *
 * Content-Length stands for the size of a raw body.
 *
 * A line may be as long as limit says, the body is without limit, and memory holds one line, or the
 * texts of parts. One thread at a time.
 */
#ifndef JUNCTION_BRIDGE_INTAKE_H
#define JUNCTION_BRIDGE_INTAKE_H

#include "bridge/parts.h"
#include "bridge/queue.h"
#include "bridge/request.h"

#define INTAKE_PIECE    (128 * 1024)
#define INTAKE_TEXT_MAX (64 * 1024)

struct intake {
	const struct route_match *match;
	struct text query;
	struct text content_type;
	struct text length; /* Content-Length, empty if there is none */
	const struct request_header *headers;
	size_t limit;                                 /* bytes of a line */
	void (*take)(void *arg, struct text message); /* serialized; stands until it returns */
	void *arg;
	/* What follows is the intake's. */
	struct arena *turn;
	struct queue line; /* so far, or the text of a part, or bytes that are gathered */
	size_t lines;
	ProtobufCMessage *first; /* until then, of a body in parts */
	struct parts parts;
	int part;              /* what the part that is being read is */
	unsigned field;        /* which one */
	uint64_t fields_given; /* by parts */
	bool has_file;
};

/* The first part is set, the rest is zero. False with status set (in a) if path, query, headers and
 * content type are no message; after that intake_free() is all that is left. a: the same in all
 * calls. */
bool intake_open(struct intake *in, struct arena *a, struct status *status);
bool intake_read(struct intake *in, struct text piece, struct arena *a, struct status *status);
/* There is no more for now: what is gathered of a raw body is taken. */
void intake_flush(struct intake *in);
bool intake_end(struct intake *in, struct arena *a, struct status *status);
void intake_free(struct intake *in); /* of an intake that is all zero, too */

#endif
