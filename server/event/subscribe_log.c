/*
 * The log is read page by page, behind the cursor, into an arena of the stream's own, and what
 * matches the patterns is sent from there. When a page was the last one, the stream waits until the
 * engine has learned of further events. A cursor is the position of an event in decimal.
 *
 * Whether what followed the cursor is still kept is asked after each page. It need not be of a
 * stream that had all there was: then nothing can have followed that is gone.
 */
#include "server/event/delivery/engine.h"
#include "server/event/stored.h"
#include "server/event/subscribe.h"
#include "server/event/subscription/topic.h"

enum {
	ROWS_EACH = 1000,         /* events in a page at most */
	BYTES_EACH = 1024 * 1024, /* of data, though one event is always read */
	SKIPPED_MOST = 10000,     /* events that did not match, until the cursor is sent alone */
	QUIET_MS = 15000,         /* the same, if there are any */
};

struct log_stream {
	struct patience patience;
	int64_t cursor;
	bool current;    /* it had all there was */
	int64_t skipped; /* events behind the last one that was found, or the cursor that was sent
			  */
	int64_t sent_at; /* the last message, on clock_now() */

	struct arena *page;
	Event__SubscribeResponse **found;
	size_t count, next;
	uint64_t rung; /* the engine's bell when the page was asked for */
};

/* Columns of event.read_log(). */
enum { POSITION, MORE, FIRST_KEPT, NAME, EVENT_ID, DATA, SEALED, KEY_ID, KEY, TIME, TRACE_ID };

static const struct statement read_log = {
	.name = "event_read_log",
	.sql = "SELECT r_position, r_more, r_first_kept, r_name, r_event_id, r_data, r_sealed, "
	       "r_key_id, r_key, r_time, r_trace_id "
	       "FROM event.read_log($1, $2::bigint, $3::integer, $4::bigint)",
	.parameters = 4,
};

static const struct statement log_ends = {
	.name = "event_log_ends",
	.sql = "SELECT event.head(), (SELECT last_value FROM event.last_position)",
	.parameters = 0,
};

static void leave(struct call *c)
{
	struct log_stream *s = c->state;

	patience_end(&s->patience);
	arena_free(&s->page);
}

static char *cursor_write(struct arena *a, int64_t position)
{
	return arena_printf(a, "%lld", (long long)position);
}

/* --- a page ----------------------------------------------------------------------------------- */

static bool wanted(const struct call *c, struct text name)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);

	for (size_t i = 0; i < in->n_patterns; i++)
		if (topic_matches(text_of(in->patterns[i]), name))
			return true;
	return false;
}

static Event__SubscribeResponse *response(struct arena *a, const struct rows *rows, int row)
{
	Event__SubscribeResponse *e = ARENA_NEW(a, Event__SubscribeResponse);

	event__subscribe_response__init(e);
	e->event = arena_string(a, rows_text(rows, row, NAME));
	e->event_id = arena_string(a, rows_text(rows, row, EVENT_ID));
	e->data = stored_data(a, rows, row, DATA, rows_text(rows, row, EVENT_ID));
	e->key = arena_string(a, rows_text(rows, row, KEY));
	e->time = rows_int64(rows, row, TIME);
	e->trace_id = arena_string(a, rows_text(rows, row, TRACE_ID));
	e->cursor = cursor_write(a, rows_int64(rows, row, POSITION));
	return e;
}

static enum next send_found(struct call *c);

static enum next page_read(struct call *c, const struct rows *rows)
{
	struct log_stream *s = c->state;
	int count = rows_count(rows) - 1;

	if (s->cursor > 0 && !s->current && s->cursor < rows_int64(rows, count, FIRST_KEPT))
		return fail(c, STATUS_OUT_OF_RANGE,
			"after: what followed this cursor is not kept any more");
	arena_clear(s->page);
	s->found = arena_array(s->page, (size_t)count, sizeof *s->found);
	s->count = s->next = 0;
	s->current = true;
	for (int row = 0; row < count; row++) {
		s->skipped++;
		if (!rows_null(rows, row, NAME) && wanted(c, rows_text(rows, row, NAME))) {
			s->found[s->count++] = response(s->page, rows, row);
			s->skipped = 0;
		}
		s->cursor = rows_int64(rows, row, POSITION);
		s->current = !rows_bool(rows, row, MORE);
	}
	return send_found(c);
}

static enum next read_page(struct call *c)
{
	struct log_stream *s = c->state;
	struct text *parameters;

	if (stream_lane_draining(call_streams()))
		return fail(c, STATUS_UNAVAILABLE, SUBSCRIBE_STOPPING);
	call_end_turn(c);
	patience_sent(&s->patience);
	s->rung = bell_count(engine_bell());
	parameters = arena_array(c->turn, 4, sizeof *parameters);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(cursor_write(c->turn, s->cursor));
	parameters[2] = text_of(arena_printf(c->turn, "%d", ROWS_EACH));
	parameters[3] = text_of(arena_printf(c->turn, "%d", BYTES_EACH));
	return query(c, &read_log, parameters, page_read);
}

/* --- sending ---------------------------------------------------------------------------------- */

static enum next send_response(
	struct call *c, const Event__SubscribeResponse *message, bool more, call_step *then)
{
	struct log_stream *s = c->state;

	s->sent_at = clock_now();
	return patience_send(&s->patience, &message->base, more, then);
}

static enum next send_cursor(struct call *c)
{
	struct log_stream *s = c->state;
	Event__SubscribeResponse *out = ARENA_NEW(c->turn, Event__SubscribeResponse);

	event__subscribe_response__init(out);
	out->cursor = cursor_write(c->turn, s->cursor);
	s->skipped = 0;
	return send_response(c, out, false, read_page);
}

/* What has been found; then the cursor alone, or the next page, or what comes later. */
static enum next send_found(struct call *c)
{
	struct log_stream *s = c->state;
	int64_t quiet_until = s->sent_at + QUIET_MS * CLOCK_MS;

	patience_sent(&s->patience);
	if (s->next < s->count) {
		const Event__SubscribeResponse *e = s->found[s->next++];
		return send_response(c, e, s->next < s->count, send_found);
	}
	if (s->skipped >= SKIPPED_MOST || (s->skipped > 0 && clock_now() >= quiet_until))
		return send_cursor(c);
	if (!s->current)
		return read_page(c);
	return stream_wait(
		c, engine_bell(), s->rung, s->skipped > 0 ? quiet_until : CLOCK_NEVER, read_page);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static enum next begin(struct call *c, const struct rows *rows)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);
	struct log_stream *s = c->state;

	if (s->cursor > rows_int64(rows, 0, 1))
		return fail(c, STATUS_OUT_OF_RANGE, "after: the log does not reach that far");
	s->page = arena_new(0);
	s->sent_at = clock_now();
	patience_begin(&s->patience, c, SUBSCRIBE_TOO_SLOW, SUBSCRIBE_STOPPING);
	c->at_end = leave;
	if (*in->after)
		return read_page(c);
	s->cursor = rows_int64(rows, 0, 0);
	s->current = true;
	return send_cursor(c);
}

enum next subscribe_log(struct call *c)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);
	struct log_stream *s = ARENA_NEW(c->arena, struct log_stream);

	if (*in->after && (!text_to_int64(text_of(in->after), &s->cursor) || s->cursor < 0))
		return fail_field(c, "after", "must be a cursor that Subscribe has sent, or 0");
	c->state = s;
	return query(c, &log_ends, NULL, begin);
}
