/*
 * A pool of links, connected when they are needed; each has one statement at a time, because what
 * waits for a lock, or reads for long, would hold up everything behind it. The time that a
 * statement may take is set in the group before it, unless the connection has it already: if the
 * group fails, PostgreSQL undoes the setting, too, and the one before stands.
 *
 * A change goes on when its caller has gone. A search is of no use then: its link is hung up, and
 * gives its place free only when PostgreSQL has ended it, so that there are never more connections
 * than the pool may have. (libpq's request to cancel blocks for as long as PostgreSQL is stopped.)
 */
#include "server/lane/lane_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/db/error.h"

struct pool_link {
	struct slot slot;
	struct pool_lane *pool;
	struct link_item timeout_item, item;
	bool busy;
	struct sql_job *job;     /* of a busy one; NULL: ended early */
	int64_t timeout_ms;      /* as the connection has it */
	int64_t sent_timeout_ms; /* as the statement under way has it */
};

static const struct statement set_timeout = {
	.name = "lane_set_timeout",
	.sql = "SELECT pg_catalog.set_config('statement_timeout', $1, false)",
	.parameters = 1,
};

static void on_timeout_set(struct link_item *item, const struct link_result *result)
{
	struct pool_link *l = CONTAINER_OF(item, struct pool_link, timeout_item);
	if (result->outcome == LINK_ROWS)
		l->timeout_ms = l->sent_timeout_ms;
}

static bool is_late_search(const struct pool_link *l, const struct link_result *result)
{
	return l->pool->settings->read_only && result->outcome == LINK_ERROR &&
	       !strcmp(db_error_state(result->error), "57014");
}

static void fail_late_search(struct sql_job *job, int64_t timeout_ms)
{
	char message[120];
	snprintf(message, sizeof(message),
		"the search took longer than %lld ms: narrow the time range or the filter",
		(long long)timeout_ms);
	sql_job_fail(job, &(struct status){STATUS_DEADLINE_EXCEEDED, message, NULL});
}

static void on_answer(struct link_item *item, const struct link_result *result)
{
	struct pool_link *l = CONTAINER_OF(item, struct pool_link, item);
	struct pool_lane *p = l->pool;
	struct sql_job *job = l->job;
	l->busy = false;
	l->job = NULL;
	if (!job)
		return;
	if (is_late_search(l, result))
		fail_late_search(job, l->sent_timeout_ms);
	else if (!sql_job_answer(job, result, p->settings->read_only))
		sql_queue_again(&p->waiting, &p->queued, job);
}

/* What remains until the deadline, at most what is configured. */
static int64_t timeout_of(const struct pool_lane *p, const struct sql_job *job)
{
	int64_t left = (job->deadline - clock_now()) / CLOCK_MS;
	int64_t most = p->settings->statement_timeout_ms;
	if (job->deadline == CLOCK_NEVER || left > most)
		return most;
	return left > 0 ? left : 1;
}

static void send_timeout(struct pool_link *l)
{
	char number[24];
	int size = snprintf(number, sizeof(number), "%lld", (long long)l->sent_timeout_ms);
	l->timeout_item = (struct link_item){
		.statement = &set_timeout, .commits = true, .done = on_timeout_set};
	link_send(l->slot.link, &l->timeout_item, &(struct text){number, (size_t)size});
}

static void send_job(struct pool_link *l, struct sql_job *job)
{
	lane_leave(&l->pool->queued);
	l->busy = true;
	l->job = job;
	l->sent_timeout_ms = timeout_of(l->pool, job);
	if (l->sent_timeout_ms != l->timeout_ms)
		send_timeout(l);
	l->item =
		(struct link_item){.statement = job->statement, .commits = true, .done = on_answer};
	link_send(l->slot.link, &l->item, job->parameters);
	link_sync(l->slot.link);
}

/* As many more connections as there are jobs without one. */
static void want_links(struct pool_lane *p)
{
	int coming = 0;
	struct sql_job *job = p->waiting.first;
	for (int i = 0; i < p->count; i++)
		coming += p->links[i].slot.wanted;
	for (; job && coming > 0; job = job->next)
		coming--;
	for (int i = 0; i < p->count && job; i++) {
		struct slot *slot = &p->links[i].slot;
		if (slot->link || slot->wanted)
			continue;
		connector_want(slot);
		job = job->next;
	}
}

void pool_lane_flush(struct pool_lane *p)
{
	bool up = false;
	for (int i = 0; i < p->count; i++)
		up |= p->links[i].slot.link != NULL;
	const struct status *why = lane_refusal(p->thread, up);
	if (why)
		sql_queue_fail(&p->waiting, &p->queued, why);
	for (int i = 0; i < p->count && p->waiting.first; i++) {
		struct pool_link *l = &p->links[i];
		if (l->slot.link && !l->slot.leaving && !l->busy)
			send_job(l, sql_queue_pop(&p->waiting));
	}
	want_links(p);
}

static void on_changed(struct slot *slot)
{
	struct pool_link *l = CONTAINER_OF(slot, struct pool_link, slot);
	if (!slot->link)
		l->timeout_ms = slot->settings->statement_timeout_ms;
	pool_lane_flush(l->pool);
}

static void arrive(struct pool_lane *p, struct loop_task *task)
{
	sql_queue_arrive(&p->waiting, &p->queued, CONTAINER_OF(task, struct sql_job, task));
}

static void on_change(struct loop_task *task)
{
	arrive(&lane_thread_current()->change, task);
}

static void on_search(struct loop_task *task)
{
	arrive(&lane_thread_current()->search, task);
}

static bool hand_over(
	struct pool_lane *p, struct sql_job *job, void (*on_arrival)(struct loop_task *task))
{
	if (!lane_admit(p->thread->lanes, &p->queued))
		return false;
	job->task.run = on_arrival;
	loop_post(p->thread->loop, &job->task);
	return true;
}

bool lane_change(struct lanes *lanes, struct sql_job *job)
{
	return hand_over(&lane_thread_here(lanes)->change, job, on_change);
}

bool lane_search(struct lanes *lanes, struct sql_job *job)
{
	return hand_over(&lane_thread_here(lanes)->search, job, on_search);
}

/* Ends the link's job if it is over. */
static void sweep_link(struct pool_link *l)
{
	struct sql_job *job = l->job;
	const struct status *why;
	if (!job || !lane_job_over(job->deadline, job->cancelled, &why))
		return;
	if (l->slot.settings->read_only)
		slot_hang_up(&l->slot);
	l->job = NULL;
	sql_job_fail(job, why);
}

bool pool_lane_sweep(struct pool_lane *p)
{
	bool busy = false;
	sql_queue_sweep(&p->waiting, &p->queued);
	for (int i = 0; i < p->count; i++) {
		sweep_link(&p->links[i]);
		busy |= p->links[i].job != NULL;
	}
	return busy || p->waiting.first;
}

void pool_lane_init(struct pool_lane *p, struct lane_thread *t, const struct db_settings *settings,
	int connections)
{
	p->thread = t;
	p->settings = settings;
	p->count = connections;
	p->links = check_calloc((size_t)connections, sizeof(*p->links));
	for (int i = 0; i < connections; i++)
		p->links[i] = (struct pool_link){
			.slot = {.thread = t, .settings = settings, .changed = on_changed},
			.pool = p,
			.timeout_ms = settings->statement_timeout_ms,
		};
}

void pool_lane_close(struct pool_lane *p)
{
	for (int i = 0; i < p->count; i++)
		slot_close(&p->links[i].slot);
	free(p->links);
	p->links = NULL;
	p->count = 0;
}
