/*
 * Inspector: looks at the first bytes of what is said to be a table, and tells it from an HTML
 * page, from a JSON document about an error, and from gzip that nobody has undone. FATE Flow's own
 * client takes all of these for data.
 *
 * Lives in an arena, and uses it; one thread at a time.
 */
#ifndef JUNCTION_SERVER_API_READER_INSPECT_H
#define JUNCTION_SERVER_API_READER_INSPECT_H

#include "base/arena.h"
#include "base/status.h"

#define INSPECT_MAX (64 * 1024) /* bytes that are looked at */

enum verdict {
	VERDICT_UNKNOWN, /* not yet: what came is held */
	VERDICT_TABLE,
	VERDICT_REFUSED, /* the status says why: UNKNOWN, with the document's code */
};

struct inspector {
	struct arena *arena;
	const char *who; /* whose answer it is, for sentences */
	bool json;       /* it calls itself JSON: it is no table, its code and message are wanted */
	enum verdict verdict;
	struct buffer held; /* all that came until the verdict */
};

/* By its Content-Type: false with the status set, UNKNOWN, if it is an HTML page. */
bool inspector_begin(struct inspector *i, struct arena *a, const char *who,
	const char *content_type, struct status *status);
/* The next bytes, or their end. Only while the verdict is not known. */
enum verdict inspector_look(
	struct inspector *i, struct text bytes, bool end, struct status *status);

#endif
