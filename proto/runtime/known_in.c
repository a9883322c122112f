/* Value, Struct, ListValue and the wrappers are read as their fields: which one, the JSON value
 * tells. The content of an Any is read by its type and packed. */
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/runtime/field.h"
#include "proto/runtime/from_json.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/time_text.h"

static bool timestamp_in(const struct reading *r, const struct place *at, const struct json *value,
	Google__Protobuf__Timestamp *message)
{
	const char *wrong = value->type == JSON_STRING ? timestamp_from_text(value->string,
								 &message->seconds, &message->nanos)
						       : "must be a string";

	return !wrong || reading_refuse(r, at, wrong);
}

static bool duration_in(const struct reading *r, const struct place *at, const struct json *value,
	Google__Protobuf__Duration *message)
{
	const char *wrong = value->type == JSON_STRING ? duration_from_text(value->string,
								 &message->seconds, &message->nanos)
						       : "must be a string";

	return !wrong || reading_refuse(r, at, wrong);
}

/* "fooBar" is foo_bar. NULL if it is no path. */
static char *snake_path(struct arena *a, struct text camel)
{
	char *path = arena_alloc(a, 2 * camel.size + 1), *to = path;

	for (size_t i = 0; i < camel.size; i++) {
		char c = camel.data[i];

		if (c == '_' || c == '\0')
			return NULL;
		if (c >= 'A' && c <= 'Z') {
			*to++ = '_';
			c = (char)(c - 'A' + 'a');
		}
		*to++ = c;
	}
	*to = '\0';
	return camel.size > 0 ? path : NULL;
}

static bool field_mask_in(const struct reading *r, const struct place *at, const struct json *value,
	Google__Protobuf__FieldMask *message)
{
	struct text rest = value->string;
	size_t count = rest.size > 0;

	if (value->type != JSON_STRING)
		return reading_refuse(r, at, "must be a string");
	for (size_t i = 0; i < rest.size; i++)
		count += rest.data[i] == ',';
	message->paths = field_array(r->arena, count, PROTOBUF_C_TYPE_STRING);
	for (message->n_paths = 0; message->n_paths < count; message->n_paths++) {
		size_t comma = text_find(rest, ',', 0);
		char *path = snake_path(r->arena, text_until(rest, comma));

		if (!path)
			return reading_refuse(
				r, at, "must be paths in lowerCamelCase, separated by commas");
		message->paths[message->n_paths] = path;
		rest = text_from(rest, comma + 1);
	}
	return true;
}

/* The field of google.protobuf.Value that holds such a value. */
static unsigned value_field(enum json_type type)
{
	static const unsigned numbers[] = {
		[JSON_NULL] = 1,
		[JSON_NUMBER] = 2,
		[JSON_STRING] = 3,
		[JSON_FALSE] = 4,
		[JSON_TRUE] = 4,
		[JSON_OBJECT] = 5,
		[JSON_ARRAY] = 6,
	};

	return numbers[type] - 1;
}

/* The message that a type URL names; NULL with status set. */
static const struct api_message *any_type(
	const struct reading *r, const struct place *at, const struct json *url)
{
	const struct place here = {.up = at, .name = TEXT("@type")};
	size_t slash = url && url->type == JSON_STRING ? url->string.size : 0;
	const struct api_message *type;

	while (slash > 0 && url->string.data[slash - 1] != '/')
		slash--;
	if (slash == 0) {
		reading_refuse(r, &here, "must be like type.googleapis.com/a.package.Message");
		return NULL;
	}
	if (text_find(url->string, '\0', 0) != url->string.size) {
		reading_refuse(r, &here, "must not contain U+0000");
		return NULL;
	}
	type = api_message_named(arena_string(r->arena, text_from(url->string, slash)));
	if (!type)
		reading_refuse(r, &here,
			arena_printf(r->arena, "unknown type %.*s",
				TEXT_ARGS(text_from(url->string, slash))));
	return type;
}

/* {"@type": ..., "value": the JSON form}. */
static bool known_in_any(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *object, ProtobufCMessage *content)
{
	const struct json *value = json_member(object, TEXT("value"));
	struct place here = {.up = at, .name = TEXT("value")};

	if (!value)
		return reading_refuse(r, &here, "must be given");
	for (const struct json *m = object->first; m && r->options->refuse_unknown; m = m->next) {
		here.name = m->name;
		if (m != value && !text_equal(m->name, TEXT("@type")))
			return reading_refuse(r, &here, "unknown field");
	}
	here.name = value->name;
	return reading_message(r, &here, type, value, content);
}

static bool any_in(struct reading *r, const struct place *at, const struct json *value,
	Google__Protobuf__Any *message)
{
	const struct json *url = json_member(value, TEXT("@type"));
	const struct api_message *type;
	ProtobufCMessage *content;
	struct text packed;

	if (value->type != JSON_OBJECT)
		return reading_refuse(r, at, "must be an object");
	if (value->count == 0)
		return true;
	type = any_type(r, at, url);
	if (!type)
		return false;
	content = message_new(r->arena, type);
	if (type->kind != API_OBJECT ? !known_in_any(r, at, type, value, content)
				     : !reading_members(r, at, type, value, url, content))
		return false;
	packed = guard_pack(r->arena, content);
	message->type_url = arena_string(r->arena, url->string);
	message->value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	return true;
}

bool known_from_json(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *value, ProtobufCMessage *message)
{
	switch (type->kind) {
	case API_ANY:
		return any_in(r, at, value, (Google__Protobuf__Any *)message);
	case API_TIMESTAMP:
		return timestamp_in(r, at, value, (Google__Protobuf__Timestamp *)message);
	case API_DURATION:
		return duration_in(r, at, value, (Google__Protobuf__Duration *)message);
	case API_FIELD_MASK:
		return field_mask_in(r, at, value, (Google__Protobuf__FieldMask *)message);
	case API_STRUCT:
		return reading_map(r, at, type, 0, value, message);
	case API_VALUE:
		return reading_singular(r, at, type, value_field(value->type), value, message);
	case API_LIST_VALUE:
		if (value->type != JSON_ARRAY)
			return reading_refuse(r, at, "must be a list");
		return reading_list(r, at, type, 0, value, message);
	default:
		return reading_singular(r, at, type, 0, value, message);
	}
}
