/* Kept answers: what is found, who fetches and who waits, what makes way and what is cleaned. */
#include "bridge/gateway/cache.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

enum { LOOPS = 3, LONG_MS = 3600000 };

static struct cache_store *store;
static struct loop *loops[LOOPS];

static int start_loops(void **state)
{
	for (int i = 0; i < LOOPS; i++) {
		loops[i] = loop_new("cache test");
		loop_start(loops[i]);
	}
	return 0;
}

static int stop_loops(void **state)
{
	for (int i = 0; i < LOOPS; i++)
		loop_stop(&loops[i]);
	return 0;
}

static int open_store(void **state)
{
	store = cache_memory_open(1024 * 1024);
	return 0;
}

static int close_store(void **state)
{
	cache_close(store);
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

struct asker {
	struct cache_question question; /* first */
	sem_t done;
	bool on_its_loop;
};

static void note(struct cache_question *q)
{
	struct asker *a = (struct asker *)q;
	a->on_its_loop = loop_current() == q->loop;
	sem_post(&a->done);
}

static const struct cache_place demo = {{"default", 7}, {"demo", 4}, {"/v1/list", 8}};

static enum cache_result ask_at(
	struct asker *a, const struct cache_place *place, const char *key, int loop)
{
	*a = (struct asker){.question = {.place = *place,
				    .key = text_of(key),
				    .loop = loops[loop],
				    .done = note,
				    .found = (const struct cached *)1}};
	CHECK(!sem_init(&a->done, 0, 0));
	return cache_ask(store, &a->question);
}

static enum cache_result ask(struct asker *a, const char *key)
{
	return ask_at(a, &demo, key, 0);
}

static void put(struct asker *a, const char *body, int64_t ttl_ms)
{
	const struct cache_header headers[] = {
		{TEXT("Content-Type"), TEXT("text/plain")}, {TEXT("X-Empty"), TEXT("")}};
	cache_put(store, &a->question,
		&(struct cached){.status = 200,
			.headers = headers,
			.header_count = 2,
			.body = text_of(body)},
		ttl_ms);
}

static void assert_answer(struct asker *a, const char *body)
{
	const struct cached *c = a->question.found;
	assert_non_null(c);
	assert_int_equal(c->status, 200);
	assert_int_equal(c->header_count, 2);
	assert_true(text_equal(c->headers[0].name, TEXT("Content-Type")));
	assert_true(text_equal(c->headers[0].value, TEXT("text/plain")));
	assert_true(text_equal(c->headers[1].name, TEXT("X-Empty")));
	assert_int_equal(c->headers[1].value.size, 0);
	assert_true(text_equal(c->body, text_of(body)));
	assert_in_range(clock_now() - c->stored, 0, 100 * CLOCK_SECOND);
	cached_release(&a->question.found);
	assert_null(a->question.found);
}

static void assert_found(const char *key, const char *body)
{
	struct asker a;
	assert_int_equal(ask(&a, key), CACHE_FOUND);
	assert_answer(&a, body);
}

static bool is_kept_at(const struct cache_place *place, const char *key)
{
	struct asker a;
	enum cache_result result = ask_at(&a, place, key, 0);
	if (result == CACHE_FETCH)
		cache_give_up(store, &a.question);
	assert_int_not_equal(result, CACHE_WAIT);
	cached_release(&a.question.found);
	return result == CACHE_FOUND;
}

static bool is_kept(const char *key)
{
	return is_kept_at(&demo, key);
}

static void keep_at(const struct cache_place *place, const char *key, const char *body)
{
	struct asker a;
	assert_int_equal(ask_at(&a, place, key, 0), CACHE_FETCH);
	put(&a, body, LONG_MS);
}

static void keep(const char *key, const char *body)
{
	keep_at(&demo, key, body);
}

static void wait_for(struct asker *a)
{
	while (sem_wait(&a->done))
		;
	CHECK(a->on_its_loop);
}

/* --- keeping ---------------------------------------------------------------------------------- */

static void what_was_put_is_found_as_long_as_it_lives(void **state)
{
	struct asker a;
	assert_int_equal(ask(&a, "k"), CACHE_FETCH);
	assert_null(a.question.found);
	put(&a, "hello", LONG_MS);
	assert_found("k", "hello");
	assert_found("k", "hello");
	assert_false(is_kept("K"));
	assert_int_equal(ask(&a, "short"), CACHE_FETCH);
	put(&a, "short", 0);
	assert_false(is_kept("short"));
}

static void its_time_is_told(void **state)
{
	struct asker a;
	keep("k", "x");
	assert_int_equal(ask(&a, "k"), CACHE_FOUND);
	const struct cached *c = a.question.found;
	assert_int_equal(c->expires - c->stored, LONG_MS * CLOCK_MS);
	cached_release(&a.question.found);
}

static void parts_of_a_name_are_not_mistaken_for_others(void **state)
{
	const struct cache_place places[] = {
		{TEXT("a"), TEXT("b"), TEXT("c")},
		{TEXT("ab"), TEXT(""), TEXT("c")},
		{TEXT("a"), TEXT("bc"), TEXT("")},
		{TEXT(""), TEXT("ab"), TEXT("c")},
		{TEXT("a"), TEXT("b"), TEXT("")},
	};
	for (size_t i = 0; i < 5; i++)
		keep_at(&places[i], "k", "x");
	for (size_t i = 0; i < 5; i++)
		assert_true(is_kept_at(&places[i], "k"));
	assert_false(is_kept_at(&places[4], "ck"));
	assert_false(is_kept_at(&places[4], "c"));
}

static void what_is_held_outlives_the_cache(void **state)
{
	struct asker a;
	keep("k", "hello");
	assert_int_equal(ask(&a, "k"), CACHE_FOUND);
	cache_close(store);
	assert_answer(&a, "hello");
	open_store(NULL);
}

/* --- one fetches, others wait ----------------------------------------------------------------- */

static void those_who_wait_get_it_on_their_loops(void **state)
{
	struct asker first, others[LOOPS];
	assert_int_equal(ask(&first, "k"), CACHE_FETCH);
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(ask_at(&others[i], &demo, "k", i), CACHE_WAIT);
	put(&first, "hello", LONG_MS);
	for (int i = 0; i < LOOPS; i++) {
		wait_for(&others[i]);
		assert_answer(&others[i], "hello");
	}
	assert_found("k", "hello");
}

static void those_who_wait_hear_that_it_was_given_up(void **state)
{
	struct asker first, others[LOOPS];
	assert_int_equal(ask(&first, "k"), CACHE_FETCH);
	for (int i = 0; i < LOOPS; i++)
		assert_int_equal(ask_at(&others[i], &demo, "k", i), CACHE_WAIT);
	cache_give_up(store, &first.question);
	for (int i = 0; i < LOOPS; i++) {
		wait_for(&others[i]);
		assert_null(others[i].question.found);
	}
	keep("k", "later");
	assert_found("k", "later");
}

static void who_is_forgotten_hears_nothing(void **state)
{
	struct asker first, others[3];
	assert_int_equal(ask(&first, "k"), CACHE_FETCH);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&others[i], "k"), CACHE_WAIT);
	for (int i = 1; i >= 0; i--) {
		assert_true(cache_forget(store, &others[i].question));
		memset(&others[i], 0xaa, sizeof(others[i]));
	}
	put(&first, "hello", LONG_MS);
	assert_false(cache_forget(store, &others[2].question));
	wait_for(&others[2]);
	assert_answer(&others[2], "hello");
}

/* --- room ------------------------------------------------------------------------------------- */

enum { BODY = 8000 };

static void what_was_used_the_longest_ago_makes_way(void **state)
{
	char body[BODY + 1], key[16];
	memset(body, 'x', BODY);
	body[BODY] = '\0';
	keep("old", body);
	keep("older", body);
	for (int i = 0; i < 120; i++) {
		snprintf(key, sizeof(key), "%d", i);
		keep(key, body);
	}
	assert_true(is_kept("old"));
	for (int i = 120; i < 140; i++) {
		snprintf(key, sizeof(key), "%d", i);
		keep(key, body);
	}
	assert_true(is_kept("old"));
	assert_false(is_kept("older"));
	assert_false(is_kept("0"));
	assert_true(is_kept("139"));
}

static void small_ones_cost_more_than_their_bodies(void **state)
{
	char key[16];
	int kept = 0;
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		keep(key, "");
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		kept += is_kept(key);
	}
	assert_in_range(kept, 1000, 1024 * 1024 / 256);
}

static void what_is_too_great_goes_to_those_who_wait_only(void **state)
{
	struct asker first, other;
	char *body = check_malloc(1024 * 1024 + 1);
	memset(body, 'x', 1024 * 1024);
	body[1024 * 1024] = '\0';
	keep("k", "x");
	assert_int_equal(ask(&first, "great"), CACHE_FETCH);
	assert_int_equal(ask(&other, "great"), CACHE_WAIT);
	put(&first, body, LONG_MS);
	wait_for(&other);
	assert_answer(&other, body);
	assert_false(is_kept("great"));
	assert_true(is_kept("k"));
	free(body);
}

/* --- cleaning --------------------------------------------------------------------------------- */

static const struct cache_place places[] = {
	{{"default", 7}, {"demo", 4}, {"/v1/list", 8}},
	{{"default", 7}, {"demo", 4}, {"/v1/get", 7}},
	{{"default", 7}, {"other", 5}, {"/v1/list", 8}},
	{{"space", 5}, {"demo", 4}, {"/v1/list", 8}},
};
enum { PLACES = 4 };

/* "1010": of which places something is kept afterwards. */
static void assert_cleaned(
	const char *space, const char *service, const char *rule, const char *left)
{
	for (int i = 0; i < PLACES; i++) {
		for (int k = 0; k < 3; k++) {
			const char *keys[] = {"a", "b", "c"};
			if (!is_kept_at(&places[i], keys[k]))
				keep_at(&places[i], keys[k], "x");
		}
	}
	cache_clean(store, &(struct cache_place){text_of(space), text_of(service), text_of(rule)});
	for (int i = 0; i < PLACES; i++) {
		assert_int_equal(is_kept_at(&places[i], "a"), left[i] == '1');
		assert_int_equal(is_kept_at(&places[i], "c"), left[i] == '1');
	}
}

static void a_rule_a_service_or_all_is_cleaned(void **state)
{
	assert_cleaned("default", "demo", "/v1/list", "0111");
	assert_cleaned("default", "demo", "", "0011");
	assert_cleaned("default", "Demo", "", "0011");
	assert_cleaned("default", "nobody", "", "1111");
	assert_cleaned("default", "demo", "/v1", "1111");
	assert_cleaned("space", "demo", "/v1/list", "1110");
	assert_cleaned("", "", "", "0000");
}

static void what_is_cleaned_while_it_is_fetched_is_not_kept(void **state)
{
	struct asker first, waiting, second, third;
	assert_int_equal(ask(&first, "k"), CACHE_FETCH);
	assert_int_equal(ask_at(&waiting, &demo, "k", 1), CACHE_WAIT);
	cache_clean(store, &demo);
	/* Who asks now does not want what was asked for before. */
	assert_int_equal(ask(&second, "k"), CACHE_FETCH);
	assert_int_equal(ask_at(&third, &demo, "k", 2), CACHE_WAIT);
	put(&first, "before", LONG_MS);
	wait_for(&waiting);
	assert_answer(&waiting, "before");
	put(&second, "after", LONG_MS);
	wait_for(&third);
	assert_answer(&third, "after");
	assert_found("k", "after");
}

static void what_is_cleaned_may_be_given_up_or_forgotten(void **state)
{
	struct asker first, waiting, forgotten;
	assert_int_equal(ask(&first, "k"), CACHE_FETCH);
	assert_int_equal(ask_at(&waiting, &demo, "k", 1), CACHE_WAIT);
	assert_int_equal(ask(&forgotten, "k"), CACHE_WAIT);
	cache_clean(store, &(struct cache_place){0});
	assert_true(cache_forget(store, &forgotten.question));
	cache_give_up(store, &first.question);
	wait_for(&waiting);
	assert_null(waiting.question.found);
}

/* --- threads ---------------------------------------------------------------------------------- */

enum { THREADS = 6, ROUNDS = 3000 };

static atomic_int fetching[4];

/* Of those who fetch the same there is one at a time. */
static void fetch(struct asker *a, int key, unsigned round)
{
	CHECK(atomic_fetch_add(&fetching[key], 1) == 0);
	sched_yield();
	CHECK(atomic_fetch_sub(&fetching[key], 1) == 1);
	if (round % 7 == 0)
		cache_give_up(store, &a->question);
	else
		put(a, round % 3 ? "hello" : "good bye", round % 5 ? LONG_MS : 0);
}

static void *use_it(void *number)
{
	unsigned seed = (unsigned)(uintptr_t)number;
	for (unsigned i = 0; i < ROUNDS; i++) {
		static const char *const keys[] = {"a", "b", "c", "d"};
		struct asker a;
		seed = seed * 1103515245 + 12345;
		int key = (int)(seed >> 16) % 4;
		enum cache_result result = ask_at(&a, &demo, keys[key], (int)(seed >> 20) % LOOPS);
		if (result == CACHE_FETCH)
			fetch(&a, key, i);
		else if (result == CACHE_WAIT && (seed >> 24) % 4 == 0 &&
			 cache_forget(store, &a.question))
			continue;
		else if (result == CACHE_WAIT)
			wait_for(&a);
		cached_release(&a.question.found);
	}
	return NULL;
}

static void threads_fetch_once_at_a_time(void **state)
{
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_it, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void *clean_it(void *stop)
{
	while (!atomic_load((atomic_bool *)stop)) {
		cache_clean(store, &demo);
		cache_clean(store, &(struct cache_place){0});
		sched_yield();
	}
	return NULL;
}

static void *use_cleaned(void *number)
{
	unsigned seed = (unsigned)(uintptr_t)number;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct asker a;
		seed = seed * 1103515245 + 12345;
		enum cache_result result = ask_at(&a, &demo, seed >> 17 & 1 ? "a" : "b", 0);
		if (result == CACHE_FETCH && i % 5 == 0)
			cache_give_up(store, &a.question);
		else if (result == CACHE_FETCH)
			put(&a, "hello", LONG_MS);
		else if (result == CACHE_WAIT)
			wait_for(&a);
		cached_release(&a.question.found);
	}
	return NULL;
}

static void threads_use_it_while_it_is_cleaned(void **state)
{
	pthread_t threads[THREADS], cleaner;
	atomic_bool stop = false;
	assert_int_equal(pthread_create(&cleaner, NULL, clean_it, &stop), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, use_cleaned, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(cleaner, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_found_as_long_as_it_lives),
		TEST(its_time_is_told),
		TEST(parts_of_a_name_are_not_mistaken_for_others),
		TEST(what_is_held_outlives_the_cache),
		TEST(those_who_wait_get_it_on_their_loops),
		TEST(those_who_wait_hear_that_it_was_given_up),
		TEST(who_is_forgotten_hears_nothing),
		TEST(what_was_used_the_longest_ago_makes_way),
		TEST(small_ones_cost_more_than_their_bodies),
		TEST(what_is_too_great_goes_to_those_who_wait_only),
		TEST(a_rule_a_service_or_all_is_cleaned),
		TEST(what_is_cleaned_while_it_is_fetched_is_not_kept),
		TEST(what_is_cleaned_may_be_given_up_or_forgotten),
		TEST(threads_fetch_once_at_a_time),
		TEST(threads_use_it_while_it_is_cleaned),
	};
	return cmocka_run_group_tests(tests, start_loops, stop_loops);
}
