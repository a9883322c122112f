/*
 * The inner side of message_from_json(), which text from paths and queries goes through as well.
 * Internal to proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_FROM_JSON_H
#define JUNCTION_PROTO_RUNTIME_FROM_JSON_H

#include "proto/runtime/place.h"
#include "proto/runtime/transcode.h"

/* What one reading needs everywhere. */
struct reading {
	struct arena *arena;
	const struct transcode_options *options;
	struct status *status;
	int depth; /* messages around the one being read */
};

/* INVALID_ARGUMENT with the path of the place. at NULL is the message itself. */
bool reading_refuse(const struct reading *r, const struct place *at, const char *rule);
/* Refuses a second member of a oneof. */
bool reading_check_oneof(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const ProtobufCMessage *message);
/* Writes one value into a slot: of a singular field, an array or a map's entry. */
bool reading_value(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, void *slot);
/* Sets a singular, a repeated or a map field. */
bool reading_singular(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message);
bool reading_list(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message);
bool reading_map(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message);
/* Adds what the value says to the message. */
bool reading_message(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *value, ProtobufCMessage *message);
/* The members of an object but one (or NULL). */
bool reading_members(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *object, const struct json *but, ProtobufCMessage *message);

/* A value of a type with a JSON form of its own: kind is not API_OBJECT. */
bool known_from_json(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *value, ProtobufCMessage *message);

#endif
