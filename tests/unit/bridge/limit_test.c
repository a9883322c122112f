/* How many requests are allowed: against a model that remembers every one of them. */
#include "bridge/gateway/limit.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"

#define START  (1000 * CLOCK_SECOND)
#define WINDOW (60 * CLOCK_SECOND)

static struct limit_store *store;

static int open_store(void **state)
{
	store = limit_memory_open(100000);
	return 0;
}

static int close_store(void **state)
{
	limit_close(store);
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

struct asked {
	struct limit_question question; /* first */
	struct limit_verdict verdict;
	bool answered;
};

static void note(struct limit_question *q, const struct limit_verdict *verdict, const char *error)
{
	struct asked *asked = (struct asked *)q;
	CHECK(!asked->answered && !error);
	asked->answered = true;
	asked->verdict = *verdict;
}

static struct limit_verdict ask(const char *key, struct limit_rate rate, int64_t now)
{
	struct asked asked = {
		.question = {.key = text_of(key), .rate = rate, .now = now, .done = note}};
	limit_ask(store, &asked.question);
	CHECK(asked.answered);
	return asked.verdict;
}

/* --- the model -------------------------------------------------------------------------------- */

enum { TIMES_MOST = 200000 };

struct model {
	struct limit_rate rate;
	int64_t window;
	int64_t *times; /* of those that were allowed */
	size_t count;
};

static struct model model_of(int64_t limit, int64_t window_ms)
{
	return (struct model){.rate = {limit, window_ms},
		.window = window_ms * CLOCK_MS,
		.times = check_malloc(TIMES_MOST * sizeof(int64_t))};
}

/* In the window that ends with now, and belongs to it with its end only. */
static size_t in_window(const struct model *m, int64_t now, int64_t window)
{
	size_t n = 0;
	while (n < m->count && now - m->times[m->count - 1 - n] < window)
		n++;
	return n;
}

static void allow(struct model *m, int64_t now)
{
	CHECK(m->count < TIMES_MOST);
	m->times[m->count++] = now;
}

static struct limit_verdict expect(struct model *m, int64_t now)
{
	size_t limit = (size_t)m->rate.limit;
	struct limit_verdict v = {.allowed = in_window(m, now, m->window) < limit};
	if (v.allowed)
		allow(m, now);
	v.remaining = m->rate.limit - (int64_t)in_window(m, now, m->window);
	v.reset_ns = m->times[m->count - 1] + m->window - now;
	if (!v.remaining)
		v.retry_ns = m->times[m->count - limit] + m->window - now;
	return v;
}

static void assert_same(struct limit_verdict a, struct limit_verdict b)
{
	assert_int_equal(a.allowed, b.allowed);
	assert_int_equal(a.remaining, b.remaining);
	assert_int_equal(a.reset_ns, b.reset_ns);
	assert_int_equal(a.retry_ns, b.retry_ns);
}

/* --- arrivals --------------------------------------------------------------------------------- */

static uint64_t seed;

/* splitmix64: seeds that follow each other draw differently. */
static uint64_t draw(uint64_t below)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

/* Bursts, an even stream, and silence, about as much as is allowed. */
static int64_t next_arrival(int64_t now, const struct model *m)
{
	int64_t even = m->window / m->rate.limit;
	switch (draw(8)) {
	case 0:
		return now;
	case 1:
		return now + 1;
	case 2:
		return now + (int64_t)draw((uint64_t)m->window / 16 + 1);
	case 3:
		return draw(16) ? now : now + (int64_t)draw((uint64_t)m->window * 2);
	default:
		return now + (int64_t)draw((uint64_t)even * 2 + 1);
	}
}

/* --- exact ------------------------------------------------------------------------------------ */

static void all_of_limit_at_once_then_one_for_each_that_leaves(void **state)
{
	struct limit_rate rate = {30, 60000};
	for (int i = 0; i < 30; i++) {
		struct limit_verdict v = ask("a", rate, START + i * CLOCK_SECOND);
		assert_true(v.allowed);
		assert_int_equal(v.remaining, 29 - i);
		assert_int_equal(v.reset_ns, WINDOW);
		assert_int_equal(v.retry_ns, i < 29 ? 0 : WINDOW - 29 * CLOCK_SECOND);
	}
	struct limit_verdict v = ask("a", rate, START + 30 * CLOCK_SECOND);
	assert_false(v.allowed);
	assert_int_equal(v.remaining, 0);
	assert_int_equal(v.retry_ns, 30 * CLOCK_SECOND);
	assert_int_equal(v.reset_ns, 59 * CLOCK_SECOND);
	assert_false(ask("a", rate, START + WINDOW - 1).allowed);
	assert_true(ask("a", rate, START + WINDOW).allowed);
	assert_false(ask("a", rate, START + WINDOW).allowed);
	assert_true(ask("a", rate, START + WINDOW + CLOCK_SECOND).allowed);
}

static void what_is_refused_is_not_counted(void **state)
{
	struct limit_rate rate = {1, 1000};
	assert_true(ask("a", rate, START).allowed);
	for (int i = 0; i < 1000; i++)
		assert_false(ask("a", rate, START + i * CLOCK_MS).allowed);
	assert_true(ask("a", rate, START + CLOCK_SECOND).allowed);
}

static void keys_are_counted_apart(void **state)
{
	struct limit_rate rate = {1, 1000};
	assert_true(ask("a", rate, START).allowed);
	assert_true(ask("A", rate, START).allowed);
	assert_true(ask("", rate, START).allowed);
	assert_false(ask("a", rate, START).allowed);
	assert_false(ask("", rate, START).allowed);
}

static void it_is_as_the_model_says(void **state)
{
	static const int64_t limits[] = {1, 2, 3, 7, 30, 100, LIMIT_EXACT - 1, LIMIT_EXACT};
	static const int64_t windows[] = {1, 10, 1000, 60000, 86400000};
	for (uint64_t i = 1; i <= 400; i++) {
		seed = i;
		struct model m = model_of(limits[draw(8)], windows[draw(5)]);
		int64_t now = START + (int64_t)draw(1000000000);
		for (int n = 0; n < 1000; n++, now = next_arrival(now, &m))
			assert_same(ask("k", m.rate, now), expect(&m, now));
		free(m.times);
		limit_close(store);
		open_store(NULL);
	}
}

/* --- high limits ------------------------------------------------------------------------------ */

/* Whether it refuses until then, and not longer. */
static void check_retry(const char *key, struct model *m, int64_t *now, int64_t retry)
{
	assert_true(retry > 0);
	assert_false(ask(key, m->rate, *now + retry - 1).allowed);
	*now += retry;
	assert_true(ask(key, m->rate, *now).allowed);
	allow(m, *now);
}

static void try_high(int64_t limit, int64_t window_ms, int rounds)
{
	struct model m = model_of(limit, window_ms);
	int64_t now = START, late = 2 * (m.window / (LIMIT_EXACT - 1)) + LIMIT_EXACT;
	for (int i = 0; i < rounds; i++, now = next_arrival(now, &m)) {
		struct limit_verdict v = ask("k", m.rate, now);
		size_t before = in_window(&m, now, m.window + late);
		if (v.allowed)
			allow(&m, now);
		size_t counted = in_window(&m, now, m.window);
		assert_true(counted <= (size_t)limit);
		/* A refusal has its reason in little more than a window. */
		assert_true(v.allowed || before >= (size_t)limit);
		assert_true(v.remaining <= limit - (int64_t)counted);
		assert_int_equal(v.retry_ns > 0, v.remaining == 0);
		assert_int_equal(v.reset_ns, m.times[m.count - 1] + m.window - now);
		if (v.retry_ns && !draw(20))
			check_retry("k", &m, &now, v.retry_ns);
	}
	free(m.times);
	limit_close(store);
	open_store(NULL);
}

static void a_high_limit_is_never_exceeded_and_nearly_reached(void **state)
{
	static const int64_t limits[] = {LIMIT_EXACT + 1, 200, 1000, 3000};
	static const int64_t windows[] = {1, 10, 1000, 3600000};
	for (uint64_t i = 1; i <= 100; i++) {
		seed = i;
		int64_t limit = limits[draw(4)];
		try_high(limit, windows[draw(4)], 10000);
	}
}

static void a_high_limit_lets_all_through_at_once_and_again_later(void **state)
{
	struct limit_rate rate = {100000, 1000};
	for (int round = 0; round < 3; round++) {
		int64_t now = START + round * CLOCK_SECOND;
		for (int i = 0; i < 100000; i++)
			assert_true(ask("a", rate, now).allowed);
		assert_false(ask("a", rate, now).allowed);
		assert_false(ask("a", rate, now + CLOCK_SECOND - 1).allowed);
	}
}

/* However many there are, and also if the limit was lower before. */
static void a_key_costs_no_more_than_its_entries(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	struct limit_rate low = {LIMIT_EXACT, 1000}, high = {1000000, 1000};
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < LIMIT_EXACT; i++)
		assert_true(ask("a", low, START + i).allowed);
	for (int i = 0; i < 100000; i++)
		assert_true(ask("a", high, START + CLOCK_MS + i * 10000).allowed);
	assert_true(mallinfo2().uordblks - before < LIMIT_EXACT * 16 + 1024);
}

static void a_limit_that_becomes_less_holds_at_once(void **state)
{
	struct limit_rate high = {1000, 1000}, low = {10, 1000};
	for (int i = 0; i < 500; i++)
		assert_true(ask("a", high, START + i * CLOCK_MS).allowed);
	struct limit_verdict v = ask("a", low, START + 500 * CLOCK_MS);
	assert_false(v.allowed);
	assert_int_equal(v.remaining, 0);
	int64_t now = START + 500 * CLOCK_MS + v.retry_ns;
	assert_false(ask("a", low, now - 1).allowed);
	assert_true(ask("a", low, now).allowed);
	assert_true(now <= START + 1500 * CLOCK_MS && now >= START + 1490 * CLOCK_MS);
}

/* --- time and threads ------------------------------------------------------------------------- */

static void a_time_that_comes_late_counts_as_the_newest(void **state)
{
	struct limit_rate rate = {2, 1000};
	assert_true(ask("a", rate, START + 100).allowed);
	struct limit_verdict v = ask("a", rate, START);
	assert_true(v.allowed);
	assert_int_equal(v.reset_ns, CLOCK_SECOND);
	assert_false(ask("a", rate, START + CLOCK_SECOND + 99).allowed);
	assert_true(ask("a", rate, START + CLOCK_SECOND + 100).allowed);
}

enum { THREADS = 8, ASKS = 2000, SHARED_KEYS = 4 };

static void *ask_often(void *allowed)
{
	size_t *counts = allowed;
	for (int i = 0; i < ASKS * SHARED_KEYS; i++) {
		static const char *const keys[SHARED_KEYS] = {"a", "b", "c", "d"};
		struct limit_rate rate = {i % SHARED_KEYS ? 1000 : 100, 86400000};
		counts[i % SHARED_KEYS] += ask(keys[i % SHARED_KEYS], rate, clock_now()).allowed;
	}
	return NULL;
}

static void threads_together_are_allowed_as_many_as_one(void **state)
{
	pthread_t threads[THREADS];
	size_t allowed[THREADS][SHARED_KEYS] = {0};
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, allowed[i]), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int k = 0; k < SHARED_KEYS; k++) {
		size_t sum = 0;
		for (int i = 0; i < THREADS; i++)
			sum += allowed[i][k];
		assert_int_equal(sum, k ? 1000 : 100);
	}
}

/* --- many keys -------------------------------------------------------------------------------- */

static bool is_counted(int key, int64_t now)
{
	char name[16];
	snprintf(name, sizeof(name), "%d", key);
	return ask(name, (struct limit_rate){5, 1000}, now).remaining < 5;
}

static void beyond_most_keys_nothing_is_refused_until_some_are_full_again(void **state)
{
	struct limit_store *whole = store;
	struct arena *a = arena_new(0);
	struct buffer text = {.arena = a};
	store = limit_memory_open(10);
	for (int i = 0; i < 10; i++)
		assert_true(is_counted(i, START));
	for (int i = 10; i < 20; i++)
		assert_false(is_counted(i, START + CLOCK_SECOND - 1));
	assert_true(is_counted(3, START + CLOCK_SECOND - 1)); /* still known */
	for (int i = 20; i < 29; i++)
		assert_true(is_counted(i, START + CLOCK_SECOND));
	assert_false(is_counted(30, START + CLOCK_SECOND));
	metric_render(&text);
	buffer_add_char(&text, '\0');
	assert_non_null(strstr(text.data, "\njunction_gateway_limit_uncounted_total 11\n"));
	limit_close(store);
	store = whole;
	arena_free(&a);
}

static void room_is_found_where_there_is_any(void **state)
{
	struct limit_store *whole = store;
	store = limit_memory_open(10);
	assert_true(is_counted(0, START));
	for (int i = 1; i < 10; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", i);
		ask(name, (struct limit_rate){5, 3600000}, START);
	}
	assert_true(is_counted(10, START + CLOCK_SECOND));
	assert_true(is_counted(11, START + 2 * CLOCK_SECOND));
	assert_true(is_counted(12, START + 3 * CLOCK_SECOND));
	limit_close(store);
	store = whole;
}

static void many_keys_are_in_as_many_shards_as_there_is_room_for(void **state)
{
	for (int i = 0; i < 50000; i++)
		assert_true(is_counted(i, START));
	for (int i = 0; i < 50000; i++)
		assert_true(is_counted(i, START + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_of_limit_at_once_then_one_for_each_that_leaves,
			open_store, close_store),
		cmocka_unit_test_setup_teardown(
			what_is_refused_is_not_counted, open_store, close_store),
		cmocka_unit_test_setup_teardown(keys_are_counted_apart, open_store, close_store),
		cmocka_unit_test_setup_teardown(it_is_as_the_model_says, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			a_high_limit_is_never_exceeded_and_nearly_reached, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			a_high_limit_lets_all_through_at_once_and_again_later, open_store,
			close_store),
		cmocka_unit_test_setup_teardown(
			a_key_costs_no_more_than_its_entries, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			a_limit_that_becomes_less_holds_at_once, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			a_time_that_comes_late_counts_as_the_newest, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			threads_together_are_allowed_as_many_as_one, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			beyond_most_keys_nothing_is_refused_until_some_are_full_again, open_store,
			close_store),
		cmocka_unit_test_setup_teardown(
			room_is_found_where_there_is_any, open_store, close_store),
		cmocka_unit_test_setup_teardown(
			many_keys_are_in_as_many_shards_as_there_is_room_for, open_store,
			close_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
