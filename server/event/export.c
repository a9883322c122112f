/*
 * Export: page after page of the log is read, written as lines, and sent as one message each.
 *
 * Where the log ends is read first; the pages stop there. A page is bounded by what is looked at,
 * whether or not it is wanted, so that a rare group or name does not make one that takes for ever;
 * one without a line is not sent. Its text lives in memory of its own, which is emptied for the
 * next one.
 */
#include "base/base64.h"
#include "base/json.h"
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/event.pb-c.h"
#include "server/call.h"
#include "server/event/stored.h"
#include "server/event/subscription/topic.h"
#include "server/seal.h"
#include "steps.gen.h"

#define PAGE_EVENTS "1000"
#define PAGE_BYTES  "262144"

#define MS_LAST     (INT64_MAX >> 20) /* that a position may be of */

enum { PATTERNS_MOST = 100 };

/* Of a row of a page; behind the rows is one that has nothing but FIRST_KEPT. */
enum column {
	POSITION,
	MORE,
	FIRST_KEPT,
	WANTED, /* SQL NULL: of another namespace, or not of the group */
	TIME,
	NAME,
	EVENT_ID,
	KEY,
	GROUP,
	APPLICATION,
	USER,
	TRACE_ID,
	DATA,
	SEALED,
	KEY_ID
};

static const struct statement log_head = {
	.name = "event_head",
	.sql = "SELECT event.head()",
};

static const struct statement read_page = {
	.name = "event_export_page",
	.sql = "SELECT l.r_position, l.r_more, l.r_first_kept, e.wanted, l.r_time, l.r_name, "
	       "l.r_event_id, l.r_key, e.group_name, e.application, e.user_name, l.r_trace_id, "
	       "CASE WHEN e.wanted THEN l.r_data END, CASE WHEN e.wanted THEN l.r_sealed END, "
	       "l.r_key_id "
	       "FROM event.read_log($1, $2::bigint, " PAGE_EVENTS ", " PAGE_BYTES ") AS l "
	       "LEFT JOIN LATERAL (SELECT x.group_name, x.application, x.user_name, true AS wanted "
	       "FROM event.event x WHERE x.position = l.r_position AND l.r_name IS NOT NULL "
	       "AND ($3::text IS NULL OR EXISTS (SELECT FROM event.queue q "
	       "JOIN event.delivery d ON d.queue_id = q.id AND d.position = x.position "
	       "WHERE q.namespace = $1 AND q.group_name = $3)) OFFSET 0) AS e ON true "
	       "ORDER BY l.r_position NULLS LAST",
	.parameters = 3,
};

struct exporting {
	int64_t after, last; /* the page begins behind; the export ends with */
	struct arena *page;
	struct buffer lines;
	bool begun; /* a page has been read */
	bool sent;  /* a message has */
	bool end;   /* no page follows */
};

/* --- lines ------------------------------------------------------------------------------------ */

static void add_text(struct buffer *out, const char *name, struct text value)
{
	if (!value.data)
		return;
	json_write_name(out, text_of(name));
	json_write_string(out, value);
}

static void add_json(struct buffer *out, const char *name, struct text json)
{
	json_write_name(out, text_of(name));
	json_write_on_one_line(out, json);
}

/* False with c->status set: it is to be opened, and there is no key. */
static bool add_sealed(struct call *c, struct buffer *out, const struct rows *rows, int row)
{
	const struct exporting *e = c->state;
	struct text sealed = rows_text(rows, row, SEALED), key_id = rows_text(rows, row, KEY_ID);
	struct text event_id = rows_text(rows, row, EVENT_ID), bytes;

	if (!call_request(c, Event__ExportEventsRequest)->decrypt) {
		add_text(out, "keyId", key_id);
		add_text(out, "sealed", sealed);
		return true;
	}
	struct text data = base64_read(e->page, sealed, &bytes)
				   ? seal_open(e->page, event_id, key_id, bytes)
				   : (struct text){0};
	if (!data.data)
		return status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
			"the server's key file has no key \"%.*s\" that opens the data of event "
			"\"%.*s\"",
			TEXT_ARGS(key_id), TEXT_ARGS(event_id));
	add_json(out, "data", data);
	return true;
}

static bool add_line(struct call *c, const struct rows *rows, int row)
{
	struct exporting *e = c->state;
	struct buffer *out = &e->lines;

	buffer_add_char(out, '{');
	add_text(out, "position", rows_text(rows, row, POSITION));
	add_json(out, "time", rows_text(rows, row, TIME));
	add_text(out, "event", rows_text(rows, row, NAME));
	add_text(out, "eventId", rows_text(rows, row, EVENT_ID));
	add_text(out, "key", rows_text(rows, row, KEY));
	add_text(out, "group", rows_text(rows, row, GROUP));
	add_text(out, "application", rows_text(rows, row, APPLICATION));
	add_text(out, "user", rows_text(rows, row, USER));
	add_text(out, "traceId", rows_text(rows, row, TRACE_ID));
	if (!rows_null(rows, row, DATA))
		add_json(out, "data", rows_text(rows, row, DATA));
	else if (!add_sealed(c, out, rows, row))
		return false;
	buffer_add_text(out, TEXT("}\n"));
	return true;
}

static bool is_wanted(const Event__ExportEventsRequest *in, const struct rows *rows, int row)
{
	if (rows_null(rows, row, WANTED))
		return false;
	for (size_t i = 0; i < in->n_patterns; i++) {
		if (topic_matches(text_of(in->patterns[i]), rows_text(rows, row, NAME)))
			return true;
	}
	return in->n_patterns == 0;
}

static bool add_page(struct call *c, const struct rows *rows)
{
	const Event__ExportEventsRequest *in = call_request(c, Event__ExportEventsRequest);
	struct exporting *e = c->state;
	int kept = rows_count(rows) - 1;

	if (e->begun && rows_int64(rows, kept, FIRST_KEPT) > e->after)
		return status_set(&c->status, c->arena, STATUS_OUT_OF_RANGE,
			"what follows has been dropped meanwhile: export again");
	e->begun = true;
	e->end = kept == 0 || !rows_bool(rows, 0, MORE);
	for (int row = 0; row < kept; row++) {
		e->after = rows_int64(rows, row, POSITION);
		if (e->after > e->last)
			break;
		if (is_wanted(in, rows, row) && !add_line(c, rows, row))
			return false;
	}
	e->end = e->end || e->after >= e->last;
	return true;
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next send_message(struct call *c, struct text data, bool more, call_step *then)
{
	struct exporting *e = c->state;
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	out.data = (ProtobufCBinaryData){data.size, (uint8_t *)data.data};
	if (!e->sent)
		out.content_type = (char *)"application/x-ndjson";
	e->sent = true;
	return STREAM_SEND(c, &out, more, then);
}

static enum next next_page(struct call *c);

static enum next send_page(struct call *c, const struct rows *rows)
{
	struct exporting *e = c->state;

	if (!add_page(c, rows))
		return failed(c);
	return e->lines.size > 0 ? send_message(c, buffer_text(&e->lines), true, next_page)
				 : next_page(c);
}

static enum next next_page(struct call *c)
{
	const Event__ExportEventsRequest *in = call_request(c, Event__ExportEventsRequest);
	struct exporting *e = c->state;

	arena_clear(e->page);
	e->lines = (struct buffer){.arena = e->page};
	if (e->end)
		return send_message(c, (struct text){0}, false, stream_end);
	struct text *parameters = arena_array(e->page, 3, sizeof(*parameters));
	parameters[0] = c->caller.space;
	parameters[1] = text_of(arena_printf(e->page, "%lld", (long long)e->after));
	parameters[2] = sql_or_null(text_of(in->group));
	return search(c, &read_page, parameters, send_page);
}

static enum next begin(struct call *c, const struct rows *rows)
{
	struct exporting *e = c->state;
	int64_t head = rows_int64(rows, 0, 0);

	if (head < e->last)
		e->last = head;
	e->end = e->after >= e->last;
	return next_page(c);
}

/* --- the request ------------------------------------------------------------------------------ */

/* As event.position_at(): that of the first event of a millisecond, which may be of any time. */
static int64_t position_at(int64_t ms)
{
	return (ms < 0 ? 0 : ms < MS_LAST ? ms : MS_LAST) << 20;
}

static bool read_patterns(struct call *c, const Event__ExportEventsRequest *in)
{
	if (in->n_patterns > PATTERNS_MOST)
		return status_field(&c->status, c->arena, "patterns", "takes at most %d patterns",
			PATTERNS_MOST);
	return topic_patterns_hold(c->arena, "patterns", in->patterns, in->n_patterns, &c->status);
}

static void at_end(struct call *c)
{
	struct exporting *e = c->state;

	arena_free(&e->page);
}

enum next event_export_events(struct call *c)
{
	const Event__ExportEventsRequest *in = call_request(c, Event__ExportEventsRequest);
	struct exporting *e = ARENA_NEW(c->arena, struct exporting);
	int64_t end = in->_end_time_case ? in->end_time : MS_LAST;

	if (in->_begin_time_case && in->begin_time > end)
		return fail_field(c, "beginTime", "must not be after endTime");
	if (!read_patterns(c, in))
		return failed(c);
	e->after = position_at(in->_begin_time_case ? in->begin_time : 0) - 1;
	e->last = position_at(end < MS_LAST ? end + 1 : MS_LAST) - 1;
	e->page = arena_new(0);
	c->state = e;
	c->at_end = at_end;
	return query(c, &log_head, NULL, begin);
}
