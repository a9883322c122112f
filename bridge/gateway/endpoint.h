/*
 * Endpoint: a place that requests are sent to, as all threads of this bridge know it: what is under
 * way, how it has done lately, and whether it is left alone.
 *
 * Passive health: a breaker counts the outcomes in a sliding window; when it opens, the endpoint is
 * left alone for a while, then one request is let through (half-open), and what becomes of that
 * decides. Nothing is remembered of an endpoint that nobody holds. Any thread.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_ENDPOINT_H
#define JUNCTION_BRIDGE_GATEWAY_ENDPOINT_H

#include <stdatomic.h>

#include "base/text.h"
#include "junction/v1/registry.pb-c.h"

struct endpoint {
	const char *host; /* name or address, IPv6 without brackets */
	int port;
	bool tls;
	bool configured;        /* loopback is allowed */
	atomic_int outstanding; /* requests under way */
	/* The rest is endpoint.c's. */
	struct endpoint_health *health;
};

/* The one of that place, the same for all who hold it. */
struct endpoint *endpoint_hold(const char *host, int port, bool tls, bool configured);
struct endpoint *endpoint_hold_more(struct endpoint *e);
void endpoint_release(struct endpoint **e); /* NULL allowed */

enum endpoint_outcome {
	ENDPOINT_ANSWERED,    /* below 500 */
	ENDPOINT_FAILED,      /* 502, 503, 504, broke off, took too long, answered garbage */
	ENDPOINT_NOT_REACHED, /* no connection */
	ENDPOINT_UNKNOWN,     /* the client went first: counts as nothing, but ends a trial */
};

/* Whether a request may go there now. breaker NULL: always. */
bool endpoint_is_open(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now);
/* A request goes there: outstanding counts it until endpoint_end(). False: it may not; half-open
 * lets one through at a time. */
bool endpoint_begin(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now);
/* The same, also if it may not: there is no other. What becomes of it decides as of a trial. */
void endpoint_begin_anyway(struct endpoint *e, const Registry__RouteBreaker *breaker, int64_t now);
/* Of one that is left alone: when it is to be tried. 0: it is not left alone. */
int64_t endpoint_trial_time(struct endpoint *e);
void endpoint_end(struct endpoint *e, const Registry__RouteBreaker *breaker,
	enum endpoint_outcome outcome, int64_t now);

#endif
