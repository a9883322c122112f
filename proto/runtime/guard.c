/*
 * One pass over the wire bytes with a stack of frames instead of recursion: a frame is a message
 * that is being read. Only fields that the descriptor knows as messages are entered; unknown fields
 * are stepped over. Paths are made only when something is refused; the index of a repeated element
 * is then counted anew.
 *
 * What protobuf-c 1.4.1 does and this pass must keep from it: it fails, without a reason, on groups
 * and on known fields of another wire type; it takes the bytes of a packed bool one by one and
 * fails on any but 0 and 1. When a singular message field comes twice it would merge the two, as
 * protobuf says, but fails if a oneof is unset in both, and every proto3 optional is a oneof; so a
 * second one is refused here.
 */
#include "proto/runtime/guard.h"

#include "base/check.h"
#include "proto/runtime/wire.h"

#define GUARD_FIELDS 256 /* of one message type */

struct frame {
	const ProtobufCMessageDescriptor *type;
	const uint8_t *start, *end;
	const ProtobufCFieldDescriptor *field; /* being read; NULL if none or unknown */
	const uint8_t *field_start;
	uint64_t seen[GUARD_FIELDS / 64]; /* singular message fields */
};

struct walk {
	struct arena *arena;
	struct status *status;
	const uint8_t *at;
	size_t elements;
	int depth;
	struct frame frames[GUARD_DEPTH];
};

/* How many elements of the field stand in the frame before the one being read. */
static size_t element_index(const struct frame *f)
{
	const uint8_t *at = f->start;
	struct wire_field field;
	size_t count = 0;

	while (at < f->field_start && !wire_next(&at, f->end, &field))
		count += field.number == f->field->id;
	return count;
}

static const char *walk_path(const struct walk *w)
{
	struct buffer path = {.arena = w->arena};

	for (int i = 0; i < w->depth && w->frames[i].field; i++) {
		const struct frame *f = &w->frames[i];

		buffer_printf(&path, "%s%s", path.size ? "." : "", f->field->name);
		if (f->field->label == PROTOBUF_C_LABEL_REPEATED)
			buffer_printf(&path, "[%zu]", element_index(f));
	}
	return path.size ? arena_string(w->arena, buffer_text(&path)) : NULL;
}

static bool refuse(const struct walk *w, const char *rule)
{
	const char *path = walk_path(w);

	if (path)
		return status_field(w->status, w->arena, path, "%s", rule);
	return status_set(
		w->status, w->arena, STATUS_INVALID_ARGUMENT, "malformed message: %s", rule);
}

static bool count_elements(struct walk *w, size_t count)
{
	w->elements += count;
	if (w->elements <= GUARD_ELEMENTS)
		return true;
	return status_set(w->status, w->arena, STATUS_RESOURCE_EXHAUSTED,
		"message has more than %d fields and elements", GUARD_ELEMENTS);
}

static bool enter(struct walk *w, const ProtobufCMessageDescriptor *type, const uint8_t *start,
	const uint8_t *end)
{
	if (w->depth == GUARD_DEPTH)
		return refuse(w, "nested too deeply");
	CHECK(type->n_fields <= GUARD_FIELDS);
	w->frames[w->depth++] = (struct frame){.type = type, .start = start, .end = end};
	w->at = start;
	return true;
}

static bool enter_field(struct walk *w, struct frame *f, const struct wire_field *wire)
{
	size_t index = (size_t)(f->field - f->type->fields);
	uint64_t bit = UINT64_C(1) << (index % 64);

	if (f->field->label != PROTOBUF_C_LABEL_REPEATED && (f->seen[index / 64] & bit))
		return refuse(w, "given twice");
	f->seen[index / 64] |= bit;
	return enter(w, f->field->descriptor, wire->start, wire->end);
}

static bool check_string(const struct walk *w, const struct wire_field *wire)
{
	struct text text = {(const char *)wire->start, (size_t)(wire->end - wire->start)};

	if (text_utf8_error(text) != text.size)
		return refuse(w, "not valid UTF-8");
	if (text_find(text, '\0', 0) != text.size)
		return refuse(w, "must not contain U+0000");
	return true;
}

static bool check_packed_varints(struct walk *w, const struct wire_field *wire)
{
	const uint8_t *at = wire->start;
	uint64_t value;

	for (; at < wire->end; w->elements++) {
		if (!wire_varint(&at, wire->end, 10, &value))
			return refuse(w, "truncated or overlong number");
		if (w->frames[w->depth - 1].field->type == PROTOBUF_C_TYPE_BOOL &&
			(at[-1] > 1 || (at - 1 > wire->start && at[-2] & 0x80)))
			return refuse(w, "not a boolean");
	}
	return count_elements(w, 0);
}

static bool check_packed(struct walk *w, ProtobufCWireType element, const struct wire_field *wire)
{
	size_t size = (size_t)(wire->end - wire->start);
	size_t width = element == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;

	if (element == PROTOBUF_C_WIRE_TYPE_VARINT)
		return check_packed_varints(w, wire);
	if (size % width != 0)
		return refuse(w, "truncated");
	return count_elements(w, size / width);
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

static bool check_value(struct walk *w, struct frame *f, const struct wire_field *wire)
{
	ProtobufCWireType expected = wire_type_of(f->field->type);

	if (wire->type != expected) {
		if (wire->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
			f->field->label == PROTOBUF_C_LABEL_REPEATED)
			return check_packed(w, expected, wire);
		return refuse(w, "wrong wire type");
	}
	if (f->field->type == PROTOBUF_C_TYPE_STRING)
		return check_string(w, wire);
	if (f->field->type == PROTOBUF_C_TYPE_MESSAGE)
		return enter_field(w, f, wire);
	return true;
}

static const ProtobufCFieldDescriptor *field_numbered(const struct frame *f, uint32_t number)
{
	const ProtobufCFieldDescriptor *same = f->field;

	if (same && same->id == number)
		return same;
	return protobuf_c_message_descriptor_get_field(f->type, number);
}

static bool walk_field(struct walk *w, struct frame *f)
{
	const uint8_t *start = w->at;
	struct wire_field wire = {0};
	const char *wrong = wire_next(&w->at, f->end, &wire);

	f->field = field_numbered(f, wire.number);
	f->field_start = start;
	if (wrong)
		return refuse(w, wrong);
	if (!count_elements(w, 1))
		return false;
	return !f->field || check_value(w, f, &wire);
}

static bool walk(struct walk *w, const ProtobufCMessageDescriptor *type, struct text wire)
{
	const uint8_t *start = (const uint8_t *)wire.data;

	w->elements = 0;
	w->depth = 0;
	if (!enter(w, type, start, start + wire.size))
		return false;
	while (w->depth > 0) {
		struct frame *f = &w->frames[w->depth - 1];

		if (w->at == f->end)
			w->depth--;
		else if (!walk_field(w, f))
			return false;
	}
	return true;
}

/* An allocator that remembers whether it refused. */
struct capped {
	struct arena *arena;
	bool refused;
};

static void *capped_alloc(void *data, size_t size)
{
	struct capped *c = data;
	void *memory = arena_try(c->arena, size);

	c->refused |= !memory;
	return memory;
}

static void *guard_alloc(void *data, size_t size)
{
	return arena_try(data, size);
}

static void guard_free(void *data, void *pointer)
{
}

ProtobufCAllocator guard_allocator(struct arena *a)
{
	return (ProtobufCAllocator){.alloc = guard_alloc, .free = guard_free, .allocator_data = a};
}

ProtobufCMessage *guard_unpack(struct arena *a, const ProtobufCMessageDescriptor *descriptor,
	struct text wire, struct status *status)
{
	struct walk w; /* 6 KB, of which a usual message uses the first 200 bytes */
	struct capped capped = {.arena = a};
	ProtobufCAllocator allocator = {
		.alloc = capped_alloc, .free = guard_free, .allocator_data = &capped};
	ProtobufCMessage *message;

	if (wire.size == 0)
		wire = TEXT("");
	if (wire.size > INT32_MAX) { /* protobuf-c counts in unsigned int */
		status_set(status, a, STATUS_RESOURCE_EXHAUSTED, "message of 2 GiB or more");
		return NULL;
	}
	w.arena = a;
	w.status = status;
	if (!walk(&w, descriptor, wire))
		return NULL;
	message = protobuf_c_message_unpack(
		descriptor, &allocator, wire.size, (const uint8_t *)wire.data);
	if (!message && capped.refused)
		status_set(status, a, STATUS_RESOURCE_EXHAUSTED,
			"message takes more memory than one call may");
	else if (!message)
		status_set(status, a, STATUS_INVALID_ARGUMENT,
			"malformed message: a required field is missing");
	return message;
}

struct text guard_pack(struct arena *a, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	char *bytes = arena_alloc(a, size);

	CHECK(protobuf_c_message_pack(message, (uint8_t *)bytes) == size);
	return (struct text){bytes, size};
}
