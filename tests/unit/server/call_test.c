/* How long a call may stay in a lane. The work lane needs no database: PostgreSQL is away here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "base/check.h"
#include "server/call.h"

#define MANY 64

static struct lanes *lanes;
static uv_sem_t gate, ended;
static struct call calls[MANY];

static void hold(struct call *c)
{
	uv_sem_wait(&gate);
}

static enum next pass(struct call *c)
{
	return stream_end(c);
}

static void finish(struct call *c)
{
	uv_sem_post(&ended);
}

static const struct call_transport transport = {.finish = finish};

static struct call *prepare(struct call *c, int64_t deadline, int64_t lane_limit)
{
	*c = (struct call){.deadline = deadline, .lane_limit = lane_limit, .transport = &transport};
	c->arena = c->turn = arena_new(0);
	return c;
}

static int start(void **state)
{
	const struct lanes_options options = {
		.database_url = "host=/tmp/there-is-no-such-folder",
		.threads = 1,
		.change_connections = 1,
		.search_connections = 1,
		.queue_limit = MANY,
		.statement_timeout_ms = 1000,
		.search_timeout_ms = 1000,
		.lock_timeout_ms = 1000,
	};
	lanes = lanes_start(&options);
	call_use_lanes(lanes, NULL, NULL);
	CHECK(uv_sem_init(&gate, 0) == 0);
	CHECK(uv_sem_init(&ended, 0) == 0);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	uv_sem_destroy(&gate);
	uv_sem_destroy(&ended);
	for (int i = 0; i < MANY; i++)
		arena_free(&calls[i].arena);
	return 0;
}

/* Takes every thread of the pool, and then lets the last call wait for one: how it ended. */
static enum status_code last_of_many(int64_t deadline, int64_t lane_limit)
{
	struct call *last = &calls[MANY - 1];
	for (int i = 0; i < MANY - 1; i++)
		work(prepare(&calls[i], CLOCK_NEVER, 3600 * CLOCK_SECOND), hold, pass);
	work(prepare(last, deadline, lane_limit), hold, pass);
	uv_sem_wait(&ended);
	enum status_code code = last->status.code;
	for (int i = 0; i < MANY - 1; i++)
		uv_sem_post(&gate);
	for (int i = 0; i < MANY - 1; i++)
		uv_sem_wait(&ended);
	return code;
}

static void a_stream_without_deadline_waits_in_a_lane_as_long_as_other_calls(void **state)
{
	assert_int_equal(last_of_many(CLOCK_NEVER, 10 * CLOCK_MS), STATUS_DEADLINE_EXCEEDED);
}

static void an_earlier_deadline_counts_in_a_lane(void **state)
{
	assert_int_equal(last_of_many(clock_now() + 10 * CLOCK_MS, 3600 * CLOCK_SECOND),
		STATUS_DEADLINE_EXCEEDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_stream_without_deadline_waits_in_a_lane_as_long_as_other_calls, start,
			stop),
		cmocka_unit_test_setup_teardown(an_earlier_deadline_counts_in_a_lane, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
