/*
 * An unknown field's data includes the length that stands before it on the wire. protoc writes
 * `option (x).a = 1; option (x).b = 2;` as two fields of one number; their contents one after the
 * other are the merged message.
 */
#include "proto/apigen/option.h"

#include <stdlib.h>

#include "base/check.h"

/* Numbers of the extensions, as their .proto files say. */
enum { HTTP_OPTION = 72295728, METHOD_OPTION = 50801, FIELD_OPTION = 50801 };

static void *allocate(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void release(void *arena, void *memory)
{
}

ProtobufCAllocator option_allocator(struct arena *a)
{
	return (ProtobufCAllocator){allocate, release, a};
}

static struct text without_length(const ProtobufCMessageUnknownField *f)
{
	size_t prefix = 0;

	while (prefix < f->len && f->data[prefix] & 0x80)
		prefix++;
	CHECK(prefix < f->len);
	return text_from((struct text){(const char *)f->data, f->len}, prefix + 1);
}

/* NULL if the option is not given. */
static const void *read_option(struct arena *a, const ProtobufCMessage *options, uint32_t number,
	const ProtobufCMessageDescriptor *type)
{
	ProtobufCAllocator allocator = option_allocator(a);
	struct buffer wire = {.arena = a};
	bool given = false;

	for (size_t i = 0; options && i < options->n_unknown_fields; i++)
		if (options->unknown_fields[i].tag == number) {
			buffer_add_text(&wire, without_length(&options->unknown_fields[i]));
			given = true;
		}
	if (!given)
		return NULL;
	ProtobufCMessage *m =
		protobuf_c_message_unpack(type, &allocator, wire.size, (const uint8_t *)wire.data);
	CHECK(m);
	return m;
}

const Junction__V1__MethodRule *option_method(
	struct arena *a, const Google__Protobuf__MethodOptions *options)
{
	static const Junction__V1__MethodRule none = JUNCTION__V1__METHOD_RULE__INIT;
	const void *rule = read_option(a, (const ProtobufCMessage *)options, METHOD_OPTION,
		&junction__v1__method_rule__descriptor);

	return rule ? rule : &none;
}

const Junction__V1__FieldRule *option_field(
	struct arena *a, const Google__Protobuf__FieldOptions *options)
{
	static const Junction__V1__FieldRule none = JUNCTION__V1__FIELD_RULE__INIT;
	const void *rule = read_option(a, (const ProtobufCMessage *)options, FIELD_OPTION,
		&junction__v1__field_rule__descriptor);

	return rule ? rule : &none;
}

static struct route route_of(const Google__Api__HttpRule *rule)
{
	struct route r = {.body = rule->body, .response_body = rule->response_body};

	switch (rule->pattern_case) {
	case GOOGLE__API__HTTP_RULE__PATTERN_GET:
		r.verb = "GET", r.path = rule->get;
		break;
	case GOOGLE__API__HTTP_RULE__PATTERN_PUT:
		r.verb = "PUT", r.path = rule->put;
		break;
	case GOOGLE__API__HTTP_RULE__PATTERN_POST:
		r.verb = "POST", r.path = rule->post;
		break;
	case GOOGLE__API__HTTP_RULE__PATTERN_DELETE:
		r.verb = "DELETE", r.path = rule->delete_;
		break;
	case GOOGLE__API__HTTP_RULE__PATTERN_PATCH:
		r.verb = "PATCH", r.path = rule->patch;
		break;
	case GOOGLE__API__HTTP_RULE__PATTERN_CUSTOM:
		r.verb = rule->custom->kind, r.path = rule->custom->path;
		break;
	default:
		r.verb = r.path = "";
	}
	return r;
}

void option_routes(
	struct arena *a, const Google__Protobuf__MethodOptions *options, struct method *m)
{
	const Google__Api__HttpRule *rule = read_option(a, (const ProtobufCMessage *)options,
		HTTP_OPTION, &google__api__http_rule__descriptor);

	if (!rule)
		return;
	m->route_count = 1 + rule->n_additional_bindings;
	m->routes = arena_array(a, m->route_count, sizeof(struct route));
	m->routes[0] = route_of(rule);
	for (size_t i = 1; i < m->route_count; i++)
		m->routes[i] = route_of(rule->additional_bindings[i - 1]);
}

void option_set(struct arena *a, ProtobufCMessage *options, uint32_t number, struct text value)
{
	ProtobufCMessageUnknownField *fields =
		arena_array(a, options->n_unknown_fields + 1, sizeof(*fields));
	ProtobufCMessageUnknownField *f = &fields[options->n_unknown_fields];

	CHECK(value.size < 0x80); /* its length is one byte */
	if (options->n_unknown_fields)
		memcpy(fields, options->unknown_fields,
			options->n_unknown_fields * sizeof(*fields));
	f->tag = number;
	f->wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	f->len = 1 + value.size;
	f->data = arena_alloc(a, f->len);
	f->data[0] = (uint8_t)value.size;
	memcpy(f->data + 1, value.data, value.size);
	options->unknown_fields = fields;
	options->n_unknown_fields++;
}
