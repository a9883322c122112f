/* A dotted name is resolved to field indexes first, so that an unknown name changes nothing. Text
 * becomes the JSON value that would say the same, and takes that way. */
#include "proto/runtime/field.h"
#include "proto/runtime/from_json.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/scalar.h"

/* Field of each message on the way, outermost first. */
struct route {
	unsigned fields[GUARD_DEPTH];
	int depth;
};

static bool is_singular_message(const struct api_message *type, int field)
{
	return type->fields[field].message &&
	       type->descriptor->fields[field].label != PROTOBUF_C_LABEL_REPEATED;
}

static bool route_resolve(struct route *route, const struct api_message *type, struct text name)
{
	for (route->depth = 0; route->depth < GUARD_DEPTH; route->depth++) {
		size_t dot = text_find(name, '.', 0);
		int field = message_field_named(type, text_until(name, dot));

		if (field < 0)
			return false;
		route->fields[route->depth] = (unsigned)field;
		if (dot == name.size)
			return true;
		if (!is_singular_message(type, field))
			return false;
		type = type->fields[field].message;
		name = text_from(name, dot + 1);
	}
	return false;
}

/* The submessage, made if it is not there yet; NULL with status set. */
static ProtobufCMessage *step_into(const struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	ProtobufCMessage **slot = field_slot(message, f);

	if (!reading_check_oneof(r, at, type, field, message))
		return NULL;
	if (!*slot)
		*slot = message_new(r->arena, type->fields[field].message);
	field_mark_set(message, f);
	return *slot;
}

/* JSON as it stands, or else a string of it. */
static bool raw_value(const struct reading *r, struct text text, struct json *value)
{
	struct status status = {0};
	const struct json *parsed = json_read(r->arena, text, &status);
	struct buffer quoted = {.arena = r->arena};

	if (!parsed && status.code == STATUS_RESOURCE_EXHAUSTED) {
		*r->status = status;
		return false;
	}
	if (!parsed)
		json_write_string(&quoted, text);
	*value = (struct json){
		.type = JSON_STRING, .raw = parsed ? parsed->raw : buffer_text(&quoted)};
	return true;
}

static bool field_from_text(struct reading *r, const struct place *at,
	const struct api_message *type, unsigned field, struct text text, ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *f = &type->descriptor->fields[field];
	const struct api_message *of = type->fields[field].message;
	bool wrapped = of && of->kind == API_WRAPPER;
	struct json value = scalar_from_text(wrapped ? &of->descriptor->fields[0] : f, text);
	void *slot;

	if (text_utf8_error(text) != text.size)
		return reading_refuse(r, at, "not valid UTF-8");
	if ((type->fields[field].flags & API_RAW_JSON) && !raw_value(r, text, &value))
		return false;
	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return reading_singular(r, at, type, field, &value, message);
	if (of && (of->kind == API_OBJECT || (type->fields[field].flags & API_MAP)))
		return reading_refuse(r, at, "must be given in the body");
	slot = field_append(r->arena, message, f);
	if (reading_value(r, at, type, field, &value, slot))
		return true;
	--*field_count(message, f);
	return false;
}

bool message_field_from_text(struct arena *a, const struct api_message *type, struct text name,
	struct text value, ProtobufCMessage *message, struct status *status)
{
	static const struct transcode_options options = {.refuse_unknown = true};
	struct reading r = {.arena = a, .options = &options, .status = status, .depth = 1};
	struct place at = {.name = name};
	struct route route;

	if (!route_resolve(&route, type, name))
		return status_set(status, a, STATUS_NOT_FOUND, "%.*s: unknown field",
			TEXT_ARGS(text_until(name, text_utf8_error(name))));
	for (int i = 0; i < route.depth; i++) {
		message = step_into(&r, &at, type, route.fields[i], message);
		if (!message)
			return false;
		type = type->fields[route.fields[i]].message;
	}
	return field_from_text(&r, &at, type, route.fields[route.depth], value, message);
}
