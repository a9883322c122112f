/* The request's rules, and which subscription a group's stream belongs to: the one that is named
 * after group and patterns, or without patterns one that the group has. */
#include "server/event/subscribe.h"

#include "server/db/array.h"
#include "server/event/stored.h"
#include "server/event/subscription/subscriptions.h"
#include "server/event/subscription/topic.h"
#include "steps.gen.h"

enum {
	PATTERNS_MOST = 100,
	GROUP_MOST = 255,
	IN_FLIGHT_MOST = 10000,
	WINDOW_DEFAULT_MS = 600000,
	WINDOW_MOST_MS = 86400000,
};

static const struct statement subscribe_stream = {
	.name = "event_subscribe_stream",
	.sql = "SELECT r_id, r_name FROM event.subscribe_stream($1, $2, $3::text[], "
	       "$4::event.confirm_mode, $5::bigint, $6, $7, $8)",
	.parameters = 8,
};

/* --- the request ------------------------------------------------------------------------------ */

static bool patterns_hold(struct call *c, const Event__SubscribeRequest *in)
{
	if (in->n_patterns > PATTERNS_MOST || (in->n_patterns == 0 && !*in->group))
		return status_field(&c->status, c->arena, "patterns", "must be 1 to %d%s",
			PATTERNS_MOST, *in->group ? "" : ", unless there is a group");
	return topic_patterns_hold(c->arena, "patterns", in->patterns, in->n_patterns, &c->status);
}

/* How what a group gets is confirmed. */
static bool confirmation_holds(struct call *c, const Event__SubscribeRequest *in)
{
	bool registers = *in->group && in->n_patterns > 0;
	int64_t window = in->_ack_window_ms_case ? in->ack_window_ms : WINDOW_DEFAULT_MS;

	if (!*in->group && in->confirm != EVENT__CONFIRM_MODE__CONFIRM_MODE_UNSPECIFIED)
		return status_field(&c->status, c->arena, "confirm", "goes with a group");
	if (!registers && in->_ack_window_ms_case)
		return status_field(
			&c->status, c->arena, "ack_window_ms", "goes with a group and patterns");
	if ((unsigned)in->confirm > EVENT__CONFIRM_MODE__CONFIRM_MODE_EXPLICIT)
		return status_field(&c->status, c->arena, "confirm", "is not known");
	return (window >= 1 && window <= WINDOW_MOST_MS) ||
	       status_field(
		       &c->status, c->arena, "ack_window_ms", "must be 1 to %d", WINDOW_MOST_MS);
}

static bool request_holds(struct call *c, const Event__SubscribeRequest *in)
{
	if (!patterns_hold(c, in) || !confirmation_holds(c, in))
		return false;
	if (strlen(in->group) > GROUP_MOST)
		return status_field(
			&c->status, c->arena, "group", "must have 1 to %d bytes", GROUP_MOST);
	if (*in->group && *in->after)
		return status_field(&c->status, c->arena, "after", "goes without a group");
	if (!in->_max_in_flight_case)
		return true;
	if (!*in->group)
		return status_field(&c->status, c->arena, "max_in_flight", "goes with a group");
	return (in->max_in_flight >= 1 && in->max_in_flight <= IN_FLIGHT_MOST) ||
	       status_field(
		       &c->status, c->arena, "max_in_flight", "must be 1 to %d", IN_FLIGHT_MOST);
}

/* --- its subscription ------------------------------------------------------------------------- */

static enum next join_registered(struct call *c)
{
	const struct text *id = c->state;

	return subscribe_group(c, *id);
}

static enum next registered(struct call *c, const struct rows *rows)
{
	struct text *id = ARENA_NEW(c->arena, struct text);

	if (rows_null(rows, 0, 0))
		return fail(c, STATUS_ALREADY_EXISTS,
			"patterns: another subscription has the name of this one, \"%s\"",
			rows_text(rows, 0, 1).data);
	*id = arena_text(c->arena, rows_text(rows, 0, 0));
	c->state = id;
	return subscriptions_current(c, join_registered);
}

static enum next register_it(struct call *c, const Event__SubscribeRequest *in)
{
	struct text *parameters = arena_array(c->arena, 8, sizeof *parameters);
	struct buffer patterns = {.arena = c->arena};

	for (size_t i = 0; i < in->n_patterns; i++)
		array_add(&patterns, text_of(in->patterns[i]));
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->group);
	parameters[2] = array_text(&patterns);
	parameters[3] = in->confirm == EVENT__CONFIRM_MODE__CONFIRM_MODE_AUTO ? TEXT("auto")
									      : TEXT("explicit");
	parameters[4] = text_of(arena_printf(c->arena, "%lld",
		(long long)(in->_ack_window_ms_case ? in->ack_window_ms : WINDOW_DEFAULT_MS)));
	parameters[5] = sql_or_null(c->caller.user);
	parameters[6] = sql_or_null(c->caller.application);
	parameters[7] = sql_or_null(c->caller.address);
	return change(c, &subscribe_stream, parameters, registered);
}

/* The first by name of those for streams, else of those that are pulled. */
static const struct subscription *choose(const struct event_queue *queue)
{
	const struct subscription *best = NULL;

	for (size_t i = 0; queue && i < queue->member_count; i++) {
		const struct subscription *s = queue->members[i];
		if (s->target != TARGET_STREAM && s->target != TARGET_PULL)
			continue;
		if (!best || (s->target == best->target ? text_compare(s->name, best->name) < 0
							: s->target == TARGET_STREAM))
			best = s;
	}
	return best;
}

static bool is_otherwise(const Event__SubscribeRequest *in, const struct subscription *s)
{
	return in->confirm != EVENT__CONFIRM_MODE__CONFIRM_MODE_UNSPECIFIED &&
	       (in->confirm == EVENT__CONFIRM_MODE__CONFIRM_MODE_EXPLICIT) != s->explicit;
}

static enum next join_chosen(struct call *c)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);
	const struct subscriptions *known = subscriptions_hold();
	const struct event_queue *queue =
		known ? subscriptions_group(known, c->caller.space, text_of(in->group)) : NULL;
	const struct subscription *chosen = choose(queue);
	struct text id = chosen ? arena_text(c->arena, chosen->id) : (struct text){0};
	bool otherwise = chosen && is_otherwise(in, chosen);

	subscriptions_release(&known);
	if (!id.data)
		return fail(c, STATUS_FAILED_PRECONDITION,
			"patterns: are required, since the group has no subscription of target "
			"stream or pull");
	if (otherwise)
		return fail(c, STATUS_FAILED_PRECONDITION,
			"confirm: that of the group's subscription is another");
	return subscribe_group(c, id);
}

enum next event_subscribe(struct call *c)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);

	if (!request_holds(c, in))
		return failed(c);
	if (!*in->group)
		return subscribe_log(c);
	return in->n_patterns > 0 ? register_it(c, in) : subscriptions_current(c, join_chosen);
}
