/* What happens to a job outside of its lane's own logic: queueing, ending early, refusal. */
#include "server/db/error.h"
#include "server/lane/lane_priv.h"

#define SENDS_MOST 3

const struct status lane_away = {STATUS_UNAVAILABLE, "the database is away", NULL};
const struct status lane_lost = {STATUS_UNAVAILABLE, "the connection to the database broke", NULL};
const struct status lane_unknown = {STATUS_UNAVAILABLE,
	"the connection to the database broke: whether the change was made is unknown", NULL};
const struct status lane_stopping = {STATUS_UNAVAILABLE, "the server is stopping", NULL};
const struct status lane_bad_text = {
	STATUS_INVALID_ARGUMENT, "a text must not hold the character NUL", NULL};

bool lane_job_over(int64_t deadline, const atomic_bool *cancelled, const struct status **why)
{
	static const struct status gone = {STATUS_CANCELLED, "the caller has gone", NULL};
	static const struct status late = {
		STATUS_DEADLINE_EXCEEDED, "the deadline has passed", NULL};
	if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
		*why = &gone;
	else if (deadline != CLOCK_NEVER && clock_now() >= deadline)
		*why = &late;
	else
		return false;
	return true;
}

const struct status *lane_refusal(const struct lane_thread *t, bool connected)
{
	if (t->stopping)
		return &lane_stopping;
	return !connected && t->connector.away ? &lane_away : NULL;
}

bool lane_texts_valid(const struct text *texts, int count)
{
	for (int i = 0; i < count; i++)
		if (texts[i].data && memchr(texts[i].data, '\0', texts[i].size))
			return false;
	return true;
}

static void sql_queue_push(struct sql_queue *q, struct sql_job *job)
{
	job->next = NULL;
	if (q->last)
		q->last->next = job;
	else
		q->first = job;
	q->last = job;
}

void sql_queue_arrive(struct sql_queue *q, atomic_int *queued, struct sql_job *job)
{
	job->attempt = 0;
	if (!lane_texts_valid(job->parameters, job->statement->parameters)) {
		lane_leave(queued);
		sql_job_fail(job, &lane_bad_text);
		return;
	}
	sql_queue_push(q, job);
	lane_thread_wake(lane_thread_current());
}

void sql_queue_again(struct sql_queue *q, atomic_int *queued, struct sql_job *job)
{
	job->attempt++;
	atomic_fetch_add_explicit(queued, 1, memory_order_relaxed);
	sql_queue_push(q, job);
}

struct sql_job *sql_queue_pop(struct sql_queue *q)
{
	struct sql_job *job = q->first;
	if (job) {
		q->first = job->next;
		if (!q->first)
			q->last = NULL;
	}
	return job;
}

void sql_job_fail(struct sql_job *job, const struct status *why)
{
	job->done(job, NULL, why);
}

static void refuse(struct sql_job *job, const PGresult *error)
{
	struct arena *a = arena_new(0);
	struct status status;
	db_error_status(&status, a, error, job->statement->name);
	sql_job_fail(job, &status);
	arena_free(&a);
}

bool sql_job_answer(struct sql_job *job, const struct link_result *result, bool reads)
{
	if (result->outcome == LINK_ROWS)
		job->done(job, result->rows, NULL);
	else if (result->outcome == LINK_LOST && !reads)
		sql_job_fail(job, &lane_unknown);
	else if (result->outcome == LINK_LOST && job->attempt > 0)
		sql_job_fail(job, &lane_lost);
	else if (result->outcome != LINK_ERROR && job->attempt + 1 < SENDS_MOST)
		return false;
	else if (result->error)
		refuse(job, result->error);
	else
		sql_job_fail(job, &lane_lost);
	return true;
}

void sql_queue_sweep(struct sql_queue *q, atomic_int *queued)
{
	struct sql_queue all = *q;
	struct sql_job *job;
	const struct status *why;
	*q = (struct sql_queue){NULL, NULL};
	while ((job = sql_queue_pop(&all))) {
		if (!lane_job_over(job->deadline, job->cancelled, &why)) {
			sql_queue_push(q, job);
			continue;
		}
		lane_leave(queued);
		sql_job_fail(job, why);
	}
}

void sql_queue_fail(struct sql_queue *q, atomic_int *queued, const struct status *why)
{
	struct sql_job *job;
	while ((job = sql_queue_pop(q))) {
		lane_leave(queued);
		sql_job_fail(job, why);
	}
}
