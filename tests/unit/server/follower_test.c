/* A follower against a real PostgreSQL: loads in pages, logs that were cut, calls that want to be
 * current. What the registry's follower does is in registry_feed_test.c. */
#include "tests/support/postgres.h"
#include "tests/support/waiting_call.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* After server/call.h: it makes a macro of fail. */
#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)

static struct test_postgres *postgres;
static const char *url;
static struct lanes *lanes;
static struct follower *follower;
static PGconn *gate; /* holds a lock */

/* Numbers below 64, as bits. */
static struct {
	_Atomic uint64_t shown;
	uint64_t making;
	int pages; /* of the load under way */
	atomic_int loads, most_pages, follows;
	void (*after_first_page)(void); /* runs once, or NULL */
} memory;

/* --- what is followed ----------------------------------------------------------------------- */

#define TABLES                                                                                     \
	"CREATE TABLE thing (number bigint); CREATE TABLE log (revision bigint, number bigint); "  \
	"CREATE TABLE lost (); GRANT SELECT ON thing, log, lost TO junction_app"
#define PUT(number)                                                                                \
	"INSERT INTO thing VALUES (" #number "); INSERT INTO log SELECT coalesce(max(revision), "  \
	"0) + 1, " #number " FROM log"
#define LOCK "4711"

/* A row without number is the end. */
static const struct statement load = {
	.name = "trial_load",
	.sql = "SELECT r.revision, t.number FROM (SELECT coalesce(max(revision), 0) AS revision "
	       "FROM log) r LEFT JOIN (SELECT number FROM thing WHERE number > $1::bigint "
	       "ORDER BY number LIMIT 2) t ON true ORDER BY t.number",
	.parameters = 1,
};

/* Takes its snapshot and then waits for the lock. A row without number: the log was cut. */
static const struct statement follow = {
	.name = "trial_follow",
	.sql = "WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(" LOCK ")) "
	       "(SELECT revision, number FROM log WHERE revision > $1::bigint AND (SELECT count(*) "
	       "FROM gate) = 1 ORDER BY revision LIMIT $2::integer) "
	       "UNION ALL SELECT NULL, NULL FROM lost",
	.parameters = 2,
};

static const struct text *next_page(void *arg, const struct follower_step *step)
{
	struct text *after = ARENA_NEW(step->arena, struct text);
	int last = step->first ? 0 : 64 - __builtin_clzll(memory.making) - 1;

	*after = text_of(arena_printf(step->arena, "%d", last));
	return after;
}

static void read_rows(void *arg, const struct rows *rows, struct follower_step *step)
{
	int count = rows_count(rows);
	bool without = count && rows_null(rows, count - 1, 1);
	uint64_t *bits = ARENA_NEW(step->arena, uint64_t);

	if (!step->loading)
		atomic_fetch_add(&memory.follows, 1);
	step->lost = without && !step->loading;
	step->more = step->loading && !without;
	step->changes = bits;
	for (int i = 0; i < count && !step->lost; i++) {
		step->position = rows_int64(rows, i, 0);
		if (!rows_null(rows, i, 1))
			*bits |= UINT64_C(1) << rows_int64(rows, i, 1);
	}
}

static void count_page(const struct follower_step *step)
{
	memory.pages = step->first ? 1 : memory.pages + 1;
	if (memory.pages > atomic_load(&memory.most_pages))
		atomic_store(&memory.most_pages, memory.pages);
	if (step->first)
		atomic_fetch_add(&memory.loads, 1);
	if (step->first && memory.after_first_page)
		memory.after_first_page();
	memory.after_first_page = NULL;
}

static bool apply(void *arg, const struct follower_step *step)
{
	if (step->loading && step->first)
		memory.making = 0;
	memory.making |= *(uint64_t *)step->changes;
	if (step->loading) {
		count_page(step);
		return false;
	}
	atomic_store(&memory.shown, memory.making);
	return true;
}

static const struct followed trial_log = {
	.name = "trial",
	.load = &load,
	.follow = &follow,
	.page = next_page,
	.read = read_rows,
	.apply = apply,
};

/* --- start and stop ------------------------------------------------------------------------- */

static void start_follower(int64_t poll_ms, void (*after_first_page)(void))
{
	struct lanes_options options = trial_options(url);

	memory.after_first_page = after_first_page;
	atomic_store(&memory.shown, 0);
	atomic_store(&memory.loads, 0);
	atomic_store(&memory.most_pages, 0);
	lanes = lanes_start(&options);
	assert_non_null(lanes);
	follower = follower_start(&trial_log, NULL, lanes, lane_loop(lanes, 0), poll_ms);
}

static int stop_follower(void **state)
{
	lanes_stop(&lanes);
	follower_free(&follower);
	test_sql(url, "TRUNCATE thing, log, lost");
	return 0;
}

static int start(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	test_sql(url, "CREATE ROLE junction_app; " TABLES);
	return 0;
}

static int stop(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static void await_ready(void)
{
	while (!follower_ready(follower))
		poll(NULL, 0, 1);
}

static void await_shown(uint64_t bits)
{
	while (atomic_load(&memory.shown) != bits)
		poll(NULL, 0, 1);
}

/* --- calls ---------------------------------------------------------------------------------- */

static enum next go_on(struct call *c)
{
	((struct waiting_call *)c)->seen = (int64_t)atomic_load(&memory.shown);
	return failed(c);
}

static void wait_current(struct waiting_call *w)
{
	follow_current(&w->call, follower, go_on);
}

static void wait_visible(struct waiting_call *w)
{
	follow_visible(&w->call, follower, w->revision, go_on);
}

static struct waiting_call *start_waiting(void)
{
	return waiting_start(lane_loop(lanes, 1), 0, wait_current);
}

/* --- tests ---------------------------------------------------------------------------------- */

#define BIT(number) (UINT64_C(1) << (number))

/* No page has it any more. */
static void put_before_the_place(void)
{
	test_sql(url, PUT(5));
}

static void pages_are_shown_together_with_what_changed_meanwhile(void **state)
{
	test_sql(url, PUT(10) "; " PUT(20) "; " PUT(30) "; " PUT(40) "; " PUT(50));
	start_follower(20, put_before_the_place);
	await_ready();
	assert_true(atomic_load(&memory.shown) ==
		    (BIT(5) | BIT(10) | BIT(20) | BIT(30) | BIT(40) | BIT(50)));
	assert_int_equal(follower_revision(follower), 6);
	assert_int_equal(atomic_load(&memory.loads), 1);
	assert_int_equal(atomic_load(&memory.most_pages), 4);
}

static void cut_connections(void)
{
	test_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
		      "application_name = 'junctiond' AND datname = current_database()");
}

static void lock_things(void)
{
	PQclear(PQexec(gate, "BEGIN; LOCK TABLE thing"));
}

static void a_load_that_breaks_off_begins_anew(void **state)
{
	test_sql(url, PUT(10) "; " PUT(20) "; " PUT(30));
	start_follower(20, cut_connections);
	await_ready();
	assert_int_equal(atomic_load(&memory.shown), BIT(10) | BIT(20) | BIT(30));
	assert_true(atomic_load(&memory.loads) > 1);
}

static void a_load_of_which_a_page_fails_begins_anew(void **state)
{
	test_sql(url, PUT(10) "; " PUT(20) "; " PUT(30));
	gate = PQconnectdb(url);
	start_follower(20, lock_things);
	test_sql_await(url, "SELECT count(*) FROM pg_locks WHERE NOT granted", 1);
	test_sql(url, "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted");
	PQfinish(gate);
	await_ready();
	assert_int_equal(atomic_load(&memory.shown), BIT(10) | BIT(20) | BIT(30));
	assert_true(atomic_load(&memory.loads) > 1);
}

static void a_log_that_was_cut_is_loaded_anew(void **state)
{
	test_sql(url, PUT(1));
	start_follower(20, NULL);
	await_ready();
	/* Nobody is told of the change of things. */
	test_sql(url, "INSERT INTO thing VALUES (2); INSERT INTO lost DEFAULT VALUES");
	while (atomic_load(&memory.loads) < 2)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&memory.shown), 2);
	test_sql(url, "DELETE FROM lost");
	await_shown(6);
}

static void a_call_goes_on_when_what_was_committed_before_is_seen(void **state)
{
	start_follower(HOUR_MS, NULL);
	await_ready();
	test_sql(url, PUT(3));
	struct waiting_call *w = start_waiting();
	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_OK);
	assert_int_equal(w->seen, 8);
	waiting_free(w);
}

#define BLOCKED "SELECT count(*) FROM pg_locks WHERE NOT granted AND objid = " LOCK

/* All come while a statement is under way that does not see the change. */
static void many_calls_share_the_statement_after_the_one_under_way(void **state)
{
	struct waiting_call *calls[100];

	start_follower(HOUR_MS, NULL);
	await_ready();
	gate = PQconnectdb(url);
	PQclear(PQexec(gate, "SELECT pg_advisory_lock(" LOCK ")"));
	struct waiting_call *first = start_waiting();
	test_sql_await(url, BLOCKED, 1);
	test_sql(url, PUT(4));
	for (int i = 0; i < 100; i++)
		calls[i] = start_waiting();
	int follows = atomic_load(&memory.follows);
	PQfinish(gate);
	waiting_await(first);
	for (int i = 0; i < 100; i++) {
		waiting_await(calls[i]);
		assert_int_equal(calls[i]->call.status.code, STATUS_OK);
		assert_int_equal(calls[i]->seen, 16);
		waiting_free(calls[i]);
	}
	assert_int_equal(first->seen, 0);
	assert_int_equal(atomic_load(&memory.follows), follows + 2);
	waiting_free(first);
}

static void a_call_that_gives_up_is_told_so(void **state)
{
	start_follower(HOUR_MS, NULL);
	await_ready();
	gate = PQconnectdb(url);
	PQclear(PQexec(gate, "SELECT pg_advisory_lock(" LOCK ")"));
	struct waiting_call *w = start_waiting();
	test_sql_await(url, BLOCKED, 1);
	atomic_store(&w->call.cancelled, true);
	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_UNAVAILABLE);
	assert_string_equal(w->call.status.message, "the latest changes are not known here yet");
	waiting_free(w);
	PQfinish(gate);
}

/* Nothing is under way, and nothing will be soon. */
static void one_that_gives_up_its_own_change_is_told_that_it_is_committed(void **state)
{
	start_follower(HOUR_MS, NULL);
	await_ready();
	int follows = atomic_load(&memory.follows);
	struct waiting_call *w = waiting_start(lane_loop(lanes, 1), 99, wait_visible);
	while (atomic_load(&memory.follows) == follows)
		poll(NULL, 0, 1);
	atomic_store(&w->call.cancelled, true);
	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_UNAVAILABLE);
	assert_string_equal(w->call.status.message, "committed, but not yet visible here");
	waiting_free(w);
}

static void skip_now(void *arg)
{
	follower_skip(follower, *(int64_t *)arg);
}

static void skip_to(int64_t revision)
{
	trial_together(lane_loop(lanes, 0), skip_now, &revision);
}

static void wait_until_current(void)
{
	struct waiting_call *w = start_waiting();

	waiting_await(w);
	assert_int_equal(w->call.status.code, STATUS_OK);
	waiting_free(w);
}

static void what_is_skipped_is_not_read(void **state)
{
	start_follower(HOUR_MS, NULL);
	await_ready();
	test_sql(url, PUT(1) "; " PUT(2));
	skip_to(2);
	assert_int_equal(follower_revision(follower), 2);
	test_sql(url, PUT(3));
	wait_until_current();
	assert_int_equal(atomic_load(&memory.shown), BIT(3));
	assert_int_equal(follower_revision(follower), 3);
	skip_to(1);
	assert_int_equal(follower_revision(follower), 3);
}

/* The statement under way has seen less than what is skipped. */
static void what_is_skipped_meanwhile_is_not_read_either(void **state)
{
	start_follower(HOUR_MS, NULL);
	await_ready();
	test_sql(url, PUT(1));
	gate = PQconnectdb(url);
	PQclear(PQexec(gate, "SELECT pg_advisory_lock(" LOCK ")"));
	struct waiting_call *w = start_waiting();
	test_sql_await(url, BLOCKED, 1);
	test_sql(url, PUT(2));
	struct waiting_call *second = waiting_start(lane_loop(lanes, 1), 2, wait_visible);
	skip_to(2);
	waiting_await(second); /* though no statement can end */
	assert_int_equal(second->call.status.code, STATUS_OK);
	waiting_free(second);
	PQfinish(gate);
	waiting_await(w);
	waiting_free(w);
	assert_int_equal(follower_revision(follower), 2);
	wait_until_current();
	assert_int_equal(atomic_load(&memory.shown), BIT(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			pages_are_shown_together_with_what_changed_meanwhile, stop_follower),
		cmocka_unit_test_teardown(a_load_that_breaks_off_begins_anew, stop_follower),
		cmocka_unit_test_teardown(a_load_of_which_a_page_fails_begins_anew, stop_follower),
		cmocka_unit_test_teardown(a_log_that_was_cut_is_loaded_anew, stop_follower),
		cmocka_unit_test_teardown(
			a_call_goes_on_when_what_was_committed_before_is_seen, stop_follower),
		cmocka_unit_test_teardown(
			many_calls_share_the_statement_after_the_one_under_way, stop_follower),
		cmocka_unit_test_teardown(a_call_that_gives_up_is_told_so, stop_follower),
		cmocka_unit_test_teardown(
			one_that_gives_up_its_own_change_is_told_that_it_is_committed,
			stop_follower),
		cmocka_unit_test_teardown(what_is_skipped_is_not_read, stop_follower),
		cmocka_unit_test_teardown(
			what_is_skipped_meanwhile_is_not_read_either, stop_follower),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
