#include "server/lane/errand.h"

#include "base/clock.h"
#include "base/log.h"

#define LIMIT (5 * CLOCK_SECOND)

bool errand_begin(struct errand *e)
{
	if (e->busy)
		return false;
	e->busy = true;
	e->arena = arena_new(0);
	return true;
}

void errand_end(struct errand *e)
{
	arena_free(&e->arena);
	e->busy = false;
}

static void land(struct loop_task *task)
{
	struct errand *e = (struct errand *)((char *)task - offsetof(struct errand, landing));

	if (e->landed)
		e->landed(e);
	errand_end(e);
}

static void arrived(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct errand *e = (struct errand *)((char *)job - offsetof(struct errand, job));

	e->failed = !rows;
	e->error = (struct status){.message = ""};
	if (error)
		status_set(&e->error, e->arena, error->code, "%s", error->message);
	if (rows && e->read)
		e->read(e, rows);
	if (error)
		log_event(LOG_DEBUG, "errand failed", LOG_TEXT("statement", job->statement->name),
			LOG_TEXT("reason", error->message));
	loop_post(e->home, &e->landing);
}

void errand_send(struct errand *e, const struct statement *statement, const struct text *parameters)
{
	e->landing.run = land;
	e->job = (struct sql_job){
		.statement = statement,
		.parameters = parameters,
		.deadline = clock_now() + LIMIT,
		.done = arrived,
	};
	if (lane_change(e->lanes, &e->job))
		return;
	e->failed = true;
	e->error = (struct status){STATUS_UNAVAILABLE, "too many statements are waiting"};
	loop_post(e->home, &e->landing);
}
