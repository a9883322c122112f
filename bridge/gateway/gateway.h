/*
 * Gateway: what the requests to /{path}/{service}/... share: the stores of limits and kept answers,
 * and on each of the rpc's loops a place with a keeper of routes and a pool of connections to
 * nodes.
 *
 * Made and freed by the main thread; a place by its loop's thread, on which all that concerns it
 * happens.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_GATEWAY_H
#define JUNCTION_BRIDGE_GATEWAY_GATEWAY_H

#include "base/egress.h"
#include "base/option.h"
#include "bridge/gateway/cache.h"
#include "bridge/gateway/keeper.h"
#include "bridge/gateway/limit.h"
#include "bridge/gateway/upstream.h"

struct gateway_options {
	const char *path; /* first segment: "api" */
	struct rpc *rpc;
	const struct option_list *trusted; /* proxies: "10.0.0.0/8", "::1" */
	const char *ca_file;               /* of https nodes; NULL: the system's */
	int64_t rpc_timeout_ms;
	int64_t grace_ms; /* how long routes are kept while the server cannot be heard */
	size_t cache_bytes, limit_keys, routes;
	bool tls; /* clients speak https */
};

struct gateway;

/* NULL if a trusted proxy is none (logged). */
struct gateway *gateway_new(const struct gateway_options *options);
void gateway_free(struct gateway **g); /* after the places; NULL allowed */
/* From the main thread: a place on each of the rpc's loops; and no more, when nothing is under way.
 */
void gateway_open(struct gateway *g);
void gateway_close(struct gateway *g);
/* Upgraded connections, which have no end of their own, are broken off; or all that is under way.
 */
void gateway_end(struct gateway *g, bool all);
/* An address that the bridge listens at, "127.0.0.1:3000": never connected to. Before the first
 * request. */
void gateway_add_own(struct gateway *g, const char *address);

/* Whether the path is one of the gateway's; service is its segment as sent, rest what follows, from
 * its "/" on ("/" if nothing does). */
bool gateway_claims(
	const struct gateway *g, struct text path, struct text *service, struct text *rest);
/* Whether a peer ("10.1.2.3:4711", "[::1]:80") is a proxy that is believed. */
bool gateway_trusts(const struct gateway *g, struct text peer);
const struct gateway_options *gateway_settings(const struct gateway *g);

/* --- on a loop ------------------------------------------------------------------------------- */

struct forward;

struct gateway_place {
	struct gateway *gateway;
	struct loop *loop;
	struct keeper *keeper;
	struct upstream_pool *pool;
	struct limit_store *limits; /* shared */
	struct cache_store *cache;  /* shared */
	/* Under way, for the sweep; see forward.h. */
	struct forward *first;
	struct loop_timer *sweep;
	bool stopping;
	struct arena *allowed_arena;          /* of allowed */
	const Registry__RouteEgress *allowed; /* what the pool was told last; NULL: nothing yet */
};

struct gateway_place *gateway_here(struct gateway *g); /* of the present loop */
/* What the server allows to connect to, beside the bridge's own rules. */
void gateway_allow(struct gateway_place *p, const Registry__RouteEgress *egress);

#endif
