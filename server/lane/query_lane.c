/*
 * What the tasks of one round have brought is one group with one Sync; further groups follow while
 * the first is on its way, up to IN_FLIGHT_MOST statements. An error aborts the rest of its group:
 * those are sent again, each alone with a Sync of its own, so that they cannot meet another's error
 * twice. A read whose connection broke is sent once more.
 */
#include "server/lane/lane_priv.h"

#include <stdlib.h>

#include "base/check.h"

#define IN_FLIGHT_MOST 1024

struct query_flight {
	struct link_item item;
	struct query_lane *lane;
	struct sql_job *job; /* NULL: ended early */
	struct query_flight *next, **back;
};

static struct query_flight *take_off(struct query_lane *q, struct sql_job *job)
{
	struct query_flight *f = q->spare;
	if (f)
		q->spare = f->next;
	else
		f = check_calloc(1, sizeof(*f));
	f->lane = q;
	f->job = job;
	f->next = q->flights;
	f->back = &q->flights;
	if (f->next)
		f->next->back = &f->next;
	q->flights = f;
	q->in_flight++;
	return f;
}

static struct sql_job *land(struct query_flight *f)
{
	struct query_lane *q = f->lane;
	*f->back = f->next;
	if (f->next)
		f->next->back = f->back;
	f->next = q->spare;
	q->spare = f;
	q->in_flight--;
	return f->job;
}

static void on_answer(struct link_item *item, const struct link_result *result)
{
	struct query_flight *f = CONTAINER_OF(item, struct query_flight, item);
	struct query_lane *q = f->lane;
	struct sql_job *job = land(f);
	if (job && !sql_job_answer(job, result, true))
		sql_queue_again(&q->waiting, &q->queued, job);
}

static void send_job(struct query_lane *q, struct sql_job *job)
{
	struct query_flight *f = take_off(q, job);
	lane_leave(&q->queued);
	f->item = (struct link_item){.statement = job->statement, .done = on_answer};
	link_send(q->slot.link, &f->item, job->parameters);
}

void query_lane_flush(struct query_lane *q)
{
	const struct status *why = lane_refusal(q->slot.thread, q->slot.link != NULL);
	bool open = false; /* a group has been begun */
	if (why)
		sql_queue_fail(&q->waiting, &q->queued, why);
	while (q->slot.link && q->waiting.first && q->in_flight < IN_FLIGHT_MOST) {
		struct sql_job *job = sql_queue_pop(&q->waiting);
		bool alone = job->attempt > 0;
		if (alone && open)
			link_sync(q->slot.link);
		send_job(q, job);
		open = !alone;
		if (alone)
			link_sync(q->slot.link);
	}
	if (open)
		link_sync(q->slot.link);
}

static void on_changed(struct slot *slot)
{
	struct query_lane *q = CONTAINER_OF(slot, struct query_lane, slot);
	if (!slot->link) {
		atomic_store(&slot->thread->ready, false);
		connector_want(slot);
	}
	query_lane_flush(q);
}

static void on_arrival(struct loop_task *task)
{
	struct query_lane *q = &lane_thread_current()->query;
	sql_queue_arrive(&q->waiting, &q->queued, CONTAINER_OF(task, struct sql_job, task));
}

bool lane_query(struct lanes *lanes, struct sql_job *job)
{
	struct lane_thread *t = lane_thread_here(lanes);
	if (!lane_admit(lanes, &t->query.queued))
		return false;
	job->task.run = on_arrival;
	loop_post(t->loop, &job->task);
	return true;
}

bool query_lane_sweep(struct query_lane *q)
{
	const struct status *why;
	bool busy = false;
	sql_queue_sweep(&q->waiting, &q->queued);
	for (struct query_flight *f = q->flights; f; f = f->next) {
		struct sql_job *job = f->job;
		if (job && lane_job_over(job->deadline, job->cancelled, &why)) {
			f->job = NULL;
			sql_job_fail(job, why);
		}
		busy |= f->job != NULL;
	}
	return busy || q->waiting.first;
}

void query_lane_init(struct lane_thread *t)
{
	t->query.slot =
		(struct slot){.thread = t, .settings = &t->lanes->settings, .changed = on_changed};
}

static void free_flights(struct query_flight *f)
{
	while (f) {
		struct query_flight *next = f->next;
		free(f);
		f = next;
	}
}

void query_lane_close(struct query_lane *q)
{
	slot_close(&q->slot);
	free_flights(q->flights);
	free_flights(q->spare);
	q->flights = q->spare = NULL;
}
