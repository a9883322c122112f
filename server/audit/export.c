/*
 * Export: page after page of the range is read, written as text, and sent in pieces of whole lines.
 *
 * The first page tells where the log ended when the export began; the others stop there. The export
 * is recorded before a byte of it is sent. A page's text lives in memory of its own, which is
 * emptied for the next one: a page of long records has fewer of them. The last message has no data
 * and tells that all has been passed; of an empty file it is the first one, too.
 */
#include "google/api/httpbody.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"
#include "server/audit/export_text.h"
#include "server/audit/record.h"
#include "server/audit/scan.h"
#include "steps.gen.h"

enum {
	FIRST_RECORDS = 100, /* on the first page */
	PAGE_RECORDS = 1000, /* at most */
	PAGE_BYTES = 2 << 20,
	PIECE_BYTES = 256 << 10,
};

/* What a message carries. */
struct piece {
	struct piece *next;
	struct buffer text;
	int64_t records; /* of the export, to the end of this piece */
	int64_t time;    /* of the last of them */
};

struct exporting {
	struct scan scan; /* first */
	struct selection selection;
	bool csv;
	struct arena *page; /* of what follows */
	struct piece *pieces, *last;
	size_t bytes; /* of the page */
	bool end;     /* no page follows */
	bool begun;   /* a message has been sent */
	int64_t records;
	int64_t begin_time, end_time; /* in the order of the export */
};

/* --- out -------------------------------------------------------------------------------------- */

static double part_passed(const struct exporting *e, int64_t time)
{
	double whole = (double)(e->end_time - e->begin_time);

	return whole == 0 ? 1 : (double)(time - e->begin_time) / whole;
}

static enum next send_message(struct call *c, struct text data,
	const Audit__ExportProgress *progress, bool more, call_step *then)
{
	struct exporting *e = c->state;
	struct text packed = guard_pack(c->turn, &progress->base);
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *extensions[] = {&any};
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	any.type_url = (char *)"type.googleapis.com/junction.v1.ExportProgress";
	any.value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	out.extensions = extensions;
	out.n_extensions = 1;
	out.data = (ProtobufCBinaryData){data.size, (uint8_t *)data.data};
	if (!e->begun)
		out.content_type =
			(char *)(e->csv ? "text/csv; charset=utf-8" : "application/x-ndjson");
	e->begun = true;
	return STREAM_SEND(c, &out, more, then);
}

static enum next send_end(struct call *c)
{
	const struct exporting *e = c->state;
	Audit__ExportProgress progress = AUDIT__EXPORT_PROGRESS__INIT;

	progress.records = e->records;
	progress.time = e->end_time;
	progress.part = 1;
	return send_message(c, (struct text){0}, &progress, false, stream_end);
}

static enum next next_page(struct call *c);

static enum next send_page(struct call *c)
{
	struct exporting *e = c->state;
	struct piece *p = e->pieces;
	Audit__ExportProgress progress = AUDIT__EXPORT_PROGRESS__INIT;

	if (!p)
		return e->end ? send_end(c) : next_page(c);
	e->pieces = p->next;
	progress.records = p->records;
	progress.time = p->time;
	progress.part = part_passed(e, p->time);
	return send_message(c, buffer_text(&p->text), &progress, p->next != NULL, send_page);
}

/* --- pages ------------------------------------------------------------------------------------ */

/* The text that a record is added to. */
static struct piece *open_piece(struct exporting *e)
{
	struct piece *p = e->last;

	if (p && p->text.size < PIECE_BYTES)
		return p;
	p = ARENA_NEW(e->page, struct piece);
	p->text.arena = e->page;
	*(e->last ? &e->last->next : &e->pieces) = p;
	e->last = p;
	return p;
}

static void add_record(struct exporting *e, const struct rows *rows, int row)
{
	struct piece *p = open_piece(e);
	struct text values[AUDIT_FIELDS];
	size_t before = p->text.size;

	selection_values(e->page, &e->selection, rows, row, SCAN_FIELDS, values);
	if (e->csv)
		export_text_csv(&p->text, &e->selection, values);
	else
		export_text_json(&p->text, values);
	p->records = ++e->records;
	p->time = scan_row_key(rows, row).time;
	e->bytes += p->text.size - before;
}

static void add_page(struct exporting *e, const struct rows *rows)
{
	int count = rows_count(rows);

	for (int i = 0; i < count; i++)
		add_record(e, rows, i);
	e->end = count < e->scan.limit;
	if (e->end)
		return;
	struct scan_key key = scan_row_key(rows, count - 1);
	if (e->scan.newest_first)
		e->scan.upper = scan_before(key);
	else
		e->scan.lower = scan_after(key);
	size_t fit = PAGE_BYTES / (e->bytes / (size_t)count + 1);
	e->scan.limit = fit < 1 ? 1 : fit > PAGE_RECORDS ? PAGE_RECORDS : (int)fit;
}

static enum next read_page(struct call *c, const struct rows *rows)
{
	add_page(c->state, rows);
	return send_page(c);
}

static enum next next_page(struct call *c)
{
	struct exporting *e = c->state;

	arena_clear(e->page);
	e->last = NULL;
	e->bytes = 0;
	return scan_run(c, &e->scan, read_page);
}

static enum next send_first_page(struct call *c, const struct rows *rows, int row)
{
	Audit__WriteResult recorded;

	if (!record_result(c->arena, rows, row, &recorded, &c->status))
		return failed(c);
	return send_page(c);
}

static enum next record_export(struct call *c)
{
	struct buffer json = {.arena = c->arena};
	const struct transcode_options options = {.int64_as_number = true, .omit_defaults = true};

	if (!message_to_json(&json, c->method->input, c->request, &options, &c->status))
		return failed(c);
	return record_reading(c, "export", buffer_text(&json), 0, send_first_page);
}

static enum next read_first_page(struct call *c, const struct rows *rows)
{
	struct exporting *e = c->state;

	if (e->csv)
		export_text_csv_head(&open_piece(e)->text, &e->selection);
	if (rows_count(rows) > 0) {
		struct scan_key pin = scan_row_end(rows, 0);
		if (scan_compare(pin, e->scan.upper) < 0)
			e->scan.upper = pin;
		e->begin_time = scan_row_key(rows, 0).time;
		e->end_time = e->scan.newest_first ? e->scan.lower.time : e->scan.upper.time;
	}
	add_page(e, rows);
	return record_export(c);
}

/* --- the request ------------------------------------------------------------------------------ */

static void at_end(struct call *c)
{
	struct exporting *e = c->state;

	arena_free(&e->page);
}

enum next audit_export(struct call *c)
{
	const Audit__ExportRequest *in = call_request(c, Audit__ExportRequest);
	struct exporting *e = ARENA_NEW(c->arena, struct exporting);

	if (in->format > AUDIT__EXPORT_FORMAT__EXPORT_FORMAT_CSV)
		return fail_field(c, "format", "must be EXPORT_FORMAT_NDJSON or EXPORT_FORMAT_CSV");
	if (!selection_read(c->arena, in->fields, in->n_fields, true, &e->selection, &c->status) ||
		!filter_build(
			c->arena, in->filter, SCAN_FIRST_PARAMETER, &e->scan.filter, &c->status))
		return failed(c);
	scan_set_range(&e->scan, in->_start_time_case ? in->start_time : AUDIT_TIME_FIRST,
		in->_end_time_case ? in->end_time : AUDIT_TIME_LAST);
	e->csv = in->format == AUDIT__EXPORT_FORMAT__EXPORT_FORMAT_CSV;
	e->scan.selection = &e->selection;
	e->scan.limit = FIRST_RECORDS;
	e->page = arena_new(0);
	c->state = e;
	c->at_end = at_end;
	return scan_run(c, &e->scan, read_first_page);
}
