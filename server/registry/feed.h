/*
 * Feed: keeps the index equal to the registry's change log.
 *
 * It lives on one lane thread. At each connect it loads the whole registry in one statement, then
 * follows the log by revision: at once after this server's own writes, and every poll_ms for those
 * of other servers. While PostgreSQL is away the index stays as it was, and the feed tries again.
 */
#ifndef JUNCTION_SERVER_REGISTRY_FEED_H
#define JUNCTION_SERVER_REGISTRY_FEED_H

#include "server/call.h"
#include "server/registry/index.h"

struct feed;

/* Is told what the index has just been given. On the feed's thread; the changes live during the
 * call. replaced: they are the whole state, what was before is void. */
struct feed_listener {
	void (*changed)(void *arg, const struct index_change *changes, size_t count,
		int64_t revision, bool replaced);
	void *arg;
};

/* Changes only this index, which outlives it, as do the listeners (NULL: none; the last one has no
 * function). home is a lane thread's loop. */
struct feed *feed_start(struct lanes *lanes, struct loop *home, struct index *index,
	const struct feed_listener *listeners, int64_t poll_ms);
/* The first load is in the index. Any thread. */
bool feed_ready(const struct feed *feed);
/* The revision that the index holds; 0 before the first load. Any thread. */
int64_t feed_revision(const struct feed *feed);
/* On clock_now(): the index holds all that was committed before; the feed's start until it has been
 * loaded. Any thread. */
int64_t feed_current_at(const struct feed *feed);
/* After the lanes have stopped. */
void feed_free(struct feed **feed);

/* Ends a step: the call goes on with then() once the index holds that revision, so that the
 * caller's next read sees it. Fails with UNAVAILABLE "committed, but not yet visible here" when
 * the call is over before. */
enum next feed_visible(struct feed *feed, struct call *c, int64_t revision, call_step *then);

#endif
