/*
 * One event by its id is read; the oldest of a group that wait or failed are leased by the engine,
 * while the call is parked; those that are confirmed are searched for.
 */
#include "server/event/delivery/engine.h"
#include "server/event/publishing.h"
#include "server/event/stored.h"
#include "server/event/subscription/subscriptions.h"
#include "steps.gen.h"

enum {
	LIMIT_MOST = 100,
	LEASE_MS = 30000,
	BYTES_MOST = 3 << 20, /* clients take messages of 4 MiB unless they were told otherwise */
};

struct pull {
	struct pull_job job;
	struct call *call;
	struct text group;
	struct status error; /* why there is no answer */
	const struct delivered_event *events;
	size_t count;
};

#define COLUMNS                                                                                    \
	"SELECT r_event_id, r_name, r_data, r_sealed, r_key_id, r_attempt, r_success "             \
	"FROM event."

static const struct statement read_one = {
	.name = "event_read_one",
	.sql = COLUMNS "read_one($1, $2, $3, $4)",
	.parameters = 4,
};

static const struct statement read_confirmed = {
	.name = "event_read_confirmed",
	.sql = COLUMNS "read_confirmed($1, $2, $3)",
	.parameters = 3,
};

/* --- the answer ------------------------------------------------------------------------------- */

static enum next answer(struct call *c, Event__PulledEvent **events, size_t count)
{
	const Event__PullRequest *in = call_request(c, Event__PullRequest);
	Event__PullResponse out = EVENT__PULL_RESPONSE__INIT;

	if (count > 0) {
		out.event = events[0]->event;
		out.event_id = events[0]->event_id;
		out.data = events[0]->data;
		out.success = events[0]->success;
		out.attempt = events[0]->attempt;
	}
	if (in->_limit_case) {
		out.n_events = count;
		out.events = events;
	}
	return REPLY(c, &out);
}

static enum next answer_rows(struct call *c, const struct rows *rows)
{
	size_t count = (size_t)rows_count(rows);
	Event__PulledEvent **events = arena_array(c->arena, count, sizeof *events);

	for (int row = 0; row < (int)count; row++) {
		Event__PulledEvent *e = events[row] = ARENA_NEW(c->arena, Event__PulledEvent);
		event__pulled_event__init(e);
		e->event_id = arena_string(c->arena, rows_text(rows, row, 0));
		e->event = arena_string(c->arena, rows_text(rows, row, 1));
		e->data = stored_data(c->arena, rows, row, 2, rows_text(rows, row, 0));
		e->attempt = (int32_t)rows_int64(rows, row, 5);
		e->success = rows_bool(rows, row, 6);
	}
	return answer(c, events, count);
}

/* --- of a group ------------------------------------------------------------------------------- */

static enum next answer_leased(struct call *c)
{
	const struct pull *p = c->state;
	Event__PulledEvent **events = arena_array(c->arena, p->count, sizeof *events);

	if (p->error.code != STATUS_OK)
		return fail(c, p->error.code, "%s", p->error.message);
	for (size_t i = 0; i < p->count; i++) {
		const struct delivered_event *from = &p->events[i];
		Event__PulledEvent *e = events[i] = ARENA_NEW(c->arena, Event__PulledEvent);
		event__pulled_event__init(e);
		e->event_id = arena_string(c->arena, from->event_id);
		e->event = arena_string(c->arena, from->name);
		e->data = arena_string(c->arena, from->data.data ? from->data : TEXT("null"));
		e->attempt = from->attempt;
	}
	return answer(c, events, p->count);
}

static void pulled(struct pull_job *job, const struct delivered_event *events, size_t count,
	const struct status *error)
{
	struct pull *p = (struct pull *)((char *)job - offsetof(struct pull, job));

	p->events = events;
	p->count = count;
	if (error)
		status_set(&p->error, p->call->arena, error->code, "%s", error->message);
	call_resume(p->call, answer_leased);
}

static enum next lease(struct call *c, int queue)
{
	const Event__PullRequest *in = call_request(c, Event__PullRequest);
	struct pull *p = c->state;

	p->call = c;
	p->job = (struct pull_job){
		.queue = queue,
		.most = in->_limit_case ? in->limit : 1,
		.failed = in->_success_case,
		.lease_ms = LEASE_MS,
		.holder = publishing_who(c->arena, &c->caller),
		.arena = c->arena,
		.deadline = call_lane_deadline(c),
		.cancelled = &c->cancelled,
		.done = pulled,
	};
	engine_pull(&p->job);
	return call_parked(c);
}

static enum next pull_from(struct call *c, int queue)
{
	const Event__PullRequest *in = call_request(c, Event__PullRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof *parameters);

	if (!in->_success_case || !in->success)
		return lease(c, queue);
	parameters[0] = text_of(arena_printf(c->arena, "%d", queue));
	parameters[1] = text_of(arena_printf(c->arena, "%d", in->_limit_case ? in->limit : 1));
	parameters[2] = text_of(arena_printf(c->arena, "%d", BYTES_MOST));
	return search(c, &read_confirmed, parameters, answer_rows);
}

/* 0 if there is none. */
static int queue_of(struct call *c, struct text group)
{
	const struct subscriptions *known = subscriptions_hold();
	const struct event_queue *queue =
		known ? subscriptions_group(known, c->caller.space, group) : NULL;
	int id = queue ? queue->id : 0;

	subscriptions_release(&known);
	return id;
}

static enum next look_again(struct call *c)
{
	const struct pull *p = c->state;
	int queue = queue_of(c, p->group);

	return queue ? pull_from(c, queue) : answer(c, NULL, 0);
}

static enum next pull_group(struct call *c)
{
	const Event__PullRequest *in = call_request(c, Event__PullRequest);
	struct pull *p = ARENA_NEW(c->arena, struct pull);

	p->group = *in->group ? text_of(in->group) : TEXT("default");
	c->state = p;
	int queue = queue_of(c, p->group);
	return queue ? pull_from(c, queue) : subscriptions_current(c, look_again);
}

/* --- by its id -------------------------------------------------------------------------------- */

static enum next one_read(struct call *c, const struct rows *rows)
{
	if (rows_count(rows) == 0)
		return fail(c, STATUS_NOT_FOUND, "eventId: no such event");
	return answer_rows(c, rows);
}

enum next event_pull(struct call *c)
{
	const Event__PullRequest *in = call_request(c, Event__PullRequest);
	struct text *parameters = arena_array(c->arena, 4, sizeof *parameters);

	if (in->_limit_case && (in->limit < 1 || in->limit > LIMIT_MOST))
		return fail_field(c, "limit", "must be 1 to %d", LIMIT_MOST);
	if (!*in->event_id)
		return pull_group(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->event_id);
	parameters[2] = sql_or_null(text_of(in->group));
	parameters[3] = sql_or_null(c->caller.application);
	return query(c, &read_one, parameters, one_read);
}
