/*
 * One thread, one libuv loop. A job is in its bell's list and in the list of all. A ring counts at
 * once and tells the loop, unless it has been told and has not looked yet; the loop then walks the
 * jobs of that bell only. A sweep walks all jobs, every 50 ms while there are any, and earlier if
 * the time of one of them comes earlier.
 *
 * done() may free its job or hand it in again, which posts: no list changes under a walk but by the
 * walk itself.
 */
#include "server/lane/stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "server/lane/lane_priv.h"

enum { SWEEP_MS = 50 };

struct stream_lane {
	struct loop *loop;
	atomic_int depth;
	atomic_bool told_to_drain;
	struct loop_task drain_task, stop_task;

	/* The lane thread's. */
	LIST_HEAD(, wait_job) jobs;
	uv_timer_t timer;
	int64_t due; /* when the timer runs; CLOCK_NEVER if it does not */
	bool drained;
};

/* --- the end of a job ------------------------------------------------------------------------- */

static void leave(struct wait_job *job, const struct status *error)
{
	LIST_REMOVE(job, in_lane);
	if (job->bell)
		LIST_REMOVE(job, at_bell);
	atomic_fetch_sub(&job->lane->depth, 1);
	job->done(job, error);
}

static bool has_rung(const struct wait_job *job)
{
	return job->bell && bell_count(job->bell) != job->seen;
}

/* False if the job is to wait on, as far as its bell is not concerned. */
static bool is_over(const struct wait_job *job, int64_t now, const struct status **why)
{
	*why = NULL;
	if (lane_job_over(job->deadline, job->cancelled, why) || now >= job->until)
		return true;
	if (job->lane->drained)
		*why = &lane_stopping;
	return *why;
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The sweep runs then, if not before. */
static void sweep_at(struct stream_lane *lane, int64_t now, int64_t at)
{
	if (at >= lane->due)
		return;
	int64_t ns = at > now ? at - now : 0;
	lane->due = at;
	uv_update_time(lane->timer.loop);
	uv_timer_start(&lane->timer, on_timer, (uint64_t)((ns + CLOCK_MS - 1) / CLOCK_MS), 0);
}

static void sweep_for(struct stream_lane *lane, int64_t now, const struct wait_job *job)
{
	sweep_at(lane, now, earlier(now + SWEEP_MS * CLOCK_MS, earlier(job->until, job->deadline)));
}

static void sweep(struct stream_lane *lane)
{
	struct wait_job *job, *next;
	const struct status *why;
	int64_t now = clock_now();
	for (job = LIST_FIRST(&lane->jobs); job; job = next) {
		next = LIST_NEXT(job, in_lane);
		if (is_over(job, now, &why))
			leave(job, why);
		else
			sweep_for(lane, now, job);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct stream_lane *lane = timer->data;
	lane->due = CLOCK_NEVER;
	sweep(lane);
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void arrive(struct loop_task *task)
{
	struct wait_job *job = CONTAINER_OF(task, struct wait_job, task);
	struct stream_lane *lane = job->lane;
	const struct status *why = NULL;
	int64_t now = clock_now();
	LIST_INSERT_HEAD(&lane->jobs, job, in_lane);
	if (job->bell)
		LIST_INSERT_HEAD(&job->bell->waiting, job, at_bell);
	if (has_rung(job) || is_over(job, now, &why))
		leave(job, why);
	else
		sweep_for(lane, now, job);
}

void stream_lane_wait(struct stream_lane *lane, struct wait_job *job)
{
	atomic_fetch_add(&lane->depth, 1);
	job->lane = lane;
	job->task.run = arrive;
	loop_post(lane->loop, &job->task);
}

int stream_lane_depth(const struct stream_lane *lane)
{
	return atomic_load(&lane->depth);
}

/* --- bells ------------------------------------------------------------------------------------ */

static void hear(struct loop_task *task)
{
	struct bell *bell = CONTAINER_OF(task, struct bell, task);
	struct wait_job *job, *next;
	/* First: who rings from now on tells again. */
	atomic_store(&bell->told, false);
	for (job = LIST_FIRST(&bell->waiting); job; job = next) {
		next = LIST_NEXT(job, at_bell);
		if (has_rung(job))
			leave(job, NULL);
	}
}

void bell_ring(struct stream_lane *lane, struct bell *bell)
{
	atomic_fetch_add(&bell->count, 1);
	if (!lane || atomic_exchange(&bell->told, true))
		return;
	bell->task.run = hear;
	loop_post(lane->loop, &bell->task);
}

uint64_t bell_count(const struct bell *bell)
{
	return atomic_load(&bell->count);
}

static void nothing(void *arg)
{
}

void bells_heard(struct stream_lane *lane)
{
	loop_run(lane->loop, nothing, NULL);
}

/* --- the lane as a whole ---------------------------------------------------------------------- */

static void drain(struct loop_task *task)
{
	struct stream_lane *lane = CONTAINER_OF(task, struct stream_lane, drain_task);
	lane->drained = true;
	sweep(lane);
}

void stream_lane_drain(struct stream_lane *lane)
{
	if (!atomic_exchange(&lane->told_to_drain, true))
		loop_post(lane->loop, &lane->drain_task);
}

bool stream_lane_draining(const struct stream_lane *lane)
{
	return atomic_load(&lane->told_to_drain);
}

struct stream_lane *stream_lane_start(void)
{
	struct stream_lane *lane = check_calloc(1, sizeof(*lane));
	lane->loop = loop_new("streams");
	lane->drain_task.run = drain;
	lane->due = CLOCK_NEVER;
	lane->timer.data = lane;
	CHECK(uv_timer_init(loop_uv(lane->loop), &lane->timer) == 0);
	loop_start(lane->loop);
	return lane;
}

static void stop(struct loop_task *task)
{
	struct stream_lane *lane = CONTAINER_OF(task, struct stream_lane, stop_task);
	uv_close((uv_handle_t *)&lane->timer, NULL);
}

void stream_lane_stop(struct stream_lane **p)
{
	struct stream_lane *lane = *p;
	if (!lane)
		return;
	*p = NULL;
	CHECK(stream_lane_depth(lane) == 0);
	lane->stop_task.run = stop;
	loop_post(lane->loop, &lane->stop_task);
	loop_stop(&lane->loop);
	free(lane);
}
