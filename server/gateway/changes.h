/*
 * Changes: what bridges have been told and is not so any more, for the streams of WatchRoutes. Each
 * change is listed once, where it came last; bounded: who stands before what makes way is told to
 * forget all. Any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CHANGES_H
#define JUNCTION_SERVER_GATEWAY_CHANGES_H

#include "base/arena.h"
#include "server/lane/stream.h"

#define CHANGES_MOST 1000

struct change {
	bool clean; /* of kept answers; else the service itself has changed */
	/* service: the key; of what is to be cleaned the full name. rule: of a clean, its id, or
	 * empty: all rules. */
	struct text space, service, rule;
};

void changes_add(const struct change *change);
void changes_add_all(void); /* what was told before is void */
void changes_of_gate(void); /* so is what callers may do; streams are told */
void changes_tell(void);    /* streams of what was added */
void changes_clear(void);   /* when there are no streams any more */

/* --- for the streams -------------------------------------------------------------------------- */

struct bell *changes_bell(void);
/* Where a stream stands. */
struct changes_cursor {
	uint64_t at, callers;
};
struct changes_cursor changes_now(void);
/* What follows, the last first, copied into the arena; moves the cursor. all: more has followed
 * than is listed. callers: what callers may do has changed. */
const struct change *changes_read(
	struct changes_cursor *cursor, struct arena *a, size_t *count, bool *all, bool *callers);

#endif
