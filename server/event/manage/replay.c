/* Replay: what it is about is found as ranges of positions of queues, and then opened step by step,
 * each a short statement that leaves everything as it has to be: a replay that breaks off has
 * opened what its steps opened. */
#include "junction/v1/event.pb-c.h"
#include "server/db/array.h"
#include "server/event/delivery/engine.h"
#include "server/event/manage/settled.h"
#include "server/event/publishing.h"
#include "server/log_range.h"
#include "steps.gen.h"

enum { LOOKED = 2000 };

/* Of the events that were there when it began. */
static const struct statement find_queues = {
	.name = "event_replay_queues",
	.sql = "SELECT q.id, $3::bigint, least($4::bigint, event.head()) FROM event.queue q "
	       "WHERE q.namespace = $1 AND q.group_name = $2 ORDER BY q.id",
	.parameters = 4,
};

static const struct statement find_event = {
	.name = "event_replay_event",
	.sql = "SELECT d.r_queue_id, greatest(d.r_position - 1, $3::bigint), "
	       "least(d.r_position, $4::bigint) FROM event.deliveries_of($1, $5) d "
	       "WHERE d.r_group = $2 ORDER BY d.r_queue_id",
	.parameters = 5,
};

static const struct statement replay_some = {
	.name = "event_replay_some",
	.sql = "SELECT r_replayed, r_last FROM event.replay_some($1::integer, $2::bigint, "
	       "$3::bigint, $4::event.state[], $5::integer, $6)",
	.parameters = 6,
};

enum parameter { QUEUE, AFTER, UP_TO, STATES, LOOK_AT, WHO, PARAMETERS };

/* Of one queue. */
struct range {
	struct text queue, after, up_to;
};

struct replay {
	struct range *ranges;
	int count, at;
	int64_t replayed;
	struct text parameters[PARAMETERS];
};

static enum next step(struct call *c);

static enum next stepped(struct call *c, const struct rows *rows)
{
	struct replay *r = c->state;

	r->replayed += rows_int64(rows, 0, 0);
	if (rows_null(rows, 0, 1))
		r->at++;
	else
		r->ranges[r->at].after = arena_text(c->arena, rows_text(rows, 0, 1));
	return step(c);
}

static enum next step(struct call *c)
{
	struct replay *r = c->state;

	if (r->at == r->count) {
		Event__ReplayResponse *out = ARENA_NEW(c->arena, Event__ReplayResponse);

		event__replay_response__init(out);
		out->replayed = r->replayed;
		return SETTLED_REPLY(c, out);
	}
	r->parameters[QUEUE] = r->ranges[r->at].queue;
	r->parameters[AFTER] = r->ranges[r->at].after;
	r->parameters[UP_TO] = r->ranges[r->at].up_to;
	return change(c, &replay_some, r->parameters, stepped);
}

static enum next found(struct call *c, const struct rows *rows)
{
	const Event__ReplayRequest *in = call_request(c, Event__ReplayRequest);
	struct replay *r = c->state;

	r->count = rows_count(rows);
	if (r->count == 0)
		return fail(c, STATUS_NOT_FOUND,
			*in->event_id ? "the group %s does not get such an event" : "no group %s",
			in->group);
	r->ranges = arena_array(c->arena, (size_t)r->count, sizeof(*r->ranges));
	for (int i = 0; i < r->count; i++)
		r->ranges[i] = (struct range){
			arena_text(c->arena, rows_text(rows, i, 0)),
			arena_text(c->arena, rows_text(rows, i, 1)),
			arena_text(c->arena, rows_text(rows, i, 2)),
		};
	return step(c);
}

/* As PostgreSQL has them; data NULL with c->status set. */
static struct text read_states(struct call *c, const Event__ReplayRequest *in)
{
	struct buffer states = {.arena = c->arena};

	if (in->n_states == 0)
		return *in->event_id ? TEXT("{confirmed,delivered,failed,dead}") : TEXT("{dead}");
	for (size_t i = 0; i < in->n_states; i++) {
		int state = (int)in->states[i];

		if (state < DELIVERY_DELIVERED || state > DELIVERY_DEAD) {
			status_field(&c->status, c->arena, arena_printf(c->arena, "states[%zu]", i),
				"must be CONFIRMED, DELIVERED, FAILED or DEAD");
			return (struct text){0};
		}
		array_add(&states, text_of(delivery_state_word((enum delivery_state)state)));
	}
	return array_text(&states);
}

static struct text number(struct call *c, int64_t value)
{
	return text_of(arena_printf(c->arena, "%lld", (long long)value));
}

enum next event_replay(struct call *c)
{
	const Event__ReplayRequest *in = call_request(c, Event__ReplayRequest);
	struct text *parameters = arena_array(c->arena, 5, sizeof(*parameters));
	struct replay *r = ARENA_NEW(c->arena, struct replay);

	if (!*in->group)
		return fail_field(c, "group", "is required");
	r->parameters[STATES] = read_states(c, in);
	if (!r->parameters[STATES].data)
		return failed(c);
	r->parameters[LOOK_AT] = number(c, LOOKED);
	r->parameters[WHO] = publishing_who(c->arena, &c->caller);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->group);
	parameters[2] = number(c, in->_begin_time_case ? log_range_from(in->begin_time) - 1 : 0);
	parameters[3] =
		number(c, (in->_end_time_case ? log_range_behind(in->end_time) : INT64_MAX) - 1);
	parameters[4] = text_of(in->event_id);
	c->state = r;
	return change(c, *in->event_id ? &find_event : &find_queues, parameters, found);
}
