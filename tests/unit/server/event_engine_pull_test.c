/* Who asks the engine for deliveries once, against a real PostgreSQL. */
#include "server/event/delivery/engine_priv.h"
#include "tests/support/engine_trial.h"

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

static int group;
static int64_t lease_ms;

static int begin(void **state)
{
	engine_trial_clear();
	group = make_group("g");
	lease_ms = 30000;
	engine_trial_start(HOUR_MS, 0);
	return 0;
}

static int end(void **state)
{
	engine_trial_stop();
	return 0;
}

/* --- pulls ------------------------------------------------------------------------------------ */

struct puller {
	struct pull_job job; /* first */
	atomic_bool cancelled, ended;
	size_t count;
	int numbers[100];
	enum status_code error;
};

static void pulled(struct pull_job *job, const struct delivered_event *events, size_t count,
	const struct status *error)
{
	struct puller *p = (struct puller *)job;

	p->count = count;
	p->error = error ? error->code : STATUS_OK;
	for (size_t i = 0; i < count; i++) {
		int64_t number;

		CHECK(text_to_int64(events[i].event_id, &number));
		p->numbers[i] = (int)number;
	}
	atomic_store(&p->ended, true);
}

static struct puller *pull_start(int most, bool failed)
{
	struct puller *p = check_calloc(1, sizeof *p);

	p->job = (struct pull_job){
		.queue = group,
		.most = most,
		.failed = failed,
		.lease_ms = lease_ms,
		.holder = TEXT("somebody"),
		.arena = arena_new(0),
		.deadline = clock_now() + 60 * CLOCK_SECOND,
		.cancelled = &p->cancelled,
		.done = pulled,
	};
	engine_pull(&p->job);
	return p;
}

static void pull_free(struct puller *p)
{
	arena_free(&p->job.arena);
	free(p);
}

/* How many there were; the numbers, if there is room for them. */
static size_t pull(int most, bool failed, int numbers[])
{
	struct puller *p = pull_start(most, failed);

	await(atomic_load(&p->ended));
	size_t count = p->count;
	assert_int_equal(p->error, STATUS_OK);
	for (size_t i = 0; numbers && i < count; i++)
		numbers[i] = p->numbers[i];
	pull_free(p);
	return count;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void nothing_is_pulled_where_nothing_is(void **state)
{
	assert_int_equal(pull(10, false, NULL), 0);
	assert_int_equal(pull(10, true, NULL), 0);
	assert_int_equal(sql("SELECT count(*) FROM event.transition"), 0);
}

static void the_oldest_are_pulled_and_leased_to_who_pulls(void **state)
{
	int numbers[100];

	publish(group, 1, 20);
	assert_int_equal(pull(5, false, numbers), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(numbers[i], i + 1);
	assert_int_equal(sql("SELECT count(*) FROM event.transition WHERE state = 'leased' AND "
			     "holder = 'somebody' AND subscription_id IS NULL AND due > now() + "
			     "interval '20 s'"),
		5);
	assert_int_equal(pull(100, false, numbers), 15);
	assert_int_equal(numbers[0], 6);
	assert_int_equal(pull(1, false, NULL), 0);
}

/* Nobody tells this server of them. */
static void what_was_published_anywhere_before_is_pulled(void **state)
{
	assert_int_equal(pull(1, false, NULL), 0);
	publish(group, 1, 1);
	assert_int_equal(pull(1, false, NULL), 1);
	publish(group, 2, 3);
	assert_int_equal(pull(10, false, NULL), 2);
}

static void what_another_server_gave_back_is_pulled(void **state)
{
	int64_t position = publish(group, 1, 1);
	lease_elsewhere(group, position, 60000);
	assert_int_equal(pull(1, false, NULL), 0);
	conclude_elsewhere(group, position, 1, "waiting");
	assert_int_equal(pull(1, false, NULL), 1);
}

static void a_stale_hint_is_passed_over(void **state)
{
	int numbers[100];
	int64_t last = publish(group, 1, 30);

	assert_int_equal(pull(1, false, NULL), 1);
	for (int i = 2; i <= 21; i++)
		lease_elsewhere(group, last - 30 + i, 60000);
	assert_int_equal(pull(5, false, numbers), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(numbers[i], 22 + i);
}

static void several_at_once_get_different_ones_in_order(void **state)
{
	enum { PULLS = 8, EACH = 90 };
	struct puller *pulls[PULLS];
	bool seen[PULLS * EACH + 1] = {false};

	publish(group, 1, PULLS * EACH);
	for (int i = 0; i < PULLS; i++)
		pulls[i] = pull_start(EACH, false);
	for (int i = 0; i < PULLS; i++) {
		await(atomic_load(&pulls[i]->ended));
		assert_int_equal(pulls[i]->count, EACH);
		for (int k = 0; k < EACH; k++) {
			assert_true(k == 0 || pulls[i]->numbers[k - 1] < pulls[i]->numbers[k]);
			assert_false(seen[pulls[i]->numbers[k]]);
			seen[pulls[i]->numbers[k]] = true;
		}
		pull_free(pulls[i]);
	}
	assert_int_equal(pull(1, false, NULL), 0);
}

static void one_that_failed_is_pulled_before_it_is_due(void **state)
{
	int numbers[100];
	int64_t last = publish(group, 1, 3);

	lease_elsewhere(group, last - 1, 60000);
	conclude_elsewhere(group, last - 1, 1, "failed");
	assert_int_equal(pull(10, true, numbers), 1);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(
		sql("SELECT attempt FROM event.transition ORDER BY number DESC LIMIT 1"), 2);
	assert_int_equal(pull(10, true, NULL), 0);
	assert_int_equal(pull(10, false, NULL), 2);
}

static void what_is_not_confirmed_in_time_is_pulled_again(void **state)
{
	lease_ms = 50;
	publish(group, 1, 1);
	assert_int_equal(pull(1, false, NULL), 1);
	await(pull(1, false, NULL) == 1);
	assert_int_equal(sql("SELECT max(attempt) FROM event.transition"), 2);
}

static void events_of_a_key_are_pulled_one_after_the_other(void **state)
{
	publish_named(group, 1, 3, "a.b", "key");
	assert_int_equal(pull(10, false, NULL), 1);
	assert_int_equal(pull(10, false, NULL), 0);
	sql("SELECT count(*) FROM event.confirm('default', '1', 'a.b', 'g', NULL, true, 'me')");
	int numbers[100];
	assert_int_equal(pull(10, false, numbers), 1);
	assert_int_equal(numbers[0], 2);
}

static void who_pulls_is_told_when_the_database_is_away(void **state)
{
	publish(group, 1, 1);
	test_postgres_kill(postgres);
	struct puller *p = pull_start(1, false);
	atomic_store(&p->cancelled, true);
	await(atomic_load(&p->ended));
	assert_int_equal(p->error, STATUS_UNAVAILABLE);
	pull_free(p);
	test_postgres_restart(postgres);
	await(lanes_ready(lanes));
	assert_int_equal(pull(1, false, NULL), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_pulled_where_nothing_is),
		TEST(the_oldest_are_pulled_and_leased_to_who_pulls),
		TEST(what_was_published_anywhere_before_is_pulled),
		TEST(what_another_server_gave_back_is_pulled),
		TEST(a_stale_hint_is_passed_over),
		TEST(several_at_once_get_different_ones_in_order),
		TEST(one_that_failed_is_pulled_before_it_is_due),
		TEST(what_is_not_confirmed_in_time_is_pulled_again),
		TEST(events_of_a_key_are_pulled_one_after_the_other),
		TEST(who_pulls_is_told_when_the_database_is_away),
	};
	return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
