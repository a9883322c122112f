/* The search lane against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define CONNECTIONS 2
#define HANGING     8
#define TIMEOUT_MS  60000
#define NO_TIME     200

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	options.threads = 1;
	options.change_connections = 1;
	options.search_connections = CONNECTIONS;
	options.search_timeout_ms = TIMEOUT_MS;
	test_sql(url, "CREATE TABLE entry (value text); GRANT ALL ON entry TO junction_app");
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	test_postgres_stop(&postgres);
	return 0;
}

static const struct statement sleep_for = {NULL, "SELECT pg_sleep($1::float8)", 1};
static const struct statement one = {NULL, "SELECT 1", 0};
static const struct statement insert_entry = {
	"insert_entry", "INSERT INTO entry VALUES ($1) RETURNING value", 1};
static const struct statement insert_entries = {"insert_entries",
	"WITH input AS (SELECT * FROM unnest($1::text[]) WITH ORDINALITY AS u (value, position)), "
	"done AS (INSERT INTO entry SELECT value FROM input) SELECT position, value FROM input",
	1};
static const struct append_log entries = {.statement = &insert_entries, .columns = 1, .batch = 8};

#define SLEEPING                                                                                   \
	"FROM pg_stat_activity WHERE state = 'active' AND application_name = 'junctiond' AND "     \
	"query LIKE '%pg_sleep($1%' AND datname = current_database()"

static const char sleeping[] = "SELECT count(*) " SLEEPING;
static const char terminate[] = "SELECT pg_terminate_backend(pid) " SLEEPING;
static const struct statement count_sleeping = {
	NULL, "SELECT count(*) " SLEEPING " AND pid <> pg_backend_pid()", 0};

static enum status_code search(struct ask *a, const struct statement *s, const char *parameter)
{
	ask_prepare(a, s, TRIAL_FOREVER, parameter, NULL);
	return ask_search(lanes, a);
}

static void statements_made_for_a_call_leave_nothing_behind(void **state)
{
	static struct statement made[CONNECTIONS * 1500];
	static const struct statement count_prepared = {NULL,
		"SELECT count(*) FROM pg_prepared_statements WHERE name <> 'lane_set_timeout'", 0};
	struct ask a;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		made[i] = (struct statement){
			NULL, i % 2 ? "SELECT $1 || left($2, 0)" : "SELECT $2 || $1", 2};
		ask_prepare(&a, &made[i], TRIAL_FOREVER, "x", "y");
		assert_int_equal(ask_search(lanes, &a), STATUS_OK);
		assert_string_equal(a.ending.value, i % 2 ? "x" : "yx");
	}
	assert_int_equal(search(&a, &count_prepared, NULL), STATUS_OK);
	assert_string_equal(a.ending.value, "0");
}

static void a_search_cannot_write(void **state)
{
	struct ask a;
	assert_int_equal(search(&a, &insert_entry, "x"), STATUS_UNAVAILABLE);
	assert_string_equal(a.ending.message, "the database is read-only");
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 0);
}

static void one_that_takes_too_long_is_told_what_to_do(void **state)
{
	struct lanes_options options = trial_options(url);
	struct ask a, patient;
	options.search_timeout_ms = NO_TIME;
	struct lanes *hasty = lanes_start(&options);
	/* The time of searches is not that of changes. */
	ask_prepare(&patient, &sleep_for, TRIAL_FOREVER, "0.5", NULL);
	assert_true(lane_change(hasty, &patient.job));
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "50", NULL);
	assert_int_equal(ask_search(hasty, &a), STATUS_DEADLINE_EXCEEDED);
	assert_string_equal(a.ending.message,
		"the search took longer than 200 ms: narrow the time range or the filter");
	assert_int_equal(ending_await(&patient.ending), STATUS_OK);
	lanes_stop(&hasty);
}

static void a_deadline_ends_the_search_in_the_database_too(void **state)
{
	struct ask a;
	ask_prepare(&a, &sleep_for, 100, "50", NULL);
	assert_int_equal(ask_search(lanes, &a), STATUS_DEADLINE_EXCEEDED);
	test_sql_await(url, sleeping, 0);
}

static struct ask hanging[HANGING];
static atomic_bool cancelled;

static void hang(int count, const char *seconds)
{
	atomic_store(&cancelled, false);
	for (int i = 0; i < count; i++) {
		ask_prepare(&hanging[i], &sleep_for, TRIAL_FOREVER, seconds, NULL);
		hanging[i].job.cancelled = &cancelled;
		assert_true(lane_search(lanes, &hanging[i].job));
	}
	test_sql_await(url, sleeping, count < CONNECTIONS ? count : CONNECTIONS);
}

static void stop_hanging(int count)
{
	atomic_store(&cancelled, true);
	for (int i = 0; i < count; i++)
		assert_int_equal(ending_await(&hanging[i].ending), STATUS_CANCELLED);
}

static void hanging_searches_hold_up_nothing_but_searches(void **state)
{
	const char *columns[] = {"appended"};
	struct ask changed, queried, behind;
	struct put appended;
	hang(HANGING, "50");
	ask_prepare(&behind, &one, TRIAL_FOREVER, NULL, NULL);
	assert_true(lane_search(lanes, &behind.job));
	ask_prepare(&changed, &insert_entry, TRIAL_FOREVER, "changed", NULL);
	assert_int_equal(ask_change(lanes, &changed), STATUS_OK);
	ask_prepare(&queried, &one, TRIAL_FOREVER, NULL, NULL);
	assert_int_equal(ask_query(lanes, &queried), STATUS_OK);
	put_prepare(&appended, &entries, TRIAL_FOREVER, "", columns);
	assert_true(lane_append(lanes, &appended.job));
	assert_int_equal(ending_await(&appended.ending), STATUS_OK);
	assert_int_equal(test_sql_number(url, sleeping), CONNECTIONS);
	assert_int_equal(lanes_depth(lanes, LANE_SEARCH), HANGING - CONNECTIONS + 1);
	assert_int_equal(atomic_load(&behind.ending.count), 0);
	stop_hanging(HANGING);
	assert_int_equal(ending_await(&behind.ending), STATUS_OK);
}

static void a_search_whose_caller_has_gone_leaves_postgresql_before_another_takes_its_place(
	void **state)
{
	struct ask all[CONNECTIONS];
	hang(CONNECTIONS, "50");
	stop_hanging(CONNECTIONS);
	for (int i = 0; i < CONNECTIONS; i++) {
		ask_prepare(&all[i], i == 0 ? &count_sleeping : &one, TRIAL_FOREVER, NULL, NULL);
		assert_true(lane_search(lanes, &all[i].job));
	}
	for (int i = 0; i < CONNECTIONS; i++)
		assert_int_equal(ending_await(&all[i].ending), STATUS_OK);
	assert_true(all[0].ending.value[0] < '0' + CONNECTIONS);
	test_sql_await(url, sleeping, 0);
}

static void nothing_is_sent_behind_a_search_whose_caller_has_gone_when_it_ends_by_itself(
	void **state)
{
	struct ask behind;
	hang(CONNECTIONS, "0.3");
	stop_hanging(CONNECTIONS);
	assert_int_equal(search(&behind, &one, NULL), STATUS_OK);
}

static void a_search_whose_connection_breaks_is_sent_once_more(void **state)
{
	struct ask a;
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "0.5", NULL);
	assert_true(lane_search(lanes, &a.job));
	test_sql_await(url, sleeping, 1);
	test_sql(url, terminate);
	assert_int_equal(ending_await(&a.ending), STATUS_OK);
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "50", NULL);
	assert_true(lane_search(lanes, &a.job));
	while (atomic_load(&a.ending.count) == 0)
		test_sql(url, terminate);
	assert_int_equal(a.ending.code, STATUS_UNAVAILABLE);
	assert_string_equal(a.ending.message, "the connection to the database broke");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_made_for_a_call_leave_nothing_behind),
		cmocka_unit_test(a_search_cannot_write),
		cmocka_unit_test(one_that_takes_too_long_is_told_what_to_do),
		cmocka_unit_test(a_deadline_ends_the_search_in_the_database_too),
		cmocka_unit_test(hanging_searches_hold_up_nothing_but_searches),
		cmocka_unit_test(
			a_search_whose_caller_has_gone_leaves_postgresql_before_another_takes_its_place),
		cmocka_unit_test(
			nothing_is_sent_behind_a_search_whose_caller_has_gone_when_it_ends_by_itself),
		cmocka_unit_test(a_search_whose_connection_breaks_is_sent_once_more),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
