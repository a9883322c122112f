/*
 * A pull asks for what its queue has ready, again and again until it has enough, of events or of
 * bytes, or nothing is left; what it was given it keeps. Only when it has nothing does it make sure
 * that there is none: once the log has been read up to now, and what others have taken has been
 * looked at again.
 */
#include "base/check.h"
#include "server/event/delivery/engine_priv.h"

enum { BYTES_ENOUGH = 512 * 1024 };

static void finish(struct pull_job *job)
{
	struct active *a = job->active;

	TAILQ_REMOVE(&a->pulls, job, in_queue);
	a->needed = clock_now();
	if (job->count)
		job->done(job, job->events, job->count, NULL);
	else
		job->done(job, NULL, 0, job->error);
}

/* The reason lives no longer than the call that brings it. */
static void note_error(struct pull_job *job, const struct status *error)
{
	struct status *own = ARENA_NEW(job->arena, struct status);

	status_set(own, job->arena, error->code, "%s", error->message);
	job->error = own;
}

/* One answer at a time, and so much that what it has in the end is a message that clients take. */
static bool is_hungry(const struct pull_job *job)
{
	return !job->error && !job->asked && job->bytes < BYTES_ENOUGH;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct delivery *take_one(struct queue *q, const struct pull_job *job)
{
	return job->failed ? queue_take_failed(q, 0) : queue_take(q);
}

size_t pulls_take(struct active *a, struct asked *asked, size_t most)
{
	size_t count = 0;
	struct pull_job *job;
	struct delivery *d;

	TAILQ_FOREACH(job, &a->pulls, in_queue)
	{
		if (!is_hungry(job))
			continue;
		while (count < most && (int)job->count + job->asked < job->most &&
			(d = take_one(&a->queue, job))) {
			job->asked++;
			asked[count++] = (struct asked){a, d, NULL, job};
		}
	}
	return count;
}

void pull_granted(struct pull_job *job, const struct delivered_event *event)
{
	if (!job->events)
		job->events = arena_array(job->arena, (size_t)job->most, sizeof *job->events);
	job->bytes += event->data.size;
	job->events[job->count++] = *event;
}

void pull_answered(struct pull_job *job, const struct status *error)
{
	job->asked--;
	if (error)
		note_error(job, error);
	active_rouse(job->active);
}

/* --- making sure ------------------------------------------------------------------------------ */

static void refreshed(void *arg)
{
	struct pull_job *job = arg;

	job->refreshing = false;
	job->current = true;
	active_rouse(job->active);
}

static void current(struct follow_job *follow, const struct status *error)
{
	struct pull_job *job =
		(struct pull_job *)((char *)follow - offsetof(struct pull_job, follow));

	if (!error) {
		states_refresh(job->active, refreshed, job);
		return;
	}
	job->refreshing = false;
	note_error(job, error);
	active_rouse(job->active);
}

static void refresh(struct pull_job *job)
{
	job->refreshing = true;
	job->follow = (struct follow_job){
		.deadline = job->deadline,
		.cancelled = job->cancelled,
		.done = current,
	};
	tail_wait(&job->follow);
}

/* Nothing is asked for, and the queue has nothing more for it now. */
static void settle(struct active *a, struct pull_job *job)
{
	if (job->error || job->count || (a->paused && a->loaded))
		finish(job);
	else if (!a->loaded || a->load_arena || queue_wants_more(&a->queue))
		return;
	else if (job->current)
		finish(job);
	else
		refresh(job);
}

void pulls_settle(struct active *a)
{
	for (struct pull_job *job = TAILQ_FIRST(&a->pulls), *next; job; job = next) {
		next = TAILQ_NEXT(job, in_queue);
		if (!job->asked && !job->refreshing)
			settle(a, job);
	}
}

/* Those that have nothing under way. */
static void end_failed(struct active *a)
{
	for (struct pull_job *job = TAILQ_FIRST(&a->pulls), *next; job; job = next) {
		next = TAILQ_NEXT(job, in_queue);
		if (job->error && !job->asked && !job->refreshing)
			finish(job);
	}
}

void pulls_fail(struct active *a, const struct status *error)
{
	struct pull_job *job;

	TAILQ_FOREACH(job, &a->pulls, in_queue)
	note_error(job, error);
	end_failed(a);
}

void pulls_check(struct active *a)
{
	static const struct status over = {
		STATUS_UNAVAILABLE, "the deliveries could not be read in time"};
	struct pull_job *job;

	TAILQ_FOREACH(job, &a->pulls, in_queue)
	if (clock_now() >= job->deadline || atomic_load(job->cancelled))
		job->error = &over;
	end_failed(a);
}

/* --- coming in -------------------------------------------------------------------------------- */

static void arrive(struct loop_task *task)
{
	static const struct status stopping = {STATUS_UNAVAILABLE, "the server is stopping"};
	struct pull_job *job = (struct pull_job *)((char *)task - offsetof(struct pull_job, task));

	if (engine.leaving) {
		job->done(job, NULL, 0, &stopping);
		return;
	}
	job->active = active_make(job->queue);
	TAILQ_INSERT_TAIL(&job->active->pulls, job, in_queue);
	active_rouse(job->active);
}

void engine_pull(struct pull_job *job)
{
	job->refreshing = job->current = false;
	job->asked = 0;
	job->count = job->bytes = 0;
	job->events = NULL;
	job->error = NULL;
	job->task.run = arrive;
	loop_post(engine.options.home, &job->task);
}
