/*
 * A pool of links, connected when they are needed; each has one statement at a time, because what
 * waits for a lock would hold up everything behind it. The time that a statement may take is set in
 * the group before it, unless the connection has it already: if the group fails, PostgreSQL undoes
 * the setting, too, and the one before stands.
 */
#include "server/lane/lane_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

#define SENDS_MOST 3

struct change_link {
	struct slot slot;
	struct change_lane *lane;
	struct link_item timeout_item, item;
	bool busy;
	struct sql_job *job; /* of a busy one; NULL: ended early */
	int64_t timeout_ms;  /* as the connection has it */
	int64_t timeout_sent_ms;
};

static const struct statement set_timeout = {
	.name = "lane_set_timeout",
	.sql = "SELECT pg_catalog.set_config('statement_timeout', $1, false)",
	.parameters = 1,
};

static void on_timeout_set(struct link_item *item, const struct link_result *result)
{
	struct change_link *l = CONTAINER_OF(item, struct change_link, timeout_item);
	if (result->outcome == LINK_ROWS)
		l->timeout_ms = l->timeout_sent_ms;
}

static void on_answer(struct link_item *item, const struct link_result *result)
{
	struct change_link *l = CONTAINER_OF(item, struct change_link, item);
	struct sql_job *job = l->job;
	l->busy = false;
	l->job = NULL;
	if (!job)
		return;
	if (result->outcome == LINK_ROWS)
		job->done(job, result->rows, NULL);
	else if (result->outcome == LINK_LOST)
		sql_job_fail(job, &lane_unknown);
	else if (result->outcome == LINK_AGAIN && job->attempt + 1 < SENDS_MOST)
		sql_queue_again(&l->lane->waiting, &l->lane->queued, job);
	else if (result->error)
		sql_job_refuse(job, result->error);
	else
		sql_job_fail(job, &lane_lost);
}

/* What remains until the deadline, at most what is configured. */
static int64_t timeout_of(const struct lanes_options *o, const struct sql_job *job)
{
	int64_t left = (job->deadline - clock_now()) / CLOCK_MS;
	if (job->deadline == CLOCK_NEVER || left > o->statement_timeout_ms)
		return o->statement_timeout_ms;
	return left > 0 ? left : 1;
}

static void send_timeout(struct change_link *l, int64_t timeout_ms)
{
	char number[24];
	int size = snprintf(number, sizeof(number), "%lld", (long long)timeout_ms);
	l->timeout_sent_ms = timeout_ms;
	l->timeout_item = (struct link_item){
		.statement = &set_timeout, .commits = true, .done = on_timeout_set};
	link_send(l->slot.link, &l->timeout_item, &(struct text){number, (size_t)size});
}

static void send_job(struct change_link *l, struct sql_job *job)
{
	int64_t timeout_ms = timeout_of(&l->slot.thread->lanes->options, job);
	lane_leave(&l->lane->queued);
	l->busy = true;
	l->job = job;
	if (timeout_ms != l->timeout_ms)
		send_timeout(l, timeout_ms);
	l->item =
		(struct link_item){.statement = job->statement, .commits = true, .done = on_answer};
	link_send(l->slot.link, &l->item, job->parameters);
	link_sync(l->slot.link);
}

/* As many more connections as there are jobs without one. */
static void want_links(struct change_lane *c)
{
	int coming = 0;
	struct sql_job *job = c->waiting.first;
	for (int i = 0; i < c->count; i++)
		coming += c->links[i].slot.wanted;
	for (; job && coming > 0; job = job->next)
		coming--;
	for (int i = 0; i < c->count && job; i++) {
		struct slot *slot = &c->links[i].slot;
		if (slot->link || slot->wanted)
			continue;
		connector_want(slot);
		job = job->next;
	}
}

void change_lane_flush(struct change_lane *c)
{
	bool up = false;
	for (int i = 0; i < c->count; i++)
		up |= c->links[i].slot.link != NULL;
	const struct status *why = lane_refusal(CONTAINER_OF(c, struct lane_thread, change), up);
	if (why)
		sql_queue_fail(&c->waiting, &c->queued, why);
	for (int i = 0; i < c->count && c->waiting.first; i++) {
		struct change_link *l = &c->links[i];
		if (l->slot.link && !l->busy)
			send_job(l, sql_queue_pop(&c->waiting));
	}
	want_links(c);
}

static void on_changed(struct slot *slot)
{
	struct change_link *l = CONTAINER_OF(slot, struct change_link, slot);
	if (!slot->link)
		l->timeout_ms = slot->thread->lanes->options.statement_timeout_ms;
	change_lane_flush(l->lane);
}

static void on_arrival(struct loop_task *task)
{
	struct change_lane *c = &lane_thread_current()->change;
	sql_queue_arrive(&c->waiting, &c->queued, CONTAINER_OF(task, struct sql_job, task));
}

bool lane_change(struct lanes *lanes, struct sql_job *job)
{
	struct lane_thread *t = lane_thread_here(lanes);
	if (!lane_admit(lanes, &t->change.queued))
		return false;
	job->task.run = on_arrival;
	loop_post(t->loop, &job->task);
	return true;
}

bool change_lane_sweep(struct change_lane *c)
{
	const struct status *why;
	bool busy = false;
	sql_queue_sweep(&c->waiting, &c->queued);
	for (int i = 0; i < c->count; i++) {
		struct sql_job *job = c->links[i].job;
		if (job && lane_job_over(job->deadline, job->cancelled, &why)) {
			c->links[i].job = NULL;
			sql_job_fail(job, why);
		}
		busy |= c->links[i].job != NULL;
	}
	return busy || c->waiting.first;
}

void change_lane_init(struct lane_thread *t)
{
	struct change_lane *c = &t->change;
	c->count = t->lanes->options.change_connections;
	c->links = check_calloc((size_t)c->count, sizeof(*c->links));
	for (int i = 0; i < c->count; i++) {
		c->links[i].slot = (struct slot){.thread = t, .changed = on_changed};
		c->links[i].lane = c;
		c->links[i].timeout_ms = t->lanes->options.statement_timeout_ms;
	}
}

void change_lane_close(struct change_lane *c)
{
	for (int i = 0; i < c->count; i++)
		slot_close(&c->links[i].slot);
	free(c->links);
	c->links = NULL;
	c->count = 0;
}
