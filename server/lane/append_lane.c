/*
 * One writer per lane thread; rows of equal key have the same one. As soon as it is free it takes
 * what waits: while one batch is being committed the next one gathers, so batches grow with the
 * load and nobody waits for a timer. (Two batches of one writer on their way at once were slower:
 * they halve each other, and a batch costs 0.4 ms before its first row.)
 *
 * A batch that fails for a reason that may lie in one of its rows is sent again as two halves,
 * before all that wait, so that rows of equal key keep their order. A conflict (40001, 40P01) is
 * undone by PostgreSQL and tried again as it is. A batch whose outcome is unknown is never sent
 * again.
 */
#include "server/lane/append_batch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/db/error.h"

#define ROWS_MOST     1000
#define ATTEMPTS_MOST 8

static void put_first(struct append_batch *b)
{
	b->next = b->lane->parts;
	b->lane->parts = b;
}

static void halve(struct append_batch *b)
{
	int middle = b->count / 2;
	put_first(append_batch_part(b, middle, b->count));
	put_first(append_batch_part(b, 0, middle));
}

static void refuse(struct append_batch *b, const PGresult *error)
{
	struct arena *a = arena_new(0);
	struct status status;
	db_error_status(&status, a, error, b->log->statement->name);
	append_batch_fail(b, &status);
	arena_free(&a);
}

static bool is_conflict(const PGresult *error)
{
	const char *state = db_error_state(error);
	return !strcmp(state, "40001") || !strcmp(state, "40P01");
}

/* The database's trouble, not a row's: halves would fare no better. */
static bool is_of_all_rows(const PGresult *error)
{
	struct text state = text_of(db_error_state(error));
	return text_starts(state, TEXT("53")) || text_starts(state, TEXT("58")) ||
	       text_starts(state, TEXT("57P")) || text_equal(state, TEXT("25006"));
}

/* Nothing of the batch was written. True: it has been put back, else its jobs have ended. */
static bool try_again(struct append_batch *b, const struct link_result *result)
{
	const PGresult *error = result->error;
	bool conflict = result->outcome == LINK_AGAIN || is_conflict(error);
	append_batch_pack(b);
	if (conflict && b->attempt + 1 < ATTEMPTS_MOST) {
		b->attempt++;
		put_first(b);
		return true;
	}
	if (!error)
		append_batch_fail(b, &lane_lost);
	else if (b->count > 1 && !conflict && !result->unprepared && !is_of_all_rows(error))
		halve(b);
	else
		refuse(b, error);
	return false;
}

static void on_answer(struct link_item *item, const struct link_result *result)
{
	struct append_batch *b = CONTAINER_OF(item, struct append_batch, item);
	bool kept = false;
	b->lane->current = NULL;
	if (result->outcome == LINK_ROWS)
		append_batch_deliver(b, result->rows);
	else if (result->outcome == LINK_LOST)
		append_batch_fail(b, &lane_unknown);
	else
		kept = try_again(b, result);
	if (!kept)
		free(b);
}

static void send_batch(struct append_lane *lane, struct append_batch *b)
{
	struct arena *a = arena_new(0);
	lane->current = b;
	b->item = (struct link_item){
		.statement = b->log->statement, .commits = true, .done = on_answer};
	link_send(lane->slot.link, &b->item, append_batch_arrays(b, a));
	link_sync(lane->slot.link);
	arena_free(&a);
}

static struct append_batch *next_batch(struct append_lane *lane)
{
	struct append_batch *b = lane->parts;
	if (b) {
		lane->parts = b->next;
		append_batch_pack(b);
		return b;
	}
	return lane->first ? append_batch_take(lane) : NULL;
}

static void fail_all(struct append_lane *lane, const struct status *why)
{
	struct append_batch *b;
	while ((b = next_batch(lane))) {
		append_batch_fail(b, why);
		free(b);
	}
}

void append_lane_flush(struct append_lane *lane)
{
	const struct status *why = lane_refusal(lane->slot.thread, lane->slot.link != NULL);
	struct append_batch *b;
	if (why)
		fail_all(lane, why);
	while (lane->slot.link && !lane->current && (b = next_batch(lane))) {
		if (b->count > 0)
			send_batch(lane, b);
		else
			free(b);
	}
}

static void on_changed(struct slot *slot)
{
	struct append_lane *lane = CONTAINER_OF(slot, struct append_lane, slot);
	if (!slot->link)
		connector_want(slot);
	append_lane_flush(lane);
}

static void on_arrival(struct loop_task *task)
{
	struct append_job *job = CONTAINER_OF(task, struct append_job, task);
	struct lane_thread *t = lane_thread_current();
	struct append_lane *lane = &t->append;
	if (!lane_texts_valid(job->columns, job->log->columns)) {
		lane_leave(&lane->queued);
		job->done(job, NULL, -1, &lane_bad_text);
		return;
	}
	job->next = NULL;
	if (lane->last)
		lane->last->next = job;
	else
		lane->first = job;
	lane->last = job;
	lane_thread_wake(t);
}

static struct lane_thread *thread_for(struct lanes *lanes, const struct append_job *job)
{
	if (!job->key.size && !job->line)
		return lane_thread_here(lanes);
	uint32_t number = job->key.size ? lane_key_hash(job->key) : job->line;
	return &lanes->threads[number % (uint32_t)lanes->options.threads];
}

bool lane_append(struct lanes *lanes, struct append_job *job)
{
	const struct append_log *log = job->log;
	struct lane_thread *t = thread_for(lanes, job);
	CHECK(log->batch >= 1 && log->batch <= ROWS_MOST);
	CHECK(log->columns == log->statement->parameters);
	if (!lane_admit(lanes, &t->append.queued))
		return false;
	job->task.run = on_arrival;
	loop_post(t->loop, &job->task);
	return true;
}

static void sweep_waiting(struct append_lane *lane)
{
	struct append_job **link = &lane->first;
	const struct status *why;
	lane->last = NULL;
	while (*link) {
		struct append_job *job = *link;
		if (!lane_job_over(job->deadline, job->cancelled, &why)) {
			lane->last = job;
			link = &job->next;
			continue;
		}
		*link = job->next;
		lane_leave(&lane->queued);
		job->done(job, NULL, -1, why);
	}
}

bool append_lane_sweep(struct append_lane *lane)
{
	bool busy = false;
	sweep_waiting(lane);
	for (struct append_batch *b = lane->parts; b; b = b->next)
		busy |= append_batch_sweep(b);
	if (lane->current)
		busy |= append_batch_sweep(lane->current);
	return busy || lane->first;
}

void append_lane_init(struct lane_thread *t)
{
	t->append.slot =
		(struct slot){.thread = t, .settings = &t->lanes->settings, .changed = on_changed};
}

void append_lane_close(struct append_lane *lane)
{
	slot_close(&lane->slot);
	free(lane->current);
	while (lane->parts) {
		struct append_batch *next = lane->parts->next;
		free(lane->parts);
		lane->parts = next;
	}
	lane->current = NULL;
}
