/*
 * Exchange: one HTTP request and its reply, without HTTP: the listener feeds it what arrived and
 * sends what it says.
 *
 * Driven by one thread at a time: the listener's until exchange_start(), an rpc thread until
 * wake() is called, then the listener's again. exchange_stage() may be asked by the listener's
 * thread at any time.
 */
#ifndef JUNCTION_BRIDGE_EXCHANGE_H
#define JUNCTION_BRIDGE_EXCHANGE_H

#include <stdatomic.h>

#include "bridge/front.h"
#include "bridge/reply.h"
#include "bridge/route.h"
#include "bridge/rpc.h"

/* What all exchanges share; outlives them. */
struct bridge {
	const struct router *router;
	struct front_policy front;
	struct rpc *rpc;
	int64_t rpc_timeout_ms;
	atomic_bool stopping; /* connections are closed after their reply */
};

enum exchange_stage {
	EXCHANGE_HEADERS, /* headers are added, then exchange_open() */
	EXCHANGE_BODY,    /* exchange_read() for each piece, then exchange_end() */
	EXCHANGE_WAITING, /* for exchange_start(), and then for wake() */
	EXCHANGE_REPLIED, /* exchange_reply() stands */
};

struct exchange;

/* uri: the request's target as sent. wake(owner) is called once, if the exchange was started. */
struct exchange *exchange_new(
	struct bridge *bridge, const char *uri, void (*wake)(void *owner), void *owner);
void exchange_free(struct exchange **x);

enum exchange_stage exchange_stage(const struct exchange *x);

void exchange_add_header(struct exchange *x, struct text name, struct text value);
/* All headers are there. peer: "address:port" of the caller; local: the address it came to. Both
 * and verb outlive the exchange. Afterwards BODY, or REPLIED if the body shall not be read. */
void exchange_open(struct exchange *x, struct text verb, struct text peer, struct text local);
/* False: the connection is to be closed without a reply. */
bool exchange_read(struct exchange *x, struct text piece);
/* The body has ended. Afterwards REPLIED, or WAITING for exchange_start(). */
void exchange_end(struct exchange *x);
/* Asks the server; wake() may be called before this returns. */
void exchange_start(struct exchange *x);

const struct reply *exchange_reply(const struct exchange *x);

#endif
