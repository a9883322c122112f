/*
 * Exchange: one HTTP request and its reply, without HTTP: the listener feeds it what arrived and
 * sends what it says.
 *
 * All on the thread of its connection, which is one of the rpc's. Many run at once, so what they
 * share is constant, or atomic.
 */
#ifndef JUNCTION_BRIDGE_EXCHANGE_H
#define JUNCTION_BRIDGE_EXCHANGE_H

#include <stdatomic.h>

#include "bridge/access.h"
#include "bridge/document.h"
#include "bridge/front.h"
#include "bridge/reply.h"
#include "bridge/route.h"
#include "bridge/rpc.h"
#include "bridge/stream.h"

/* What all exchanges share; outlives them. */
struct bridge {
	const struct router *router;
	const struct documents *documents; /* or NULL */
	struct front_policy front;
	struct gateway *gateway; /* NULL: none */
	struct rpc *rpc;
	int64_t rpc_timeout_ms;
	enum log_access access_log; /* of which requests a line is logged */
	int64_t keepalive_ms;       /* silence in a stream until something empty is sent */
	bool exposed;               /* other machines can reach it */
	atomic_bool stopping;       /* connections are closed after their reply */
};

enum exchange_stage {
	EXCHANGE_HEADERS, /* headers are added, then exchange_open() */
	EXCHANGE_HELD,    /* the body is not to be read before the connection has been resumed */
	EXCHANGE_BODY,    /* exchange_read() for each piece, then exchange_end() */
	EXCHANGE_WAITING, /* for exchange_start(), and then to be resumed */
	EXCHANGE_REPLIED, /* exchange_reply() stands */
};

struct exchange;

/* uri: the request's target as sent. The connection is resumed once, if the exchange was started; a
 * stream suspends and resumes it besides. */
struct exchange *exchange_new(
	struct bridge *bridge, const char *uri, const struct stream_connection *connection);
void exchange_free(struct exchange **x);

enum exchange_stage exchange_stage(const struct exchange *x);

void exchange_add_header(struct exchange *x, struct text name, struct text value);
/* All headers are there. version: "HTTP/1.1". peer: "address:port" of the caller; local: the
 * address it came to. Both and verb outlive the exchange. Afterwards BODY, HELD, or REPLIED if the
 * body shall not be read. */
void exchange_open(struct exchange *x, struct text verb, struct text version, struct text peer,
	struct text local);
/* False: the connection is to be closed without a reply. A body that is a stream may suspend the
 * connection in here. */
bool exchange_read(struct exchange *x, struct text piece);
/* Behind the body. */
void exchange_add_trailer(struct exchange *x, struct text name, struct text value);
/* The body has ended. Afterwards REPLIED, or WAITING for exchange_start(). */
void exchange_end(struct exchange *x);
/* Asks the server; the connection, suspended before, may be resumed before this returns. */
void exchange_start(struct exchange *x);

/* From exchange_open() on if the body is a stream, from exchange_end() on if the reply may be one;
 * else NULL. It wants its ticks until the exchange is freed. */
struct stream *exchange_stream(const struct exchange *x);

bool exchange_is_head(const struct exchange *x); /* the verb is HEAD */
/* Of a request to a service, else NULL. It wants its ticks until the exchange is freed. */
struct forward *exchange_forward(const struct exchange *x);
/* Its protocol has been changed: the forward is the taker's. */
struct forward *exchange_take_forward(struct exchange *x);

const struct reply *exchange_reply(const struct exchange *x);
/* Its parent and request_id go with the reply; the listener sets broken_off. */
struct access *exchange_access(struct exchange *x);
/* Headers of the reply for browsers. */
const struct front_cors *exchange_cors(const struct exchange *x);

#endif
