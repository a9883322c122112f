/*
 * Limit in memory: for each key the times of the requests that were allowed in the last window.
 *
 * Why a log: GCRA that lets through limit at once lets through twice that in the window that begins
 * with the burst, and one that never does (burst + window * rate <= limit) refuses a part of a
 * burst that is within the limit; counters of fixed windows are wrong at their edges. The log is
 * right with both, and costs 16 bytes a request. So that a high limit does not cost more, a limit
 * beyond LIMIT_EXACT divides its window into LIMIT_EXACT - 1 parts: requests in one part are one
 * entry, with the time of the last of them. All of an entry leave the window with its last one, so
 * what is counted is never less than what was allowed in it: never more than limit in any window.
 *
 * Threads ask with times that may overtake each other on the way to the lock: one that comes late
 * counts as the newest that has been seen.
 *
 * Keys are in shards, each with a lock. Each question looks at a few others of its shard in turn,
 * and forgets those that are allowed all again.
 */
#include "bridge/gateway/limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"
#include "base/table.h"

enum {
	SHARDS_MOST = 64,
	SHARD_KEYS = 1024, /* not fewer in each */
	LOOK = 2,          /* at so many others */
	LOOK_FULL = 16,    /* when there is no room for a new one */
};

struct entry {
	int64_t time; /* of the last request in it */
	int64_t count;
};

struct counted {
	struct text key;
	struct entry *entries; /* a ring: first is the oldest */
	unsigned first, used, room;
	int64_t sum;       /* of the counts */
	int64_t forgotten; /* when all is allowed again */
	TAILQ_ENTRY(counted) link;
};

struct shard {
	pthread_mutex_t lock;
	struct table keys;
	TAILQ_HEAD(, counted) turn; /* who is looked at next comes first */
};

struct memory {
	struct limit_store store; /* first */
	size_t shard_most;
	size_t shard_count;
	struct shard *shards;
};

static struct metric uncounted = {
	.name = "junction_gateway_limit_uncounted_total",
	.help = "Requests that a limit let through as too many keys are counted",
};

/* --- one key ---------------------------------------------------------------------------------- */

static struct entry *entry_at(const struct counted *c, unsigned index)
{
	return &c->entries[(c->first + index) % c->room];
}

static void make_room(struct counted *c)
{
	unsigned room = c->room ? c->room * 2 : 2;
	struct entry *entries = check_malloc(room * sizeof(*entries));
	for (unsigned i = 0; i < c->used; i++)
		entries[i] = *entry_at(c, i);
	free(c->entries);
	c->entries = entries;
	c->first = 0;
	c->room = room;
}

static void drop_old(struct counted *c, int64_t now, int64_t window)
{
	while (c->used && now - entry_at(c, 0)->time >= window) {
		c->sum -= entry_at(c, 0)->count;
		c->first = (c->first + 1) % c->room;
		c->used--;
	}
}

/* Whether the newest entry takes one more. */
static bool is_joined(const struct counted *c, int64_t now, const struct limit_rate *rate)
{
	int64_t part = rate->window_ms * CLOCK_MS / (LIMIT_EXACT - 1);
	if (!c->used)
		return false;
	return c->used == LIMIT_EXACT ||
	       (rate->limit > LIMIT_EXACT && entry_at(c, c->used - 1)->time / part == now / part);
}

static void count(struct counted *c, int64_t now, const struct limit_rate *rate)
{
	if (!is_joined(c, now, rate)) {
		if (c->used == c->room)
			make_room(c);
		*entry_at(c, c->used++) = (struct entry){0};
	}
	*entry_at(c, c->used - 1) = (struct entry){now, entry_at(c, c->used - 1)->count + 1};
	c->sum++;
}

/* Until fewer than limit are in the window. There may be more of them than limit, if that was
 * higher before. */
static int64_t until_next(const struct counted *c, int64_t now, const struct limit_rate *rate)
{
	int64_t left = c->sum, gone = now;
	for (unsigned i = 0; left >= rate->limit; i++) {
		left -= entry_at(c, i)->count;
		gone = entry_at(c, i)->time + rate->window_ms * CLOCK_MS;
	}
	return gone - now;
}

static struct limit_verdict judge(struct counted *c, int64_t now, const struct limit_rate *rate)
{
	int64_t window = rate->window_ms * CLOCK_MS;
	struct limit_verdict verdict = {0};
	if (c->used && now < entry_at(c, c->used - 1)->time)
		now = entry_at(c, c->used - 1)->time;
	drop_old(c, now, window);
	verdict.allowed = c->sum < rate->limit;
	if (verdict.allowed)
		count(c, now, rate);
	if (c->sum < rate->limit)
		verdict.remaining = rate->limit - c->sum;
	c->forgotten = entry_at(c, c->used - 1)->time + window;
	verdict.reset_ns = c->forgotten - now;
	verdict.retry_ns = until_next(c, now, rate);
	return verdict;
}

/* --- keys ------------------------------------------------------------------------------------- */

static void forget(struct shard *s, struct counted *c)
{
	table_remove(&s->keys, c->key);
	TAILQ_REMOVE(&s->turn, c, link);
	free(c->entries);
	free(c);
}

static void look_at_others(struct shard *s, int64_t now, unsigned most)
{
	for (unsigned i = 0; i < most && !TAILQ_EMPTY(&s->turn); i++) {
		struct counted *c = TAILQ_FIRST(&s->turn);
		if (c->forgotten <= now) {
			forget(s, c);
			continue;
		}
		TAILQ_REMOVE(&s->turn, c, link);
		TAILQ_INSERT_TAIL(&s->turn, c, link);
	}
}

static struct counted *add(struct shard *s, struct text key)
{
	struct counted *c = check_calloc(1, sizeof(*c) + key.size);
	char *copy = (char *)(c + 1);
	if (key.size)
		memcpy(copy, key.data, key.size);
	c->key = (struct text){copy, key.size};
	table_put(&s->keys, c->key, c);
	TAILQ_INSERT_TAIL(&s->turn, c, link);
	return c;
}

/* NULL: there is no room for it. */
static struct counted *find(struct shard *s, struct text key, size_t most, int64_t now)
{
	struct counted *c;
	look_at_others(s, now, LOOK);
	c = table_get(&s->keys, key);
	if (c)
		return c;
	if (s->keys.count >= most)
		look_at_others(s, now, LOOK_FULL);
	return s->keys.count < most ? add(s, key) : NULL;
}

/* --- the store -------------------------------------------------------------------------------- */

static void ask(struct limit_store *store, struct limit_question *q)
{
	struct memory *m = (struct memory *)store;
	struct shard *s = &m->shards[(table_hash(q->key) >> 40) % m->shard_count];
	struct limit_verdict verdict = {.allowed = true, .remaining = q->rate.limit};
	CHECK(!pthread_mutex_lock(&s->lock));
	struct counted *c = find(s, q->key, m->shard_most, q->now);
	if (c)
		verdict = judge(c, q->now, &q->rate);
	CHECK(!pthread_mutex_unlock(&s->lock));
	if (!c)
		metric_add(&uncounted, 0, 1);
	q->done(q, &verdict, NULL);
}

static void close_memory(struct limit_store *store)
{
	struct memory *m = (struct memory *)store;
	for (size_t i = 0; i < m->shard_count; i++) {
		struct shard *s = &m->shards[i];
		while (!TAILQ_EMPTY(&s->turn))
			forget(s, TAILQ_FIRST(&s->turn));
		table_clear(&s->keys);
		pthread_mutex_destroy(&s->lock);
	}
	free(m->shards);
	free(m);
}

struct limit_store *limit_memory_open(size_t most)
{
	static const struct limit_store_type type = {ask, close_memory};
	struct memory *m = check_calloc(1, sizeof(*m));
	size_t count = most / SHARD_KEYS;
	m->store.type = &type;
	m->shard_count = count < 1 ? 1 : count > SHARDS_MOST ? SHARDS_MOST : count;
	m->shard_most = most / m->shard_count;
	m->shards = check_calloc(m->shard_count, sizeof(*m->shards));
	for (size_t i = 0; i < m->shard_count; i++) {
		struct shard *s = &m->shards[i];
		CHECK(!pthread_mutex_init(&s->lock, NULL));
		s->keys.exact = true;
		TAILQ_INIT(&s->turn);
	}
	metric_register(&uncounted);
	return &m->store;
}
