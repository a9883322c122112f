/* The append lane against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define MANY 700

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static const char tables[] =
	"CREATE TABLE entry (at bigserial, key text, value text CHECK (value <> 'bad'), extra "
	"text);"
	"CREATE SEQUENCE calls;"
	/* Fails so many times; a sequence is not rolled back. */
	"CREATE FUNCTION refuse(state text, times bigint) RETURNS void LANGUAGE plpgsql AS $$ "
	"BEGIN "
	"IF nextval('calls') <= times THEN RAISE EXCEPTION 'again' USING ERRCODE = state; END IF; "
	"END $$;"
	"GRANT ALL ON entry, entry_at_seq, calls TO junction_app";

static int start(void **state)
{
	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	struct lanes_options options = trial_options(url);
	options.threads = 1; /* all keys with one writer: batches are what the tests make of them */
	test_sql(url, tables);
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	test_postgres_stop(&postgres);
	return 0;
}

static int empty(void **state)
{
	test_sql(url, "TRUNCATE entry; ALTER SEQUENCE calls RESTART");
	return 0;
}

#define INPUT                                                                                      \
	"WITH input AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY " \
	"AS u(key, value, extra, position)) "

/* Answers value and extra of what it was given, so that a row given to the wrong job is seen. */
static const struct statement insert_entries = {"insert_entries",
	INPUT
	", done AS (INSERT INTO entry (key, value, extra) SELECT key, value, extra FROM input "
	"WHERE value IS DISTINCT FROM 'left out' ORDER BY position) "
	"SELECT position, coalesce(value, '-') || '/' || coalesce(extra, '-') FROM input "
	"WHERE value IS DISTINCT FROM 'left out' ORDER BY md5(value)",
	3};
static const struct statement insert_after_conflicts = {"insert_after_conflicts",
	INPUT ", done AS (INSERT INTO entry (key, value) SELECT key, value FROM input), "
	      "fails AS MATERIALIZED (SELECT refuse(min(key), min(extra)::bigint) FROM input) "
	      "SELECT position, value FROM input, fails",
	3};
static const struct statement insert_into_nothing = {
	"insert_into_nothing", INPUT "INSERT INTO no_such_table SELECT * FROM input", 3};

static const struct append_log entries = {.statement = &insert_entries, .columns = 3, .batch = 256};

static struct put jobs[MANY];
static char numbers[MANY][12];
static int put_count;

static void prepare_many(int count)
{
	put_count = count;
	for (int i = 0; i < count; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", i);
		const char *columns[] = {numbers[i], numbers[i], "x"};
		put_prepare(&jobs[i], &entries, TRIAL_FOREVER, numbers[i], columns);
	}
}

static void append_many(void *arg)
{
	for (int i = 0; i < put_count; i++)
		CHECK(lane_append(lanes, &jobs[i].job));
}

static void append_one(void *put)
{
	CHECK(lane_append(lanes, &((struct put *)put)->job));
}

static void append_together(void)
{
	trial_together(lane_loop(lanes, 0), append_many, NULL);
	for (int i = 0; i < put_count; i++)
		ending_await(&jobs[i].ending);
}

static void many_rows_share_few_statements_and_each_job_gets_its_own_row(void **state)
{
	char expected[16];
	prepare_many(MANY);
	append_together();
	for (int i = 0; i < MANY; i++) {
		snprintf(expected, sizeof(expected), "%d/x", i);
		assert_int_equal(jobs[i].ending.code, STATUS_OK);
		assert_string_equal(jobs[i].ending.value, expected);
	}
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT value) FROM entry"), MANY);
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT xmin::text) FROM entry"),
		(MANY + 255) / 256);
}

static void a_bad_row_fails_alone(void **state)
{
	prepare_many(MANY);
	jobs[3].columns[1] = jobs[400].columns[1] = jobs[401].columns[1] = TEXT("bad");
	append_together();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(jobs[i].ending.code,
			i == 3 || i == 400 || i == 401 ? STATUS_INVALID_ARGUMENT : STATUS_OK);
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT value) FROM entry"), MANY - 3);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), MANY - 3);
}

static void rows_of_equal_key_keep_their_order_even_around_a_bad_one(void **state)
{
	prepare_many(120);
	for (int i = 0; i < 120; i++)
		jobs[i].columns[0] = jobs[i].job.key = i % 3 == 0 ? TEXT("a") : TEXT("b");
	jobs[30].columns[1] = TEXT("bad");
	append_together();
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 119);
	assert_int_equal(
		test_sql_number(url,
			"SELECT count(*) FROM (SELECT value::int - lag(value::int) OVER "
			"(PARTITION BY key ORDER BY at) AS step FROM entry) s WHERE step < 0"),
		0);
	/* Of equal keys one in a batch: the 80 of "b" need 80. */
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT xmin::text) FROM entry"), 80);
}

static void rows_without_key_keep_the_order_of_their_thread_from_batch_to_batch(void **state)
{
	prepare_many(MANY);
	for (int i = 0; i < MANY; i++)
		jobs[i].job.key = TEXT("");
	append_together();
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), MANY);
	assert_int_equal(test_sql_number(url,
				 "SELECT count(*) FROM (SELECT value::int - lag(value::int) OVER "
				 "(ORDER BY at) AS step FROM entry) s WHERE step <> 1"),
		0);
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT xmin::text) FROM entry"),
		(MANY + 255) / 256);
}

/* Handed over by two lane threads in turn; says how many connections wrote them. */
static long writers_of_a_line(unsigned line)
{
	static const struct statement insert_writers = {"insert_writers",
		INPUT ", done AS (INSERT INTO entry (value, extra) SELECT value, "
		      "pg_backend_pid()::text FROM input ORDER BY position) "
		      "SELECT position, value FROM input",
		3};
	static const struct append_log log = {
		.statement = &insert_writers, .columns = 3, .batch = 4};
	struct lanes *one = lanes;
	struct lanes_options options = trial_options(url);
	lanes = lanes_start(&options);
	while (!lanes_ready(lanes))
		usleep(1000);
	prepare_many(40);
	for (int i = 0; i < put_count; i++) {
		jobs[i].job.log = &log;
		jobs[i].job.key = TEXT("");
		jobs[i].job.line = line;
		trial_together(lane_loop(lanes, i % 2), append_one, &jobs[i]);
	}
	for (int i = 0; i < put_count; i++)
		assert_int_equal(ending_await(&jobs[i].ending), STATUS_OK);
	lanes_stop(&lanes);
	lanes = one;
	return test_sql_number(url, "SELECT count(DISTINCT extra) FROM entry");
}

static void rows_of_a_line_keep_their_order_whoever_hands_them_over(void **state)
{
	assert_int_equal(writers_of_a_line(0), 2);
	for (unsigned line = 1; line < 4; line++) {
		empty(NULL);
		assert_int_equal(writers_of_a_line(line), 1);
		assert_int_equal(
			test_sql_number(url,
				"SELECT count(*) FROM (SELECT value::int - lag(value::int) "
				"OVER (ORDER BY at) AS step FROM entry) s WHERE step <> 1"),
			0);
	}
}

static void texts_arrive_as_given(void **state)
{
	static const char *const texts[] = {"", "NULL", "\"", "\\", "{a,b}", " blanks ",
		"\xe4\xb8\xad", "a\"b\\\"c", "new\nline", NULL};
	prepare_many(10);
	for (int i = 0; i < 10; i++) {
		jobs[i].job.key = TEXT("");
		jobs[i].columns[1] = text_of(texts[i]);
	}
	append_together();
	for (int i = 0; i < 10; i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "%s/x", texts[i] ? texts[i] : "-");
		assert_int_equal(jobs[i].ending.code, STATUS_OK);
		assert_string_equal(jobs[i].ending.value, expected);
	}
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry WHERE value IS NULL"), 1);
	assert_int_equal(test_sql_number(url, "SELECT count(DISTINCT xmin::text) FROM entry"), 1);
}

static void a_text_that_holds_nul_is_refused_alone(void **state)
{
	prepare_many(3);
	jobs[1].columns[1] = TEXT("a\0b");
	append_together();
	assert_int_equal(jobs[0].ending.code, STATUS_OK);
	assert_int_equal(jobs[1].ending.code, STATUS_INVALID_ARGUMENT);
	assert_int_equal(jobs[2].ending.code, STATUS_OK);
}

static void an_input_row_without_result_is_told_by_row_minus_one(void **state)
{
	prepare_many(5);
	jobs[2].columns[1] = TEXT("left out");
	append_together();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(jobs[i].ending.code, STATUS_OK);
		assert_true(i == 2 ? jobs[i].ending.row == -1 : jobs[i].ending.row >= 0);
	}
}

/* All rows fail so many times with the SQLSTATE. */
static void append_with_conflicts(const char *sqlstate, const char *times)
{
	static const struct append_log log = {
		.statement = &insert_after_conflicts, .columns = 3, .batch = 256};
	prepare_many(40);
	for (int i = 0; i < put_count; i++) {
		jobs[i].job.log = &log;
		jobs[i].columns[0] = text_of(sqlstate);
		jobs[i].columns[2] = text_of(times);
	}
	append_together();
}

static void a_batch_that_meets_a_conflict_is_tried_again_whole(void **state)
{
	static const char *const states[] = {"40001", "40P01"};
	for (int s = 0; s < 2; s++) {
		empty(NULL);
		append_with_conflicts(states[s], "3");
		for (int i = 0; i < put_count; i++)
			assert_int_equal(jobs[i].ending.code, STATUS_OK);
		assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 40);
		assert_int_equal(test_sql_number(url, "SELECT last_value FROM calls"), 4);
	}
}

static void a_conflict_without_end_is_given_up(void **state)
{
	append_with_conflicts("40001", "1000000");
	for (int i = 0; i < put_count; i++)
		assert_int_equal(jobs[i].ending.code, STATUS_ABORTED);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 0);
}

static void a_statement_that_cannot_be_prepared_fails_for_all_rows_at_once(void **state)
{
	static const struct append_log log = {
		.statement = &insert_into_nothing, .columns = 3, .batch = 256};
	prepare_many(40);
	for (int i = 0; i < put_count; i++)
		jobs[i].job.log = &log;
	append_together();
	for (int i = 0; i < put_count; i++)
		assert_int_equal(jobs[i].ending.code, STATUS_INTERNAL);
}

static const char waiting_for_lock[] =
	"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
	"application_name = 'junctiond' AND datname = current_database()";

static void rows_past_their_deadline_leave_a_batch_that_waits_for_a_lock(void **state)
{
	atomic_bool cancelled = false;
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "BEGIN; LOCK TABLE entry"));
	prepare_many(4);
	jobs[0].job.deadline = clock_now() + 100 * CLOCK_MS;
	jobs[1].job.cancelled = &cancelled;
	/* 3 has the key of 0 and waits behind the batch. */
	jobs[3].job.key = jobs[0].job.key;
	jobs[3].job.deadline = jobs[0].job.deadline;
	trial_together(lane_loop(lanes, 0), append_many, NULL);
	assert_int_equal(ending_await(&jobs[0].ending), STATUS_DEADLINE_EXCEEDED);
	assert_int_equal(ending_await(&jobs[3].ending), STATUS_DEADLINE_EXCEEDED);
	atomic_store(&cancelled, true);
	assert_int_equal(ending_await(&jobs[1].ending), STATUS_CANCELLED);
	test_sql_await(url, waiting_for_lock, 1);
	PQclear(PQexec(conn, "COMMIT"));
	PQfinish(conn);
	assert_int_equal(ending_await(&jobs[2].ending), STATUS_OK);
	assert_string_equal(jobs[2].ending.value, "2/x");
}

static void a_batch_whose_connection_breaks_is_of_unknown_outcome_and_not_sent_again(void **state)
{
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "BEGIN; LOCK TABLE entry"));
	prepare_many(4);
	trial_together(lane_loop(lanes, 0), append_many, NULL);
	test_sql_await(url, waiting_for_lock, 1);
	test_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
		      "wait_event_type = 'Lock' AND application_name = 'junctiond' AND datname = "
		      "current_database()");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(ending_await(&jobs[i].ending), STATUS_UNAVAILABLE);
		assert_non_null(strstr(jobs[i].ending.message, "unknown"));
	}
	PQclear(PQexec(conn, "COMMIT"));
	PQfinish(conn);
	/* The next one goes through the same writer: nothing came before it. */
	prepare_many(1);
	append_together();
	assert_int_equal(jobs[0].ending.code, STATUS_OK);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 1);
}

static void an_error_at_commit_fails_what_had_been_answered(void **state)
{
	test_sql(url, "ALTER TABLE entry ADD CONSTRAINT once UNIQUE (value) DEFERRABLE INITIALLY "
		      "DEFERRED");
	prepare_many(2);
	jobs[1].columns[1] = jobs[0].columns[1];
	append_together();
	bool first = jobs[0].ending.code == STATUS_OK;
	assert_int_equal(jobs[first ? 1 : 0].ending.code, STATUS_ALREADY_EXISTS);
	assert_int_equal(jobs[first ? 0 : 1].ending.code, STATUS_OK);
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM entry"), 1);
	test_sql(url, "ALTER TABLE entry DROP CONSTRAINT once");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, empty)
	const struct CMUnitTest tests[] = {
		TEST(many_rows_share_few_statements_and_each_job_gets_its_own_row),
		TEST(a_bad_row_fails_alone),
		TEST(rows_of_equal_key_keep_their_order_even_around_a_bad_one),
		TEST(rows_without_key_keep_the_order_of_their_thread_from_batch_to_batch),
		TEST(rows_of_a_line_keep_their_order_whoever_hands_them_over),
		TEST(texts_arrive_as_given),
		TEST(a_text_that_holds_nul_is_refused_alone),
		TEST(an_input_row_without_result_is_told_by_row_minus_one),
		TEST(a_batch_that_meets_a_conflict_is_tried_again_whole),
		TEST(a_conflict_without_end_is_given_up),
		TEST(a_statement_that_cannot_be_prepared_fails_for_all_rows_at_once),
		TEST(rows_past_their_deadline_leave_a_batch_that_waits_for_a_lock),
		TEST(a_batch_whose_connection_breaks_is_of_unknown_outcome_and_not_sent_again),
		TEST(an_error_at_commit_fails_what_had_been_answered),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
