/*
 * The tables refer to each other by position: messages stand in the order of the schema, which is
 * by name, so that api_message_named() can search them.
 */
#include "proto/apigen/emit.h"

void emit_string(struct buffer *out, const char *string)
{
	buffer_add_char(out, '"');
	for (const char *c = string; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte == '"' || byte == '\\' || byte < ' ' || byte > '~')
			buffer_printf(out, "\\%03o", byte);
		else
			buffer_add_char(out, *c);
	}
	buffer_add_char(out, '"');
}

struct text emit_api_header(struct arena *a, const struct schema *s)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#ifndef API_GEN_H\n#define API_GEN_H\n\n"
					       "#include \"proto/runtime/api.h\"\n\n"
					       "/* Where a method stands in api_methods. */\n"
					       "enum api_method_index {\n"));
	for (size_t i = 0; i < s->method_count; i++)
		buffer_printf(&out, "\tAPI_%s = %zu,\n", name_upper(a, s->methods[i].symbol), i);
	buffer_add_text(&out, TEXT("};\n\n#endif\n"));
	return buffer_text(&out);
}

static void emit_includes(struct buffer *out, const struct schema *s)
{
	for (size_t i = 0; i < s->set->n_file; i++) {
		const char *name = s->set->file[i]->name;

		buffer_printf(out, "#include \"%.*s.pb-c.h\"\n",
			(int)(strlen(name) - strlen(".proto")), name);
	}
}

static void emit_flags(struct buffer *out, const struct field *f)
{
	buffer_add_char(out, '0');
	if (f->rule->raw_json)
		buffer_add_text(out, TEXT(" | API_RAW_JSON"));
	if (field_is_map(f))
		buffer_add_text(out, TEXT(" | API_MAP"));
	if (f->rule->one_or_many)
		buffer_add_text(out, TEXT(" | API_ONE_OR_MANY"));
	if (f->proto->proto3_optional)
		buffer_add_text(out, TEXT(" | API_OPTIONAL"));
	if (f->proto->type_name && strcmp(f->proto->type_name, ".google.protobuf.NullValue") == 0)
		buffer_add_text(out, TEXT(" | API_NULL"));
	if (f->rule->number_as_text)
		buffer_add_text(out, TEXT(" | API_NUMBER_AS_TEXT"));
	if (f->rule->omit_empty)
		buffer_add_text(out, TEXT(" | API_OMIT_EMPTY"));
	if (f->rule->rest)
		buffer_add_text(out, TEXT(" | API_REST"));
}

/* NULL for an empty one. */
static void emit_string_or_null(struct buffer *out, const char *string)
{
	if (*string)
		emit_string(out, string);
	else
		buffer_add_text(out, TEXT("NULL"));
}

static void emit_field(struct buffer *out, const struct schema *s, const struct field *f)
{
	buffer_add_text(out, TEXT("\t{"));
	emit_string(out, f->proto->json_name);
	buffer_add_text(out, TEXT(", "));
	emit_string_or_null(out, f->rule->second_name);
	buffer_add_text(out, TEXT(", "));
	emit_flags(out, f);
	if (f->type)
		buffer_printf(out, ", &api_messages[%zu], ", (size_t)(f->type - s->messages));
	else
		buffer_add_text(out, TEXT(", NULL, "));
	emit_string_or_null(out, f->rule->header);
	buffer_add_text(out, TEXT("},\n"));
}

/* Those of google.protobuf that are no object of their fields in JSON. */
static const char *kind_of(const char *name)
{
	static const struct {
		const char *name, *kind;
	} kinds[] = {
		{"Any", "API_ANY"},
		{"Timestamp", "API_TIMESTAMP"},
		{"Duration", "API_DURATION"},
		{"FieldMask", "API_FIELD_MASK"},
		{"Struct", "API_STRUCT"},
		{"Value", "API_VALUE"},
		{"ListValue", "API_LIST_VALUE"},
		{"BoolValue", "API_WRAPPER"},
		{"Int32Value", "API_WRAPPER"},
		{"Int64Value", "API_WRAPPER"},
		{"UInt32Value", "API_WRAPPER"},
		{"UInt64Value", "API_WRAPPER"},
		{"FloatValue", "API_WRAPPER"},
		{"DoubleValue", "API_WRAPPER"},
		{"StringValue", "API_WRAPPER"},
		{"BytesValue", "API_WRAPPER"},
	};
	size_t package = strlen("google.protobuf.");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(name, "google.protobuf.", package) == 0 &&
			strcmp(name + package, kinds[i].name) == 0)
			return kinds[i].kind;
	}
	return "API_OBJECT";
}

static void emit_messages(struct buffer *out, const struct schema *s)
{
	for (size_t i = 0; i < s->message_count; i++) {
		const struct message *m = &s->messages[i];

		if (!m->field_count)
			continue;
		buffer_printf(out, "static const struct api_field fields_%s[] = {\n", m->symbol);
		for (size_t j = 0; j < m->field_count; j++)
			emit_field(out, s, &m->fields[j]);
		buffer_add_text(out, TEXT("};\n\n"));
	}
	buffer_add_text(out, TEXT("const struct api_message api_messages[] = {\n"));
	for (size_t i = 0; i < s->message_count; i++) {
		const struct message *m = &s->messages[i];

		buffer_printf(out, "\t{&%s__descriptor, %s%s, %s},\n", m->symbol,
			m->field_count ? "fields_" : "", m->field_count ? m->symbol : "NULL",
			kind_of(m->name));
	}
	buffer_printf(out, "};\nconst size_t api_message_count = %zu;\n\n", s->message_count);
}

static int field_index(const struct message *m, const char *name)
{
	return (int)(message_field(m, text_of(name)) - m->fields);
}

static void emit_body(
	struct buffer *out, const struct message *m, const char *name, const char *if_empty)
{
	if (!*name)
		buffer_add_text(out, text_of(if_empty));
	else if (strcmp(name, "*") == 0)
		buffer_add_text(out, TEXT("API_BODY_ALL"));
	else
		buffer_printf(out, "%d", field_index(m, name));
}

static void emit_routes(struct buffer *out, const struct method *m)
{
	if (!m->route_count)
		return;
	buffer_printf(out, "static const struct api_route routes_%s[] = {\n", m->symbol);
	for (size_t i = 0; i < m->route_count; i++) {
		const struct route *r = &m->routes[i];

		buffer_add_text(out, TEXT("\t{"));
		emit_string(out, r->verb);
		buffer_add_text(out, TEXT(", "));
		emit_string(out, r->path);
		buffer_add_text(out, TEXT(", "));
		emit_body(out, m->input, r->body, "API_BODY_NONE");
		buffer_add_text(out, TEXT(", "));
		emit_body(out, m->output, r->response_body, "API_BODY_ALL");
		buffer_add_text(out, TEXT("},\n"));
	}
	buffer_add_text(out, TEXT("};\n\n"));
}

static void emit_bulk(struct buffer *out, const struct method *m)
{
	const Junction__V1__BulkForm *bulk = m->rule->bulk;

	if (!bulk)
		return;
	buffer_printf(out, "static const struct api_bulk bulk_%s = {%d, ", m->symbol,
		field_index(m->input, bulk->field));
	emit_string(out, bulk->unless_member);
	buffer_add_text(out, TEXT(", "));
	emit_string(out, bulk->value_member);
	buffer_add_text(out, TEXT("};\n\n"));
}

static void emit_method(struct buffer *out, const struct schema *s, const struct method *m)
{
	buffer_printf(out, "\t[API_%s] = {\n", name_upper(out->arena, m->symbol));
	buffer_printf(out, "\t\t.service = \"%s\",\n\t\t.name = \"%s\",\n", m->service, m->name);
	buffer_printf(out, "\t\t.path = \"/%s/%s\",\n", m->service, m->name);
	buffer_printf(out, "\t\t.input = &api_messages[%zu],\n", (size_t)(m->input - s->messages));
	buffer_printf(
		out, "\t\t.output = &api_messages[%zu],\n", (size_t)(m->output - s->messages));
	buffer_printf(out, "\t\t.client_streaming = %d,\n\t\t.server_streaming = %d,\n",
		m->proto->client_streaming, m->proto->server_streaming);
	buffer_printf(out,
		"\t\t.profile = %d,\n\t\t.access = %d,\n\t\t.checks_target = %d,\n"
		"\t\t.refuse_unknown = %d,\n\t\t.page = %d,\n",
		m->rule->profile, m->rule->access, m->rule->checks_target, m->rule->refuse_unknown,
		m->rule->page);
	buffer_printf(out, "\t\t.event_id = %d,\n\t\t.resume = %d,\n",
		*m->rule->event_id ? field_index(m->output, m->rule->event_id) : -1,
		*m->rule->resume ? field_index(m->input, m->rule->resume) : -1);
	if (m->rule->bulk)
		buffer_printf(out, "\t\t.bulk = &bulk_%s,\n", m->symbol);
	if (m->route_count)
		buffer_printf(out, "\t\t.routes = routes_%s,\n\t\t.route_count = %zu,\n", m->symbol,
			m->route_count);
	buffer_add_text(out, TEXT("\t},\n"));
}

struct text emit_api_source(struct arena *a, const struct schema *s)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT(EMIT_NOTICE "#include \"api.gen.h\"\n\n"));
	emit_includes(&out, s);
	buffer_add_char(&out, '\n');
	emit_messages(&out, s);
	for (size_t i = 0; i < s->method_count; i++) {
		emit_routes(&out, &s->methods[i]);
		emit_bulk(&out, &s->methods[i]);
	}
	buffer_add_text(&out, TEXT("const struct api_method api_methods[] = {\n"));
	for (size_t i = 0; i < s->method_count; i++)
		emit_method(&out, s, &s->methods[i]);
	buffer_printf(&out, "};\nconst size_t api_method_count = %zu;\n", s->method_count);
	return buffer_text(&out);
}
