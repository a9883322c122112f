/*
 * The JSON tree and the descriptor are walked together; recursion is bounded by JSON_DEPTH and
 * GUARD_DEPTH. Arrays are made in their final size, since a JSON value knows its count. A type with
 * a JSON form of its own goes to known_in.c, which comes back for the fields that it has.
 */
#include "proto/runtime/from_json.h"

#include "proto/runtime/field.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/scalar.h"

bool reading_refuse(const struct reading *r, const struct place *at, const char *rule)
{
	const char *path = place_path(r->arena, at);

	if (!path)
		return status_set(r->status, r->arena, STATUS_INVALID_ARGUMENT, "%s", rule);
	return status_field(r->status, r->arena, path, "%s", rule);
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

bool reading_message(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *value, ProtobufCMessage *message)
{
	bool done;

	if (r->depth == GUARD_DEPTH)
		return reading_refuse(r, at, "nested too deeply");
	r->depth++;
	if (type->kind != API_OBJECT)
		done = known_from_json(r, at, type, value, message);
	else if (value->type != JSON_OBJECT)
		done = reading_refuse(r, at, at ? "must be an object" : "must be a JSON object");
	else
		done = reading_members(r, at, type, value, NULL, message);
	r->depth--;
	return done;
}

static bool reading_submessage(struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *value, ProtobufCMessage **slot)
{
	if (!*slot)
		*slot = message_new(r->arena, type);
	return reading_message(r, at, type, value, *slot);
}

/* null is a value of the field, not its absence. */
static bool takes_null(const struct api_field *field)
{
	return (field->flags & API_NULL) || (field->message && field->message->kind == API_VALUE);
}

bool reading_value(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, void *slot)
{
	const struct api_field *api = &type->fields[field];
	const char *wrong;

	if ((api->flags & API_RAW_JSON) ||
		((api->flags & API_NUMBER_AS_TEXT) && value->type == JSON_NUMBER)) {
		*(char **)slot = arena_string(r->arena, value->raw);
		return true;
	}
	if (value->type == JSON_NULL && !takes_null(api))
		return reading_refuse(r, at, "must not be null");
	if (api->message)
		return reading_submessage(r, at, api->message, value, slot);
	if (value->type == JSON_NULL) {
		*(int32_t *)slot = 0;
		return true;
	}
	wrong = scalar_from_json(r->arena, &type->descriptor->fields[field], value, slot);
	return !wrong || reading_refuse(r, at, wrong);
}

/* A name that its enum does not have, where such are passed over. */
static bool is_passed_over(
	const struct reading *r, const ProtobufCFieldDescriptor *f, const struct json *value)
{
	int32_t number;

	return r->options->ignore_enums && f->type == PROTOBUF_C_TYPE_ENUM &&
	       value->type == JSON_STRING && scalar_from_json(r->arena, f, value, &number);
}

bool reading_singular(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	void *slot = field_slot(message, f);

	if (is_passed_over(r, f, value))
		return true;
	if (!reading_check_oneof(r, at, type, field, message) ||
		!reading_value(r, at, type, field, value, slot))
		return false;
	field_mark_set(message, f);
	return true;
}

/* The count is raised at the end: a half-read array never shows. */
bool reading_list(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	size_t width = field_width(f->type), count = 0;
	char *array = field_array(r->arena, value->count, f->type);
	struct place here = {.up = at};

	for (const struct json *e = value->first; e; e = e->next, here.index++) {
		if (is_passed_over(r, f, e))
			continue;
		if (!reading_value(r, &here, type, field, e, array + count++ * width))
			return false;
	}
	*(void **)field_slot(message, f) = array;
	*field_count(message, f) = count;
	return true;
}

static bool reading_single(struct reading *r, const struct place *at,
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

static ProtobufCMessage *reading_entry(struct reading *r, const struct place *at,
	const struct api_message *type, const struct json *member)
{
	const ProtobufCFieldDescriptor *key = &type->descriptor->fields[0];
	ProtobufCMessage *entry = message_new(r->arena, type);
	bool done;

	if (r->depth == GUARD_DEPTH) {
		reading_refuse(r, at, "nested too deeply");
		return NULL;
	}
	r->depth++;
	done = reading_key(r, at, key, member->name, field_slot(entry, key)) &&
	       reading_singular(r, at, type, 1, member, entry);
	r->depth--;
	field_mark_set(entry, key);
	return done ? entry : NULL;
}

bool reading_map(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const struct api_message *entry = type->fields[field].message;
	ProtobufCMessage **entries;
	size_t count = 0;

	if (value->type != JSON_OBJECT)
		return reading_refuse(r, at, "must be an object");
	entries = field_array(r->arena, value->count, f->type);
	for (const struct json *member = value->first; member; member = member->next) {
		struct place here = {.up = at, .name = member->name};

		if (is_passed_over(r, &entry->descriptor->fields[1], member))
			continue;
		entries[count] = reading_entry(r, &here, entry, member);
		if (!entries[count++])
			return false;
	}
	*(void **)field_slot(message, f) = entries;
	*field_count(message, f) = count;
	return true;
}

static bool reading_field(struct reading *r, const struct place *at, const struct api_message *type,
	unsigned field, const struct json *value, ProtobufCMessage *message)
{
	unsigned flags = type->fields[field].flags;
	bool many = type->descriptor->fields[field].label == PROTOBUF_C_LABEL_REPEATED;

	if (value->type == JSON_NULL && (many || !takes_null(&type->fields[field])))
		return true;
	if (flags & API_MAP)
		return reading_map(r, at, type, field, value, message);
	if (!many)
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

/* A field may be given by several of its names, if they say the same; null says nothing, unless it
 * is a value of the field. */
static bool check_other_names(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *object,
	const struct json *member)
{
	const struct api_field *api = &type->fields[field];
	const char *names[] = {
		api->json_name, api->second_name, type->descriptor->fields[field].name};

	if (member->type == JSON_NULL && !takes_null(api))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct json *other = names[i] ? json_member(object, text_of(names[i])) : NULL;

		if (other && (other->type != JSON_NULL || takes_null(api)) &&
			!same_value(other, member))
			return reading_refuse(
				r, at, arena_printf(r->arena, "differs from %s", names[i]));
	}
	return true;
}

static bool reading_member(struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, const struct json *object,
	const struct json *member, ProtobufCMessage *message)
{
	const char *name = type->fields[field].json_name;
	struct place here = {.up = at, .name = member->name};

	if (!field_name_is(name, member->name)) {
		if (!check_other_names(r, &here, type, field, object, member))
			return false;
		here.name = text_of(name);
	}
	return reading_field(r, &here, type, field, member, message);
}

/* Appends the members that are no field's as they stand in the object, but for blanks and commas
 * between them. */
static void collect_rest(struct buffer *out, const struct api_message *type,
	const struct json *object, const struct json *but)
{
	const char *behind = object->raw.data + 1; /* the member before */

	for (const struct json *member = object->first; member; member = member->next) {
		const char *end = member->raw.data + member->raw.size;
		struct text whole = text_trim((struct text){behind, (size_t)(end - behind)});

		behind = end;
		if (member == but || field_named(type, member->name, 0) >= 0)
			continue;
		json_write_comma(out);
		buffer_add_text(out,
			text_starts(whole, TEXT(",")) ? text_trim(text_from(whole, 1)) : whole);
	}
}

/* The field stays as it is if there are none. */
static void reading_rest(const struct reading *r, const struct api_message *type, int field,
	const struct json *object, const struct json *but, ProtobufCMessage *message)
{
	struct buffer out = {.arena = r->arena};

	buffer_add_char(&out, '{');
	collect_rest(&out, type, object, but);
	if (out.size == 1)
		return;
	buffer_add_char(&out, '}');
	*(char **)field_slot(message, &type->descriptor->fields[field]) =
		arena_string(r->arena, buffer_text(&out));
}

bool reading_members(struct reading *r, const struct place *at, const struct api_message *type,
	const struct json *object, const struct json *but, ProtobufCMessage *message)
{
	unsigned next = 0;
	int rest = field_of_rest(type);

	for (const struct json *member = object->first; member; member = member->next) {
		int field = field_named(type, member->name, next);

		if (field < 0 && rest < 0 && r->options->refuse_unknown && member != but) {
			struct place here = {.up = at, .name = member->name};

			return reading_refuse(r, &here, "unknown field");
		}
		if (field < 0)
			continue;
		if (!reading_member(r, at, type, (unsigned)field, object, member, message))
			return false;
		next = (unsigned)field + 1;
	}
	if (rest >= 0)
		reading_rest(r, type, rest, object, but, message);
	return true;
}

/* Messages are larger than the JSON that they come from, which json_read() has measured. */
static bool reading_end(const struct reading *r)
{
	return !arena_overdrawn(r->arena) ||
	       status_set(r->status, r->arena, STATUS_RESOURCE_EXHAUSTED,
		       "message takes more memory than one call may");
}

bool message_from_json(struct arena *a, const struct api_message *type, const struct json *value,
	const struct transcode_options *options, ProtobufCMessage *message, struct status *status)
{
	struct reading r = {.arena = a, .options = options, .status = status};

	return reading_message(&r, NULL, type, value, message) && reading_end(&r);
}

bool message_field_from_json(struct arena *a, const struct api_message *type, unsigned field,
	const struct json *value, const struct transcode_options *options,
	ProtobufCMessage *message, struct status *status)
{
	struct reading r = {.arena = a, .options = options, .status = status, .depth = 1};
	struct place at = {.name = text_of(type->fields[field].json_name)};

	return reading_field(&r, &at, type, field, value, message) && reading_end(&r);
}
