/*
 * The inner side of message_from_json(), which text from paths and queries goes through as well.
 * Internal to proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_FROM_JSON_H
#define JUNCTION_PROTO_RUNTIME_FROM_JSON_H

#include "proto/runtime/transcode.h"

/* What one reading needs everywhere. */
struct reading {
	struct arena *arena;
	const struct transcode_options *options;
	struct status *status;
};

/* Where in the message the reading is; linked on the stack, made a path only for an error. */
struct place {
	const struct place *up; /* NULL outermost */
	struct text name;       /* of a field or of a map's key; data NULL: an element */
	size_t index;           /* of an element */
};

/* INVALID_ARGUMENT with the path of the place. at NULL is the message itself. */
bool reading_refuse(const struct reading *r, const struct place *at, const char *rule);
/* Refuses a second member of a oneof. */
bool reading_check_oneof(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const ProtobufCMessage *message);
/* Writes one value, not null, into a slot: of a singular field, an array or a map's entry. */
bool reading_value(const struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, void *slot);
/* Sets a singular field from a value that is not null. */
bool reading_singular(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message);

#endif
