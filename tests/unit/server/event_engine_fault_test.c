/* The engine when others interfere: other servers, confirmations, a database that goes away, and
 * its own end. */
#include "server/event/delivery/engine_priv.h"
#include "tests/support/engine_trial.h"

#include <libpq-fe.h>

static int start_postgres(void **state)
{
	postgres = test_postgres_own(false);
	url = test_postgres_database(postgres, "");
	trial_options(url);
	return 0;
}

static int stop_postgres(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static int group; /* with the subscription "all" */

static void clear(void)
{
	engine_trial_clear();
	group = make_group("g");
	subscribe(group, "all", "**", ", schedule_ms = '{50,50,50}'");
}

static int begin(void **state)
{
	clear();
	engine_trial_start(20, 0);
	return 0;
}

static int begin_as_member(void **state)
{
	clear();
	engine_trial_start(20, 100);
	return 0;
}

static int end(void **state)
{
	engine_trial_stop();
	return 0;
}

/* --- other servers ---------------------------------------------------------------------------- */

static void what_another_server_has_comes_when_its_lease_is_over(void **state)
{
	int64_t position = publish(group, 1, 1);
	lease_elsewhere(group, position, 300);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	taker_await(t, 1);
	assert_int_equal(t->taken[0].attempt, 2);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE number = 2 AND reason = "
			     "'the lease before ran out'"),
		1);
	taker_stop(t);
}

static void what_another_server_has_done_is_forgotten(void **state)
{
	struct taker *t = taker_start(group, "all", 0, DELIVERY_DELIVERED);
	int64_t last = publish(group, 1, 2);
	await(engine_gauges().deliveries == 2);
	lease_elsewhere(group, last - 1, 60000);
	lease_elsewhere(group, last, 60000);
	conclude_elsewhere(group, last - 1, 1, "confirmed");
	taker_offer(t, 10);
	await(engine_gauges().deliveries == 1);
	conclude_elsewhere(group, last, 1, "dead");
	await(engine_gauges().deliveries == 0);
	assert_int_equal(atomic_load(&t->count), 0);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE holder = 'one'"), 0);
	taker_stop(t);
}

static void what_another_server_gives_back_comes(void **state)
{
	int64_t position = publish(group, 1, 1);
	lease_elsewhere(group, position, 60000);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	await(engine_gauges().deliveries == 1);
	conclude_elsewhere(group, position, 1, "waiting");
	taker_await(t, 1);
	assert_int_equal(t->taken[0].attempt, 1);
	taker_stop(t);
}

static void what_was_decided_meanwhile_stands(void **state)
{
	publish(group, 1, 2);
	struct taker *t = taker_start(group, "all", 10, 0);
	taker_await(t, 2);
	sql("SELECT count(*) FROM event.confirm('default', '1', 'a.b', 'g', NULL, true, 'me')");
	taker_conclude(t, 0, DELIVERY_FAILED);
	await(atomic_load(&t->stands[DELIVERY_CONFIRMED]) == 1);
	taker_conclude(t, 1, DELIVERY_FAILED);
	await(atomic_load(&t->stands[DELIVERY_FAILED]) == 1);
	taker_await(t, 3);
	assert_int_equal(t->taken[2].number, 2);
	taker_conclude(t, 2, DELIVERY_DELIVERED);
	taker_stop(t);
	assert_int_equal(standing(group, "confirmed"), 1);
}

/* --- failures --------------------------------------------------------------------------------- */

static void attempts_follow_the_schedule_until_it_is_dead(void **state)
{
	publish(group, 1, 1);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_FAILED);
	taker_await(t, 4);
	await(standing(group, "dead") == 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(t->taken[i].attempt, i + 1);
	await(engine_gauges().deliveries == 0);
	assert_int_equal(atomic_load(&t->stands[DELIVERY_FAILED]), 3);
	assert_int_equal(atomic_load(&t->stands[DELIVERY_DEAD]), 1);
	taker_stop(t);
}

static void what_postgresql_does_not_take_is_left_out_of_a_reason(void **state)
{
	publish(group, 1, 1);
	struct taker *t = taker_start(group, "all", 10, 0);
	taker_await(t, 1);
	const char reason[] = "bad \xff and\0more";
	lease_conclude(t->taken[0].lease, &(struct outcome){
						  .state = DELIVERY_DEAD,
						  .status = 500,
						  .code = {"1\0", 2},
						  .reason = {reason, sizeof reason - 1},
						  .latency_ms = 3,
					  });
	await(standing(group, "dead") == 1);
	assert_int_equal(
		sql("SELECT count(*) FROM event.transition WHERE reason = 'bad ' AND code = "
		    "'1' AND status = 500 AND latency_ms = 3"),
		1);
	taker_stop(t);
}

static void an_outcome_that_is_refused_holds_up_no_other(void **state)
{
	int other = make_group("other");
	subscribe(other, "other", "**", "");
	publish(group, 1, 1);
	publish(other, 1, 20);
	struct taker *bad = taker_start(group, "all", 10, 0);
	struct taker *good = taker_start(other, "other", 20, 0);
	taker_await(bad, 1);
	taker_await(good, 20);
	test_sql(url, "ALTER TABLE event.transition ADD CONSTRAINT trial CHECK (code <> 'bad')");
	lease_conclude(bad->taken[0].lease,
		&(struct outcome){.state = DELIVERY_DEAD, .code = TEXT("bad"), .latency_ms = -1});
	for (int i = 0; i < 20; i++)
		taker_conclude(good, i, DELIVERY_DELIVERED);
	await(standing(other, "delivered") == 20);
	assert_int_equal(standing(group, "leased"), 1);
	test_sql(url, "ALTER TABLE event.transition DROP CONSTRAINT trial");
	await(standing(group, "dead") == 1);
	taker_stop(bad);
	taker_stop(good);
}

/* --- the database goes away ------------------------------------------------------------------- */

static void outcomes_are_kept_while_the_database_is_away(void **state)
{
	publish(group, 1, 100);
	struct taker *t = taker_start(group, "all", 100, 0);
	taker_await(t, 100);
	test_sql(url, "CHECKPOINT");
	test_postgres_kill(postgres);
	for (int i = 0; i < 100; i++)
		taker_conclude(t, i, DELIVERY_DELIVERED);
	test_postgres_restart(postgres);
	await(standing(group, "delivered") == 100);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 100);
	assert_int_equal(atomic_load(&t->count), 100);
	taker_stop(t);
}

static void nothing_is_lost_when_the_database_dies_in_between(void **state)
{
	publish(group, 1, 5000);
	struct taker *t = taker_start(group, "all", 200, DELIVERY_DELIVERED);
	taker_await(t, 500);
	test_postgres_kill(postgres);
	test_postgres_restart(postgres);
	await(standing(group, "delivered") == 5000);
	await(engine_gauges().leases == 0);
	bool *seen = check_calloc(5001, sizeof *seen);
	int different = 0;
	for (int i = 0; i < atomic_load(&t->count); i++) {
		different += !seen[t->taken[i].number];
		seen[t->taken[i].number] = true;
	}
	assert_int_equal(different, 5000);
	free(seen);
	taker_stop(t);
}

static void connections_that_break_lose_nothing(void **state)
{
	publish(group, 1, 3000);
	struct taker *t = taker_start(group, "all", 100, DELIVERY_DELIVERED);
	for (int i = 1; i <= 5; i++) {
		taker_await(t, i * 400);
		test_sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
			      "application_name = 'junctiond' AND datname = current_database()");
	}
	await(standing(group, "delivered") == 3000);
	taker_stop(t);
}

/* Nothing is loaded anew: it is known here alone that it is to be asked for again. */
static void a_statement_that_fails_is_repeated(void **state)
{
	publish(group, 1, 10);
	PGconn *gate = PQconnectdb(url);
	PQclear(PQexec(gate, "BEGIN; LOCK TABLE event.transition IN EXCLUSIVE MODE"));
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	sql_await(1, "SELECT (count(*) > 0)::integer FROM pg_locks WHERE NOT granted");
	sql("SELECT count(pg_cancel_backend(pid)) FROM pg_locks WHERE NOT granted");
	sql_await(0, "SELECT count(*) FROM pg_locks WHERE NOT granted");
	PQfinish(gate);
	taker_await(t, 10);
	await(standing(group, "delivered") == 10);
	assert_int_equal(atomic_load(&t->count), 10);
	taker_stop(t);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void a_consumer_leaves_when_what_it_has_is_concluded(void **state)
{
	publish(group, 1, 10);
	struct taker *t = taker_start(group, "all", 3, 0);
	taker_await(t, 3);
	trial_together(home, taker_leave_now, t);
	taker_conclude(t, 0, DELIVERY_DELIVERED);
	taker_conclude(t, 1, DELIVERY_DELIVERED);
	await(standing(group, "delivered") == 2);
	assert_false(atomic_load(&t->left));
	taker_conclude(t, 2, DELIVERY_WAITING);
	await(atomic_load(&t->left));
	assert_int_equal(standing(group, "waiting"), 8);
	assert_int_equal(atomic_load(&t->count), 3);
	taker_free(t);
}

static void one_that_has_left_hears_nothing_more(void **state)
{
	int explicit = make_group("explicit");
	subscribe(explicit, "explicit", "**", ", confirm = 'explicit'");
	publish(explicit, 1, 1);
	struct taker *t = taker_start(explicit, "explicit", 1, DELIVERY_DELIVERED);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 1);
	trial_together(home, taker_leave_now, t);
	await(atomic_load(&t->left));
	sql("SELECT count(*) FROM event.confirm('default', '1', 'a.b', NULL, NULL, true, 'me')");
	await(engine_gauges().deliveries == 0);
	assert_int_equal(atomic_load(&t->stands[DELIVERY_CONFIRMED]), 0);
	taker_free(t);
}

static void leases_that_come_too_late_are_given_back(void **state)
{
	publish(group, 1, 50);
	PGconn *gate = PQconnectdb(url);
	PQclear(PQexec(gate, "BEGIN; LOCK TABLE event.transition IN EXCLUSIVE MODE"));
	struct taker *t = taker_start(group, "all", 50, 0);
	sql_await(1, "SELECT (count(*) > 0)::integer FROM pg_locks WHERE NOT granted");
	trial_together(home, taker_leave_now, t);
	PQfinish(gate);
	await(atomic_load(&t->left));
	assert_int_equal(atomic_load(&t->count), 0);
	taker_free(t);
	assert_int_equal(standing(group, "waiting"), 50);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE number = 2 AND state = "
			     "'waiting' AND attempt = 0"),
		50);
	t = taker_start(group, "all", 50, DELIVERY_DELIVERED);
	taker_await(t, 50);
	assert_int_equal(t->taken[0].attempt, 1);
	taker_stop(t);
}

static void conclude_all(struct taker *t)
{
	for (int i = 0; i < atomic_load(&t->count); i++)
		if (t->taken[i].lease)
			taker_conclude(t, i, DELIVERY_DELIVERED);
}

static atomic_bool has_left;

static void *leave(void *arg)
{
	engine_leave(clock_now() + 60 * CLOCK_SECOND);
	atomic_store(&has_left, true);
	return NULL;
}

static void do_nothing(void *arg)
{
}

static void a_server_that_leaves_waits_until_all_is_written(void **state)
{
	pthread_t thread;

	publish(group, 1, 100);
	struct taker *t = taker_start(group, "all", 30, 0);
	taker_await(t, 30);
	sql_await(1, "SELECT count(*) FROM event.member");
	PGconn *gate = PQconnectdb(url);
	PQclear(PQexec(gate, "BEGIN; LOCK TABLE event.transition IN EXCLUSIVE MODE"));
	atomic_store(&has_left, false);
	assert_int_equal(pthread_create(&thread, NULL, leave, NULL), 0);
	sql_await(0, "SELECT count(*) FROM event.member");
	taker_offer(t, 1000);
	for (int i = 0; i < 100; i++)
		trial_together(home, do_nothing, NULL);
	assert_false(atomic_load(&has_left));
	conclude_all(t);
	sql_await(1, "SELECT (count(*) > 0)::integer FROM pg_locks WHERE NOT granted");
	for (int i = 0; i < 100; i++)
		trial_together(home, do_nothing, NULL);
	assert_false(atomic_load(&has_left));
	PQfinish(gate);
	pthread_join(thread, NULL);
	assert_int_equal(standing(group, "delivered"), 30);
	assert_int_equal(standing(group, "waiting"), 70);
	assert_int_equal(atomic_load(&t->count), 30);
	taker_stop(t);
}

/* --- who pushes ------------------------------------------------------------------------------- */

static atomic_int charges;

static void count_charge(void)
{
	atomic_fetch_add(&charges, 1);
}

static bool in_charge;

static void ask_charge(void *arg)
{
	in_charge = engine_in_charge(*(int *)arg);
}

static bool is_in_charge(int queue)
{
	trial_together(home, ask_charge, &queue);
	return in_charge;
}

static void only_the_server_in_charge_pushes(void **state)
{
	struct taker *takers[8];
	int queues[8], mine = 0;

	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof name, "g%d", i);
		queues[i] = make_group(name);
		subscribe(queues[i], name, "**", "");
		publish(queues[i], 1, 1);
		await(is_in_charge(queues[i]));
	}
	test_sql(url, "INSERT INTO event.member VALUES ('two', now() + interval '1 hour')");
	await(atomic_load(&charges) >= 2);
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof name, "g%d", i);
		takers[i] = taker_new(queues[i], name, 1, DELIVERY_DELIVERED);
		takers[i]->consumer.push = true;
		trial_together(home, taker_join, takers[i]);
		mine += is_in_charge(queues[i]);
	}
	assert_true(mine > 0 && mine < 8);
	for (int i = 0; i < 8; i++)
		if (is_in_charge(queues[i]))
			taker_await(takers[i], 1);
	for (int i = 0; i < 8; i++)
		if (!is_in_charge(queues[i]))
			assert_int_equal(atomic_load(&takers[i]->count), 0);
	test_sql(url, "DELETE FROM event.member WHERE name = 'two'");
	for (int i = 0; i < 8; i++) {
		taker_await(takers[i], 1);
		taker_stop(takers[i]);
	}
}

static int begin_with_charge(void **state)
{
	clear();
	atomic_store(&charges, 0);
	engine_on_charge(count_charge);
	engine_trial_start(20, 100);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_another_server_has_comes_when_its_lease_is_over),
		TEST(what_another_server_has_done_is_forgotten),
		TEST(what_another_server_gives_back_comes),
		TEST(what_was_decided_meanwhile_stands),
		TEST(attempts_follow_the_schedule_until_it_is_dead),
		TEST(what_postgresql_does_not_take_is_left_out_of_a_reason),
		TEST(an_outcome_that_is_refused_holds_up_no_other),
		TEST(outcomes_are_kept_while_the_database_is_away),
		TEST(nothing_is_lost_when_the_database_dies_in_between),
		TEST(connections_that_break_lose_nothing),
		TEST(a_statement_that_fails_is_repeated),
		TEST(a_consumer_leaves_when_what_it_has_is_concluded),
		TEST(one_that_has_left_hears_nothing_more),
		TEST(leases_that_come_too_late_are_given_back),
		cmocka_unit_test_setup_teardown(
			a_server_that_leaves_waits_until_all_is_written, begin_as_member, end),
		cmocka_unit_test_setup_teardown(
			only_the_server_in_charge_pushes, begin_with_charge, end),
	};
	return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
