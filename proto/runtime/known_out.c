/* Value, Struct, ListValue and the wrappers are written as their fields. The content of an Any is
 * unpacked by its type; of a type that is not ours its bytes are shown. */
#include <math.h>

#include "base/base64.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/runtime/field.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/time_text.h"
#include "proto/runtime/to_json.h"

/* foo_bar becomes "fooBar"; false if that would not become foo_bar again. */
static bool camel_path(struct buffer *out, const char *path)
{
	if (!*path)
		return false;
	for (const char *c = path; *c; c++) {
		bool word = *c == '_';

		if ((*c >= 'A' && *c <= 'Z') || *c == ',')
			return false;
		if (word && (*++c < 'a' || *c > 'z'))
			return false;
		buffer_add_char(out, word ? (char)(*c - 'a' + 'A') : *c);
	}
	return true;
}

static bool field_mask_out(
	struct writing *w, const struct place *at, const Google__Protobuf__FieldMask *mask)
{
	struct buffer paths = {.arena = w->out->arena};

	for (size_t i = 0; i < mask->n_paths; i++) {
		if (i > 0)
			buffer_add_char(&paths, ',');
		if (!camel_path(&paths, mask->paths[i]))
			return writing_refuse(w, at, "a path has no form in lowerCamelCase");
	}
	json_write_string(w->out, buffer_text(&paths));
	return true;
}

static bool value_out(struct writing *w, const struct place *at, const struct api_message *type,
	const Google__Protobuf__Value *value)
{
	unsigned field = (unsigned)value->kind_case - 1;

	if (value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET)
		return writing_refuse(w, at, "is a Value of no kind");
	if (value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE &&
		!isfinite(value->number_value))
		return writing_refuse(w, at, "is a Value that is not a finite number");
	return writing_value(
		w, at, type, field, field_slot(&value->base, &type->descriptor->fields[field]));
}

static const struct api_message *any_type(struct arena *a, struct text url)
{
	size_t slash = url.size;

	while (slash > 0 && url.data[slash - 1] != '/')
		slash--;
	return slash > 0 ? api_message_named(arena_string(a, text_from(url, slash))) : NULL;
}

static bool any_content_out(struct writing *w, const struct place *at,
	const struct api_message *type, struct text bytes)
{
	struct arena *a = w->out->arena;
	struct status status = {0};
	const ProtobufCMessage *content = guard_unpack(a, type->descriptor, bytes, &status);

	if (!content)
		return writing_refuse(w, at,
			arena_printf(a, "is an Any whose bytes are no %s: %s",
				type->descriptor->name, status.message));
	if (type->kind == API_OBJECT)
		return writing_members(w, at, type, content);
	json_write_name(w->out, TEXT("value"));
	return writing_message(w, at, type, content);
}

static bool any_out(struct writing *w, const struct place *at, const Google__Protobuf__Any *any)
{
	struct text url = text_of(any->type_url);
	struct text bytes = {(const char *)any->value.data, any->value.len};
	const struct api_message *type = any_type(w->out->arena, url);

	buffer_add_char(w->out, '{');
	if (url.size > 0 || bytes.size > 0) {
		json_write_name(w->out, TEXT("@type"));
		json_write_string(w->out, url);
	}
	if (type) {
		if (!any_content_out(w, at, type, bytes))
			return false;
	} else if (url.size > 0 || bytes.size > 0) {
		json_write_name(w->out, TEXT("value"));
		buffer_add_char(w->out, '"');
		base64_write(w->out, bytes);
		buffer_add_char(w->out, '"');
	}
	buffer_add_char(w->out, '}');
	return true;
}

bool known_to_json(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message)
{
	const Google__Protobuf__Timestamp *timestamp = (const void *)message;
	const Google__Protobuf__Duration *duration = (const void *)message;
	const char *wrong;

	switch (type->kind) {
	case API_ANY:
		return any_out(w, at, (const Google__Protobuf__Any *)message);
	case API_TIMESTAMP:
		wrong = timestamp_to_text(w->out, timestamp->seconds, timestamp->nanos);
		return !wrong || writing_refuse(w, at, wrong);
	case API_DURATION:
		wrong = duration_to_text(w->out, duration->seconds, duration->nanos);
		return !wrong || writing_refuse(w, at, wrong);
	case API_FIELD_MASK:
		return field_mask_out(w, at, (const Google__Protobuf__FieldMask *)message);
	case API_STRUCT:
		return writing_map(w, at, type, 0, message);
	case API_VALUE:
		return value_out(w, at, type, (const Google__Protobuf__Value *)message);
	case API_LIST_VALUE:
		return writing_list(w, at, type, 0, message);
	default:
		return writing_value(
			w, at, type, 0, field_slot(message, &type->descriptor->fields[0]));
	}
}
