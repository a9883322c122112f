/* The breaker of an endpoint at each of its edges, and threads at one endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "bridge/gateway/endpoint.h"
#include "tests/support/metric_value.h"

#define START (1000 * CLOCK_SECOND)

/* Half of at least 4 in 10 s; 3 in a row; left alone for 1 s. */
static Registry__RouteBreaker breaker = {
	.percent = 50, .volume = 4, .window_ms = 10000, .half_open_ms = 1000, .consecutive = 3};

static struct endpoint *hold(void)
{
	return endpoint_hold("node.test", 80, false, false);
}

static void run_one(struct endpoint *e, enum endpoint_outcome outcome, int64_t now)
{
	assert_true(endpoint_begin(e, &breaker, now));
	endpoint_end(e, &breaker, outcome, now);
}

static void run_many(struct endpoint *e, int count, enum endpoint_outcome outcome, int64_t now)
{
	for (int i = 0; i < count; i++)
		run_one(e, outcome, now);
}

static bool is_open(struct endpoint *e, int64_t now)
{
	return endpoint_is_open(e, &breaker, now);
}

/* When its first trial is, after it has been left alone at that time. */
static int64_t fall(struct endpoint *e, int64_t now)
{
	run_many(e, 3, ENDPOINT_NOT_REACHED, now);
	assert_false(is_open(e, now));
	return endpoint_trial_time(e);
}

#define LEFT_ALONE  "junction_gateway_endpoints_left_alone"
#define TAKEN_AGAIN "junction_gateway_endpoint_changes_total{change=\"taken_again\"}"

/* --- holding --------------------------------------------------------------------------------- */

static void all_who_hold_a_place_hold_the_same(void **state)
{
	(void)state;
	struct endpoint *one = endpoint_hold("::1", 80, false, false);
	struct endpoint *same = endpoint_hold("::1", 80, false, false);
	struct endpoint *others[] = {endpoint_hold("::1", 81, false, false),
		endpoint_hold("::1", 80, true, false), endpoint_hold("::1", 80, false, true),
		endpoint_hold("::2", 80, false, false)};
	assert_ptr_equal(one, same);
	assert_string_equal(one->host, "::1");
	for (size_t i = 0; i < 4; i++) {
		assert_ptr_not_equal(one, others[i]);
		endpoint_release(&others[i]);
		assert_null(others[i]);
	}
	endpoint_release(&same);
	struct endpoint *more = endpoint_hold_more(one);
	endpoint_release(&one);
	assert_int_equal(more->port, 80);
	endpoint_release(&more);
	endpoint_release(&more); /* NULL */
}

static void nothing_is_remembered_of_what_nobody_holds(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	fall(e, START);
	assert_int_equal(metric_value(LEFT_ALONE), 1);
	endpoint_release(&e);
	assert_int_equal(metric_value(LEFT_ALONE), 0);
	e = hold();
	assert_true(is_open(e, START));
	endpoint_release(&e);
}

static void requests_under_way_are_counted(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	assert_true(endpoint_begin(e, &breaker, START));
	assert_true(endpoint_begin(e, NULL, START));
	assert_int_equal(atomic_load(&e->outstanding), 2);
	endpoint_end(e, NULL, ENDPOINT_FAILED, START);
	endpoint_end(e, &breaker, ENDPOINT_UNKNOWN, START);
	assert_int_equal(atomic_load(&e->outstanding), 0);
	int64_t trial = fall(e, START);
	assert_false(endpoint_begin(e, &breaker, trial - 1));
	assert_int_equal(atomic_load(&e->outstanding), 0);
	endpoint_release(&e);
}

/* --- when it is left alone ------------------------------------------------------------------- */

static void too_few_requests_say_nothing(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	run_many(e, 3, ENDPOINT_FAILED, START);
	assert_true(is_open(e, START));
	run_one(e, ENDPOINT_FAILED, START);
	assert_false(is_open(e, START));
	endpoint_release(&e);
}

static void the_share_of_failures_counts_from_its_percentage_on(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	run_many(e, 5, ENDPOINT_ANSWERED, START);
	run_many(e, 4, ENDPOINT_FAILED, START);
	assert_true(is_open(e, START));
	run_one(e, ENDPOINT_FAILED, START);
	assert_false(is_open(e, START));
	endpoint_release(&e);
}

static void what_the_client_gave_up_counts_as_nothing(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	run_many(e, 3, ENDPOINT_FAILED, START);
	run_many(e, 100, ENDPOINT_UNKNOWN, START);
	assert_true(is_open(e, START));
	run_one(e, ENDPOINT_FAILED, START);
	assert_false(is_open(e, START));
	endpoint_release(&e);
}

static void what_is_older_than_the_window_does_not_count(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	run_many(e, 3, ENDPOINT_FAILED, START);
	run_one(e, ENDPOINT_FAILED, START + 10 * CLOCK_SECOND);
	assert_true(is_open(e, START + 10 * CLOCK_SECOND));
	run_many(e, 2, ENDPOINT_FAILED, START + 12 * CLOCK_SECOND);
	assert_true(is_open(e, START + 12 * CLOCK_SECOND));
	run_one(e, ENDPOINT_FAILED, START + 19 * CLOCK_SECOND);
	assert_false(is_open(e, START + 19 * CLOCK_SECOND));
	endpoint_release(&e);
}

static void the_window_slides_by_tenths(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	for (int i = 0; i < 100; i++) {
		int64_t now = START + i * CLOCK_SECOND;
		run_many(e, 3, ENDPOINT_ANSWERED, now);
		run_many(e, 2, ENDPOINT_FAILED, now);
		assert_true(is_open(e, now));
	}
	/* 18 of 45 in the nine tenths before: half with these, not without the last. */
	run_many(e, 8, ENDPOINT_FAILED, START + 100 * CLOCK_SECOND);
	assert_true(is_open(e, START + 100 * CLOCK_SECOND));
	run_one(e, ENDPOINT_FAILED, START + 100 * CLOCK_SECOND);
	assert_false(is_open(e, START + 100 * CLOCK_SECOND));
	endpoint_release(&e);
}

static void not_being_reached_in_a_row_is_enough(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	run_many(e, 100, ENDPOINT_ANSWERED, START);
	run_many(e, 2, ENDPOINT_NOT_REACHED, START);
	run_one(e, ENDPOINT_ANSWERED, START);
	run_many(e, 2, ENDPOINT_NOT_REACHED, START);
	run_one(e, ENDPOINT_FAILED, START);
	run_many(e, 2, ENDPOINT_NOT_REACHED, START);
	assert_true(is_open(e, START));
	run_one(e, ENDPOINT_NOT_REACHED, START);
	assert_false(is_open(e, START));
	endpoint_release(&e);
}

static void without_a_breaker_nothing_is_left_alone(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	for (int i = 0; i < 100; i++) {
		assert_true(endpoint_begin(e, NULL, START));
		endpoint_end(e, NULL, ENDPOINT_NOT_REACHED, START);
	}
	assert_true(is_open(e, START));
	fall(e, START);
	assert_true(endpoint_is_open(e, NULL, START));
	assert_true(endpoint_begin(e, NULL, START));
	endpoint_end(e, NULL, ENDPOINT_ANSWERED, START);
	assert_false(is_open(e, START));
	endpoint_release(&e);
}

/* --- trials ---------------------------------------------------------------------------------- */

static void the_time_until_the_trial_is_varied_by_a_fifth(void **state)
{
	(void)state;
	int64_t least = CLOCK_NEVER, most = 0;
	for (int i = 0; i < 200; i++) {
		struct endpoint *e = hold();
		int64_t wait = fall(e, START) - START;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		endpoint_release(&e);
	}
	assert_in_range(least, 800 * CLOCK_MS, 900 * CLOCK_MS);
	assert_in_range(most, 1100 * CLOCK_MS, 1200 * CLOCK_MS);
}

static void one_request_is_let_through_at_a_time(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t trial = fall(e, START);
	assert_false(is_open(e, trial - 1));
	assert_false(endpoint_begin(e, &breaker, trial - 1));
	assert_true(is_open(e, trial));
	assert_true(endpoint_begin(e, &breaker, trial));
	assert_false(is_open(e, trial));
	assert_false(endpoint_begin(e, &breaker, trial));
	endpoint_end(e, &breaker, ENDPOINT_ANSWERED, trial);
	endpoint_release(&e);
}

static void success_takes_it_again_as_new(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t before = metric_value(TAKEN_AGAIN);
	int64_t trial = fall(e, START);
	run_one(e, ENDPOINT_ANSWERED, trial);
	assert_true(is_open(e, trial));
	assert_int_equal(endpoint_trial_time(e), 0);
	assert_int_equal(metric_value(TAKEN_AGAIN), before + 1);
	run_many(e, 2, ENDPOINT_NOT_REACHED, trial); /* neither in a row nor in the window */
	run_one(e, ENDPOINT_ANSWERED, trial);
	assert_true(is_open(e, trial));
	int64_t again = fall(e, trial + 20 * CLOCK_SECOND) - trial - 20 * CLOCK_SECOND;
	assert_in_range(again, 800 * CLOCK_MS, 1200 * CLOCK_MS);
	endpoint_release(&e);
}

static void failures_make_the_time_grow_by_half_up_to_ten_times(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t trial = fall(e, START);
	double wait = 1000.0 * CLOCK_MS;
	for (int i = 0; i < 12; i++) {
		run_one(e, i % 2 ? ENDPOINT_FAILED : ENDPOINT_NOT_REACHED, trial);
		int64_t next = endpoint_trial_time(e);
		wait = wait * 1.5 < 10000.0 * CLOCK_MS ? wait * 1.5 : 10000.0 * CLOCK_MS;
		assert_in_range(next - trial, (int64_t)(wait * 0.79), (int64_t)(wait * 1.21));
		trial = next;
	}
	run_one(e, ENDPOINT_ANSWERED, trial);
	assert_true(is_open(e, trial));
	endpoint_release(&e);
}

static void a_trial_that_the_client_gave_up_makes_way_for_another(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t trial = fall(e, START);
	run_one(e, ENDPOINT_UNKNOWN, trial);
	assert_int_equal(endpoint_trial_time(e), trial);
	run_one(e, ENDPOINT_ANSWERED, trial);
	assert_true(is_open(e, trial));
	endpoint_release(&e);
}

static void a_trial_that_takes_too_long_makes_way_for_another(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t trial = fall(e, START);
	assert_true(endpoint_begin(e, &breaker, trial));
	endpoint_begin_anyway(e, &breaker, trial + 500 * CLOCK_MS); /* puts nothing off */
	assert_false(is_open(e, trial + 999 * CLOCK_MS));
	run_one(e, ENDPOINT_ANSWERED, trial + 1000 * CLOCK_MS);
	assert_true(is_open(e, trial + 1000 * CLOCK_MS));
	for (int i = 0; i < 2; i++)
		endpoint_end(e, &breaker, ENDPOINT_FAILED, trial + 2000 * CLOCK_MS);
	assert_true(is_open(e, trial + 2000 * CLOCK_MS));
	endpoint_release(&e);
}

static void what_went_there_before_is_no_trial(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	for (int i = 0; i < 3; i++)
		assert_true(endpoint_begin(e, &breaker, START));
	int64_t trial = fall(e, START);
	endpoint_end(e, &breaker, ENDPOINT_ANSWERED, START); /* too late */
	assert_int_equal(endpoint_trial_time(e), trial);
	assert_true(endpoint_begin(e, &breaker, trial));
	endpoint_end(e, &breaker, ENDPOINT_FAILED, trial);
	endpoint_end(e, &breaker, ENDPOINT_FAILED, trial);
	assert_int_equal(endpoint_trial_time(e), trial);
	assert_false(is_open(e, trial));
	endpoint_end(e, &breaker, ENDPOINT_FAILED, trial); /* the trial itself */
	assert_true(endpoint_trial_time(e) > trial);
	endpoint_release(&e);
}

static void without_another_endpoint_any_request_is_a_trial(void **state)
{
	(void)state;
	struct endpoint *e = hold();
	int64_t trial = fall(e, START);
	endpoint_begin_anyway(e, &breaker, START);
	endpoint_begin_anyway(e, &breaker, START);
	assert_int_equal(atomic_load(&e->outstanding), 2);
	endpoint_end(e, &breaker, ENDPOINT_FAILED, START + 600 * CLOCK_MS);
	int64_t later = endpoint_trial_time(e) - START;
	assert_true(later + START > trial); /* later, but grown by nothing */
	assert_in_range(later, 1400 * CLOCK_MS, 1800 * CLOCK_MS);
	endpoint_end(e, &breaker, ENDPOINT_ANSWERED, START + 600 * CLOCK_MS);
	assert_false(is_open(e, START + 600 * CLOCK_MS)); /* there was one trial */
	endpoint_begin_anyway(e, &breaker, START + 600 * CLOCK_MS);
	endpoint_end(e, &breaker, ENDPOINT_ANSWERED, START + 600 * CLOCK_MS);
	assert_true(is_open(e, START + 600 * CLOCK_MS));
	endpoint_release(&e);
}

/* --- threads --------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 20000 };

static void *hammer(void *arg)
{
	unsigned random = (unsigned)(uintptr_t)arg * 2654435761U;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t now = START + i * CLOCK_MS;
		struct endpoint *e = hold();
		random = random * 1664525 + 1013904223;
		endpoint_is_open(e, &breaker, now);
		if (endpoint_begin(e, &breaker, now))
			endpoint_end(e, &breaker, (random >> 20) % 4, now);
		endpoint_release(&e);
	}
	return NULL;
}

static void threads_share_an_endpoint(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	struct endpoint *kept = hold();
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, hammer, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	assert_int_equal(atomic_load(&kept->outstanding), 0);
	endpoint_release(&kept);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, hammer, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	assert_int_equal(metric_value(LEFT_ALONE), 0);
}

static pthread_barrier_t gate;
static atomic_int trials;

static void *try_one(void *arg)
{
	struct endpoint *e = arg;
	pthread_barrier_wait(&gate);
	if (endpoint_begin(e, &breaker, endpoint_trial_time(e)))
		atomic_fetch_add(&trials, 1);
	return NULL;
}

static void of_many_threads_one_gets_the_trial(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	CHECK(!pthread_barrier_init(&gate, NULL, THREADS));
	for (int round = 0; round < 50; round++) {
		struct endpoint *e = hold();
		int64_t trial = fall(e, START);
		atomic_store(&trials, 0);
		for (int i = 0; i < THREADS; i++)
			CHECK(!pthread_create(&threads[i], NULL, try_one, e));
		for (int i = 0; i < THREADS; i++)
			CHECK(!pthread_join(threads[i], NULL));
		assert_int_equal(atomic_load(&trials), 1);
		endpoint_end(e, &breaker, ENDPOINT_ANSWERED, trial);
		endpoint_release(&e);
	}
	pthread_barrier_destroy(&gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_who_hold_a_place_hold_the_same),
		cmocka_unit_test(nothing_is_remembered_of_what_nobody_holds),
		cmocka_unit_test(requests_under_way_are_counted),
		cmocka_unit_test(too_few_requests_say_nothing),
		cmocka_unit_test(the_share_of_failures_counts_from_its_percentage_on),
		cmocka_unit_test(what_the_client_gave_up_counts_as_nothing),
		cmocka_unit_test(what_is_older_than_the_window_does_not_count),
		cmocka_unit_test(the_window_slides_by_tenths),
		cmocka_unit_test(not_being_reached_in_a_row_is_enough),
		cmocka_unit_test(without_a_breaker_nothing_is_left_alone),
		cmocka_unit_test(the_time_until_the_trial_is_varied_by_a_fifth),
		cmocka_unit_test(one_request_is_let_through_at_a_time),
		cmocka_unit_test(success_takes_it_again_as_new),
		cmocka_unit_test(failures_make_the_time_grow_by_half_up_to_ten_times),
		cmocka_unit_test(a_trial_that_the_client_gave_up_makes_way_for_another),
		cmocka_unit_test(a_trial_that_takes_too_long_makes_way_for_another),
		cmocka_unit_test(what_went_there_before_is_no_trial),
		cmocka_unit_test(without_another_endpoint_any_request_is_a_trial),
		cmocka_unit_test(threads_share_an_endpoint),
		cmocka_unit_test(of_many_threads_one_gets_the_trial),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
