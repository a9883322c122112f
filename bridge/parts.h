/*
 * Parts: a body of type multipart/form-data (RFC 7578, RFC 2046), part by part as it comes, in
 * constant memory. (libmicrohttpd's own post processor wants its connection and cannot tell where a
 * body is malformed, nor that it was cut.)
 *
 * What is malformed is refused, never guessed: a head that is no head or has no name, a boundary
 * that is followed by something else, a body that ends before its last boundary. What stands before
 * the first boundary and behind the last one is not looked at. Bytes of a part are those between
 * its head and the line break before the next boundary, whatever they are; a part that was
 * encoded for mail (base64, quoted-printable) is refused.
 *
 * One thread at a time. Starts zeroed and ends with parts_free().
 */
#ifndef JUNCTION_BRIDGE_PARTS_H
#define JUNCTION_BRIDGE_PARTS_H

#include "base/status.h"
#include "bridge/queue.h"

#define PARTS_HEAD_MAX     (16 * 1024) /* bytes of the head of a part */
#define PARTS_BOUNDARY_MAX 70

/* Each returns false with the status set (texts in a) if the body is refused. */
struct parts_events {
	bool (*begin)(void *arg, struct text name, struct arena *a, struct status *status);
	/* The next bytes of the part, never none; they stand until it returns. */
	bool (*content)(void *arg, struct text bytes);
	bool (*end)(void *arg, struct arena *a, struct status *status);
};

struct parts {
	const struct parts_events *events;
	void *arg;
	/* What follows is the parts' own. */
	int state;
	char last; /* of what follows a boundary */
	char delimiter[2 + 2 + PARTS_BOUNDARY_MAX];
	size_t size;    /* of the delimiter */
	size_t matched; /* bytes of it that the body so far ends in */
	size_t lent;    /* how many of these are no content, if they turn out to be no delimiter */
	size_t count;   /* parts so far */
	struct queue head;
};

/* Whether a Content-Type is multipart/form-data. */
bool parts_are(struct text content_type);
/* events and arg are set, the rest is zero. INVALID_ARGUMENT if it names no boundary. */
bool parts_open(struct parts *p, struct text content_type, struct arena *a, struct status *status);
/* False with the status set; after that parts_free() is all that is left. */
bool parts_read(struct parts *p, struct text piece, struct arena *a, struct status *status);
bool parts_end(const struct parts *p, struct arena *a, struct status *status);
void parts_free(struct parts *p);

#endif
