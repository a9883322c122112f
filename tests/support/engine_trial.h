/*
 * An engine without its API: lanes, subscriptions and engine on a test's database, events that are
 * put there by SQL, and consumers that note what they get. A failed expectation fails the running
 * test. Brings cmocka.h, which makes a macro of fail: server/call.h has to come before.
 */
#ifndef JUNCTION_TESTS_SUPPORT_ENGINE_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_ENGINE_TRIAL_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/event/delivery/engine.h"
#include "server/event/subscription/subscriptions.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;
static struct loop *home;

/* --- start and stop ------------------------------------------------------------------------- */

static inline void engine_trial_start(int64_t poll_ms, int64_t member_ms)
{
	struct lanes_options options = trial_options(url);

	lanes = lanes_start(&options);
	assert_non_null(lanes);
	home = lane_loop(lanes, 1);
	engine_start(&(struct engine_options){
		.lanes = lanes,
		.home = home,
		.server_name = "one",
		.poll_ms = poll_ms,
		.member_ms = member_ms,
	});
	subscriptions_start(lanes, home, 20, engine_subscriptions_changed);
	while (!subscriptions_ready() || !engine_ready())
		poll(NULL, 0, 1);
}

static inline void engine_trial_stop(void)
{
	engine_leave(clock_now() + 5 * CLOCK_SECOND);
	lanes_stop(&lanes);
	engine_stop();
	subscriptions_stop();
}

static inline void engine_trial_clear(void)
{
	test_sql(url, "TRUNCATE event.event, event.delivery, event.transition, event.low_water, "
		      "event.opened, "
		      "event.secret, event.subscription, event.queue, event.member "
		      "RESTART IDENTITY");
}

/* --- what is in the database ---------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static inline long sql(const char *format, ...)
{
	char text[4000];
	va_list args;

	va_start(args, format);
	CHECK(vsnprintf(text, sizeof text, format, args) < (int)sizeof text);
	va_end(args);
	return test_sql_number(url, text);
}

#define sql_await(answer, ...)                                                                     \
	do {                                                                                       \
		int64_t sql_until = clock_now() + 30 * CLOCK_SECOND;                               \
		while (sql(__VA_ARGS__) != (answer)) {                                             \
			assert_true(clock_now() < sql_until);                                      \
			poll(NULL, 0, 5);                                                          \
		}                                                                                  \
	} while (0)

/* A group; its id. */
static inline int make_group(const char *name)
{
	return (int)sql("SELECT event.make_queue('default', '%s')", name);
}

/* A subscription of it. more: further columns, as ", name = value". */
static inline void subscribe(int queue, const char *name, const char *pattern, const char *more)
{
	sql("WITH made AS (INSERT INTO event.subscription (namespace, name, queue_id, patterns, "
	    "target) "
	    "VALUES ('default', '%s', %d, ARRAY['%s'], 'pull') RETURNING 1) SELECT count(*) FROM "
	    "made",
		name, queue, pattern);
	if (*more)
		sql("WITH changed AS (UPDATE event.subscription SET name = name %s WHERE name = "
		    "'%s' "
		    "RETURNING 1) SELECT count(*) FROM changed",
			more, name);
}

/* Its id lives as long as the program. */
static inline struct text subscription_id(const char *name)
{
	const struct subscriptions *known;
	struct text id = {0};

	for (;;) {
		known = subscriptions_hold();
		const struct subscription *s =
			subscriptions_by_name(known, TEXT("default"), text_of(name));
		if (s)
			id = text_of(check_strdup(s->id.data));
		subscriptions_release(&known);
		if (id.data)
			return id;
		poll(NULL, 0, 1);
	}
}

/* Events of that name with the ids first to last, for a queue; the position of the last. */
static inline int64_t publish_named(
	int queue, int first, int last, const char *name, const char *key)
{
	char quoted[64];

	snprintf(quoted, sizeof quoted, "'%s'", key ? key : "");
	return sql(
		"SELECT max(r_position) FROM (SELECT array_agg(i::text ORDER BY i) AS ids, "
		"array_agg(false) AS given, array_agg((SELECT value FROM event.revision)) AS "
		"revisions, array_agg('default'::text) AS spaces, array_agg('%s'::text) AS "
		"names, array_agg('{\"n\":' || i || '}' ORDER BY i) AS datas, "
		"array_agg(NULL::bytea) AS seals, array_agg(NULL::text) AS nothing, "
		"array_agg(%s::text) AS keys, array_agg('{%d}'::text) AS queues, "
		"array_agg('two'::text) AS nodes FROM generate_series(%d, %d) AS i) x, "
		"event.append(ids, given, revisions, spaces, names, datas, seals, nothing, keys, "
		"nothing, queues, seals, nothing, nothing, nothing, nodes, nothing)",
		name, key ? quoted : "NULL", queue, first, last);
}

static inline int64_t publish(int queue, int first, int last)
{
	return publish_named(queue, first, last, "a.b", NULL);
}

/* Another server takes a delivery of the position. */
static inline void lease_elsewhere(int queue, int64_t position, int ms)
{
	assert_int_equal(sql("SELECT count(*) FROM event.lease(ARRAY[%d], ARRAY[%lld::bigint], "
			     "ARRAY['two'], ARRAY[NULL::uuid], ARRAY[%d::bigint], ARRAY[false], "
			     "1000) WHERE r_granted",
				 queue, (long long)position, ms),
		1);
}

/* What came of that, by its number. */
static inline void conclude_elsewhere(int queue, int64_t position, int number, const char *state)
{
	assert_int_equal(
		sql("SELECT count(*) FROM event.conclude(ARRAY[%d], ARRAY[%lld::bigint], "
		    "ARRAY[%d], "
		    "ARRAY['%s']::event.state[], ARRAY['two'], ARRAY[NULL::uuid], ARRAY[1], "
		    "ARRAY[NULL::bigint], ARRAY[NULL::integer], ARRAY[NULL], ARRAY[NULL::float8], "
		    "ARRAY[NULL])",
			queue, (long long)position, number, state),
		1);
}

/* How many deliveries of the queue stand so now. */
static inline long standing(int queue, const char *state)
{
	return sql("SELECT count(*) FROM event.delivery d LEFT JOIN LATERAL (SELECT t.state FROM "
		   "event.transition t WHERE t.queue_id = d.queue_id AND t.position = d.position "
		   "ORDER BY number DESC LIMIT 1) t ON true WHERE d.queue_id = %d AND "
		   "coalesce(t.state, 'waiting') = '%s'",
		queue, state);
}

/* --- consumers ------------------------------------------------------------------------------ */

enum { TAKEN_MOST = 20000 };

struct taken {
	int number; /* its event id */
	int attempt;
	struct lease *lease; /* NULL: concluded */
};

struct taker {
	struct consumer consumer; /* first */
	atomic_int at_once; /* how it concludes (enum delivery_state); 0: it keeps the lease */
	bool again;         /* it offers as much room as it was taken */
	int fail_first;     /* it fails the first attempt of so many, from number 1 on */
	atomic_int count;
	struct taken taken[TAKEN_MOST];
	atomic_int stands[DELIVERY_DEAD + 1];
	atomic_bool left;
	int offer; /* of taker_offer() */
};

static inline void taker_take(struct consumer *c, struct lease *lease)
{
	struct taker *t = (struct taker *)c;
	int count = atomic_load(&t->count);
	int64_t number;

	CHECK(count < TAKEN_MOST);
	CHECK(text_to_int64(lease->event.event_id, &number));
	t->taken[count] = (struct taken){(int)number, lease->event.attempt, lease};
	int state = atomic_load(&t->at_once);
	if (state) {
		struct outcome outcome = {.state = state, .latency_ms = 1.5};

		if (number <= t->fail_first && lease->event.attempt == 1)
			outcome.state = DELIVERY_FAILED;
		t->taken[count].lease = NULL;
		lease_conclude(lease, &outcome);
	}
	if (t->again)
		consumer_offer(c, 1);
	atomic_store(&t->count, count + 1);
}

static inline void taker_stands(struct consumer *c, const struct delivery_standing *standing)
{
	atomic_fetch_add(&((struct taker *)c)->stands[standing->state], 1);
}

static inline void taker_left(struct consumer *c)
{
	atomic_store(&((struct taker *)c)->left, true);
}

static inline void taker_join(void *arg)
{
	struct taker *t = arg;

	consumer_join(&t->consumer);
	if (t->offer)
		consumer_offer(&t->consumer, t->offer);
}

static inline void taker_offer_now(void *arg)
{
	struct taker *t = arg;

	consumer_offer(&t->consumer, t->offer);
}

static inline void taker_offer(struct taker *t, int more)
{
	t->offer = more;
	trial_together(home, taker_offer_now, t);
}

/* It joins the queue by that subscription, with so much room. */
static inline struct taker *taker_new(
	int queue, const char *subscription, int room, enum delivery_state at_once)
{
	struct taker *t = check_calloc(1, sizeof *t);

	t->consumer = (struct consumer){
		.queue = queue,
		.subscription = subscription_id(subscription),
		.lease_ms = 60000,
		.take = taker_take,
		.stands = taker_stands,
		.left = taker_left,
	};
	atomic_store(&t->at_once, at_once);
	t->again = at_once != 0;
	t->offer = room;
	return t;
}

static inline struct taker *taker_start(
	int queue, const char *subscription, int room, enum delivery_state at_once)
{
	struct taker *t = taker_new(queue, subscription, room, at_once);

	trial_together(home, taker_join, t);
	return t;
}

static inline void taker_leave_now(void *arg)
{
	consumer_leave(&((struct taker *)arg)->consumer);
}

static inline void taker_free(struct taker *t)
{
	char *id = (char *)(uintptr_t)t->consumer.subscription.data;

	free(id);
	free(t);
}

#define await(condition)                                                                           \
	do {                                                                                       \
		int64_t await_until = clock_now() + 30 * CLOCK_SECOND;                             \
		while (!(condition)) {                                                             \
			assert_true(clock_now() < await_until);                                    \
			poll(NULL, 0, 1);                                                          \
		}                                                                                  \
	} while (0)

#define taker_await(t, number) await(atomic_load(&(t)->count) >= (number))

static inline void taker_conclude(struct taker *t, int index, enum delivery_state state)
{
	struct lease *lease = t->taken[index].lease;

	assert_non_null(lease);
	t->taken[index].lease = NULL;
	lease_conclude(lease, &(struct outcome){.state = state, .latency_ms = -1});
}

/* It leaves when what it has is concluded. */
static inline void taker_stop(struct taker *t)
{
	trial_together(home, taker_leave_now, t);
	await(atomic_load(&t->left));
	taker_free(t);
}

#endif
