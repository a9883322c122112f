/* Intake: each message is made in an arena that is emptied for the next one. A line that lies whole
 * in a piece is not copied. What is malformed in parts is found out on the way or at the end: then
 * the call that has begun is cancelled. */
#include "bridge/intake.h"

#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"

#define LINE_SLACK (1024 * 1024)
#define LINE_TIMES 8 /* what a line may cost in memory, in times of its limit */

static const struct api_message *type_of(const struct intake *in)
{
	return in->match->method->input;
}

static bool is_raw(const struct intake *in)
{
	return in->match->route->body >= 0;
}

static bool give(struct intake *in, const ProtobufCMessage *message)
{
	in->take(in->arg, guard_pack(in->turn, message));
	arena_clear(in->turn);
	return true;
}

static bool is_in_parts(const struct intake *in)
{
	return in->parts.events != NULL;
}

static bool open_parts(struct intake *in, struct arena *a, struct status *status);

/* What is known of a raw body before it comes. */
static bool open_raw(
	struct intake *in, ProtobufCMessage *message, struct arena *a, struct status *status)
{
	const struct request_header length = {in->headers, TEXT("Content-Length"), in->length};
	bool in_parts = parts_are(in->content_type);
	const struct request_header *headers = in_parts || !in->length.size ? in->headers : &length;
	if (!request_add_headers(a, in->match->method, headers, message, status))
		return false;
	if (!in_parts)
		return give(in, message);
	in->first = message;
	return open_parts(in, a, status);
}

bool intake_open(struct intake *in, struct arena *a, struct status *status)
{
	in->turn = arena_new(LINE_SLACK + LINE_TIMES * in->limit);
	ProtobufCMessage *message = request_message(a, in->match, in->query, TEXT(""), status);
	if (!message)
		return false;
	return is_raw(in) ? open_raw(in, message, a, status)
			  : request_refuse_headers(a, in->match->method, in->headers, status);
}

/* --- lines ---------------------------------------------------------------------------------- */

static bool take_line(struct intake *in, struct text line, struct arena *a, struct status *status)
{
	struct status reason;
	in->lines++;
	if (!text_trim(line).size)
		return true;
	ProtobufCMessage *message = request_message(in->turn, in->match, in->query, line, &reason);
	if (message)
		return give(in, message);
	return status_set(status, a, reason.code, "line %zu: %s", in->lines, reason.message);
}

static bool too_long(struct intake *in, struct arena *a, struct status *status)
{
	return status_set(status, a, STATUS_INVALID_ARGUMENT,
		"line %zu: is longer than this bridge takes (see --body-limit)", in->lines + 1);
}

static bool end_line(struct intake *in, struct text rest, struct arena *a, struct status *status)
{
	if (!in->line.size)
		return take_line(in, rest, a, status);
	queue_add(&in->line, rest);
	bool good = take_line(in, queue_text(&in->line), a, status);
	queue_drop(&in->line, in->line.size);
	return good;
}

static bool read_lines(struct intake *in, struct text piece, struct arena *a, struct status *status)
{
	for (;;) {
		size_t end = text_find(piece, '\n', 0);
		if (in->line.size + end > in->limit)
			return too_long(in, a, status);
		if (end == piece.size)
			break;
		if (!end_line(in, text_until(piece, end), a, status))
			return false;
		piece = text_from(piece, end + 1);
	}
	queue_add(&in->line, piece);
	return true;
}

/* --- pieces --------------------------------------------------------------------------------- */

static void take_piece(struct intake *in, struct text piece)
{
	const struct api_message *type = type_of(in);
	const ProtobufCFieldDescriptor *field = &type->descriptor->fields[in->match->route->body];
	ProtobufCMessage *message = message_new(in->turn, type);
	*(ProtobufCBinaryData *)((char *)message + field->offset) =
		(ProtobufCBinaryData){piece.size, (uint8_t *)piece.data};
	give(in, message);
}

void intake_flush(struct intake *in)
{
	bool gathers = is_raw(in) && (!is_in_parts(in) || in->has_file);
	if (!gathers || !in->line.size)
		return;
	take_piece(in, queue_text(&in->line));
	queue_drop(&in->line, in->line.size);
}

/* A message for each small piece would cost more than the piece. */
static void gather(struct intake *in, struct text piece)
{
	while (in->line.size + piece.size >= INTAKE_PIECE) {
		size_t size = INTAKE_PIECE - in->line.size;
		if (in->line.size)
			queue_add(&in->line, text_until(piece, size));
		else
			take_piece(in, text_until(piece, size));
		intake_flush(in);
		piece = text_from(piece, size);
	}
	queue_add(&in->line, piece);
}

/* --- parts ---------------------------------------------------------------------------------- */

enum { IGNORED, TEXT_FIELD, FILE_PART };

static bool refuse_part(struct arena *a, struct status *status, const char *name, const char *rule)
{
	return status_set(
		status, a, STATUS_INVALID_ARGUMENT, "part \"%s\" of the body: %s", name, rule);
}

static bool is_bound(const struct intake *in, int field)
{
	for (size_t i = 0; i < in->match->variable_count; i++)
		if (message_field_named(type_of(in), in->match->variables[i].field) == field)
			return true;
	return false;
}

/* Index of the field that a part of that name is, or -1. */
static int field_of_part(const struct intake *in, struct text name)
{
	int field = message_field_named(type_of(in), name);
	if (field < 0 || field == in->match->route->body || is_bound(in, field))
		return -1;
	const ProtobufCFieldDescriptor *f = &type_of(in)->descriptor->fields[field];
	bool taken = f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED;
	return taken ? field : -1;
}

static bool begin_file(struct intake *in, struct arena *a, struct status *status)
{
	if (in->has_file)
		return refuse_part(a, status, "file", "is repeated");
	in->has_file = true;
	in->part = FILE_PART;
	return give(in, in->first);
}

static bool begin_text(struct intake *in, unsigned field, struct arena *a, struct status *status)
{
	const char *name = type_of(in)->fields[field].json_name;
	if (in->has_file)
		return refuse_part(a, status, name, "must come before the part \"file\"");
	if (in->fields_given & UINT64_C(1) << field % 64)
		return refuse_part(a, status, name, "is repeated");
	in->fields_given |= UINT64_C(1) << field % 64;
	in->part = TEXT_FIELD;
	in->field = field;
	return true;
}

static bool begin_part(void *arg, struct text name, struct arena *a, struct status *status)
{
	struct intake *in = arg;
	int field = field_of_part(in, name);
	in->part = IGNORED;
	if (text_equal(name, TEXT("file")))
		return begin_file(in, a, status);
	return field < 0 || begin_text(in, (unsigned)field, a, status);
}

/* Of a text one byte more than it may have is kept. */
static bool take_part(void *arg, struct text bytes)
{
	struct intake *in = arg;
	if (in->part == FILE_PART)
		gather(in, bytes);
	else if (in->part == TEXT_FIELD)
		queue_add(&in->line, text_until(bytes, INTAKE_TEXT_MAX + 1 - in->line.size));
	return true;
}

static bool end_part(void *arg, struct arena *a, struct status *status)
{
	struct intake *in = arg;
	struct text name = text_of(type_of(in)->descriptor->fields[in->field].name);
	struct text value = queue_text(&in->line);
	if (in->part != TEXT_FIELD)
		return true;
	if (value.size > INTAKE_TEXT_MAX)
		return refuse_part(a, status, type_of(in)->fields[in->field].json_name,
			"is longer than 65536 bytes");
	bool good = message_field_from_text(a, type_of(in), name, value, in->first, status);
	queue_drop(&in->line, in->line.size);
	return good;
}

static bool open_parts(struct intake *in, struct arena *a, struct status *status)
{
	static const struct parts_events events = {begin_part, take_part, end_part};
	in->parts.events = &events;
	in->parts.arg = in;
	return parts_open(&in->parts, in->content_type, a, status);
}

static bool end_parts(struct intake *in, struct arena *a, struct status *status)
{
	if (!parts_end(&in->parts, a, status))
		return false;
	return in->has_file ||
	       status_set(status, a, STATUS_INVALID_ARGUMENT, "the body has no part \"file\"");
}

/* --- both ----------------------------------------------------------------------------------- */

bool intake_read(struct intake *in, struct text piece, struct arena *a, struct status *status)
{
	if (!is_raw(in))
		return read_lines(in, piece, a, status);
	if (is_in_parts(in))
		return parts_read(&in->parts, piece, a, status);
	gather(in, piece);
	return true;
}

bool intake_end(struct intake *in, struct arena *a, struct status *status)
{
	if (is_in_parts(in) && !end_parts(in, a, status))
		return false;
	intake_flush(in);
	return is_raw(in) || !in->line.size || end_line(in, (struct text){"", 0}, a, status);
}

void intake_free(struct intake *in)
{
	parts_free(&in->parts);
	queue_free(&in->line);
	arena_free(&in->turn);
}
