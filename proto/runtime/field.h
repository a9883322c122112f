/*
 * Field: where a message keeps its fields. protobuf-c makes a C struct of a message; its descriptor
 * says at which offset the value stands, and at which other one its count (repeated), the number of
 * the member that is set (oneof, proto3 optional) or a has_ flag (proto2). For what treats messages
 * as tables; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_FIELD_H
#define JUNCTION_PROTO_RUNTIME_FIELD_H

#include "proto/runtime/transcode.h"

static inline void *field_slot(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	return (char *)message + f->offset;
}

static inline size_t *field_count(
	const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	return (size_t *)((char *)message + f->quantifier_offset);
}

/* Number of the oneof's member that is set, 0 if none; only with PROTOBUF_C_FIELD_FLAG_ONEOF. */
static inline uint32_t *field_case(
	const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f)
{
	return (uint32_t *)((char *)message + f->quantifier_offset);
}

/* Has a value of its own; a field without presence always has. */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
/* Has no presence, and the value that it has if nobody gave one: 0 (not -0.0), false, empty. */
bool field_is_default(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);
/* Of a singular field whose value has been written. */
void field_mark_set(ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);

/* Bytes of one value in its slot or array. */
size_t field_width(ProtobufCType type);
/* Zeroed, room for at least count; the room is the next power of two, so that
 * field_append() knows it. */
void *field_array(struct arena *a, size_t count, ProtobufCType type);
/* The slot of a new element, zeroed, of an array made by field_array(). */
void *field_append(struct arena *a, ProtobufCMessage *message, const ProtobufCFieldDescriptor *f);

/* As message_field_named(), looking at the JSON names from field first on before all others. */
int field_named(const struct api_message *type, struct text name, unsigned first);
/* The field that takes the members that are no other field's, or -1. */
int field_of_rest(const struct api_message *type);
bool field_name_is(const char *field_name, struct text name); /* NULL is no name */

#endif
