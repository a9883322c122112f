/* Fields are written in the order of their numbers. A type with a JSON form of its own goes to
 * known_out.c, which comes back for the fields that it has. Recursion is at most GUARD_DEPTH deep,
 * the contents of Any counted. */
#include "proto/runtime/to_json.h"

#include "proto/runtime/field.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/scalar.h"

bool writing_refuse(const struct writing *w, const struct place *at, const char *rule)
{
	struct arena *a = w->out->arena;
	const char *path = place_path(a, at);

	return status_set(w->status, a, STATUS_INTERNAL, "cannot be written as JSON: %s%s%s",
		path ? path : "", path ? ": " : "", rule);
}

bool writing_message(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message)
{
	bool done;

	if (w->depth == GUARD_DEPTH)
		return writing_refuse(w, at, "nested too deeply");
	w->depth++;
	if (type->kind != API_OBJECT) {
		done = known_to_json(
			w, at, type, message ? message : message_new(w->out->arena, type));
	} else {
		buffer_add_char(w->out, '{');
		done = !message || writing_members(w, at, type, message);
		buffer_add_char(w->out, '}');
	}
	w->depth--;
	return done;
}

/* What came over the wire may be anything. */
static bool raw_out(struct writing *w, const struct place *at, const char *raw)
{
	struct text text = text_of(raw);

	if (text.size > 0 && !json_valid(text))
		return writing_refuse(w, at, "is not well-formed JSON");
	buffer_add_text(w->out, text.size > 0 ? text : TEXT("null"));
	return true;
}

bool writing_value(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const void *slot)
{
	const struct api_field *api = &type->fields[field];

	if (api->message)
		return writing_message(w, at, api->message, *(const ProtobufCMessage *const *)slot);
	if (api->flags & API_RAW_JSON)
		return raw_out(w, at, *(const char *const *)slot);
	if (api->flags & API_NULL)
		buffer_add_text(w->out, TEXT("null"));
	else
		scalar_to_json(w->out, &type->descriptor->fields[field], slot, w->options);
	return true;
}

bool writing_list(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const char *array = *(const char **)field_slot(message, f);
	size_t count = *field_count(message, f), width = field_width(f->type);
	struct place here = {.up = at};

	buffer_add_char(w->out, '[');
	for (; here.index < count; here.index++) {
		if (here.index > 0)
			buffer_add_char(w->out, ',');
		if (!writing_value(w, &here, type, field, array + here.index * width))
			return false;
	}
	buffer_add_char(w->out, ']');
	return true;
}

/* The key as a path shows it. */
static struct text key_text(struct writing *w, const ProtobufCFieldDescriptor *f, const void *slot)
{
	struct buffer key = {.arena = w->out->arena};

	if (f->type == PROTOBUF_C_TYPE_STRING)
		return text_of(*(const char *const *)slot);
	scalar_to_json_key(&key, f, slot);
	return (struct text){key.data + 1, key.size - 2};
}

static bool writing_entry(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *entry)
{
	const ProtobufCFieldDescriptor *key = &type->descriptor->fields[0], *value = key + 1;
	struct place here = {.up = at};

	scalar_to_json_key(w->out, key, field_slot(entry, key));
	buffer_add_char(w->out, ':');
	if (type->fields[1].message)
		here.name = key_text(w, key, field_slot(entry, key));
	return writing_value(w, &here, type, 1, field_slot(entry, value));
}

bool writing_map(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const struct api_message *entry = type->fields[field].message;
	ProtobufCMessage *const *entries = *(ProtobufCMessage *const **)field_slot(message, f);
	size_t count = map_unique(
		w->out->arena, &entry->descriptor->fields[0], &entries, *field_count(message, f));

	buffer_add_char(w->out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add_char(w->out, ',');
		if (!writing_entry(w, at, entry, entries[i]))
			return false;
	}
	buffer_add_char(w->out, '}');
	return true;
}

static bool writing_field(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];

	if (type->fields[field].flags & API_MAP)
		return writing_map(w, at, type, field, message);
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return writing_list(w, at, type, field, message);
	if (field_is_set(message, f))
		return writing_value(w, at, type, field, field_slot(message, f));
	buffer_add_text(w->out, TEXT("null"));
	return true;
}

static bool writing_named(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const char *name, const ProtobufCMessage *message)
{
	struct place here = {.up = at, .name = text_of(name)};

	json_write_name(w->out, here.name);
	return writing_field(w, &here, type, field, message);
}

/* The members of an object that was collected from among others join these again. */
static bool writing_rest(struct writing *w, const struct place *at, const struct api_message *type,
	unsigned field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	struct place here = {.up = at, .name = text_of(type->fields[field].json_name)};
	struct text raw = text_of(*(const char *const *)field_slot(message, f));
	struct status ignored;
	const struct json *object = raw.size ? json_read(w->out->arena, raw, &ignored) : NULL;

	if (raw.size && (!object || object->type != JSON_OBJECT))
		return writing_refuse(w, &here, "is not a well-formed JSON object");
	if (!object || !object->count)
		return true;
	for (const struct json *member = object->first; member; member = member->next)
		if (field_named(type, member->name, 0) >= 0)
			return writing_refuse(w, &here, "has a member that is another field's");
	json_write_comma(w->out);
	buffer_add_text(w->out, text_from(text_until(object->raw, object->raw.size - 1), 1));
	return true;
}

bool writing_members(struct writing *w, const struct place *at, const struct api_message *type,
	const ProtobufCMessage *message)
{
	for (unsigned i = 0; i < type->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &type->descriptor->fields[i];
		const struct api_field *api = &type->fields[i];

		if (!field_is_set(message, f) ||
			((w->options->omit_defaults || (api->flags & API_OMIT_EMPTY)) &&
				field_is_default(message, f)))
			continue;
		if (api->flags & API_REST) {
			if (!writing_rest(w, at, type, i, message))
				return false;
			continue;
		}
		if (!writing_named(w, at, type, i, api->json_name, message))
			return false;
		if (api->second_name && !writing_named(w, at, type, i, api->second_name, message))
			return false;
	}
	return true;
}

bool message_field_to_json(struct buffer *out, const struct api_message *type, unsigned field,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status)
{
	struct writing w = {.out = out, .options = options, .status = status, .depth = 1};
	struct place at = {.name = text_of(type->fields[field].json_name)};
	size_t start = out->size;

	if (writing_field(&w, &at, type, field, message))
		return true;
	out->size = start;
	return false;
}

bool message_members_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status)
{
	struct writing w = {.out = out, .options = options, .status = status, .depth = 1};
	size_t start = out->size;

	if (writing_members(&w, NULL, type, message))
		return true;
	out->size = start;
	return false;
}

bool message_to_json(struct buffer *out, const struct api_message *type,
	const ProtobufCMessage *message, const struct transcode_options *options,
	struct status *status)
{
	struct writing w = {.out = out, .options = options, .status = status};
	size_t start = out->size;

	if (writing_message(&w, NULL, type, message))
		return true;
	out->size = start;
	return false;
}
