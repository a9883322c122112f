/* The work lane. It needs no database: PostgreSQL is away in these tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/lane/work.h"

#define MANY 64

struct piece {
	struct work_job job;
	uv_sem_t *gate; /* run() waits for it; NULL: not */
	uv_sem_t ended;
	bool ran;
	struct loop *ran_on, *ended_on;
	enum status_code code;
};

static struct lanes *lanes;
static struct piece pieces[MANY];

static void run(struct work_job *job)
{
	struct piece *p = (struct piece *)job;
	p->ran = true;
	p->ran_on = loop_current();
	if (p->gate)
		uv_sem_wait(p->gate);
}

static void done(struct work_job *job, const struct status *error)
{
	struct piece *p = (struct piece *)job;
	p->ended_on = loop_current();
	p->code = error ? error->code : STATUS_OK;
	uv_sem_post(&p->ended);
}

static void prepare(struct piece *p, uv_sem_t *gate)
{
	*p = (struct piece){.gate = gate, .code = STATUS_UNKNOWN};
	p->job.run = run;
	p->job.done = done;
	p->job.deadline = CLOCK_NEVER;
	CHECK(uv_sem_init(&p->ended, 0) == 0);
}

static int start(void **state)
{
	const struct lanes_options options = {
		.database_url = "host=/tmp/there-is-no-such-folder",
		.threads = 2,
		.change_connections = 1,
		.search_connections = 1,
		.queue_limit = MANY,
		.statement_timeout_ms = 1000,
		.search_timeout_ms = 1000,
		.lock_timeout_ms = 1000,
	};
	lanes = lanes_start(&options);
	return !lanes;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	return 0;
}

static void a_job_runs_off_the_lane_and_ends_on_it(void **state)
{
	prepare(&pieces[0], NULL);
	assert_true(lane_work(lanes, &pieces[0].job));
	uv_sem_wait(&pieces[0].ended);
	assert_true(pieces[0].ran);
	assert_int_equal(pieces[0].code, STATUS_OK);
	assert_null(pieces[0].ran_on);
	assert_true(pieces[0].ended_on == lane_loop(lanes, 0) ||
		    pieces[0].ended_on == lane_loop(lanes, 1));
}

/* Fills the pool: the last ones wait for a thread. Returns how many were taken. */
static int fill(uv_sem_t *gate, atomic_bool *cancelled)
{
	int taken = 0;
	CHECK(uv_sem_init(gate, 0) == 0);
	for (int i = 0; i < MANY; i++) {
		prepare(&pieces[i], gate);
		pieces[i].job.cancelled = cancelled;
		taken += lane_work(lanes, &pieces[i].job);
	}
	return taken;
}

static void open_gate(uv_sem_t *gate)
{
	for (int i = 0; i < MANY; i++)
		uv_sem_post(gate);
}

static void a_full_lane_refuses_and_a_job_that_waits_can_be_cancelled(void **state)
{
	uv_sem_t gate;
	atomic_bool cancelled = false;
	struct piece late;
	int cancelled_count = 0;
	assert_int_equal(fill(&gate, &cancelled), MANY);
	prepare(&late, NULL);
	assert_false(lane_work(lanes, &late.job));
	atomic_store(&cancelled, true);
	/* The last one never got a thread: it ends although the gate is closed. */
	uv_sem_wait(&pieces[MANY - 1].ended);
	assert_int_equal(pieces[MANY - 1].code, STATUS_CANCELLED);
	assert_false(pieces[MANY - 1].ran);
	open_gate(&gate);
	for (int i = 0; i < MANY - 1; i++) {
		uv_sem_wait(&pieces[i].ended);
		assert_int_equal(pieces[i].code, pieces[i].ran ? STATUS_OK : STATUS_CANCELLED);
		cancelled_count += !pieces[i].ran;
	}
	assert_true(cancelled_count < MANY - 1);
	uv_sem_destroy(&gate);
}

static void a_job_that_waits_beyond_its_deadline_ends(void **state)
{
	uv_sem_t gate;
	struct piece late;
	assert_int_equal(fill(&gate, NULL), MANY);
	/* One leaves, so that there is room. */
	uv_sem_post(&gate);
	prepare(&late, NULL);
	late.job.deadline = clock_now() + 50 * CLOCK_MS;
	while (!lane_work(lanes, &late.job))
		uv_sleep(1);
	uv_sem_wait(&late.ended);
	assert_int_equal(late.code, STATUS_DEADLINE_EXCEEDED);
	assert_false(late.ran);
	open_gate(&gate);
	for (int i = 0; i < MANY; i++)
		uv_sem_wait(&pieces[i].ended);
	uv_sem_destroy(&gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_runs_off_the_lane_and_ends_on_it),
		cmocka_unit_test(a_full_lane_refuses_and_a_job_that_waits_can_be_cancelled),
		cmocka_unit_test(a_job_that_waits_beyond_its_deadline_ends),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
