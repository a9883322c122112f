/*
 * Request: query first, then the body, then the path, then headers, each overwriting what came
 * before.
 * A body in bulk form (proto/junction/v1/options.proto) is one map field instead of the message.
 */
#include "bridge/request.h"

#include "base/percent.h"
#include "proto/runtime/transcode.h"

struct binding {
	struct arena *arena;
	const struct api_method *method;
	const struct api_route *route;
	struct transcode_options options;
	ProtobufCMessage *message;
	struct status *status;
};

static bool is_native(const struct binding *b)
{
	return b->method->profile == API_NATIVE;
}

/* --- query ---------------------------------------------------------------------------------- */

static bool decode_parameter(struct binding *b, struct text raw, struct text *decoded)
{
	const char *reason = percent_decode(b->arena, raw, true, decoded);
	if (reason)
		return status_set(
			b->status, b->arena, STATUS_INVALID_ARGUMENT, "the query %s", reason);
	return true;
}

/* A parameter that is no field: NOT_FOUND from the transcoder, or one that the body has taken. */
static bool unknown_parameter(struct binding *b, struct text name)
{
	if (is_native(b))
		return status_field(b->status, b->arena, arena_string(b->arena, name),
			"is no parameter of this request");
	*b->status = (struct status){.code = STATUS_OK, .message = ""};
	return true;
}

/* Whether the body, not the query, says what this field is. */
static bool is_of_body(const struct binding *b, struct text name)
{
	if (b->route->body < 0)
		return b->route->body == API_BODY_ALL;
	struct text first = text_until(name, text_find(name, '.', 0));
	return message_field_named(b->method->input, first) == b->route->body;
}

static bool bind_parameter(struct binding *b, struct text parameter)
{
	struct text name, value;
	size_t equals = text_find(parameter, '=', 0);
	if (!decode_parameter(b, text_until(parameter, equals), &name) ||
		!decode_parameter(b, text_from(parameter, equals + 1), &value))
		return false;
	if (is_of_body(b, name))
		return unknown_parameter(b, name);
	if (message_field_from_text(b->arena, b->method->input, name, value, b->message, b->status))
		return true;
	return b->status->code == STATUS_NOT_FOUND && unknown_parameter(b, name);
}

static bool bind_query(struct binding *b, struct text query)
{
	while (query.size) {
		size_t end = text_find(query, '&', 0);
		if (end && !bind_parameter(b, text_until(query, end)))
			return false;
		query = text_from(query, end + 1);
	}
	return true;
}

/* --- body ----------------------------------------------------------------------------------- */

static bool is_bulk(const struct api_bulk *bulk, const struct json *body)
{
	if (!bulk || !body->count || json_member(body, text_of(bulk->unless_member)))
		return false;
	for (const struct json *value = body->first; value; value = value->next)
		if (!json_member(value, text_of(bulk->value_member)))
			return false;
	return true;
}

static bool bind_whole(struct binding *b, const struct json *body)
{
	const struct api_method *m = b->method;
	if (body->type != JSON_OBJECT)
		return status_set(b->status, b->arena, STATUS_INVALID_ARGUMENT,
			"the body must be a JSON object");
	if (is_bulk(m->bulk, body))
		return message_field_from_json(b->arena, m->input, (unsigned)m->bulk->field, body,
			&b->options, b->message, b->status);
	return message_from_json(b->arena, m->input, body, &b->options, b->message, b->status);
}

static bool bind_body(struct binding *b, struct text text)
{
	int field = b->route->body;
	if (field == API_BODY_NONE || !text_trim(text).size)
		return true;
	const struct json *body = json_read(b->arena, text, b->status);
	if (!body)
		return false;
	if (field == API_BODY_ALL)
		return bind_whole(b, body);
	return message_field_from_json(b->arena, b->method->input, (unsigned)field, body,
		&b->options, b->message, b->status);
}

/* --- path ----------------------------------------------------------------------------------- */

static bool bind_path(struct binding *b, const struct route_match *match)
{
	for (size_t i = 0; i < match->variable_count; i++)
		if (!message_field_from_text(b->arena, b->method->input, match->variables[i].field,
			    match->variables[i].value, b->message, b->status))
			return false;
	return true;
}

ProtobufCMessage *request_message(struct arena *a, const struct route_match *match,
	struct text query, struct text body, struct status *status)
{
	const struct api_method *m = match->method;
	*status = (struct status){.code = STATUS_OK, .message = ""};
	struct binding b = {
		.arena = a,
		.method = m,
		.route = match->route,
		.options = {.refuse_unknown = m->refuse_unknown || m->profile == API_NATIVE},
		.message = message_new(a, m->input),
		.status = status,
	};
	if (!bind_query(&b, query) || !bind_body(&b, body) || !bind_path(&b, match))
		return NULL;
	return b.message;
}

/* --- headers -------------------------------------------------------------------------------- */

static const struct request_header *find_header(
	const struct request_header *headers, struct text name)
{
	while (headers && !text_equal_nocase(headers->name, name))
		headers = headers->next;
	return headers;
}

/* The rule that the field's value broke, without the field's name: the header is what was sent. */
static const char *rule_of(const struct status *status)
{
	const char *colon = status->field ? strstr(status->message, ": ") : NULL;
	return colon ? colon + 2 : status->message;
}

static bool bind_header(struct arena *a, const struct api_method *method, unsigned field,
	const struct request_header *header, ProtobufCMessage *message, struct status *status)
{
	const char *name = method->input->fields[field].header;
	struct text field_name = text_of(method->input->descriptor->fields[field].name);
	struct status reason;
	if (find_header(header->next, header->name))
		return status_set(
			status, a, STATUS_INVALID_ARGUMENT, "header %s: is repeated", name);
	if (message_field_from_text(a, method->input, field_name, header->value, message, &reason))
		return true;
	return status_set(status, a, reason.code, "header %s: %s", name, rule_of(&reason));
}

bool request_add_headers(struct arena *a, const struct api_method *method,
	const struct request_header *headers, ProtobufCMessage *message, struct status *status)
{
	const struct api_message *type = method->input;
	for (unsigned i = 0; headers && i < type->descriptor->n_fields; i++) {
		const struct request_header *header =
			type->fields[i].header
				? find_header(headers, text_of(type->fields[i].header))
				: NULL;
		if (header && !bind_header(a, method, i, header, message, status))
			return false;
	}
	return true;
}

bool request_refuse_headers(struct arena *a, const struct api_method *method,
	const struct request_header *headers, struct status *status)
{
	const struct api_field *fields = method->input->fields;
	for (unsigned i = 0; headers && i < method->input->descriptor->n_fields; i++)
		if (fields[i].header && find_header(headers, text_of(fields[i].header)))
			return status_set(status, a, STATUS_INVALID_ARGUMENT,
				"header %s: is not taken with a stream: give %s in each message",
				fields[i].header, fields[i].json_name);
	return true;
}
