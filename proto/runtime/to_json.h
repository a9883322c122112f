/*
 * The inner side of message_to_json(). Internal to proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_TO_JSON_H
#define JUNCTION_PROTO_RUNTIME_TO_JSON_H

#include "proto/runtime/place.h"
#include "proto/runtime/transcode.h"

/* What one writing needs everywhere. */
struct writing {
	struct buffer *out;
	const struct transcode_options *options;
	struct status *status;
	int depth; /* messages around the one being written */
};

/* INTERNAL with the path of the place. */
bool writing_refuse(const struct writing *w, const struct place *at, const char *rule);
/* NULL is a message that was not given: an empty one. */
bool writing_message(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message);
bool writing_members(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message);
/* One value from its slot. */
bool writing_value(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const void *slot);
/* A repeated field; a map. */
bool writing_list(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message);
bool writing_map(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message);

/* A value of a type with a JSON form of its own: kind is not API_OBJECT. */
bool known_to_json(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message);

/* Of the entries of a map those whose key comes again later are left out. The count of the others,
 * which then stand in *entries, in their order. */
size_t map_unique(struct arena *a, const ProtobufCFieldDescriptor *key,
	ProtobufCMessage *const **entries, size_t count);

#endif
