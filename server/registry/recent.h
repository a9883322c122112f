/*
 * Recent: the latest changes of the registry in memory, for those who watch.
 *
 * A bounded stretch of the change log without gaps, in its order, each change kept as it is sent.
 * Filled by the feed's thread, read by any. Who stands before its beginning reads the log in
 * PostgreSQL. Whoever adds rings the bell afterwards.
 */
#ifndef JUNCTION_SERVER_REGISTRY_RECENT_H
#define JUNCTION_SERVER_REGISTRY_RECENT_H

#include "junction/v1/registry.pb-c.h"
#include "server/lane/stream.h"
#include "server/registry/index.h"

struct recent;

/* A place in the log: behind that part of that revision. */
struct cursor {
	int64_t revision;
	int part; /* 0: only what is before the revision; RECENT_WHOLE: the revision, too */
};
#define RECENT_WHOLE INT32_MAX

/* "17" (behind revision 17) or "17.3", digits only; false if it is none. */
bool cursor_read(struct text text, struct cursor *cursor);
char *cursor_write(struct arena *a, struct cursor cursor);
int cursor_compare(struct cursor a, struct cursor b); /* as memcmp */

/* count, bytes: what is kept at most. */
struct recent *recent_new(size_t count, size_t bytes);
void recent_free(struct recent **recent); /* after the last batch; NULL allowed */
struct bell *recent_bell(struct recent *recent);

/* The feed's thread: changes of whole revisions, in order. gap: what came between the last
 * addition and the revision is not known here; what was kept before is dropped. */
void recent_add(struct recent *recent, const struct index_change *changes, size_t count,
	int64_t revision, bool gap);

enum recent_result {
	RECENT_FOUND,   /* a batch with at least one; the cursor has moved behind its last */
	RECENT_NOTHING, /* nothing new for this reader; the cursor has moved to the end */
	RECENT_TOO_OLD, /* the cursor stands before what is kept here */
	RECENT_AHEAD,   /* the cursor stands behind the end: not known here, or not yet */
};

/* What a reader wants: changes of a namespace and, unless service_key is empty, of that service. No
 * more when they have come to that many bytes. */
struct recent_wish {
	struct text space, service_key;
	size_t most_bytes;
};
bool recent_wanted(const struct recent_wish *wish, struct text space, struct text service_key);

#define RECENT_MOST 200

/* Changes as they are sent, shared with other readers; to be released once they are packed. */
struct recent_batch {
	size_t count;
	ProtobufCMessageUnknownField changes[RECENT_MOST]; /* of a WatchResponse */
	struct recent_item *items[RECENT_MOST];
};

/* What follows the cursor. */
enum recent_result recent_read(struct recent *recent, const struct recent_wish *wish,
	struct cursor *cursor, struct recent_batch *batch);
void recent_release(struct recent_batch *batch);
/* What is kept begins behind it. */
struct cursor recent_floor(struct recent *recent);

#endif
