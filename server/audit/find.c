/*
 * Find: the range is scanned from where the page begins, for one record more than the page may
 * have, which tells whether there are more; then the read is recorded, then answered.
 *
 * A page is looked for towards newer or older records: as the query is ordered, or against that for
 * the page before. What it must not see is beyond the range or, from the second page on, beyond the
 * end that the log had when the first was read.
 */
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"
#include "server/audit/point.h"
#include "server/audit/record.h"
#include "server/audit/scan.h"
#include "steps.gen.h"

enum { RECORDS_DEFAULT = 10, RECORDS_MOST = 1000, BYTES_MOST = 3 << 20 };

struct find {
	struct scan scan; /* first */
	struct selection selection;
	struct text query; /* that points are bound to */
	bool newest_first; /* the query's order */
	bool prev;         /* the page before is asked for */
	bool continued;    /* from a page that was given before */
	struct point from; /* that page */
	Audit__FindResult result;
};

/* --- the request ------------------------------------------------------------------------------ */

static bool read_range(struct call *c, const Audit__FindRequest *in, struct find *f)
{
	if (!in->_start_time_case)
		return status_field(&c->status, c->arena, "startTime", "is required");
	if (!in->_end_time_case)
		return status_field(&c->status, c->arena, "endTime", "is required");
	scan_set_range(&f->scan, in->start_time, in->end_time);
	f->newest_first = f->scan.newest_first;
	return true;
}

static bool read_size(struct call *c, const Audit__FindRequest *in, struct find *f)
{
	int size = in->_max_size_case ? in->max_size : RECORDS_DEFAULT;

	if (size < 1 || size > RECORDS_MOST)
		return status_field(
			&c->status, c->arena, "maxSize", "must be 1 to %d", RECORDS_MOST);
	f->scan.limit = size + 1;
	return true;
}

static bool read_prev(struct call *c, const Audit__FindRequest *in, struct find *f)
{
	struct text prev = text_of(in->prev_query);

	f->prev = text_equal(prev, TEXT("true")) || text_equal(prev, TEXT("\"true\""));
	if (!f->prev && prev.size > 0 && !text_equal(prev, TEXT("false")) &&
		!text_equal(prev, TEXT("\"false\"")) && !text_equal(prev, TEXT("\"\"")))
		return status_field(&c->status, c->arena, "prevQuery", "must be true or false");
	return !f->prev || *in->continuation_point ||
	       status_field(&c->status, c->arena, "prevQuery", "needs a continuationPoint");
}

/* What all pages have in common. */
static struct text query_of(struct arena *a, const Audit__FindRequest *in)
{
	struct buffer query = {.arena = a};

	buffer_printf(&query, "%lld %lld ", (long long)in->start_time, (long long)in->end_time);
	if (in->filter)
		buffer_add_text(&query, guard_pack(a, &in->filter->base));
	return buffer_text(&query);
}

/* Cuts the range to what lies on the side of the page that is asked for. */
static bool read_point(struct call *c, const Audit__FindRequest *in, struct find *f)
{
	struct scan *scan = &f->scan;

	f->query = query_of(c->arena, in);
	f->continued = *in->continuation_point;
	scan->newest_first = f->newest_first != f->prev;
	if (!f->continued)
		return true;
	if (!point_read(c->arena, in->continuation_point, f->query, &f->from, &c->status))
		return false;
	if (scan->newest_first)
		scan->upper = scan_before(f->from.lowest);
	else
		scan->lower = scan_after(f->from.highest);
	if (scan_compare(f->from.end, scan->upper) < 0)
		scan->upper = f->from.end;
	return true;
}

/* --- the page --------------------------------------------------------------------------------- */

/* Of so many records those at the beginning that a message has room for: clients take 4 MiB unless
 * they were told otherwise. */
static int fitting(const struct rows *rows, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++) {
		for (int field = 0; field < AUDIT_FIELDS; field++)
			bytes += rows_text(rows, i, SCAN_FIELDS + field).size;
		if (bytes > BYTES_MOST && i > 0)
			return i;
	}
	return count;
}

static void add_records(struct call *c, struct find *f, const struct rows *rows, int count)
{
	Audit__FindResult *out = &f->result;

	out->n_records = (size_t)count;
	out->records = arena_array(c->arena, out->n_records, sizeof(*out->records));
	for (int i = 0; i < count; i++)
		out->records[f->prev ? count - 1 - i : i] =
			selection_record(c->arena, &f->selection, rows, i, SCAN_FIELDS);
}

static struct point point_of(const struct find *f, const struct rows *rows, int count)
{
	const struct scan *scan = &f->scan;
	struct point p = {
		.end = f->continued ? f->from.end : scan_before(scan->lower),
		.lowest = scan->newest_first ? scan_after(scan->upper) : scan->lower,
		.before_next = count > 0 || f->result.has_prev,
		.behind_prev = count > 0 || f->result.has_next,
	};

	p.highest = scan_before(p.lowest);
	if (count == 0)
		return p;
	struct scan_key first = scan_row_key(rows, 0), last = scan_row_key(rows, count - 1);
	p.lowest = scan->newest_first ? last : first;
	p.highest = scan->newest_first ? first : last;
	if (!f->continued)
		p.end = scan_row_end(rows, 0);
	return p;
}

static enum next answer(struct call *c, const struct rows *rows, int row)
{
	struct find *f = c->state;
	Audit__FindResponse out = AUDIT__FIND_RESPONSE__INIT;
	Audit__WriteResult recorded;

	if (!record_result(c->arena, rows, row, &recorded, &c->status))
		return failed(c);
	out.result = &f->result;
	return REPLY(c, &out);
}

/* As it was asked, but for the point, which says nothing to anybody. */
static enum next record_find(struct call *c)
{
	struct find *f = c->state;
	Audit__FindRequest asked = *call_request(c, Audit__FindRequest);
	const struct transcode_options options = {.int64_as_number = true, .omit_defaults = true};
	struct buffer json = {.arena = c->arena};

	asked.continuation_point = (char *)"";
	if (!message_to_json(&json, c->method->input, &asked.base, &options, &c->status))
		return failed(c);
	return record_reading(c, "find", buffer_text(&json), (int64_t)f->result.n_records, answer);
}

static enum next read_page(struct call *c, const struct rows *rows)
{
	struct find *f = c->state;
	int found = rows_count(rows);
	int count = fitting(rows, found < f->scan.limit ? found : found - 1);
	bool more = count < found;
	bool onward = f->continued && (f->prev ? f->from.behind_prev : f->from.before_next);

	add_records(c, f, rows, count);
	f->result.has_next = f->prev ? onward : more;
	f->result.has_prev = f->prev ? more : onward;
	struct point point = point_of(f, rows, count);
	f->result.continuation_point = point_write(c->arena, &point, f->query);
	return record_find(c);
}

enum next audit_find(struct call *c)
{
	const Audit__FindRequest *in = call_request(c, Audit__FindRequest);
	struct find *f = ARENA_NEW(c->arena, struct find);

	audit__find_result__init(&f->result);
	f->scan.selection = &f->selection;
	c->state = f;
	if (!read_range(c, in, f) || !read_size(c, in, f) || !read_prev(c, in, f) ||
		!read_point(c, in, f) ||
		!selection_read(
			c->arena, in->fields, in->n_fields, false, &f->selection, &c->status) ||
		!filter_build(
			c->arena, in->filter, SCAN_FIRST_PARAMETER, &f->scan.filter, &c->status))
		return failed(c);
	return scan_run(c, &f->scan, read_page);
}
