/* A tag is a varint of field number and wire type; a length is a varint of at most 5 bytes, as
 * protobuf-c reads it (and, unlike it, compared without overflow). */
#include "proto/runtime/wire.h"

enum { WIRE_GROUP_START = 3, WIRE_GROUP_END = 4 };

bool wire_varint(const uint8_t **at, const uint8_t *end, int bytes, uint64_t *value)
{
	const uint8_t *in = *at;
	uint64_t number = 0;

	for (int i = 0; i < bytes && in < end; i++, in++) {
		uint64_t seven = *in & 0x7f;

		if (i == 9 && seven > 1)
			return false;
		number |= seven << (7 * i);
		if (!(*in & 0x80)) {
			*value = number;
			*at = in + 1;
			return true;
		}
	}
	return false;
}

static const char *wire_skip(const uint8_t **at, const uint8_t *end, uint64_t bytes)
{
	if (bytes > (uint64_t)(end - *at))
		return "truncated";
	*at += bytes;
	return NULL;
}

static const char *wire_value(const uint8_t **at, const uint8_t *end, struct wire_field *field)
{
	uint64_t number;

	switch ((int)field->type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return wire_varint(at, end, 10, &number) ? NULL : "truncated or overlong number";
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return wire_skip(at, end, 8);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return wire_skip(at, end, 4);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		if (!wire_varint(at, end, 5, &number))
			return "truncated or overlong length";
		field->start = *at;
		return wire_skip(at, end, number);
	case WIRE_GROUP_START:
		return "groups are not supported";
	case WIRE_GROUP_END:
		return "end of a group without its start";
	default:
		return "unknown wire type";
	}
}

const char *wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *field)
{
	uint64_t tag;
	const char *wrong;

	if (!wire_varint(at, end, 5, &tag) || tag > UINT32_MAX)
		return "truncated or overlong field number";
	field->number = (uint32_t)tag >> 3;
	field->type = (ProtobufCWireType)(tag & 7);
	if (field->number == 0)
		return "field number 0";
	field->start = *at;
	wrong = wire_value(at, end, field);
	field->end = *at;
	return wrong;
}
