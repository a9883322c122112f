/*
 * Channels: the ways out, in memory.
 *
 * A snapshot is immutable and counted by references, loaded as a whole from PostgreSQL whenever
 * notice.revision has risen, and at each connect: by a follower on the home thread, at once for who
 * waits by channels_current(), as PutChannel and DeleteChannel do before they answer, and every
 * poll_ms for what other servers change. Texts end in NUL and live as long as it is held. Secrets
 * are opened, and the provider reads them, when it is loaded; a channel for which this fails has
 * `fault` set, and the log says so. All of a snapshot's memory is wiped when it goes.
 */
#ifndef JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_H
#define JUNCTION_SERVER_NOTICE_CHANNEL_CHANNEL_H

#include "base/json.h"
#include "server/call.h"

struct provider; /* server/notice/provider/provider.h */

struct channel {
	int id;
	struct text space, name;
	const struct provider *provider; /* by its kind; NULL if this server knows no such kind */
	const struct json *settings;     /* an object */
	const struct json *secrets;      /* an object of texts; NULL: there are none */
	const void *made; /* what the provider made of both; NULL if there is a fault */
	bool enabled;
	int concurrency;
	int quota; /* messages within quota_ms; 0: no limit */
	int64_t quota_ms, timeout_ms;
	struct text receipt_token;
	const char *fault; /* NULL, or why nothing can be sent by it on this server */
};

struct channels;

/* What is known now; NULL before the first load. To be released. Any thread. */
const struct channels *channels_hold(void);
void channels_release(const struct channels **c); /* NULL allowed; clears the pointer */
size_t channels_count(const struct channels *c);
const struct channel *channels_at(const struct channels *c, size_t index);
/* NULL if there is none. */
const struct channel *channels_by_id(const struct channels *c, int id);
const struct channel *channels_by_token(const struct channels *c, struct text receipt_token);

/* Once, after lanes_start(). changed: on home, after each load. */
void channels_start(struct lanes *lanes, struct loop *home, int64_t poll_ms, void (*changed)(void));
bool channels_ready(void); /* the first load is there; any thread */
/* Ends a step: then() runs when all changes of channels that were committed before, by any server,
 * are in the snapshot. UNAVAILABLE if the call is over before. */
enum next channels_current(struct call *c, call_step *then);
/* After the lanes have stopped. */
void channels_stop(void);

#endif
