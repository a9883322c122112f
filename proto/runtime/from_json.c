/*
 * The JSON tree and the descriptor are walked together; recursion is bounded by JSON_DEPTH. Arrays
 * are made in their final size, since a JSON value knows its count. A message value has one
 * function, reading_message(): a type with a JSON form of its own belongs there.
 */
#include "proto/runtime/from_json.h"

#include "proto/runtime/field.h"
#include "proto/runtime/scalar.h"

static void path_write(struct buffer *path, const struct place *at)
{
	if (at->up)
		path_write(path, at->up);
	if (!at->name.data) {
		buffer_printf(path, "[%zu]", at->index);
		return;
	}
	if (path->size > 0)
		buffer_add_char(path, '.');
	buffer_add_text(path, at->name);
}

bool reading_refuse(const struct reading *r, const struct place *at, const char *rule)
{
	struct buffer path = {.arena = r->arena};

	if (!at)
		return status_set(r->status, r->arena, STATUS_INVALID_ARGUMENT, "%s", rule);
	path_write(&path, at);
	return status_field(
		r->status, r->arena, arena_string(r->arena, buffer_text(&path)), "%s", rule);
}

bool reading_check_oneof(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *fields = type->descriptor->fields, *f = &fields[field];

	if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || *field_case(message, f) == 0 ||
		*field_case(message, f) == f->id)
		return true;
	for (unsigned i = 0; i < type->descriptor->n_fields; i++) {
		if (fields[i].id == *field_case(message, f))
			return reading_refuse(r, at,
				arena_printf(r->arena, "must not be given together with %s",
					type->fields[i].json_name));
	}
	return true;
}

static bool reading_members(const struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *object, ProtobufCMessage *message);

static bool reading_message(const struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *value, ProtobufCMessage **slot)
{
	if (value->type != JSON_OBJECT)
		return reading_refuse(r, at, "must be an object");
	if (!*slot)
		*slot = message_new(r->arena, type);
	return reading_members(r, at, type, value, *slot);
}

bool reading_value(const struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, void *slot)
{
	const struct api_field *api = &type->fields[field];
	const char *wrong;

	if (api->flags & API_RAW_JSON) {
		*(char **)slot = arena_string(r->arena, value->raw);
		return true;
	}
	if (value->type == JSON_NULL)
		return reading_refuse(r, at, "must not be null");
	if (api->message)
		return reading_message(r, at, api->message, value, slot);
	wrong = scalar_from_json(r->arena, &type->descriptor->fields[field], value, slot);
	return !wrong || reading_refuse(r, at, wrong);
}

bool reading_singular(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];

	if (!reading_check_oneof(r, at, type, field, message) ||
		!reading_value(r, at, type, field, value, field_slot(message, f)))
		return false;
	field_mark_set(message, f);
	return true;
}

/* The count is raised at the end: a half-read array never shows. */
static bool reading_list(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	size_t width = field_width(f->type), count = value->count;
	char *array = field_array(r->arena, count, f->type);
	struct place here = {.up = at};

	for (const struct json *e = value->first; e; e = e->next, here.index++) {
		if (!reading_value(r, &here, type, field, e, array + here.index * width))
			return false;
	}
	*(void **)field_slot(message, f) = array;
	*field_count(message, f) = count;
	return true;
}

static bool reading_single(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	char *array = field_array(r->arena, 1, f->type);

	if (!reading_value(r, at, type, field, value, array))
		return false;
	*(void **)field_slot(message, f) = array;
	*field_count(message, f) = 1;
	return true;
}

/* Two spellings of one number ("1", "1e0") would be two entries of one key, so a key has only the
 * one that it is written in. */
static bool key_is_canonical(const struct reading *r, const ProtobufCFieldDescriptor *f,
	struct text key, const void *slot)
{
	struct buffer written = {.arena = r->arena};

	if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BOOL)
		return true;
	scalar_to_json_key(&written, f, slot);
	return text_equal(key, (struct text){written.data + 1, written.size - 2});
}

static bool reading_key(const struct reading *r, const struct place *at,
	const ProtobufCFieldDescriptor *f, struct text text, void *slot)
{
	struct json key = scalar_from_text(f, text);
	const char *wrong = scalar_from_json(r->arena, f, &key, slot);

	if (!wrong && !key_is_canonical(r, f, text, slot))
		wrong = "must be in plain digits";
	return !wrong || reading_refuse(r, at, arena_printf(r->arena, "key %s", wrong));
}

static ProtobufCMessage *reading_entry(const struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *member)
{
	const ProtobufCFieldDescriptor *key = &type->descriptor->fields[0];
	ProtobufCMessage *entry = message_new(r->arena, type);

	if (!reading_key(r, at, key, member->name, field_slot(entry, key)) ||
		!reading_singular(r, at, type, 1, member, entry))
		return NULL;
	field_mark_set(entry, key);
	return entry;
}

static bool reading_map(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	ProtobufCMessage **entries;
	size_t count = 0;

	if (value->type != JSON_OBJECT)
		return reading_refuse(r, at, "must be an object");
	entries = field_array(r->arena, value->count, f->type);
	for (const struct json *member = value->first; member; member = member->next) {
		struct place here = {.up = at, .name = member->name};

		entries[count] = reading_entry(r, &here, type->fields[field].message, member);
		if (!entries[count++])
			return false;
	}
	*(void **)field_slot(message, f) = entries;
	*field_count(message, f) = count;
	return true;
}

static bool reading_field(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *value,
	ProtobufCMessage *message)
{
	unsigned flags = type->fields[field].flags;

	if (value->type == JSON_NULL)
		return true;
	if (flags & API_MAP)
		return reading_map(r, at, type, field, value, message);
	if (type->descriptor->fields[field].label != PROTOBUF_C_LABEL_REPEATED)
		return reading_singular(r, at, type, field, value, message);
	if (value->type == JSON_ARRAY)
		return reading_list(r, at, type, field, value, message);
	if (flags & API_ONE_OR_MANY)
		return reading_single(r, at, type, field, value, message);
	return reading_refuse(r, at, "must be a list");
}

static bool same_value(const struct json *a, const struct json *b)
{
	if (a->type == JSON_STRING && b->type == JSON_STRING)
		return text_equal(a->string, b->string);
	return text_equal(a->raw, b->raw);
}

/* A field may be given by several of its names, if they say the same. */
static bool check_other_names(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *object,
	const struct json *member)
{
	const char *names[] = {type->fields[field].json_name, type->fields[field].second_name,
		type->descriptor->fields[field].name};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct json *other = names[i] ? json_member(object, text_of(names[i])) : NULL;

		if (other && other->type != JSON_NULL && !same_value(other, member))
			return reading_refuse(
				r, at, arena_printf(r->arena, "differs from %s", names[i]));
	}
	return true;
}

static bool reading_member(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *object,
	const struct json *member, ProtobufCMessage *message)
{
	const char *name = type->fields[field].json_name;
	struct place here = {.up = at, .name = member->name};

	if (member->type == JSON_NULL)
		return true;
	if (!field_name_is(name, member->name)) {
		if (!check_other_names(r, &here, type, field, object, member))
			return false;
		here.name = text_of(name);
	}
	return reading_field(r, &here, type, field, member, message);
}

static bool reading_members(const struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *object, ProtobufCMessage *message)
{
	unsigned next = 0;

	for (const struct json *member = object->first; member; member = member->next) {
		int field = field_named(type, member->name, next);

		if (field < 0 && r->options->refuse_unknown) {
			struct place here = {.up = at, .name = member->name};

			return reading_refuse(r, &here, "unknown field");
		}
		if (field < 0)
			continue;
		if (!reading_member(r, at, type, (unsigned)field, object, member, message))
			return false;
		next = (unsigned)field + 1;
	}
	return true;
}

/* Messages are larger than the JSON that they come from, which json_read() has measured. */
static bool reading_end(const struct reading *r)
{
	return !arena_overdrawn(r->arena) ||
	       status_set(r->status, r->arena, STATUS_RESOURCE_EXHAUSTED,
		       "message takes more memory than one call may");
}

bool message_from_json(struct arena *a, const struct api_message *type, const struct json *object,
	const struct transcode_options *options, ProtobufCMessage *message, struct status *status)
{
	struct reading r = {.arena = a, .options = options, .status = status};

	if (object->type != JSON_OBJECT)
		return reading_refuse(&r, NULL, "must be a JSON object");
	return reading_members(&r, NULL, type, object, message) && reading_end(&r);
}

bool message_field_from_json(struct arena *a, const struct api_message *type, unsigned field,
	const struct json *value, const struct transcode_options *options,
	ProtobufCMessage *message, struct status *status)
{
	struct reading r = {.arena = a, .options = options, .status = status};
	struct place at = {.name = text_of(type->fields[field].json_name)};

	return reading_field(&r, &at, type, field, value, message) && reading_end(&r);
}
