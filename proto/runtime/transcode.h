/*
 * JSON to message and back, by descriptor: the proto3 JSON mapping, google.protobuf's own types
 * included, with the liberties of Junction's contract. Any thread; everything made lives in the
 * arena.
 *
 * In: JSON name, second name or proto name; null is unset, but for google.protobuf.Value and
 * NullValue, of which it is a value; numeric strings for numbers; a raw JSON field takes any value
 * byte-exact; an API_NUMBER_AS_TEXT takes a number as it is written. A field may be given by
 * several names that say the same. An API_REST has no name: it becomes an object of all members
 * that are no other field's, each byte-exact, in their order; if there are none, it stays as it is.
 * No member is unknown then, not even one called like it. Errors are INVALID_ARGUMENT with the path
 * of the field, `services[2].uri: must be a string`, or RESOURCE_EXHAUSTED beyond the arena's cap.
 * Out: fields without presence are written, empty or not, unless options say otherwise; unset
 * optional and message fields are left out; a raw JSON field is written as it is ("null" if empty);
 * the members of an API_REST stand among those of its message; an Any of a type that is not ours is
 * {"@type": ..., "value": its bytes in base64}. What has no JSON (a Timestamp beyond the year 9999,
 * a Value without a kind, an Any whose bytes are not of its type, a raw JSON field that holds none,
 * an API_REST with a member that is another field's, more than GUARD_DEPTH messages in each other)
 * is refused: INTERNAL with the path, and nothing is appended.
 */
#ifndef JUNCTION_PROTO_RUNTIME_TRANSCODE_H
#define JUNCTION_PROTO_RUNTIME_TRANSCODE_H

#include "base/json.h"
#include "proto/runtime/api.h"

struct transcode_options {
	bool refuse_unknown;  /* in: a member that is no field is refused by name, else ignored */
	bool ignore_enums;    /* in: an unknown name of an enum value is ignored, else refused */
	bool int64_as_number; /* out: 64-bit integers as numbers (documented routes), else strings
			       */
	bool omit_defaults;   /* out: no fields without presence that are 0, false or empty */
};

/* An empty message in the arena, defaults set. */
ProtobufCMessage *message_new(struct arena *a, const struct api_message *type);

/* Sets the fields that the object names; the others stay as they are. False with status set. Of a
 * type with a JSON form of its own, value is that form. */
bool message_from_json(struct arena *a, const struct api_message *type, const struct json *value,
	const struct transcode_options *options, ProtobufCMessage *message, struct status *status);

/* Sets one field (by index) from a JSON value; null leaves it as it is. */
bool message_field_from_json(struct arena *a, const struct api_message *type, unsigned field,
	const struct json *value, const struct transcode_options *options,
	ProtobufCMessage *message, struct status *status);

/* Sets one field from text, as paths and query strings give it: a repeated field gains an element.
 * name may be dotted ("server_info.host"). NOT_FOUND if there is no such field; then nothing has
 * changed. The message was made by message_new() and filled by these functions only, which leave
 * room in its arrays. */
bool message_field_from_text(struct arena *a, const struct api_message *type, struct text name,
	struct text value, ProtobufCMessage *message, struct status *status);

/* Appends the message: a JSON object, or what its type has for one. False with status set. */
bool message_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status);
/* Appends only the members of an object, without braces: for a profile's envelope. */
bool message_members_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status);
/* Appends the value of one field, null if it is unset. */
bool message_field_to_json(struct buffer *out, const struct api_message *type, unsigned field,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status);

/* Index of the field of that JSON, second or proto name, or -1; so too of one marked API_REST. */
int message_field_named(const struct api_message *type, struct text name);

#endif
