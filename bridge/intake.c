/* Intake: each message is made in an arena that is emptied for the next one. A line that lies whole
 * in a piece is not copied. */
#include "bridge/intake.h"

#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"

#define LINE_SLACK (1024 * 1024)
#define LINE_TIMES 8 /* what a line may cost in memory, in times of its limit */

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

bool intake_open(struct intake *in, struct arena *a, struct status *status)
{
	in->turn = arena_new(LINE_SLACK + LINE_TIMES * in->limit);
	const ProtobufCMessage *message =
		request_message(a, in->match, in->query, TEXT(""), status);
	return message && (!is_raw(in) || give(in, message));
}

/* --- lines ---------------------------------------------------------------------------------- */

static bool take_line(struct intake *in, struct text line, struct arena *a, struct status *status)
{
	struct status reason;
	in->lines++;
	if (!text_trim(line).size)
		return true;
	const ProtobufCMessage *message =
		request_message(in->turn, in->match, in->query, line, &reason);
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

static bool take_piece(struct intake *in, struct text piece)
{
	const struct api_message *type = in->match->method->input;
	const ProtobufCFieldDescriptor *field = &type->descriptor->fields[in->match->route->body];
	ProtobufCMessage *message = message_new(in->turn, type);
	*(ProtobufCBinaryData *)((char *)message + field->offset) =
		(ProtobufCBinaryData){piece.size, (uint8_t *)piece.data};
	return give(in, message);
}

bool intake_read(struct intake *in, struct text piece, struct arena *a, struct status *status)
{
	if (!is_raw(in))
		return read_lines(in, piece, a, status);
	for (; piece.size; piece = text_from(piece, INTAKE_PIECE))
		take_piece(in, text_until(piece, INTAKE_PIECE));
	return true;
}

bool intake_end(struct intake *in, struct arena *a, struct status *status)
{
	return !in->line.size || end_line(in, (struct text){"", 0}, a, status);
}

void intake_free(struct intake *in)
{
	queue_free(&in->line);
	arena_free(&in->turn);
}
