/* The change lane, and what errors of PostgreSQL become, against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <string.h>

#include "base/clock.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define CONNECTIONS 4

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	options.threads = 1;
	options.change_connections = CONNECTIONS;
	options.lock_timeout_ms = 30000;
	test_sql(url,
		"CREATE TABLE thing (name text PRIMARY KEY, size int CHECK (size > 0));"
		"CREATE TABLE part (name text REFERENCES thing);"
		"CREATE FUNCTION raise(state text, message text) RETURNS void LANGUAGE plpgsql AS "
		"$$ BEGIN RAISE EXCEPTION '%', message USING ERRCODE = state; END $$;"
		"GRANT ALL ON thing, part TO junction_app");
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	test_postgres_stop(&postgres);
	return 0;
}

static const struct statement sleep_for = {"sleep_for", "SELECT pg_sleep($1::float8)", 1};
static const struct statement insert_thing = {
	"insert_thing", "INSERT INTO thing VALUES ($1, $2::int) RETURNING name", 2};
static const struct statement insert_part = {"insert_part", "INSERT INTO part VALUES ($1)", 1};
static const struct statement raise_error = {"raise", "SELECT raise($1, $2)", 2};
static const struct statement lock_key = {
	"lock_key", "SELECT pg_advisory_xact_lock($1::bigint), 'locked'", 1};
static const struct statement show_timeout = {"show_timeout", "SHOW statement_timeout", 0};

static const char waiting[] =
	"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name "
	"= 'junctiond' AND datname = current_database()";
static const char sleeping[] =
	"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = "
	"'junctiond' AND query LIKE '%pg_sleep%' AND datname = current_database()";

static enum status_code change(
	struct ask *a, const struct statement *s, const char *first, const char *second)
{
	ask_prepare(a, s, TRIAL_FOREVER, first, second);
	return ask_change(lanes, a);
}

static void errors_become_statuses_that_hold_no_sql(void **state)
{
	static const struct {
		const struct statement *statement;
		const char *first, *second;
		enum status_code code;
		const char *message;
	} cases[] = {
		{&insert_thing, "a", "1", STATUS_OK, ""},
		{&insert_thing, "a", "1", STATUS_ALREADY_EXISTS, "it exists already"},
		{&insert_thing, "b", "0", STATUS_INVALID_ARGUMENT,
			"a value breaks a rule of the database"},
		{&insert_thing, "b", "x", STATUS_INVALID_ARGUMENT, "a value is not valid"},
		{&insert_thing, "\xff", "1", STATUS_INVALID_ARGUMENT, "a value is not valid"},
		{&insert_thing, NULL, "1", STATUS_INVALID_ARGUMENT, "a required value is missing"},
		{&insert_part, "c", NULL, STATUS_FAILED_PRECONDITION,
			"it refers to what is not there, or is referred to"},
		{&raise_error, "JN404", "no server x", STATUS_NOT_FOUND, "no server x"},
		{&raise_error, "JN409", "taken", STATUS_ALREADY_EXISTS, "taken"},
		{&raise_error, "JN412", "the last one", STATUS_FAILED_PRECONDITION, "the last one"},
		{&raise_error, "JN400", "name: too long", STATUS_INVALID_ARGUMENT,
			"name: too long"},
		{&raise_error, "40001", "secret", STATUS_ABORTED, "another change came in between"},
		{&raise_error, "53100", "secret", STATUS_RESOURCE_EXHAUSTED,
			"the database is out of memory or disk space"},
		{&raise_error, "53300", "secret", STATUS_UNAVAILABLE,
			"the database has no free connection"},
		{&raise_error, "25006", "secret", STATUS_UNAVAILABLE, "the database is read-only"},
		{&raise_error, "P0001", "secret", STATUS_INTERNAL,
			"the database refused a statement"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a;
		assert_int_equal(change(&a, cases[i].statement, cases[i].first, cases[i].second),
			cases[i].code);
		assert_string_equal(a.ending.message, cases[i].message);
	}
}

static void a_deadline_ends_the_statement_in_the_database_too(void **state)
{
	struct ask a;
	ask_prepare(&a, &sleep_for, 300, "50", NULL);
	assert_int_equal(ask_change(lanes, &a), STATUS_DEADLINE_EXCEEDED);
	test_sql_await(url, sleeping, 0);
}

static void the_time_of_one_statement_is_not_that_of_the_next(void **state)
{
	struct ask a;
	for (int i = 0; i < CONNECTIONS * 2; i++) {
		ask_prepare(&a, &show_timeout, 5000, NULL, NULL);
		assert_int_equal(ask_change(lanes, &a), STATUS_OK);
		assert_string_not_equal(a.ending.value, "1min");
		/* Fails, so that the setting made before it is undone. */
		ask_prepare(&a, &raise_error, 4000, "JN404", "x");
		assert_int_equal(ask_change(lanes, &a), STATUS_NOT_FOUND);
		ask_prepare(&a, &show_timeout, TRIAL_FOREVER, NULL, NULL);
		assert_int_equal(ask_change(lanes, &a), STATUS_OK);
		assert_string_equal(a.ending.value, "1min");
	}
}

static void a_statement_takes_no_longer_than_configured(void **state)
{
	struct lanes_options options = trial_options(url);
	struct ask a;
	options.statement_timeout_ms = 200;
	struct lanes *hasty = lanes_start(&options);
	ask_prepare(&a, &sleep_for, TRIAL_FOREVER, "50", NULL);
	assert_int_equal(ask_change(hasty, &a), STATUS_DEADLINE_EXCEEDED);
	assert_string_equal(a.ending.message, "the statement took too long");
	lanes_stop(&hasty);
}

static void a_lock_is_waited_for_no_longer_than_configured(void **state)
{
	struct lanes_options options = trial_options(url);
	struct ask a;
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "SELECT pg_advisory_lock(1)"));
	options.lock_timeout_ms = 100;
	struct lanes *hasty = lanes_start(&options);
	ask_prepare(&a, &lock_key, TRIAL_FOREVER, "1", NULL);
	assert_int_equal(ask_change(hasty, &a), STATUS_ABORTED);
	assert_string_equal(a.ending.message, "lock not available");
	lanes_stop(&hasty);
	PQfinish(conn);
}

static void statements_wait_for_locks_side_by_side_and_the_rest_for_a_connection(void **state)
{
	struct ask blocked[CONNECTIONS - 1], free_one, all[CONNECTIONS * 3];
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "SELECT pg_advisory_lock(1)"));
	for (int i = 0; i < CONNECTIONS - 1; i++) {
		ask_prepare(&blocked[i], &lock_key, TRIAL_FOREVER, "1", NULL);
		assert_true(lane_change(lanes, &blocked[i].job));
	}
	assert_int_equal(change(&free_one, &show_timeout, NULL, NULL), STATUS_OK);
	test_sql_await(url, waiting, CONNECTIONS - 1);
	for (int i = 0; i < CONNECTIONS * 3; i++) {
		ask_prepare(&all[i], &lock_key, TRIAL_FOREVER, "1", NULL);
		assert_true(lane_change(lanes, &all[i].job));
	}
	test_sql_await(url, waiting, CONNECTIONS);
	PQfinish(conn);
	for (int i = 0; i < CONNECTIONS - 1; i++)
		assert_int_equal(ending_await(&blocked[i].ending), STATUS_OK);
	for (int i = 0; i < CONNECTIONS * 3; i++)
		assert_int_equal(ending_await(&all[i].ending), STATUS_OK);
}

static void cancelled_jobs_leave_whether_they_wait_or_run(void **state)
{
	struct ask all[CONNECTIONS + 2];
	atomic_bool cancelled = false;
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "SELECT pg_advisory_lock(1)"));
	for (int i = 0; i < CONNECTIONS + 2; i++) {
		ask_prepare(&all[i], &lock_key, TRIAL_FOREVER, "1", NULL);
		all[i].job.cancelled = &cancelled;
		assert_true(lane_change(lanes, &all[i].job));
	}
	test_sql_await(url, waiting, CONNECTIONS);
	atomic_store(&cancelled, true);
	for (int i = 0; i < CONNECTIONS + 2; i++)
		assert_int_equal(ending_await(&all[i].ending), STATUS_CANCELLED);
	assert_int_equal(test_sql_number(url, waiting), CONNECTIONS);
	PQfinish(conn);
	/* The connections are of use again once the answers nobody waits for have come. */
	assert_int_equal(change(&all[0], &lock_key, "1", NULL), STATUS_OK);
}

static void a_change_whose_connection_breaks_is_of_unknown_outcome_and_not_sent_again(void **state)
{
	struct ask a;
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "BEGIN; LOCK TABLE thing"));
	ask_prepare(&a, &insert_thing, TRIAL_FOREVER, "broken", "1");
	assert_true(lane_change(lanes, &a.job));
	test_sql_await(url, waiting, 1);
	test_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
		      "wait_event_type = 'Lock' AND application_name = 'junctiond' AND datname = "
		      "current_database()");
	assert_int_equal(ending_await(&a.ending), STATUS_UNAVAILABLE);
	assert_non_null(strstr(a.ending.message, "unknown"));
	PQfinish(conn);
	assert_int_equal(change(&a, &insert_thing, "after", "1"), STATUS_OK);
	assert_int_equal(
		test_sql_number(url, "SELECT count(*) FROM thing WHERE name = 'broken'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_become_statuses_that_hold_no_sql),
		cmocka_unit_test(a_deadline_ends_the_statement_in_the_database_too),
		cmocka_unit_test(the_time_of_one_statement_is_not_that_of_the_next),
		cmocka_unit_test(a_statement_takes_no_longer_than_configured),
		cmocka_unit_test(a_lock_is_waited_for_no_longer_than_configured),
		cmocka_unit_test(
			statements_wait_for_locks_side_by_side_and_the_rest_for_a_connection),
		cmocka_unit_test(cancelled_jobs_leave_whether_they_wait_or_run),
		cmocka_unit_test(
			a_change_whose_connection_breaks_is_of_unknown_outcome_and_not_sent_again),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
