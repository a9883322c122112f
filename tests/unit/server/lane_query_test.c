/* The query lane against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define MANY 300

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	test_postgres_stop(&postgres);
	return 0;
}

/* A group is one transaction, whose time is that of its first statement. */
static const struct statement echo_time = {
	"echo_time", "SELECT $1 || ' ' || extract(epoch FROM now())", 1};
static const struct statement divide = {"divide", "SELECT 100 / $1::int", 1};
static const struct statement sleep_for = {"sleep_for", "SELECT pg_sleep($1::float8)", 1};
static const struct statement one = {"one", "SELECT 1", 0};
static const struct statement missing = {"missing", "SELECT * FROM there_is_no_such_table", 0};

static char numbers[MANY][12];
static struct ask asks[MANY];

static void prepare_many(const struct statement *s)
{
	for (int i = 0; i < MANY; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
		ask_prepare(&asks[i], s, TRIAL_FOREVER, numbers[i], NULL);
	}
}

static void query_many(void *arg)
{
	for (int i = 0; i < MANY; i++)
		CHECK(lane_query(lanes, &asks[i].job));
}

static void many_queries_of_one_round_share_a_group_and_get_their_own_answers(void **state)
{
	ask_prepare(&asks[0], &one, TRIAL_FOREVER, NULL, NULL);
	ask_query(lanes, &asks[0]);
	prepare_many(&echo_time);
	trial_together(lane_loop(lanes, 0), query_many, NULL);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(ending_await(&asks[i].ending), STATUS_OK);
		assert_int_equal(atoi(asks[i].ending.value), i);
		assert_string_equal(
			strchr(asks[i].ending.value, ' '), strchr(asks[0].ending.value, ' '));
	}
}

static void an_error_in_a_group_leaves_the_others_right(void **state)
{
	char expected[16];
	prepare_many(&divide);
	for (int i = 1; i < MANY; i++)
		asks[i].parameters[0] = TEXT("7");
	asks[100].parameters[0] = asks[200].parameters[0] = TEXT("0");
	trial_together(lane_loop(lanes, 0), query_many, NULL);
	snprintf(expected, sizeof(expected), "%d", 100 / 7);
	for (int i = 0; i < MANY; i++) {
		bool bad = i == 0 || i == 100 || i == 200;
		assert_int_equal(
			ending_await(&asks[i].ending), bad ? STATUS_INVALID_ARGUMENT : STATUS_OK);
		if (!bad)
			assert_string_equal(asks[i].ending.value, expected);
	}
}

static void a_statement_that_cannot_be_prepared_fails_alone_and_without_its_sql(void **state)
{
	static const struct statement fresh = {"fresh", "SELECT 'fresh'", 0};
	prepare_many(&echo_time);
	ask_prepare(&asks[10], &missing, TRIAL_FOREVER, NULL, NULL);
	/* Prepared for the first time behind the error. */
	ask_prepare(&asks[20], &fresh, TRIAL_FOREVER, NULL, NULL);
	trial_together(lane_loop(lanes, 0), query_many, NULL);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(
			ending_await(&asks[i].ending), i == 10 ? STATUS_INTERNAL : STATUS_OK);
	assert_null(strstr(asks[10].ending.message, "table"));
	assert_string_equal(asks[20].ending.value, "fresh");
}

static void statements_without_a_name_share_groups_with_those_that_have_one(void **state)
{
	static const struct statement unnamed = {NULL, "SELECT coalesce($2, 'null') || $1", 2};
	static const struct statement unnamed_divide = {NULL, "SELECT 100 / $1::int", 1};
	static const struct statement wrong = {NULL, "SELECT * FROM there_is_no_such_table", 0};
	/* SQLSTATE 0A000, as of a preparation that is out of date. */
	static const struct statement odd = {NULL, "SELECT 1 UNION SELECT 2 FOR UPDATE", 0};
	char expected[16];
	prepare_many(&echo_time);
	for (int i = 0; i < MANY; i += 2)
		asks[i].job.statement = &unnamed;
	asks[50].job.statement = &wrong;
	asks[60].job.statement = &odd;
	ask_prepare(&asks[100], &unnamed_divide, TRIAL_FOREVER, "0", NULL);
	trial_together(lane_loop(lanes, 0), query_many, NULL);
	for (int i = 0; i < MANY; i++) {
		enum status_code code = i == 50 || i == 60 ? STATUS_INTERNAL
					: i == 100         ? STATUS_INVALID_ARGUMENT
							   : STATUS_OK;
		assert_int_equal(ending_await(&asks[i].ending), code);
		snprintf(expected, sizeof(expected), "null%d", i);
		if (code == STATUS_OK && i % 2 == 0)
			assert_string_equal(asks[i].ending.value, expected);
		else if (code == STATUS_OK)
			assert_int_equal(atoi(asks[i].ending.value), i);
	}
}

static void a_statement_is_prepared_again_when_its_table_has_changed(void **state)
{
	static const struct statement all = {"all_of_growing", "SELECT * FROM growing", 0};
	struct ask a;
	test_sql(url, "CREATE TABLE growing (a text); INSERT INTO growing VALUES ('x');"
		      "GRANT SELECT ON growing TO junction_app");
	for (int i = 0; i < 3; i++) {
		ask_prepare(&a, &all, TRIAL_FOREVER, NULL, NULL);
		assert_int_equal(ask_query(lanes, &a), STATUS_OK);
		assert_string_equal(a.ending.value, i == 0 ? "x" : i == 1 ? "1" : "2");
		test_sql(url, i == 0 ? "ALTER TABLE growing ALTER a TYPE int USING 1"
				     : "ALTER TABLE growing ALTER a TYPE text USING '2'");
	}
}

static void a_statement_is_prepared_again_when_it_has_been_dropped(void **state)
{
	static const struct statement drop = {"drop_all", "DEALLOCATE ALL", 0};
	struct ask a;
	ask_prepare(&a, &drop, TRIAL_FOREVER, NULL, NULL);
	assert_int_equal(ask_query(lanes, &a), STATUS_OK);
	prepare_many(&echo_time);
	query_many(NULL);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(ending_await(&asks[i].ending), STATUS_OK);
}

static void nulls_and_large_texts_arrive_as_given(void **state)
{
	static const struct statement lengths = {
		"lengths", "SELECT length($1) || coalesce($2, ' is null'), repeat($1, 2)", 2};
	size_t size = 1000000;
	char *large = malloc(size + 1);
	memset(large, 'x', size);
	large[size] = '\0';
	for (int i = 0; i < 30; i++)
		ask_prepare(&asks[i], &lengths, TRIAL_FOREVER, large, NULL);
	for (int i = 0; i < 30; i++)
		assert_true(lane_query(lanes, &asks[i].job));
	for (int i = 0; i < 30; i++) {
		assert_int_equal(ending_await(&asks[i].ending), STATUS_OK);
		assert_string_equal(asks[i].ending.value, "1000000 is null");
	}
	free(large);
}

static void a_text_that_holds_nul_is_refused_not_cut(void **state)
{
	struct ask a;
	ask_prepare(&a, &echo_time, TRIAL_FOREVER, NULL, NULL);
	a.parameters[0] = TEXT("a\0b");
	assert_int_equal(ask_query(lanes, &a), STATUS_INVALID_ARGUMENT);
}

static const char sleeping[] = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
			       "application_name = 'junctiond' AND query LIKE '%pg_sleep%' AND "
			       "datname = current_database()";

static const char terminate[] =
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND "
	"application_name = 'junctiond' AND query LIKE '%pg_sleep%' AND "
	"datname = current_database()";

static void terminate_sleepers(void)
{
	test_sql(url, terminate);
	test_sql_await(url, sleeping, 0);
}

static void a_job_past_its_deadline_leaves_while_its_statement_runs(void **state)
{
	struct ask blocking, behind;
	ask_prepare(&blocking, &sleep_for, 1500, "50", NULL);
	ask_prepare(&behind, &one, 1500, NULL, NULL);
	assert_true(lane_query(lanes, &blocking.job));
	test_sql_await(url, sleeping, 1);
	assert_true(lane_query(lanes, &behind.job));
	assert_int_equal(ending_await(&blocking.ending), STATUS_DEADLINE_EXCEEDED);
	assert_int_equal(ending_await(&behind.ending), STATUS_DEADLINE_EXCEEDED);
	assert_int_equal(test_sql_number(url, sleeping), 1);
	terminate_sleepers();
}

static void a_cancelled_job_leaves_while_its_statement_runs(void **state)
{
	atomic_bool cancelled = false;
	struct ask a;
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "50", NULL);
	a.job.cancelled = &cancelled;
	assert_true(lane_query(lanes, &a.job));
	test_sql_await(url, sleeping, 1);
	atomic_store(&cancelled, true);
	assert_int_equal(ending_await(&a.ending), STATUS_CANCELLED);
	assert_int_equal(test_sql_number(url, sleeping), 1);
	terminate_sleepers();
}

static void a_read_whose_connection_breaks_is_sent_again(void **state)
{
	struct ask a;
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "0.5", NULL);
	assert_true(lane_query(lanes, &a.job));
	test_sql_await(url, sleeping, 1);
	test_sql(url, terminate);
	assert_int_equal(ending_await(&a.ending), STATUS_OK);
}

static void a_read_is_not_sent_a_third_time(void **state)
{
	struct ask a;
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "50", NULL);
	assert_true(lane_query(lanes, &a.job));
	while (atomic_load(&a.ending.count) == 0)
		test_sql(url, terminate);
	assert_int_equal(a.ending.code, STATUS_UNAVAILABLE);
}

static void fill(void *arg)
{
	int limit = *(int *)arg;
	for (int i = 0; i < limit; i++)
		CHECK(lane_query(lanes, &asks[i].job));
	CHECK(!lane_query(lanes, &asks[limit].job));
}

static void beyond_its_limit_a_lane_refuses_at_once_and_then_takes_jobs_again(void **state)
{
	struct lanes *before = lanes;
	struct lanes_options options = trial_options(url);
	int limit = options.queue_limit = 8;
	lanes = lanes_start(&options);
	for (int round = 0; round < 3; round++) {
		prepare_many(&echo_time);
		trial_together(lane_loop(lanes, 0), fill, &limit);
		for (int i = 0; i < limit; i++)
			assert_int_equal(ending_await(&asks[i].ending), STATUS_OK);
		assert_int_equal(atomic_load(&asks[limit].ending.count), 0);
	}
	lanes_stop(&lanes);
	lanes = before;
}

static void while_postgresql_is_away_jobs_fail_and_the_lanes_are_not_ready(void **state)
{
	struct lanes_options options = trial_options(url);
	struct ask a;
	options.database_url = "host=/tmp/there-is-no-such-folder dbname=none";
	struct lanes *away = lanes_start(&options);
	/* The first may wait for the first attempt, what follows need not. */
	for (int i = 0; i < 3; i++) {
		ask_prepare(&a, &one, TRIAL_FOREVER, NULL, NULL);
		assert_int_equal(ask_query(away, &a), STATUS_UNAVAILABLE);
		assert_string_equal(a.ending.message, "the database is away");
		ask_prepare(&a, &one, TRIAL_FOREVER, NULL, NULL);
		assert_int_equal(ask_change(away, &a), STATUS_UNAVAILABLE);
	}
	assert_false(lanes_ready(away));
	lanes_stop(&away);
}

static void count_thread(void *arg, int thread)
{
	atomic_fetch_add((atomic_int *)arg + thread, 1);
}

static void every_read_connection_is_told_once_and_makes_the_lanes_ready(void **state)
{
	struct lanes_options options = trial_options(url);
	atomic_int told[2] = {0, 0};
	struct lanes *fresh = lanes_start(&options);
	lanes_on_connect(fresh, count_thread, told);
	while (!lanes_ready(fresh) || !atomic_load(&told[0]) || !atomic_load(&told[1]))
		poll(NULL, 0, 5);
	lanes_stop(&fresh);
	assert_int_equal(atomic_load(&told[0]), 1);
	assert_int_equal(atomic_load(&told[1]), 1);
}

static void stopping_waits_for_what_is_in_flight_and_fails_what_is_not(void **state)
{
	struct lanes_options options = trial_options(url);
	struct ask a;
	struct lanes *fresh = lanes_start(&options);
	while (!lanes_ready(fresh))
		poll(NULL, 0, 5);
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "0.5", NULL);
	assert_true(lane_query(fresh, &a.job));
	test_sql_await(url, sleeping, 1);
	lanes_stop(&fresh);
	assert_int_equal(atomic_load(&a.ending.count), 1);
	assert_int_equal(a.ending.code, STATUS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_queries_of_one_round_share_a_group_and_get_their_own_answers),
		cmocka_unit_test(an_error_in_a_group_leaves_the_others_right),
		cmocka_unit_test(
			a_statement_that_cannot_be_prepared_fails_alone_and_without_its_sql),
		cmocka_unit_test(statements_without_a_name_share_groups_with_those_that_have_one),
		cmocka_unit_test(a_statement_is_prepared_again_when_its_table_has_changed),
		cmocka_unit_test(a_statement_is_prepared_again_when_it_has_been_dropped),
		cmocka_unit_test(nulls_and_large_texts_arrive_as_given),
		cmocka_unit_test(a_text_that_holds_nul_is_refused_not_cut),
		cmocka_unit_test(a_job_past_its_deadline_leaves_while_its_statement_runs),
		cmocka_unit_test(a_cancelled_job_leaves_while_its_statement_runs),
		cmocka_unit_test(a_read_whose_connection_breaks_is_sent_again),
		cmocka_unit_test(a_read_is_not_sent_a_third_time),
		cmocka_unit_test(beyond_its_limit_a_lane_refuses_at_once_and_then_takes_jobs_again),
		cmocka_unit_test(while_postgresql_is_away_jobs_fail_and_the_lanes_are_not_ready),
		cmocka_unit_test(every_read_connection_is_told_once_and_makes_the_lanes_ready),
		cmocka_unit_test(stopping_waits_for_what_is_in_flight_and_fails_what_is_not),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
