/* PostgreSQL is killed under load: every job ends once, nothing acknowledged is lost, nothing is
 * written twice, and the lanes work again when it is back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#define MANY  4000
#define KILLS 3

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;

static const struct statement append_row = {"append_row",
	"WITH input AS (SELECT * FROM unnest($1::text[]) WITH ORDINALITY AS u(id, position)), "
	"done AS (INSERT INTO written SELECT id FROM input) "
	"SELECT position, id FROM input",
	1};
static const struct statement change_row = {
	"change_row", "INSERT INTO written VALUES ($1) RETURNING id", 1};
static const struct statement echo = {"echo", "SELECT $1", 1};

static const struct append_log written_log = {.statement = &append_row, .columns = 1, .batch = 64};

static char put_ids[MANY][32], ask_ids[MANY][32], read_ids[MANY][32];
static struct put rows_put[MANY];
static struct ask changes[MANY], reads[MANY];

static int start(void **state)
{
	postgres = test_postgres_own(true);
	url = test_postgres_database(postgres, "");
	struct lanes_options options = trial_options(url);
	options.queue_limit = MANY;
	/* Without a key: a row that was written twice is seen. */
	test_sql(url, "CREATE TABLE written (id text); GRANT ALL ON written TO junction_app");
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	test_postgres_stop(&postgres);
	return 0;
}

static void submit(int round, int i)
{
	snprintf(put_ids[i], sizeof(put_ids[i]), "p%d-%d", round, i);
	snprintf(ask_ids[i], sizeof(ask_ids[i]), "c%d-%d", round, i);
	snprintf(read_ids[i], sizeof(read_ids[i]), "%d", i);
	const char *columns[] = {put_ids[i]};
	put_prepare(&rows_put[i], &written_log, 20000, put_ids[i], columns);
	ask_prepare(&changes[i], &change_row, 20000, ask_ids[i], NULL);
	ask_prepare(&reads[i], &echo, 20000, read_ids[i], NULL);
	CHECK(lane_append(lanes, &rows_put[i].job));
	CHECK(lane_query(lanes, &reads[i].job));
	/* They go one by one: fewer of them. */
	if (i % 8 == 0)
		CHECK(lane_change(lanes, &changes[i].job));
}

static void expect_written(PGconn *conn, const char *id, enum status_code code)
{
	PGresult *r = PQexecParams(
		conn, "SELECT count(*) FROM written WHERE id = $1", 1, NULL, &id, NULL, NULL, 0);
	long count = atol(PQgetvalue(r, 0, 0));
	PQclear(r);
	if (code == STATUS_OK)
		assert_int_equal(count, 1);
	else
		assert_int_equal(code, STATUS_UNAVAILABLE);
	assert_true(count <= 1);
}

static void await_and_check(int *good, int *bad)
{
	PGconn *conn = PQconnectdb(url);
	PQclear(PQexec(conn, "CREATE INDEX IF NOT EXISTS written_id ON written (id)"));
	for (int i = 0; i < MANY; i++) {
		enum status_code code = ending_await(&rows_put[i].ending);
		expect_written(conn, put_ids[i], code);
		*(code == STATUS_OK ? good : bad) += 1;
		if (i % 8 == 0)
			expect_written(conn, ask_ids[i], ending_await(&changes[i].ending));
		/* Never an answer that was cut off. */
		if (ending_await(&reads[i].ending) == STATUS_OK)
			assert_string_equal(reads[i].ending.value, read_ids[i]);
		else
			assert_int_equal(reads[i].ending.code, STATUS_UNAVAILABLE);
	}
	PQfinish(conn);
}

static void await_return(void)
{
	struct ask read, change;
	struct put row;
	const char *columns[] = {"again"};
	while (!lanes_ready(lanes))
		poll(NULL, 0, 5);
	ask_prepare(&read, &echo, TRIAL_FOREVER, "x", NULL);
	assert_int_equal(ask_query(lanes, &read), STATUS_OK);
	ask_prepare(&change, &change_row, TRIAL_FOREVER, "again", NULL);
	assert_int_equal(ask_change(lanes, &change), STATUS_OK);
	/* The writer's connection may come a little after the reader's. */
	do {
		put_prepare(&row, &written_log, TRIAL_FOREVER, "", columns);
		CHECK(lane_append(lanes, &row.job));
	} while (ending_await(&row.ending) == STATUS_UNAVAILABLE);
	assert_int_equal(row.ending.code, STATUS_OK);
}

static void killed_under_load_nothing_is_lost_doubled_or_left_unanswered(void **state)
{
	for (int round = 0; round < KILLS; round++) {
		int good = 0, bad = 0;
		await_return();
		for (int i = 0; i < MANY; i++)
			submit(round, i);
		/* In the midst of it: some have been answered. */
		ending_await(&rows_put[MANY / 8].ending);
		test_postgres_kill(postgres);
		ending_await(&rows_put[MANY - 1].ending);
		test_postgres_restart(postgres);
		await_and_check(&good, &bad);
		assert_true(good > 0);
		print_message("round %d: %d written, %d refused or unknown\n", round, good, bad);
	}
	await_return();
	assert_int_equal(test_sql_number(url, "SELECT count(*) FROM (SELECT FROM written WHERE id "
					      "<> 'again' GROUP BY id HAVING count(*) > 1) d"),
		0);
}

static void jobs_given_while_it_is_away_fail_and_the_lanes_say_so(void **state)
{
	struct ask a;
	await_return();
	test_postgres_kill(postgres);
	while (lanes_ready(lanes))
		poll(NULL, 0, 5);
	/* The other lane may have an answer in its buffer before it notices. */
	do
		ask_prepare(&a, &echo, TRIAL_FOREVER, "x", NULL);
	while (ask_query(lanes, &a) == STATUS_OK);
	assert_int_equal(a.ending.code, STATUS_UNAVAILABLE);
	ask_prepare(&a, &change_row, TRIAL_FOREVER, "x", NULL);
	assert_int_equal(ask_change(lanes, &a), STATUS_UNAVAILABLE);
	test_postgres_restart(postgres);
	await_return();
}

static void stopping_while_it_is_away_ends(void **state)
{
	struct ask a;
	test_postgres_kill(postgres);
	ask_prepare(&a, &echo, TRIAL_FOREVER, "x", NULL);
	assert_true(lane_query(lanes, &a.job));
	lanes_stop(&lanes);
	assert_int_equal(atomic_load(&a.ending.count), 1);
	test_postgres_restart(postgres);
	struct lanes_options options = trial_options(url);
	lanes = lanes_start(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_under_load_nothing_is_lost_doubled_or_left_unanswered),
		cmocka_unit_test(jobs_given_while_it_is_away_fail_and_the_lanes_say_so),
		cmocka_unit_test(stopping_while_it_is_away_ends),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
