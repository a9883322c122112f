/*
 * Limit: how many requests there may be in a window: never more than limit in any one of the
 * length, wherever it begins. Who has asked for nothing in a window's length may ask for all of
 * limit at once; each is given back when a window's length has passed since it was allowed. Refused
 * ones are not counted.
 *
 * A store is where it is counted: that of this bridge is its memory, shared by its threads; another
 * one (Redis) would be shared by bridges. Any thread.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_LIMIT_H
#define JUNCTION_BRIDGE_GATEWAY_LIMIT_H

#include "base/arena.h"

struct limit_rate {
	int64_t limit;     /* 1-1,000,000,000 requests */
	int64_t window_ms; /* 1-86,400,000 */
};

struct limit_verdict {
	bool allowed;
	int64_t remaining; /* further requests that would be allowed now */
	int64_t reset_ns;  /* until all of limit would be allowed again */
	int64_t retry_ns;  /* until a further one would be allowed; 0: now */
};

struct limit_store;

/* What a store does; it may answer later. */
struct limit_question {
	struct text key; /* of who is counted, with its rule */
	struct limit_rate rate;
	int64_t now; /* on clock_now() */
	/* error: NULL, or why it cannot be told: the request is let through then. */
	void (*done)(
		struct limit_question *q, const struct limit_verdict *verdict, const char *error);
};
struct limit_store_type {
	void (*ask)(struct limit_store *store, struct limit_question *q);
	void (*close)(struct limit_store *store);
};
struct limit_store {
	const struct limit_store_type *type;
};

/* In memory; answers at once, within ask(). Up to LIMIT_EXACT requests a window it is exact to the
 * nanosecond; beyond that a request may be given back later than it could be, by at most two of
 * LIMIT_EXACT - 1 parts of a window, never earlier. most: keys that are remembered; beyond it those
 * go first that are allowed all anyway, then new keys are refused nothing (counted in a metric). */
#define LIMIT_EXACT 128
struct limit_store *limit_memory_open(size_t most);
static inline void limit_ask(struct limit_store *store, struct limit_question *q)
{
	store->type->ask(store, q);
}
static inline void limit_close(struct limit_store *store)
{
	store->type->close(store);
}

/* --- what a client is told ---------------------------------------------------------------------
 */

#define LIMIT_HEADERS 5 /* at most */

/* X-Rate-Limit-Limit, -Remaining, -Reset (milliseconds since 1970), as document 003's framework;
 * RateLimit-Policy and RateLimit of the IETF's draft. Reset and t are the time at which all of
 * limit would be allowed, or, if nothing remains, the next request: as Retry-After. Of several
 * limits the one with the least remaining. Sets names and values, in the arena; how many. name: of
 * the policy.
 */
struct limit_header {
	const char *name, *value;
};
size_t limit_headers(struct arena *a, const char *name, const struct limit_rate *rate,
	const struct limit_verdict *verdict, int64_t unix_ms,
	struct limit_header out[LIMIT_HEADERS]);
/* Whole seconds, at least 1, never before the request would be allowed. */
const char *limit_retry_after(struct arena *a, const struct limit_verdict *verdict);

#endif
