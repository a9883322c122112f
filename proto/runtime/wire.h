/*
 * Wire: the fields of a serialized message, one after another, without knowing its type. Strict:
 * no overlong tags, lengths or numbers, no end of a group without its start. Internal to
 * proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_WIRE_H
#define JUNCTION_PROTO_RUNTIME_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* Begins a group; its fields and the end of it are the value. */
#define WIRE_GROUP       ((ProtobufCWireType)3)
#define WIRE_GROUP_DEPTH 64 /* groups in each other */

struct wire_field {
	uint32_t number;
	ProtobufCWireType type;
	uint64_t varint;      /* the value of a varint, the length of what has one */
	const uint8_t *value; /* behind the tag */
	const uint8_t *start; /* of the value; behind the length if there is one */
	const uint8_t *end;
};

/* Reads the field at *at, which is before end, and moves behind it. NULL, or why it is malformed.
 */
const char *wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *field);
/* Moves behind a varint of at most that many bytes; false if there is none. */
bool wire_varint(const uint8_t **at, const uint8_t *end, int bytes, uint64_t *value);

#endif
