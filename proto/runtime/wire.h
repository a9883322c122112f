/*
 * Wire: the fields of a serialized message, one after another, without knowing its type. Strict:
 * no overlong tags, lengths or numbers, no groups (protobuf-c cannot skip them). Internal to
 * proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_WIRE_H
#define JUNCTION_PROTO_RUNTIME_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct wire_field {
	uint32_t number;
	ProtobufCWireType type;
	const uint8_t *start; /* of the value; behind the length if there is one */
	const uint8_t *end;
};

/* Reads the field at *at, which is before end, and moves behind it. NULL, or why it is malformed.
 */
const char *wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *field);
/* Moves behind a varint of at most that many bytes; false if there is none. */
bool wire_varint(const uint8_t **at, const uint8_t *end, int bytes, uint64_t *value);

#endif
