/*
 * Packing from the last byte to the first, so that a length is known when it is written: one pass,
 * where protobuf-c measures each message once for each message around it. Unlike protobuf-c it
 * keeps -0.0, and an empty string that a oneof says is set.
 */
#include <stdlib.h>

#include "base/check.h"
#include "proto/runtime/field.h"
#include "proto/runtime/guard.h"

#define FIRST_ROOM 256

struct packing {
	struct arena *arena; /* NULL: the room is malloc's */
	uint8_t *start;      /* of the room */
	uint8_t *at;         /* first byte written */
	size_t size;         /* bytes written */
};

static void widen(struct packing *p, size_t room)
{
	uint8_t *start = p->arena ? arena_alloc(p->arena, room) : check_malloc(room);

	memcpy(start + room - p->size, p->at, p->size);
	if (!p->arena)
		free(p->start);
	p->start = start;
	p->at = start + room - p->size;
}

/* So many bytes before what is written. */
static uint8_t *put(struct packing *p, size_t size)
{
	size_t left = (size_t)(p->at - p->start);

	if (size > left) {
		size_t room = 2 * (left + p->size);

		CHECK(size <= PTRDIFF_MAX / 4);
		if (room < p->size + size)
			room = p->size + size + FIRST_ROOM;
		widen(p, room);
	}
	p->size += size;
	p->at -= size;
	return p->at;
}

static void put_bytes(struct packing *p, const void *bytes, size_t size)
{
	uint8_t *to = put(p, size);

	if (size > 0)
		memcpy(to, bytes, size);
}

static void put_varint(struct packing *p, uint64_t value)
{
	uint8_t bytes[10];
	size_t size = 0;

	for (; value > 0x7f; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	put_bytes(p, bytes, size);
}

static void put_tag(struct packing *p, uint32_t number, unsigned wire_type)
{
	put_varint(p, (uint64_t)number << 3 | wire_type);
}

static void pack_message(struct packing *p, const ProtobufCMessage *message);

static void put_integer(struct packing *p, ProtobufCType type, const void *slot)
{
	int32_t number;
	int64_t wide;

	switch (type) {
	case PROTOBUF_C_TYPE_BOOL:
		put_varint(p, *(const protobuf_c_boolean *)slot != 0);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		put_varint(p, *(const uint32_t *)slot);
		break;
	case PROTOBUF_C_TYPE_SINT32:
		number = *(const int32_t *)slot;
		put_varint(p, (uint32_t)number << 1 ^ (uint32_t)(number >> 31));
		break;
	case PROTOBUF_C_TYPE_SINT64:
		wide = *(const int64_t *)slot;
		put_varint(p, (uint64_t)wide << 1 ^ (uint64_t)(wide >> 63));
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		put_varint(p, *(const uint64_t *)slot);
		break;
	default:
		number = *(const int32_t *)slot;
		put_varint(p, (uint64_t)(int64_t)number);
	}
}

static void put_delimited(struct packing *p, ProtobufCType type, const void *slot)
{
	const ProtobufCBinaryData *bytes = slot;
	size_t before = p->size;
	struct text text;

	if (type == PROTOBUF_C_TYPE_MESSAGE) {
		if (*(const ProtobufCMessage *const *)slot)
			pack_message(p, *(const ProtobufCMessage *const *)slot);
	} else if (type == PROTOBUF_C_TYPE_STRING) {
		text = text_of(*(const char *const *)slot);
		put_bytes(p, text.data, text.size);
	} else {
		put_bytes(p, bytes->data, bytes->len);
	}
	put_varint(p, p->size - before);
}

/* A value without its tag. Its wire type. */
static ProtobufCWireType put_value(struct packing *p, ProtobufCType type, const void *slot)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		put_bytes(p, slot, 4);
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		put_bytes(p, slot, 8);
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		put_delimited(p, type, slot);
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default:
		put_integer(p, type, slot);
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

static void pack_list(
	struct packing *p, const ProtobufCFieldDescriptor *f, const ProtobufCMessage *message)
{
	const char *array = *(const char *const *)field_slot(message, f);
	size_t width = field_width(f->type), before = p->size;
	bool packed = f->flags & PROTOBUF_C_FIELD_FLAG_PACKED;

	for (size_t i = *field_count(message, f); i-- > 0;) {
		ProtobufCWireType type = put_value(p, f->type, array + i * width);

		if (!packed)
			put_tag(p, f->id, type);
	}
	if (packed && *field_count(message, f) > 0) {
		put_varint(p, p->size - before);
		put_tag(p, f->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
	}
}

static void pack_message(struct packing *p, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;

	for (unsigned i = message->n_unknown_fields; i-- > 0;) {
		const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];

		put_bytes(p, unknown->data, unknown->len);
		put_tag(p, unknown->tag, unknown->wire_type);
	}
	for (unsigned i = type->n_fields; i-- > 0;) {
		const ProtobufCFieldDescriptor *f = &type->fields[i];

		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			pack_list(p, f, message);
		else if (field_is_set(message, f) && !field_is_default(message, f))
			put_tag(p, f->id, put_value(p, f->type, field_slot(message, f)));
	}
}

struct text guard_pack(struct arena *a, const ProtobufCMessage *message)
{
	uint8_t *room = arena_alloc(a, FIRST_ROOM);
	struct packing p = {.arena = a, .start = room, .at = room + FIRST_ROOM};

	pack_message(&p, message);
	return (struct text){(const char *)p.at, p.size};
}

struct text guard_pack_alone(const ProtobufCMessage *message, void **room)
{
	uint8_t *first = check_malloc(FIRST_ROOM);
	struct packing p = {.start = first, .at = first + FIRST_ROOM};

	pack_message(&p, message);
	*room = p.start;
	return (struct text){(const char *)p.at, p.size};
}
