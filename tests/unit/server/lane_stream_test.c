/* The stream lane: bells, time, and every way for a wait to end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/lane/stream.h"

#define MANY  1000
#define RINGS 20000

struct waiter {
	struct wait_job job;
	uv_sem_t ended;
	enum status_code code;
	struct loop *ended_on;
};

static struct stream_lane *lane;
static struct bell bell;
static struct waiter waiters[MANY];

static int setup(void **state)
{
	memset(&bell, 0, sizeof(bell));
	lane = stream_lane_start();
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(stream_lane_depth(lane), 0);
	stream_lane_stop(&lane);
	assert_null(lane);
	return 0;
}

static void done(struct wait_job *job, const struct status *error)
{
	struct waiter *w = (struct waiter *)job;
	w->code = error ? error->code : STATUS_OK;
	w->ended_on = loop_current();
	uv_sem_post(&w->ended);
}

static struct waiter *prepare(struct waiter *w, struct bell *b)
{
	*w = (struct waiter){.code = STATUS_UNKNOWN};
	w->job.bell = b;
	w->job.seen = b ? bell_count(b) : 0;
	w->job.until = w->job.deadline = CLOCK_NEVER;
	w->job.done = done;
	CHECK(uv_sem_init(&w->ended, 0) == 0);
	return w;
}

static enum status_code ended(struct waiter *w)
{
	uv_sem_wait(&w->ended);
	uv_sem_destroy(&w->ended);
	return w->code;
}

/* When a later wait has ended, all before it have arrived. */
static void let_arrive(void)
{
	static struct waiter last;
	prepare(&last, NULL)->job.until = 0;
	stream_lane_wait(lane, &last.job);
	assert_int_equal(ended(&last), STATUS_OK);
}

static void wait_many(int count)
{
	for (int i = 0; i < count; i++)
		stream_lane_wait(lane, &prepare(&waiters[i], &bell)->job);
	let_arrive();
}

/* --- bells ----------------------------------------------------------------------------------- */

static void a_ring_ends_all_that_wait_on_the_lane(void **state)
{
	wait_many(MANY);
	assert_int_equal(stream_lane_depth(lane), MANY);
	bell_ring(lane, &bell);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(ended(&waiters[i]), STATUS_OK);
		assert_non_null(waiters[i].ended_on);
		assert_ptr_equal(waiters[i].ended_on, waiters[0].ended_on);
	}
	assert_int_equal(bell_count(&bell), 1);
}

static void a_bell_that_was_heard_rings_again(void **state)
{
	for (int i = 0; i < 3; i++) {
		wait_many(1);
		bell_ring(lane, &bell);
		assert_int_equal(ended(&waiters[0]), STATUS_OK);
	}
}

static void a_ring_before_the_wait_is_not_missed(void **state)
{
	struct waiter *w = prepare(&waiters[0], &bell);
	bell_ring(lane, &bell);
	let_arrive();
	stream_lane_wait(lane, &w->job);
	assert_int_equal(ended(w), STATUS_OK);
}

static void a_bell_without_lane_counts(void **state)
{
	struct waiter *w = prepare(&waiters[0], &bell);
	bell_ring(NULL, &bell);
	assert_int_equal(bell_count(&bell), 1);
	stream_lane_wait(lane, &w->job);
	assert_int_equal(ended(w), STATUS_OK);
}

static void another_bell_ends_nothing(void **state)
{
	struct bell other = {0};
	wait_many(1);
	bell_ring(lane, &other);
	let_arrive();
	assert_int_equal(stream_lane_depth(lane), 1);
	bell_ring(lane, &bell);
	assert_int_equal(ended(&waiters[0]), STATUS_OK);
}

/* Waits again and again until it has seen every ring. */
struct follower {
	struct wait_job job;
	uv_sem_t ended;
};

static void follow(struct wait_job *job, const struct status *error)
{
	struct follower *f = (struct follower *)job;
	job->seen = bell_count(&bell);
	if (error || job->seen == RINGS)
		uv_sem_post(&f->ended);
	else
		stream_lane_wait(lane, job);
}

static void *ring_half(void *arg)
{
	for (int i = 0; i < RINGS / 2; i++)
		bell_ring(lane, &bell);
	return NULL;
}

static void no_ring_is_lost_among_many(void **state)
{
	struct follower followers[8] = {0};
	pthread_t threads[2];
	for (int i = 0; i < 8; i++) {
		struct follower *f = &followers[i];
		f->job = (struct wait_job){.bell = &bell,
			.until = CLOCK_NEVER,
			.deadline = CLOCK_NEVER,
			.done = follow};
		CHECK(uv_sem_init(&f->ended, 0) == 0);
		stream_lane_wait(lane, &f->job);
	}
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&threads[i], NULL, ring_half, NULL) == 0);
	for (int i = 0; i < 8; i++) {
		uv_sem_wait(&followers[i].ended);
		uv_sem_destroy(&followers[i].ended);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	let_arrive();
}

/* --- time ------------------------------------------------------------------------------------ */

static void a_wait_ends_when_its_time_has_come(void **state)
{
	struct waiter *late = prepare(&waiters[0], &bell), *soon = prepare(&waiters[1], NULL);
	late->job.until = clock_now() + 30 * CLOCK_MS;
	soon->job.until = clock_now() + 10 * CLOCK_MS;
	stream_lane_wait(lane, &late->job);
	stream_lane_wait(lane, &soon->job);
	assert_int_equal(ended(soon), STATUS_OK);
	assert_true(clock_now() >= soon->job.until);
	assert_int_equal(ended(late), STATUS_OK);
	assert_true(clock_now() >= late->job.until);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct waiter *w = prepare(&waiters[0], &bell), *passed = prepare(&waiters[1], &bell);
	w->job.deadline = clock_now() + 10 * CLOCK_MS;
	passed->job.deadline = clock_now();
	stream_lane_wait(lane, &w->job);
	stream_lane_wait(lane, &passed->job);
	assert_int_equal(ended(passed), STATUS_DEADLINE_EXCEEDED);
	assert_int_equal(ended(w), STATUS_DEADLINE_EXCEEDED);
	assert_true(clock_now() >= w->job.deadline);
}

/* --- the other ends -------------------------------------------------------------------------- */

static void a_cancelled_wait_leaves_and_the_others_stay(void **state)
{
	atomic_bool cancelled = false;
	prepare(&waiters[0], &bell)->job.cancelled = &cancelled;
	stream_lane_wait(lane, &waiters[0].job);
	stream_lane_wait(lane, &prepare(&waiters[1], &bell)->job);
	let_arrive();
	assert_int_equal(stream_lane_depth(lane), 2);
	atomic_store(&cancelled, true);
	assert_int_equal(ended(&waiters[0]), STATUS_CANCELLED);
	assert_int_equal(stream_lane_depth(lane), 1);
	bell_ring(lane, &bell);
	assert_int_equal(ended(&waiters[1]), STATUS_OK);
}

static void a_drain_ends_what_waits_and_what_comes_later(void **state)
{
	wait_many(2);
	stream_lane_drain(lane);
	stream_lane_drain(lane);
	assert_int_equal(ended(&waiters[0]), STATUS_UNAVAILABLE);
	assert_int_equal(ended(&waiters[1]), STATUS_UNAVAILABLE);
	stream_lane_wait(lane, &prepare(&waiters[2], NULL)->job);
	assert_int_equal(ended(&waiters[2]), STATUS_UNAVAILABLE);
}

static void a_ring_before_the_drain_is_heard(void **state)
{
	wait_many(1);
	bell_ring(lane, &bell);
	stream_lane_drain(lane);
	assert_int_equal(ended(&waiters[0]), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ring_ends_all_that_wait_on_the_lane),
		TEST(a_bell_that_was_heard_rings_again),
		TEST(a_ring_before_the_wait_is_not_missed),
		TEST(a_bell_without_lane_counts),
		TEST(another_bell_ends_nothing),
		TEST(no_ring_is_lost_among_many),
		TEST(a_wait_ends_when_its_time_has_come),
		TEST(a_wait_ends_at_its_deadline),
		TEST(a_cancelled_wait_leaves_and_the_others_stay),
		TEST(a_drain_ends_what_waits_and_what_comes_later),
		TEST(a_ring_before_the_drain_is_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
