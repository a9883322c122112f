/*
 * One pass: each field is read off the wire, checked and stored. Recursion is as deep as the
 * message, at most GUARD_DEPTH. Fields mostly come in the order of their numbers, so the one behind
 * the last is tried first. Paths are made only when something is refused; the index of a repeated
 * element is then counted anew. The room of an array is the power of two that holds its count.
 */
#include "proto/runtime/guard.h"

#include "base/check.h"
#include "proto/runtime/field.h"
#include "proto/runtime/wire.h"

struct unpacking {
	struct arena *arena;
	struct status *status;
	size_t elements;
};

/* A message that is being read. */
struct level {
	struct unpacking *all;
	const struct level *up;
	int depth;
	ProtobufCMessage *message;
	const uint8_t *start, *end;
	const ProtobufCFieldDescriptor *field; /* being read; NULL if none or unknown */
	const uint8_t *field_start;
	uint64_t required; /* fields that must be there and are, by index */
};

/* How many elements of the field stand in the level before the one being read. */
static size_t element_index(const struct level *l)
{
	const uint8_t *at = l->start;
	struct wire_field field;
	size_t count = 0;

	while (at < l->field_start && !wire_next(&at, l->end, &field))
		count += field.number == l->field->id;
	return count;
}

static void path_write(struct buffer *path, const struct level *l)
{
	if (l->up)
		path_write(path, l->up);
	if (!l->field)
		return;
	buffer_printf(path, "%s%s", path->size ? "." : "", l->field->name);
	if (l->field->label == PROTOBUF_C_LABEL_REPEATED)
		buffer_printf(path, "[%zu]", element_index(l));
}

static bool refuse(const struct level *l, const char *rule)
{
	struct arena *a = l->all->arena;
	struct buffer path = {.arena = a};

	path_write(&path, l);
	if (path.size)
		return status_field(
			l->all->status, a, arena_string(a, buffer_text(&path)), "%s", rule);
	return status_set(
		l->all->status, a, STATUS_INVALID_ARGUMENT, "malformed message: %s", rule);
}

static bool count_elements(struct unpacking *u, size_t count)
{
	u->elements += count;
	if (u->elements <= GUARD_ELEMENTS)
		return true;
	return status_set(u->status, u->arena, STATUS_RESOURCE_EXHAUSTED,
		"message has more than %d fields and elements", GUARD_ELEMENTS);
}

static void *allocate(struct unpacking *u, size_t size)
{
	void *memory = arena_try(u->arena, size);

	if (!memory)
		status_set(u->status, u->arena, STATUS_RESOURCE_EXHAUSTED,
			"message takes more memory than one call may");
	return memory;
}

/* Room for more elements behind the *count of an array, in which all but that is zero. */
static bool reserve(struct unpacking *u, void **array, size_t count, size_t more, size_t width)
{
	size_t room = 1;

	while (room < count)
		room *= 2;
	if (count > 0 && count + more <= room)
		return true;
	while (room < count + more)
		room *= 2;
	char *larger = allocate(u, room * width);
	if (!larger)
		return false;
	if (count > 0)
		memcpy(larger, *array, count * width);
	memset(larger + count * width, 0, (room - count) * width);
	*array = larger;
	return true;
}

/* --- values --------------------------------------------------------------------------------- */

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

static void store_varint(ProtobufCType type, uint64_t value, void *slot)
{
	uint32_t low = (uint32_t)value;

	switch (type) {
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)slot = value != 0;
		break;
	case PROTOBUF_C_TYPE_SINT32:
		*(uint32_t *)slot = low >> 1 ^ -(low & 1);
		break;
	case PROTOBUF_C_TYPE_SINT64:
		*(uint64_t *)slot = value >> 1 ^ -(value & 1);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)slot = value;
		break;
	default:
		*(uint32_t *)slot = low;
	}
}

static bool store_string(const struct level *l, const struct wire_field *wire, char **slot)
{
	struct text text = {(const char *)wire->start, (size_t)(wire->end - wire->start)};
	char *copy;

	if (text_utf8_error(text) != text.size)
		return refuse(l, "not valid UTF-8");
	if (text_find(text, '\0', 0) != text.size)
		return refuse(l, "must not contain U+0000");
	copy = allocate(l->all, text.size + 1);
	if (!copy)
		return false;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	*slot = copy;
	return true;
}

static uint8_t *copy_bytes(struct unpacking *u, const uint8_t *start, const uint8_t *end)
{
	uint8_t *copy = allocate(u, (size_t)(end - start));

	if (copy)
		memcpy(copy, start, (size_t)(end - start));
	return copy;
}

static bool store_bytes(
	const struct level *l, const struct wire_field *wire, ProtobufCBinaryData *slot)
{
	*slot = (ProtobufCBinaryData){.len = (size_t)(wire->end - wire->start)};
	if (slot->len > 0)
		slot->data = copy_bytes(l->all, wire->start, wire->end);
	return slot->len == 0 || slot->data;
}

static bool unpack_message(const struct level *up, struct unpacking *all, ProtobufCMessage *message,
	const uint8_t *start, const uint8_t *end);

static bool store_message(
	const struct level *l, const struct wire_field *wire, ProtobufCMessage **slot)
{
	const ProtobufCMessageDescriptor *type = l->field->descriptor;

	if (l->depth == GUARD_DEPTH)
		return refuse(l, "nested too deeply");
	if (!*slot) {
		*slot = allocate(l->all, type->sizeof_message);
		if (!*slot)
			return false;
		protobuf_c_message_init(type, *slot);
	}
	return unpack_message(l, l->all, *slot, wire->start, wire->end);
}

/* A value of the field's own wire type. A message that is in the slot already is added to. */
static bool store(const struct level *l, const struct wire_field *wire, void *slot)
{
	switch (wire->type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		store_varint(l->field->type, wire->varint, slot);
		return true;
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		memcpy(slot, wire->start, 4);
		return true;
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		memcpy(slot, wire->start, 8);
		return true;
	default:
		break;
	}
	if (l->field->type == PROTOBUF_C_TYPE_STRING)
		return store_string(l, wire, slot);
	if (l->field->type == PROTOBUF_C_TYPE_BYTES)
		return store_bytes(l, wire, slot);
	return store_message(l, wire, slot);
}

/* --- fields --------------------------------------------------------------------------------- */

static void mark_required(struct level *l)
{
	size_t index = (size_t)(l->field - l->message->descriptor->fields);

	CHECK(index < 64);
	l->required |= UINT64_C(1) << index;
}

static bool read_singular(struct level *l, const struct wire_field *wire)
{
	const ProtobufCFieldDescriptor *f = l->field;
	void *slot = field_slot(l->message, f);

	/* In the slot of a oneof stands another member's value. */
	if (f->type == PROTOBUF_C_TYPE_MESSAGE && !field_is_set(l->message, f))
		*(void **)slot = NULL;
	if (!store(l, wire, slot))
		return false;
	field_mark_set(l->message, f);
	if (f->label == PROTOBUF_C_LABEL_REQUIRED)
		mark_required(l);
	return true;
}

static bool read_element(const struct level *l, const struct wire_field *wire)
{
	void **array = field_slot(l->message, l->field);
	size_t *count = field_count(l->message, l->field), width = field_width(l->field->type);

	if (!reserve(l->all, array, *count, 1, width) ||
		!store(l, wire, (char *)*array + *count * width))
		return false;
	++*count;
	return true;
}

/* Of as many numbers as there are bytes without the bit that says more follow. */
static size_t packed_count(const struct wire_field *wire, ProtobufCWireType element)
{
	size_t size = (size_t)(wire->end - wire->start), count = 0;

	if (element != PROTOBUF_C_WIRE_TYPE_VARINT)
		return size / (element == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8);
	for (const uint8_t *at = wire->start; at < wire->end; at++)
		count += *at < 0x80;
	return count;
}

static bool read_packed(
	const struct level *l, const struct wire_field *wire, ProtobufCWireType element)
{
	void **array = field_slot(l->message, l->field);
	size_t *count = field_count(l->message, l->field), width = field_width(l->field->type);
	size_t more = packed_count(wire, element);
	const uint8_t *at = wire->start;

	if (wire->start == wire->end)
		return true;
	if (!count_elements(l->all, more) || !reserve(l->all, array, *count, more, width))
		return false;
	if (element != PROTOBUF_C_WIRE_TYPE_VARINT) {
		if ((size_t)(wire->end - wire->start) != more * width)
			return refuse(l, "truncated");
		memcpy((char *)*array + *count * width, wire->start, more * width);
		*count += more;
		return true;
	}
	while (at < wire->end) {
		uint64_t value;

		if (!wire_varint(&at, wire->end, 10, &value))
			return refuse(l, "truncated or overlong number");
		store_varint(l->field->type, value, (char *)*array + (*count)++ * width);
	}
	return true;
}

/* As it came, behind its tag. */
static bool keep_unknown(struct level *l, const struct wire_field *wire)
{
	ProtobufCMessage *m = l->message;
	ProtobufCMessageUnknownField *field;

	if (!reserve(l->all, (void **)&m->unknown_fields, m->n_unknown_fields, 1, sizeof(*field)))
		return false;
	field = &m->unknown_fields[m->n_unknown_fields];
	*field = (ProtobufCMessageUnknownField){.tag = wire->number,
		.wire_type = wire->type,
		.len = (size_t)(wire->end - wire->value),
		.data = copy_bytes(l->all, wire->value, wire->end)};
	m->n_unknown_fields += field->data != NULL;
	return field->data;
}

static bool read_field(struct level *l, const struct wire_field *wire)
{
	ProtobufCWireType expected;

	if (!l->field)
		return keep_unknown(l, wire);
	expected = wire_type_of(l->field->type);
	if (wire->type == expected)
		return l->field->label == PROTOBUF_C_LABEL_REPEATED ? read_element(l, wire)
								    : read_singular(l, wire);
	if (wire->type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
		l->field->label == PROTOBUF_C_LABEL_REPEATED)
		return read_packed(l, wire, expected);
	return keep_unknown(l, wire);
}

/* hint: index of the field that is likely. */
static const ProtobufCFieldDescriptor *field_numbered(
	const ProtobufCMessageDescriptor *type, uint32_t number, unsigned hint)
{
	for (unsigned i = hint; i < type->n_fields && i < hint + 2; i++)
		if (type->fields[i].id == number)
			return &type->fields[i];
	return protobuf_c_message_descriptor_get_field(type, number);
}

static bool check_required(const struct level *l)
{
	const ProtobufCMessageDescriptor *type = l->message->descriptor;

	for (unsigned i = 0; i < type->n_fields; i++) {
		if (type->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !(l->required >> i & 1))
			return status_set(l->all->status, l->all->arena, STATUS_INVALID_ARGUMENT,
				"malformed message: a required field is missing");
	}
	return true;
}

static bool unpack_message(const struct level *up, struct unpacking *all, ProtobufCMessage *message,
	const uint8_t *start, const uint8_t *end)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	struct level l = {.all = all,
		.up = up,
		.depth = up ? up->depth + 1 : 1,
		.message = message,
		.start = start,
		.end = end};
	const uint8_t *at = start;
	unsigned hint = 0;

	while (at < end) {
		struct wire_field wire = {0};
		const char *wrong;

		l.field_start = at;
		wrong = wire_next(&at, end, &wire);
		l.field = field_numbered(type, wire.number, hint);
		if (wrong)
			return refuse(&l, wrong);
		if (!count_elements(all, 1) || !read_field(&l, &wire))
			return false;
		if (l.field)
			hint = (unsigned)(l.field - type->fields);
	}
	l.field = NULL;
	return check_required(&l);
}

ProtobufCMessage *guard_unpack(struct arena *a, const ProtobufCMessageDescriptor *descriptor,
	struct text wire, struct status *status)
{
	struct unpacking all = {.arena = a, .status = status};
	const uint8_t *start = (const uint8_t *)(wire.size ? wire.data : "");
	ProtobufCMessage *message;

	if (wire.size > INT32_MAX) { /* protobuf-c counts in unsigned int */
		status_set(status, a, STATUS_RESOURCE_EXHAUSTED, "message of 2 GiB or more");
		return NULL;
	}
	message = allocate(&all, descriptor->sizeof_message);
	if (!message)
		return NULL;
	protobuf_c_message_init(descriptor, message);
	return unpack_message(NULL, &all, message, start, start + wire.size) ? message : NULL;
}
