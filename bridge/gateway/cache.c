/*
 * Cache in memory: a table of slots under one lock, which is held for the time of a look into the
 * table; copying, freeing and telling happen outside of it. A slot is a flight (somebody fetches)
 * until it has an answer; each is also listed with its service, so that cleaning looks at nothing
 * else. A flight that is cleaned leaves the table, but not those who wait for it: who asks later
 * begins another one. An answer is one block of memory, counted by references, as it may be sent
 * for longer than it is kept.
 */
#include "bridge/gateway/cache.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"
#include "base/table.h"

enum { SLOT_COST = 96 }; /* of the table and of malloc's own, about */

struct service {
	struct text name; /* space, NUL, service */
	LIST_HEAD(, cache_slot) slots;
};

struct cache_slot {
	struct text name;             /* space, NUL, service, NUL, rule, NUL, key */
	struct text rule;             /* a part of it */
	struct service *service;      /* NULL: not listed any more */
	const struct cached *answer;  /* NULL: a flight */
	struct cache_question *waits; /* those who wait for it */
	size_t bytes;
	LIST_ENTRY(cache_slot) others; /* of the service */
	TAILQ_ENTRY(cache_slot) used;  /* of the kept */
};

TAILQ_HEAD(slot_list, cache_slot);

struct memory {
	struct cache_store store; /* first */
	pthread_mutex_t lock;
	size_t most, bytes;
	struct table slots, services;
	struct slot_list used; /* the longest ago comes first */
};

enum { HIT, MISS, JOINED, RESULTS };

static const char *result_name(size_t index)
{
	static const char *const names[RESULTS] = {"hit", "miss", "joined"};
	return names[index];
}

static struct metric asked = {
	.name = "junction_gateway_cache_requests_total",
	.help = "Requests that were looked for among kept answers",
	.labels = {{"result", result_name, RESULTS}},
};

static struct metric kept_bytes = {
	.name = "junction_gateway_cache_bytes",
	.help = "Bytes of kept answers",
	.kind = METRIC_GAUGE,
};

/* --- answers ---------------------------------------------------------------------------------- */

void cached_release(const struct cached **c)
{
	struct cached *mine = (struct cached *)*c;
	*c = NULL;
	if (mine && atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) == 1)
		free(mine);
}

static const struct cached *hold(const struct cached *c)
{
	atomic_fetch_add_explicit(&((struct cached *)c)->references, 1, memory_order_relaxed);
	return c;
}

static size_t size_of(const struct cached *c)
{
	size_t size = sizeof(*c) + c->header_count * sizeof(*c->headers) + c->body.size;
	for (size_t i = 0; i < c->header_count; i++)
		size += c->headers[i].name.size + c->headers[i].value.size;
	return size;
}

static struct text put_text(char **at, struct text t)
{
	struct text copy = {*at, t.size};
	if (t.size)
		memcpy(*at, t.data, t.size);
	*at += t.size;
	return copy;
}

static const struct cached *copy_answer(const struct cached *from, int64_t ttl_ms)
{
	struct cached *c = check_malloc(size_of(from));
	struct cache_header *headers = (struct cache_header *)(c + 1);
	char *at = (char *)(headers + from->header_count);
	int64_t now = clock_now();
	for (size_t i = 0; i < from->header_count; i++)
		headers[i] = (struct cache_header){put_text(&at, from->headers[i].name),
			put_text(&at, from->headers[i].value)};
	*c = (struct cached){
		.status = from->status,
		.headers = headers,
		.header_count = from->header_count,
		.body = put_text(&at, from->body),
		.age = from->age,
		.stored = now,
		.expires = now + ttl_ms * CLOCK_MS,
		.references = 1,
	};
	return c;
}

/* --- slots: under the lock -------------------------------------------------------------------- */

static struct text service_name(char *out, const struct cache_place *place)
{
	char *at = out;
	(void)put_text(&at, place->space);
	*at++ = '\0';
	(void)put_text(&at, place->service);
	return (struct text){out, (size_t)(at - out)};
}

static struct service *find_service(struct memory *m, struct text name)
{
	struct service *s = table_get(&m->services, name);
	if (s)
		return s;
	s = check_calloc(1, sizeof(*s) + name.size);
	memcpy(s + 1, name.data, name.size);
	s->name = (struct text){(char *)(s + 1), name.size};
	table_put(&m->services, s->name, s);
	return s;
}

/* Nobody finds it any more. */
static void unlist(struct memory *m, struct cache_slot *slot)
{
	struct service *s = slot->service;
	if (!s)
		return;
	slot->service = NULL;
	table_remove(&m->slots, slot->name);
	LIST_REMOVE(slot, others);
	if (!LIST_EMPTY(&s->slots))
		return;
	table_remove(&m->services, s->name);
	free(s);
}

/* What is kept goes to the list of those to be freed. */
static void drop(struct memory *m, struct cache_slot *slot, struct slot_list *gone)
{
	unlist(m, slot);
	if (!slot->answer)
		return;
	m->bytes -= slot->bytes;
	metric_add(&kept_bytes, 0, -(int64_t)slot->bytes);
	TAILQ_REMOVE(&m->used, slot, used);
	TAILQ_INSERT_TAIL(gone, slot, used);
}

/* service, rule: their parts of the name. */
static struct cache_slot *begin(
	struct memory *m, struct text name, struct text service, struct text rule)
{
	struct cache_slot *slot = check_calloc(1, sizeof(*slot) + name.size);
	memcpy(slot + 1, name.data, name.size);
	slot->name = (struct text){(char *)(slot + 1), name.size};
	slot->rule = text_until(text_from(slot->name, service.size + 1), rule.size);
	slot->service = find_service(m, service);
	LIST_INSERT_HEAD(&slot->service->slots, slot, others);
	table_put(&m->slots, slot->name, slot);
	return slot;
}

static void wait_for(struct cache_slot *slot, struct cache_question *q)
{
	q->flight = slot;
	q->next = slot->waits;
	q->back = &slot->waits;
	if (q->next)
		q->next->back = &q->next;
	slot->waits = q;
}

static enum cache_result find(struct memory *m, struct cache_question *q, struct text name,
	struct text service, struct slot_list *gone)
{
	struct cache_slot *slot = table_get(&m->slots, name);
	if (slot && slot->answer && slot->answer->expires <= clock_now()) {
		drop(m, slot, gone);
		slot = NULL;
	}
	if (!slot) {
		q->flight = begin(m, name, service, q->place.rule);
		return CACHE_FETCH;
	}
	if (!slot->answer) {
		wait_for(slot, q);
		return CACHE_WAIT;
	}
	q->found = hold(slot->answer);
	TAILQ_REMOVE(&m->used, slot, used);
	TAILQ_INSERT_TAIL(&m->used, slot, used);
	return CACHE_FOUND;
}

/* --- outside of the lock ---------------------------------------------------------------------- */

static void lock(struct memory *m)
{
	CHECK(!pthread_mutex_lock(&m->lock));
}

static void unlock(struct memory *m)
{
	CHECK(!pthread_mutex_unlock(&m->lock));
}

static void free_all(struct slot_list *gone)
{
	struct cache_slot *slot;
	while ((slot = TAILQ_FIRST(gone))) {
		TAILQ_REMOVE(gone, slot, used);
		cached_release(&slot->answer);
		free(slot);
	}
}

static void run_done(struct loop_task *task)
{
	struct cache_question *q =
		(struct cache_question *)((char *)task - offsetof(struct cache_question, task));
	q->done(q);
}

static void tell(struct cache_question *waits, const struct cached *answer)
{
	for (struct cache_question *q = waits, *next; q; q = next) {
		next = q->next;
		q->found = answer ? hold(answer) : NULL;
		q->task.run = run_done;
		loop_post(q->loop, &q->task);
	}
}

static enum cache_result ask(struct cache_store *store, struct cache_question *q)
{
	struct memory *m = (struct memory *)store;
	struct slot_list gone = TAILQ_HEAD_INITIALIZER(gone);
	size_t size =
		q->place.space.size + q->place.service.size + q->place.rule.size + q->key.size + 3;
	char *name = check_malloc(size);
	struct text service = service_name(name, &q->place);
	char *at = name + service.size;
	*at++ = '\0';
	(void)put_text(&at, q->place.rule);
	*at++ = '\0';
	(void)put_text(&at, q->key);
	q->found = NULL;
	q->flight = NULL;
	lock(m);
	enum cache_result result = find(m, q, (struct text){name, size}, service, &gone);
	unlock(m);
	free(name);
	free_all(&gone);
	metric_add(&asked, result == CACHE_FOUND ? HIT : result == CACHE_FETCH ? MISS : JOINED, 1);
	return result;
}

/* Nobody waits for it any more: cache_forget() finds nothing to forget. */
static struct cache_question *land(struct cache_slot *slot)
{
	struct cache_question *waits = slot->waits;
	for (struct cache_question *q = waits; q; q = q->next)
		q->flight = NULL;
	slot->waits = NULL;
	return waits;
}

static void put(struct cache_store *store, struct cache_question *q, const struct cached *answer,
	int64_t ttl_ms)
{
	struct memory *m = (struct memory *)store;
	struct slot_list gone = TAILQ_HEAD_INITIALIZER(gone);
	struct cache_slot *slot = q->flight;
	const struct cached *copy = copy_answer(answer, ttl_ms);
	size_t bytes = size_of(copy) + sizeof(*slot) + slot->name.size + SLOT_COST;
	lock(m);
	struct cache_question *waits = land(slot);
	bool kept = slot->service && bytes <= m->most;
	if (kept) {
		slot->answer = hold(copy);
		slot->bytes = bytes;
		m->bytes += bytes;
		metric_add(&kept_bytes, 0, (int64_t)bytes);
		TAILQ_INSERT_TAIL(&m->used, slot, used);
	} else {
		unlist(m, slot);
	}
	while (m->bytes > m->most)
		drop(m, TAILQ_FIRST(&m->used), &gone);
	unlock(m);
	q->flight = NULL;
	if (!kept)
		free(slot);
	tell(waits, copy);
	cached_release(&copy);
	free_all(&gone);
}

static void give_up(struct cache_store *store, struct cache_question *q)
{
	struct memory *m = (struct memory *)store;
	struct cache_slot *slot = q->flight;
	lock(m);
	struct cache_question *waits = land(slot);
	unlist(m, slot);
	unlock(m);
	q->flight = NULL;
	free(slot);
	tell(waits, NULL);
}

static bool forget(struct cache_store *store, struct cache_question *q)
{
	struct memory *m = (struct memory *)store;
	lock(m);
	bool waits = q->flight;
	if (waits) {
		*q->back = q->next;
		if (q->next)
			q->next->back = q->back;
		q->flight = NULL;
	}
	unlock(m);
	return waits;
}

/* --- cleaning --------------------------------------------------------------------------------- */

static void clean_service(
	struct memory *m, struct service *s, struct text rule, struct slot_list *gone)
{
	struct cache_slot *next;
	/* The service goes with its last slot. */
	for (struct cache_slot *slot = LIST_FIRST(&s->slots); slot; slot = next) {
		next = LIST_NEXT(slot, others);
		if (!rule.size || text_equal(slot->rule, rule))
			drop(m, slot, gone);
	}
}

static void clean_all(struct memory *m, struct slot_list *gone)
{
	struct table_cursor cursor = {0};
	struct service *s;
	while ((s = table_next(&m->services, &cursor))) {
		clean_service(m, s, TEXT(""), gone);
		cursor = (struct table_cursor){0}; /* the table has changed */
	}
}

static void clean(struct cache_store *store, const struct cache_place *place)
{
	struct memory *m = (struct memory *)store;
	struct slot_list gone = TAILQ_HEAD_INITIALIZER(gone);
	char *name = check_malloc(place->space.size + 1 + place->service.size);
	lock(m);
	struct service *s = table_get(&m->services, service_name(name, place));
	if (!place->service.size)
		clean_all(m, &gone);
	else if (s)
		clean_service(m, s, place->rule, &gone);
	unlock(m);
	free(name);
	free_all(&gone);
}

/* --- life ------------------------------------------------------------------------------------- */

static void close_memory(struct cache_store *store)
{
	struct memory *m = (struct memory *)store;
	clean(store, &(struct cache_place){0});
	table_clear(&m->slots);
	table_clear(&m->services);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct cache_store *cache_memory_open(size_t most)
{
	static const struct cache_store_type type = {
		ask, put, give_up, forget, clean, close_memory};
	struct memory *m = check_calloc(1, sizeof(*m));
	m->store.type = &type;
	m->most = most;
	m->slots.exact = true;
	CHECK(!pthread_mutex_init(&m->lock, NULL));
	TAILQ_INIT(&m->used);
	metric_register(&asked);
	metric_register(&kept_bytes);
	return &m->store;
}
