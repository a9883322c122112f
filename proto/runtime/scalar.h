/* Scalar: one number, boolean, enum value, string or byte string between JSON and the slot of a
 * field. Internal to proto/runtime; any thread. */
#ifndef JUNCTION_PROTO_RUNTIME_SCALAR_H
#define JUNCTION_PROTO_RUNTIME_SCALAR_H

#include "proto/runtime/transcode.h"

/* Writes the value into the slot. NULL, or the rule that it breaks ("must be a string"). */
const char *scalar_from_json(
	struct arena *a, const ProtobufCFieldDescriptor *f, const struct json *value, void *slot);
/* What JSON would hold for text from a path, a query string or a map's key. */
struct json scalar_from_text(const ProtobufCFieldDescriptor *f, struct text text);
/* Appends the slot's value. */
void scalar_to_json(struct buffer *out, const ProtobufCFieldDescriptor *f, const void *slot,
	const struct transcode_options *options);
/* Appends it in quotes, as a map's key. */
void scalar_to_json_key(struct buffer *out, const ProtobufCFieldDescriptor *f, const void *slot);

#endif
