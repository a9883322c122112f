/*
 * Cache: answers that are kept, bounded in bytes; what was used the longest ago makes way.
 *
 * A store is where they are kept: that of this bridge is its memory, shared by its threads; another
 * one (Redis) would be shared by bridges. Any thread. An answer is immutable and counted by
 * references. One who finds nothing may be made the one who fetches it (single flight): others with
 * the same key wait for him, on their own loops, until he puts it or gives up; whoever waited in
 * vain fetches for himself.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_CACHE_H
#define JUNCTION_BRIDGE_GATEWAY_CACHE_H

#include <stdatomic.h>

#include "base/loop.h"
#include "base/text.h"

struct cache_header {
	struct text name, value;
};

struct cached {
	int status;
	const struct cache_header *headers;
	size_t header_count;
	struct text body;
	int64_t age;             /* seconds, when it came */
	int64_t stored, expires; /* on clock_now() */
	atomic_uint references;  /* the cache's */
};
void cached_release(const struct cached **c); /* NULL allowed */

/* Of what service (its full name, any case) and rule an answer is, for cache_clean(). */
struct cache_place {
	struct text space, service, rule;
};

enum cache_result {
	CACHE_FOUND, /* q->found is held for the asker */
	CACHE_FETCH, /* he fetches it, and calls cache_put() or cache_give_up() */
	CACHE_WAIT,  /* done() will be called on his loop */
};

struct cache_question {
	struct cache_place place;
	struct text key; /* of what answers this, see cache_key.h */
	struct loop *loop;
	/* found NULL: he who fetched it has given up, the asker is to ask his node without the
	 * cache. */
	void (*done)(struct cache_question *q);
	const struct cached *found;
	/* The cache's. */
	struct loop_task task;
	struct cache_question *next, **back;
	struct cache_slot *flight;
};

struct cache_store;
struct cache_store_type {
	enum cache_result (*ask)(struct cache_store *s, struct cache_question *q);
	void (*put)(struct cache_store *s, struct cache_question *q, const struct cached *answer,
		int64_t ttl_ms);
	void (*give_up)(struct cache_store *s, struct cache_question *q);
	bool (*forget)(struct cache_store *s, struct cache_question *q);
	void (*clean)(struct cache_store *s, const struct cache_place *place);
	void (*close)(struct cache_store *s);
};
struct cache_store {
	const struct cache_store_type *type;
};

/* most: bytes of all that is kept, with what it costs to keep it. Closed when nobody asks, fetches
 * or waits any more; what was found may be held longer. */
struct cache_store *cache_memory_open(size_t most);

/* The texts of q live until it has been answered, and until put or given up by who fetches. */
static inline enum cache_result cache_ask(struct cache_store *s, struct cache_question *q)
{
	return s->type->ask(s, q);
}
/* The answer is copied. Those who wait get it. Not kept if it was cleaned since he asked: then they
 * get it, but nobody after them. */
static inline void cache_put(struct cache_store *s, struct cache_question *q,
	const struct cached *answer, int64_t ttl_ms)
{
	s->type->put(s, q, answer, ttl_ms);
}
static inline void cache_give_up(struct cache_store *s, struct cache_question *q)
{
	s->type->give_up(s, q);
}
/* Of who waits: done() is not called any more. False: it is on its way, and will be called. */
static inline bool cache_forget(struct cache_store *s, struct cache_question *q)
{
	return s->type->forget(s, q);
}
/* rule empty: all of the service; service empty: all that is kept. */
static inline void cache_clean(struct cache_store *s, const struct cache_place *place)
{
	s->type->clean(s, place);
}
static inline void cache_close(struct cache_store *s)
{
	s->type->close(s);
}

#endif
