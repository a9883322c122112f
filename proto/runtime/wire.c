/* A tag is a varint of field number and wire type; a length is a varint of at most 5 bytes, as
 * protobuf-c writes it (and compared without overflow). A group ends with a tag of its own number;
 * the numbers of those that are open stand on a stack. */
#include "proto/runtime/wire.h"

enum { WIRE_GROUP_END = 4 };

static bool varint_long(const uint8_t **at, const uint8_t *end, int bytes, uint64_t *value)
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

bool wire_varint(const uint8_t **at, const uint8_t *end, int bytes, uint64_t *value)
{
	if (*at < end && **at < 0x80) {
		*value = *(*at)++;
		return true;
	}
	return varint_long(at, end, bytes, value);
}

static const char *wire_tag(const uint8_t **at, const uint8_t *end, struct wire_field *field)
{
	uint64_t tag;

	if (!wire_varint(at, end, 5, &tag) || tag > UINT32_MAX)
		return "truncated or overlong field number";
	field->number = (uint32_t)tag >> 3;
	field->type = (ProtobufCWireType)(tag & 7);
	field->value = field->start = *at;
	return field->number == 0 ? "field number 0" : NULL;
}

static const char *wire_skip(const uint8_t **at, const uint8_t *end, uint64_t bytes)
{
	if (bytes > (uint64_t)(end - *at))
		return "truncated";
	*at += bytes;
	return NULL;
}

/* Of any type but a group. */
static const char *wire_value(const uint8_t **at, const uint8_t *end, struct wire_field *field)
{
	switch ((int)field->type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return wire_varint(at, end, 10, &field->varint) ? NULL
								: "truncated or overlong number";
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return wire_skip(at, end, 8);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return wire_skip(at, end, 4);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		if (!wire_varint(at, end, 5, &field->varint))
			return "truncated or overlong length";
		field->start = *at;
		return wire_skip(at, end, field->varint);
	case WIRE_GROUP_END:
		return "end of a group without its start";
	default:
		return "unknown wire type";
	}
}

static const char *wire_group(const uint8_t **at, const uint8_t *end, uint32_t number)
{
	uint32_t open[WIRE_GROUP_DEPTH] = {number};
	int depth = 1;

	while (depth > 0) {
		struct wire_field field;
		const char *wrong = *at < end ? wire_tag(at, end, &field) : "truncated group";

		if (wrong)
			return wrong;
		if (field.type == WIRE_GROUP && depth == WIRE_GROUP_DEPTH)
			return "groups nested too deeply";
		if (field.type == WIRE_GROUP)
			open[depth++] = field.number;
		else if ((int)field.type == WIRE_GROUP_END && open[depth - 1] == field.number)
			depth--;
		else if ((wrong = wire_value(at, end, &field)))
			return wrong;
	}
	return NULL;
}

const char *wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *field)
{
	const char *wrong = wire_tag(at, end, field);

	if (!wrong && field->type == WIRE_GROUP)
		wrong = wire_group(at, end, field->number);
	else if (!wrong)
		wrong = wire_value(at, end, field);
	field->end = *at;
	return wrong;
}
