/* One statement decides and writes (event.confirm); what it says of the deliveries is told to the
 * engine and to the caller. */
#include "server/event/delivery/engine.h"
#include "server/event/publishing.h"
#include "server/event/stored.h"
#include "steps.gen.h"

/* Columns of event.confirm(). */
enum {
	OUTCOME,
	QUEUE,
	GROUP,
	MEMBER,
	POSITION,
	NUMBER,
	STATE,
	ATTEMPT,
	DUE_MS,
	AT,
	DUE,
	REASON,
	TIME
};

static const struct statement confirm = {
	.name = "event_confirm",
	.sql = "SELECT r_outcome, r_queue_id, r_group, r_member, r_position, r_number, r_state, "
	       "r_attempt, r_due_ms, r_at, r_due, r_reason, r_time "
	       "FROM event.confirm($1, $2, $3, $4, $5, $6::boolean, $7)",
	.parameters = 7,
};

static char *copy(struct call *c, const struct rows *rows, int row, int column)
{
	return arena_string(c->arena, rows_text(rows, row, column));
}

static void tell_engine(const struct rows *rows, int row)
{
	struct delivery_standing standing = {
		.queue = (int)rows_int64(rows, row, QUEUE),
		.position = rows_int64(rows, row, POSITION),
	};

	standing_read(rows, row, NUMBER, &standing);
	engine_stands(&standing);
}

static Event__Delivery *delivery(struct call *c, const struct rows *rows, int row)
{
	const Event__ConfirmRequest *in = call_request(c, Event__ConfirmRequest);
	Event__Delivery *d = ARENA_NEW(c->arena, Event__Delivery);

	event__delivery__init(d);
	d->event = in->event;
	d->event_id = in->event_id;
	d->group = copy(c, rows, row, GROUP);
	d->member = copy(c, rows, row, MEMBER);
	d->state = (Event__DeliveryState)delivery_state_read(rows_text(rows, row, STATE));
	d->attempt = (int32_t)rows_int64(rows, row, ATTEMPT);
	d->at = rows_int64(rows, row, AT);
	d->due = rows_int64(rows, row, DUE);
	d->reason = copy(c, rows, row, REASON);
	d->time = rows_int64(rows, row, TIME);
	return d;
}

static enum next answer(struct call *c, const struct rows *rows)
{
	Event__ConfirmResponse out = EVENT__CONFIRM_RESPONSE__INIT;

	out.n_deliveries = (size_t)rows_count(rows);
	out.deliveries = arena_array(c->arena, out.n_deliveries, sizeof *out.deliveries);
	for (int row = 0; row < rows_count(rows); row++) {
		tell_engine(rows, row);
		out.deliveries[row] = delivery(c, rows, row);
	}
	return REPLY(c, &out);
}

static enum next confirmed(struct call *c, const struct rows *rows)
{
	const Event__ConfirmRequest *in = call_request(c, Event__ConfirmRequest);
	struct text outcome = rows_text(rows, 0, OUTCOME);

	if (text_equal(outcome, TEXT("done")))
		return answer(c, rows);
	if (text_equal(outcome, TEXT("unknown")))
		return fail(c, STATUS_NOT_FOUND, "eventId: no such event");
	if (text_equal(outcome, TEXT("other name")))
		return fail(c, STATUS_NOT_FOUND, "event: the event of that id has another name");
	if (text_equal(outcome, TEXT("no delivery")))
		return fail(c, STATUS_NOT_FOUND, "group: it does not get this event");
	return fail(c, STATUS_ALREADY_EXISTS, "success: it is final already that the event was %s",
		in->_success_case && !in->success ? "processed" : "not processed");
}

enum next event_confirm(struct call *c)
{
	const Event__ConfirmRequest *in = call_request(c, Event__ConfirmRequest);
	struct text *parameters = arena_array(c->arena, 7, sizeof *parameters);

	if (!*in->event)
		return fail_field(c, "event", "is required");
	if (!*in->event_id)
		return fail_field(c, "eventId", "is required");
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->event_id);
	parameters[2] = text_of(in->event);
	parameters[3] = sql_or_null(text_of(in->group));
	parameters[4] = sql_or_null(c->caller.application);
	parameters[5] = in->_success_case && !in->success ? TEXT("false") : TEXT("true");
	parameters[6] = publishing_who(c->arena, &c->caller);
	return change(c, &confirm, parameters, confirmed);
}
