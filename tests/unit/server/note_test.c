/* Rows that nobody waits for, against a real PostgreSQL that goes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"
#include "server/lane/note.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

enum { MANY = 300, THREADS = 4 };

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static const struct statement add_row = {"add_row",
	"WITH input AS (SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY "
	"AS u(id, value, position)), "
	"done AS (INSERT INTO noted SELECT id, value FROM input ON CONFLICT DO NOTHING) "
	"SELECT position FROM input",
	2};
static const struct append_log noted = {.statement = &add_row, .columns = 2, .batch = 64};

static void run_lanes(int queue_limit)
{
	struct lanes_options options = trial_options(url);
	options.queue_limit = queue_limit;
	lanes = lanes_start(&options);
	CHECK(lanes);
	notes_start(lanes);
}

static void stop_lanes(void)
{
	notes_finish(clock_now() + 30 * CLOCK_SECOND);
	lanes_stop(&lanes);
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	test_sql(url,
		"CREATE TABLE noted (id text PRIMARY KEY, value text CHECK (value <> 'bad'));");
	struct lanes_options options = trial_options(url); /* the roles */
	CHECK(options.database_url);
	test_sql(url, "GRANT ALL ON noted TO junction_app");
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static int empty(void **state)
{
	test_sql(url, "TRUNCATE noted");
	return 0;
}

static long lost(void)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	metric_render(&b);
	buffer_add_char(&b, '\0');
	const char *line = strstr(b.data, "\njunction_notes_lost_total ");
	CHECK(line);
	long number = atol(strchr(line, ' '));
	arena_free(&a);
	return number;
}

/* What it is given is gone when it returns. */
static void put(const char *id, const char *value)
{
	char *copies[] = {strdup(id), value ? strdup(value) : NULL};
	struct text columns[] = {text_of(copies[0]), text_of(copies[1])};
	note(&noted, TEXT(""), columns);
	for (int i = 0; i < 2; i++) {
		if (copies[i])
			memset(copies[i], '#', strlen(copies[i]));
		free(copies[i]);
	}
}

static void *put_many(void *arg)
{
	char id[32];
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "%s-%d", (const char *)arg, i);
		put(id, i % 2 ? "some" : NULL);
	}
	return NULL;
}

static void put_from_all_threads(void)
{
	static const char *const names[THREADS] = {"a", "b", "c", "d"};
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, put_many, (void *)names[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void rows_of_any_thread_arrive(void **state)
{
	run_lanes(4096);
	long before = lost();
	put_from_all_threads();
	stop_lanes();
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM noted"), THREADS * MANY);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM noted WHERE value = 'some'"),
		THREADS * MANY / 2);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM noted WHERE id ~ '#'"), 0);
	assert_int_equal(lost(), before);
}

static void what_a_full_lane_refuses_comes_later(void **state)
{
	run_lanes(64);
	long before = lost();
	put_from_all_threads();
	test_sql_await(url, "SELECT count(*) FROM noted", THREADS * MANY);
	stop_lanes();
	assert_int_equal(lost(), before);
}

static void rows_wait_while_the_database_is_away(void **state)
{
	run_lanes(4096);
	long before = lost();
	put("first", NULL);
	test_sql_await(url, "SELECT count(*) FROM noted", 1);
	test_postgres_kill(postgres);
	put_from_all_threads();
	test_postgres_restart(postgres);
	test_sql_await(url, "SELECT count(*) FROM noted", 1 + THREADS * MANY);
	stop_lanes();
	assert_int_equal(lost(), before);
}

static void a_row_that_the_database_refuses_is_counted_and_takes_no_other_along(void **state)
{
	run_lanes(4096);
	long before = lost();
	put("good", "some");
	put("wrong", "bad");
	put("good too", "some");
	stop_lanes();
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM noted"), 2);
	assert_int_equal(lost(), before + 1);
}

static void the_end_does_not_wait_for_a_database_that_is_away(void **state)
{
	run_lanes(4096);
	long before = lost();
	put("first", NULL);
	test_sql_await(url, "SELECT count(*) FROM noted", 1);
	test_postgres_kill(postgres);
	put("never", NULL);
	int64_t begun = clock_now();
	notes_finish(clock_now() + 200 * CLOCK_MS);
	assert_true(clock_now() - begun < 5 * CLOCK_SECOND);
	lanes_stop(&lanes);
	assert_int_equal(lost(), before + 1);
	/* There are no lanes any more. */
	put("later", NULL);
	assert_int_equal(lost(), before + 2);
	test_postgres_restart(postgres);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rows_of_any_thread_arrive, empty),
		cmocka_unit_test_setup(what_a_full_lane_refuses_comes_later, empty),
		cmocka_unit_test_setup(rows_wait_while_the_database_is_away, empty),
		cmocka_unit_test_setup(
			a_row_that_the_database_refuses_is_counted_and_takes_no_other_along, empty),
		cmocka_unit_test_setup(the_end_does_not_wait_for_a_database_that_is_away, empty),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
