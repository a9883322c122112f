/* ListDeliveries, ListTransitions. A page of deliveries ends where it is full, or where PostgreSQL
 * has looked at enough of them; then the last row says behind what the next one begins. */
#include <stdlib.h>

#include "junction/v1/event.pb-c.h"
#include "server/event/delivery/engine.h"
#include "server/event/stored.h"
#include "server/event/subscription/topic.h"
#include "server/log_range.h"
#include "server/page.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 100, PAGE_MOST = 1000, KEY_PARTS = 2 };

static char *string_at(struct call *c, const struct rows *rows, int row, int column)
{
	return arena_string(c->arena, rows_text(rows, row, column));
}

static Event__DeliveryState state_at(const struct rows *rows, int row, int column)
{
	return (Event__DeliveryState)delivery_state_read(rows_text(rows, row, column));
}

/* --- ListDeliveries --------------------------------------------------------------------------- */

enum { EVENT, EVENT_ID, GROUP, MEMBER, STATE, ATTEMPT, AT, DUE, REASON, TIME, POSITION, QUEUE };

static const struct statement list_deliveries = {
	.name = "event_list_deliveries",
	.sql = "SELECT event, event_id, group_name, member, state, attempt, at, due, reason, time, "
	       "position, queue_id FROM event.list_deliveries($1, $2, $3::event.state, $4, $5, "
	       "$6::bigint, $7::bigint, $8::integer, $9::integer, 5000)",
	.parameters = 9,
};

static Event__Delivery *delivery_of(struct call *c, const struct rows *rows, int row)
{
	Event__Delivery *delivery = ARENA_NEW(c->arena, Event__Delivery);

	event__delivery__init(delivery);
	delivery->event = string_at(c, rows, row, EVENT);
	delivery->event_id = string_at(c, rows, row, EVENT_ID);
	delivery->group = string_at(c, rows, row, GROUP);
	delivery->member = string_at(c, rows, row, MEMBER);
	delivery->state = state_at(rows, row, STATE);
	delivery->attempt = (int32_t)rows_int64(rows, row, ATTEMPT);
	delivery->at = rows_int64(rows, row, AT);
	delivery->due = rows_int64(rows, row, DUE);
	delivery->reason = string_at(c, rows, row, REASON);
	delivery->time = rows_int64(rows, row, TIME);
	return delivery;
}

static enum next deliveries_listed(struct call *c, const struct rows *rows)
{
	Event__ListDeliveriesResponse out = EVENT__LIST_DELIVERIES_RESPONSE__INIT;
	int last = rows_count(rows) - 1;

	if (last >= 0 && rows_null(rows, last, EVENT)) {
		const struct text key[] = {
			rows_text(rows, last, POSITION), rows_text(rows, last, QUEUE)};
		out.next_page_token = page_token(c->arena, key, KEY_PARTS);
		last--;
	}
	out.deliveries = arena_array(c->arena, (size_t)last + 1, sizeof(*out.deliveries));
	for (int i = 0; i <= last; i++)
		out.deliveries[out.n_deliveries++] = delivery_of(c, rows, i);
	return REPLY(c, &out);
}

/* Behind what the page begins: $7 and $8. */
static bool read_begin(
	struct call *c, const Event__ListDeliveriesRequest *in, struct text *parameters)
{
	struct page page;
	int64_t position, queue;

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, KEY_PARTS,
		    &page, &c->status))
		return false;
	parameters[2] = text_of(arena_printf(c->arena, "%lld", (long long)page.most));
	if (!*in->page_token) {
		position = in->_end_time_case ? log_range_behind(in->end_time) : INT64_MAX;
		parameters[0] = text_of(arena_printf(c->arena, "%lld", (long long)position));
		parameters[1] = TEXT("0");
		return true;
	}
	parameters[0] = page.after[0];
	parameters[1] = page.after[1];
	return (text_to_int64(page.after[0], &position) && text_to_int64(page.after[1], &queue) &&
		       queue >= 0 && queue <= INT32_MAX) ||
	       status_field(&c->status, c->arena, "pageToken", "is none of a page of this list");
}

enum next event_list_deliveries(struct call *c)
{
	const Event__ListDeliveriesRequest *in = call_request(c, Event__ListDeliveriesRequest);
	struct text *parameters = arena_array(c->arena, 9, sizeof(*parameters));
	const char *fault = *in->event ? topic_pattern_fault(text_of(in->event)) : NULL;

	if (fault)
		return fail_field(c, "event", "%s", fault);
	if ((unsigned)in->state > EVENT__DELIVERY_STATE__DELIVERY_STATE_DEAD)
		return fail_field(c, "state", "is not known");
	parameters[0] = c->caller.space;
	parameters[1] = sql_or_null(text_of(in->group));
	if (in->state)
		parameters[2] = text_of(delivery_state_word((enum delivery_state)in->state));
	parameters[3] = sql_or_null(text_of(in->event));
	parameters[4] = sql_or_null(text_of(in->event_id));
	parameters[5] = text_of(arena_printf(c->arena, "%lld",
		(long long)(in->_begin_time_case ? log_range_from(in->begin_time) : 0)));
	if (!read_begin(c, in, &parameters[6]))
		return failed(c);
	return search(c, &list_deliveries, parameters, deliveries_listed);
}

/* --- ListTransitions -------------------------------------------------------------------------- */

enum transition {
	T_GROUP,
	T_MEMBER,
	T_NUMBER,
	T_STATE,
	T_AT,
	T_DUE,
	T_ATTEMPT,
	T_HOLDER,
	T_SUBSCRIPTION,
	T_STATUS,
	T_CODE,
	T_LATENCY,
	T_REASON,
	T_CONFIRMED_BY
};

/* One row without a number if there is the event, but no step of it. */
static const struct statement list_transitions = {
	.name = "event_list_transitions",
	.sql = "SELECT d.r_group, CASE WHEN d.r_member <> '' THEN coalesce(m.name, d.r_member) "
	       "ELSE '' END, t.number, t.state, event.milliseconds(t.at), "
	       "event.milliseconds(t.due), t.attempt, t.holder, s.name, t.status, t.code, "
	       "t.latency_ms, t.reason, t.confirmed_by "
	       "FROM event.event AS e LEFT JOIN (event.deliveries_of($1, $2) AS d "
	       "JOIN event.transition AS t ON t.queue_id = d.r_queue_id "
	       "AND t.position = d.r_position) "
	       "ON d.r_position = e.position AND $3 IN ('', d.r_group) "
	       "LEFT JOIN event.subscription AS s ON s.id = t.subscription_id "
	       "LEFT JOIN event.subscription AS m ON m.id::text = d.r_member "
	       "WHERE e.namespace = $1 AND e.event_id = $2 "
	       "ORDER BY d.r_group, d.r_member, t.number",
	.parameters = 3,
};

static Event__Transition *transition_of(struct call *c, const struct rows *rows, int row)
{
	Event__Transition *t = ARENA_NEW(c->arena, Event__Transition);

	event__transition__init(t);
	t->group = string_at(c, rows, row, T_GROUP);
	t->member = string_at(c, rows, row, T_MEMBER);
	t->number = (int32_t)rows_int64(rows, row, T_NUMBER);
	t->state = state_at(rows, row, T_STATE);
	t->at = rows_int64(rows, row, T_AT);
	t->due = rows_int64(rows, row, T_DUE);
	t->attempt = (int32_t)rows_int64(rows, row, T_ATTEMPT);
	t->holder = string_at(c, rows, row, T_HOLDER);
	t->subscription = string_at(c, rows, row, T_SUBSCRIPTION);
	t->status = (int32_t)rows_int64(rows, row, T_STATUS);
	t->code = string_at(c, rows, row, T_CODE);
	if (!rows_null(rows, row, T_LATENCY))
		t->latency_ms = strtod(rows_text(rows, row, T_LATENCY).data, NULL);
	t->reason = string_at(c, rows, row, T_REASON);
	t->confirmed_by = string_at(c, rows, row, T_CONFIRMED_BY);
	return t;
}

static enum next transitions_listed(struct call *c, const struct rows *rows)
{
	Event__ListTransitionsResponse out = EVENT__LIST_TRANSITIONS_RESPONSE__INIT;
	int count = rows_count(rows);

	if (count == 0)
		return fail(c, STATUS_NOT_FOUND, "eventId: no such event");
	out.transitions = arena_array(c->arena, (size_t)count, sizeof(*out.transitions));
	for (int i = 0; i < count && !rows_null(rows, i, T_NUMBER); i++)
		out.transitions[out.n_transitions++] = transition_of(c, rows, i);
	return REPLY(c, &out);
}

enum next event_list_transitions(struct call *c)
{
	const Event__ListTransitionsRequest *in = call_request(c, Event__ListTransitionsRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (!*in->event_id)
		return fail_field(c, "eventId", "is required");
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->event_id);
	parameters[2] = text_of(in->group);
	return search(c, &list_transitions, parameters, transitions_listed);
}
