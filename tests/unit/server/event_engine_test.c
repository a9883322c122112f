/* The engine against a real PostgreSQL: what it takes, in which order, and what it writes. What
 * interferes is in event_engine_fault_test.c, who pulls in event_engine_pull_test.c. */
#include "server/event/delivery/engine_priv.h"
#include "tests/support/engine_trial.h"

static int start_postgres(void **state)
{
	struct lanes_options options;

	postgres = test_postgres_shared();
	url = test_postgres_database(postgres, test_postgres_template(postgres));
	options = trial_options(url);
	return options.threads != 2;
}

static int stop_postgres(void **state)
{
	test_postgres_stop(&postgres);
	return 0;
}

static int group; /* with the subscription "all" */

static int begin(void **state)
{
	engine_trial_clear();
	group = make_group("g");
	subscribe(group, "all", "**", ", schedule_ms = '{50,50,50}'");
	engine_trial_start(20, 0);
	return 0;
}

static int begin_without_polling(void **state)
{
	engine_trial_clear();
	group = make_group("g");
	subscribe(group, "all", "**", "");
	engine_trial_start(HOUR_MS, 0);
	return 0;
}

static int end(void **state)
{
	engine_trial_stop();
	engine_window = 4096;
	return 0;
}

/* Two statements may be under way, so of different keys a later one may come first. */
static void assert_each_once(const struct taker *t, int count)
{
	bool *seen = check_calloc((size_t)count + 1, sizeof *seen);

	assert_int_equal(atomic_load(&t->count), count);
	for (int i = 0; i < count; i++) {
		int number = t->taken[i].number;

		assert_true(number >= 1 && number <= count && !seen[number]);
		seen[number] = true;
	}
	free(seen);
}

/* --- finding ---------------------------------------------------------------------------------- */

static void what_waits_is_taken_and_what_came_of_it_is_written(void **state)
{
	publish(group, 1, 50);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	taker_await(t, 50);
	assert_each_once(t, 50);
	await(standing(group, "delivered") == 50);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE state = 'leased' AND "
			     "holder = 'one' AND subscription_id IS NOT NULL AND due IS NOT NULL"),
		50);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE state = 'delivered' AND "
			     "holder = 'one' AND number = 2 AND attempt = 1 AND latency_ms = 1.5"),
		50);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 50);
	await(engine_gauges().deliveries == 0 && engine_gauges().leases == 0);
	taker_stop(t);
}

static void the_event_comes_as_it_was_published(void **state)
{
	publish_named(group, 7, 7, "order.made", "k");
	struct taker *t = taker_start(group, "all", 1, 0);
	taker_await(t, 1);
	const struct lease *lease = t->taken[0].lease;
	assert_string_equal(lease->event.data.data, "{\"n\":7}");
	assert_string_equal(lease->event.name.data, "order.made");
	assert_string_equal(lease->event.key.data, "k");
	assert_int_equal(lease->event.position, sql("SELECT event.head()"));
	assert_int_equal(
		lease->event.time_ms, sql("SELECT event.milliseconds(time) FROM event.event"));
	taker_conclude(t, 0, DELIVERY_CONFIRMED);
	await(standing(group, "confirmed") == 1);
	taker_stop(t);
}

static void what_another_server_publishes_is_found_by_polling(void **state)
{
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	await(engine_gauges().active_queues == 1);
	publish(group, 1, 2000);
	taker_await(t, 2000);
	assert_each_once(t, 2000);
	taker_stop(t);
}

static void tell(int64_t position, int64_t previous, int queue)
{
	engine_published(position, previous, &queue, 1, TEXT(""));
}

static void what_this_server_publishes_is_found_at_once(void **state)
{
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	int64_t first = publish(group, 1, 1);
	tell(first, 0, group);
	taker_await(t, 1);
	int64_t second = publish(group, 2, 2);
	tell(second, first, group);
	taker_await(t, 2);
	assert_int_equal(t->taken[1].number, 2);
	assert_int_equal(engine_gauges().position, second); /* it is not read again */
	taker_stop(t);
}

static void a_gap_is_filled_from_the_log(void **state)
{
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	int64_t first = publish(group, 1, 1), second = publish(group, 2, 2);
	int64_t third = publish(group, 3, 3);
	tell(third, second, group);
	taker_await(t, 3);
	tell(first, 0, group);
	tell(second, first, group);
	int64_t fourth = publish(group, 4, 4);
	tell(fourth, third, group);
	taker_await(t, 4);
	assert_each_once(t, 4);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE state = 'leased'"), 4);
	taker_stop(t);
}

static void own_events_out_of_turn_need_no_log(void **state)
{
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	int64_t last = publish(group, 1, 3), first = last - 2;
	tell(last, last - 1, group);
	tell(last - 1, first, group);
	tell(first, 0, group);
	taker_await(t, 3);
	assert_each_once(t, 3);
	taker_stop(t);
}

/* --- order ------------------------------------------------------------------------------------ */

static void events_of_a_key_come_one_after_the_other(void **state)
{
	for (int i = 0; i < 5; i++) {
		publish_named(group, 2 * i + 1, 2 * i + 1, "a.b", "odd");
		publish_named(group, 2 * i + 2, 2 * i + 2, "a.b", "even");
	}
	struct taker *t = taker_new(group, "all", 100, DELIVERY_DELIVERED);
	t->fail_first = 4;
	trial_together(home, taker_join, t);
	taker_await(t, 14);
	int last[2] = {0}, attempt[2] = {0};
	for (int i = 0; i < 14; i++) {
		int number = t->taken[i].number, key = number % 2;

		if (number == last[key])
			assert_int_equal(t->taken[i].attempt, attempt[key] + 1);
		else
			assert_int_equal(number, last[key] ? last[key] + 2 : 2 - key);
		last[key] = number;
		attempt[key] = t->taken[i].attempt;
	}
	taker_stop(t);
}

static void the_oldest_comes_first(void **state)
{
	publish(group, 1, 100);
	struct taker *t = taker_start(group, "all", 3, 0);
	taker_await(t, 3);
	assert_each_once(t, 3);
	for (int i = 0; i < 3; i++)
		taker_conclude(t, i, DELIVERY_DELIVERED);
	taker_stop(t);
}

static void what_the_window_does_not_hold_comes_later(void **state)
{
	engine_window = 8;
	publish(group, 1, 300);
	struct taker *t = taker_start(group, "all", 3, DELIVERY_DELIVERED);
	publish(group, 301, 1000);
	taker_await(t, 1000);
	assert_each_once(t, 1000);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE state = 'leased'"), 1000);
	taker_stop(t);
}

static void a_consumer_without_room_holds_back_only_its_queue(void **state)
{
	int other = make_group("other");
	subscribe(other, "other", "**", "");
	publish(group, 1, 100);
	struct taker *full = taker_start(group, "all", 2, 0);
	taker_await(full, 2);
	publish(other, 1, 200);
	struct taker *t = taker_start(other, "other", 5, DELIVERY_DELIVERED);
	taker_await(t, 200);
	assert_int_equal(atomic_load(&full->count), 2);
	taker_conclude(full, 0, DELIVERY_DELIVERED);
	taker_conclude(full, 1, DELIVERY_DELIVERED);
	await(standing(group, "delivered") == 2);
	assert_int_equal(atomic_load(&full->count), 2);
	taker_offer(full, 1);
	taker_await(full, 3);
	taker_conclude(full, 2, DELIVERY_DELIVERED);
	taker_stop(full);
	taker_stop(t);
}

/* --- groups whose members want different events ----------------------------------------------- */

static void each_member_gets_what_it_wants(void **state)
{
	int mixed = make_group("mixed");
	subscribe(mixed, "a", "a.*", "");
	subscribe(mixed, "b", "b.*", "");
	publish_named(mixed, 1, 20, "a.x", NULL);
	publish_named(mixed, 21, 40, "b.x", NULL);
	publish_named(mixed, 41, 41, "c.x", NULL); /* by the name of the group */
	struct taker *b = taker_new(mixed, "b", 100, DELIVERY_DELIVERED);
	struct taker *a = taker_new(mixed, "a", 100, DELIVERY_DELIVERED);
	trial_together(home, taker_join, b);
	trial_together(home, taker_join, a);
	await(standing(mixed, "delivered") == 41);
	for (int i = 0; i < atomic_load(&a->count); i++)
		assert_true(a->taken[i].number <= 20 || a->taken[i].number == 41);
	for (int i = 0; i < atomic_load(&b->count); i++)
		assert_true(b->taken[i].number > 20);
	assert_int_equal(atomic_load(&a->count) + atomic_load(&b->count), 41);
	taker_stop(a);
	taker_stop(b);
}

static void what_only_a_member_without_room_wants_waits_for_it(void **state)
{
	int mixed = make_group("mixed");
	subscribe(mixed, "a", "a.*", "");
	subscribe(mixed, "b", "b.*", "");
	struct taker *a = taker_start(mixed, "a", 100, DELIVERY_DELIVERED);
	struct taker *b = taker_start(mixed, "b", 0, DELIVERY_DELIVERED);
	publish_named(mixed, 1, 1, "b.x", NULL);
	sql_await(1, "SELECT (count(*) >= 4)::integer FROM event.transition WHERE holder = 'one'");
	assert_int_equal(atomic_load(&a->count), 0);
	taker_offer(b, 1);
	taker_await(b, 1);
	assert_int_equal(b->taken[0].attempt, 1);
	await(standing(mixed, "delivered") == 1);
	assert_int_equal(atomic_load(&a->count), 0);
	taker_stop(a);
	taker_stop(b);
}

/* --- what is said of deliveries --------------------------------------------------------------- */

static void confirm(int number, bool success)
{
	sql("SELECT count(*) FROM event.confirm('default', '%d', 'a.b', NULL, NULL, %s, 'me')",
		number, success ? "true" : "false");
}

static void a_confirmation_elsewhere_is_heard_of(void **state)
{
	int explicit = make_group("explicit");
	subscribe(explicit, "explicit", "**", ", confirm = 'explicit'");
	publish_named(explicit, 1, 3, "a.b", "key");
	struct taker *t = taker_start(explicit, "explicit", 10, DELIVERY_DELIVERED);
	taker_await(t, 1);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 1);
	assert_int_equal(atomic_load(&t->count), 1);
	confirm(1, true);
	taker_await(t, 2);
	await(atomic_load(&t->stands[DELIVERY_CONFIRMED]) == 1);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 2);
	confirm(2, false);
	await(atomic_load(&t->stands[DELIVERY_FAILED]) == 1);
	assert_int_equal(t->taken[1].number, 2);
	taker_stop(t);
}

static void what_is_not_confirmed_in_time_comes_again(void **state)
{
	int explicit = make_group("explicit");
	subscribe(explicit, "explicit", "**", ", confirm = 'explicit', ack_window_ms = 100");
	publish(explicit, 1, 1);
	struct taker *t = taker_new(explicit, "explicit", 1, DELIVERY_DELIVERED);
	t->again = false;
	trial_together(home, taker_join, t);
	await(atomic_load(&t->stands[DELIVERY_WAITING]) == 1);
	taker_offer(t, 1);
	taker_await(t, 2);
	assert_int_equal(t->taken[1].attempt, 2);
	await(atomic_load(&t->stands[DELIVERY_DELIVERED]) == 2);
	taker_stop(t);
}

static void one_that_was_refused_here_after_it_was_done_is_tried_again(void **state)
{
	int64_t position = publish(group, 1, 1);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	await(standing(group, "delivered") == 1);
	engine_stands(&(struct delivery_standing){
		.queue = group,
		.position = position,
		.number = 3,
		.state = DELIVERY_FAILED,
		.attempt = 1,
		.due_ms = 0,
	});
	confirm(1, false);
	taker_await(t, 2);
	assert_int_equal(t->taken[1].attempt, 2);
	taker_stop(t);
}

static void one_that_was_refused_elsewhere_after_it_was_done_is_tried_again(void **state)
{
	publish(group, 1, 1);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	await(standing(group, "delivered") == 1 && engine_gauges().deliveries == 0);
	confirm(1, false);
	taker_await(t, 2);
	assert_int_equal(t->taken[1].attempt, 2);
	taker_stop(t);
}

/* --- pauses and repetitions ------------------------------------------------------------------- */

static void set_queue(const char *what)
{
	sql("WITH changed AS (UPDATE event.queue SET %s WHERE id = %d RETURNING 1) SELECT count(*) "
	    "FROM changed",
		what, group);
}

static bool is_known_paused(void)
{
	const struct subscriptions *known = subscriptions_hold();
	bool paused = subscriptions_queue(known, group)->paused;

	subscriptions_release(&known);
	return paused;
}

static void a_paused_queue_gives_nothing(void **state)
{
	set_queue("paused = true");
	await(is_known_paused());
	publish(group, 1, 10);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DELIVERED);
	await(engine_gauges().deliveries == 10);
	assert_int_equal(sql("SELECT count(*) FROM event.transition"), 0);
	set_queue("paused = false");
	taker_await(t, 10);
	taker_stop(t);
}

static void what_was_opened_again_comes_again(void **state)
{
	publish(group, 1, 3);
	struct taker *t = taker_start(group, "all", 10, DELIVERY_DEAD);
	await(standing(group, "dead") == 3);
	await(engine_gauges().deliveries == 0);
	atomic_store(&t->at_once, DELIVERY_DELIVERED);
	sql("WITH opened AS (INSERT INTO event.transition (queue_id, position, number, state, at, "
	    "attempt) SELECT queue_id, position, 3, 'waiting', now(), 0 FROM event.delivery "
	    "RETURNING 1) SELECT count(*) FROM opened");
	set_queue("generation = generation + 1");
	taker_await(t, 6);
	for (int i = 3; i < 6; i++)
		assert_int_equal(t->taken[i].attempt, 1);
	await(standing(group, "delivered") == 3);
	taker_stop(t);
}

/* --- low water -------------------------------------------------------------------------------- */

static void low_water_follows_what_is_done(void **state)
{
	publish(group, 1, 12000);
	struct taker *t = taker_new(group, "all", 1000, DELIVERY_DELIVERED);
	trial_together(home, taker_join, t);
	taker_await(t, 12000);
	await(standing(group, "delivered") == 12000);
	sql_await(1, "SELECT count(*) FROM event.low_water WHERE queue_id = %d", group);
	assert_int_equal(
		sql("SELECT count(*) FROM event.delivery d WHERE position <= (SELECT position FROM "
		    "event.low_water) AND NOT EXISTS (SELECT FROM event.transition t WHERE "
		    "t.position = d.position AND t.state = 'delivered')"),
		0);
	taker_stop(t);
}

static void low_water_goes_back_to_what_is_open_again(void **state)
{
	int64_t last = publish(group, 1, 2);
	lease_elsewhere(group, last - 1, 60000);
	conclude_elsewhere(group, last - 1, 1, "delivered");
	sql("SELECT count(*) FROM event.set_low_water(%d, %lld, 1, 0)", group, (long long)last);
	confirm(1, false);
	assert_int_equal(sql("SELECT event.low_water_of(%d)", group), last - 2);
	/* Who does not know of it cannot hide it. */
	sql("SELECT count(*) FROM event.set_low_water(%d, %lld, 1, 0)", group, (long long)last);
	assert_int_equal(sql("SELECT event.low_water_of(%d)", group), last - 2);
	assert_int_equal(sql("SELECT count(*) FROM event.load_queue(%d, NULL, 10)", group), 2);
	sql("SELECT count(*) FROM event.set_low_water(%d, %lld, 1, (SELECT max(number) FROM "
	    "event.opened))",
		group, (long long)last);
	assert_int_equal(sql("SELECT event.low_water_of(%d)", group), last);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define OWN(name)  cmocka_unit_test_setup_teardown(name, begin_without_polling, end)
	const struct CMUnitTest tests[] = {
		TEST(what_waits_is_taken_and_what_came_of_it_is_written),
		TEST(the_event_comes_as_it_was_published),
		TEST(what_another_server_publishes_is_found_by_polling),
		OWN(what_this_server_publishes_is_found_at_once),
		OWN(a_gap_is_filled_from_the_log),
		OWN(own_events_out_of_turn_need_no_log),
		TEST(events_of_a_key_come_one_after_the_other),
		TEST(the_oldest_comes_first),
		TEST(what_the_window_does_not_hold_comes_later),
		TEST(a_consumer_without_room_holds_back_only_its_queue),
		TEST(each_member_gets_what_it_wants),
		TEST(what_only_a_member_without_room_wants_waits_for_it),
		TEST(a_confirmation_elsewhere_is_heard_of),
		TEST(what_is_not_confirmed_in_time_comes_again),
		TEST(one_that_was_refused_here_after_it_was_done_is_tried_again),
		TEST(one_that_was_refused_elsewhere_after_it_was_done_is_tried_again),
		TEST(low_water_goes_back_to_what_is_open_again),
		TEST(a_paused_queue_gives_nothing),
		TEST(what_was_opened_again_comes_again),
		TEST(low_water_follows_what_is_done),
	};
	return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
