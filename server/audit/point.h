/*
 * Point: the continuation point of a page: where in the log the page lies, and up to where its
 * query sees the log. Opaque to callers and signed with a key that all servers have from the
 * database.
 *
 * Any thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_POINT_H
#define JUNCTION_SERVER_AUDIT_POINT_H

#include "server/audit/scan.h"

struct point {
	struct scan_key end; /* the last record that the query sees */
	/* Of the page; of an empty one lowest is next after highest, where it would lie. */
	struct scan_key lowest, highest;
	/* What the page after it says of hasPrev, and the page before it of hasNext. */
	bool before_next, behind_prev;
};

/* query: what the point is bound to. */
char *point_write(struct arena *a, const struct point *point, struct text query);
/* False with the status INVALID_ARGUMENT about continuationPoint. */
bool point_read(struct arena *a, const char *given, struct text query, struct point *point,
	struct status *status);

/* Loads the key, again and again until it is there; its errand runs on the first lane thread. Once,
 * after lanes_start(). */
void point_start(struct lanes *lanes);
/* The key is there; before, no point may be read or written. */
bool point_ready(void);
/* After the lanes have stopped. */
void point_stop(void);

/* What loading ends in. Once, while no point is read or written. */
void point_use_key(struct text key);

#endif
