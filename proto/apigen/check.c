/*
 * Every rule is looked at, so that one run tells all that is to be mended. Rules about methods and
 * fields apply to ours; what others publish is theirs.
 */
#include "proto/apigen/check.h"

#include <ctype.h>
#include <stdio.h>

#define NO_ROUTE "No REST route:"

struct check {
	struct arena *arena;
	const struct schema *schema;
	size_t problems;
};

static void problem(struct check *c, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void problem(struct check *c, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s:%d: %s\n", place.file, place.line,
		arena_vprintf(c->arena, format, args));
	va_end(args);
	c->problems++;
}

static bool is_blank(const char *comment)
{
	return text_trim(text_of(comment)).size == 0;
}

static void check_comments(struct check *c)
{
	for (size_t i = 0; i < c->schema->item_count; i++) {
		const struct item *item = &c->schema->items[i];

		if (item->ours && is_blank(item->place.comment))
			problem(c, item->place, "%s %s has no comment before it", item->kind,
				item->name);
	}
}

static void check_second_name(struct check *c, const struct message *m, const struct field *f)
{
	const char *name = f->rule->second_name;

	for (size_t i = 0; i < m->field_count; i++)
		if (strcmp(name, m->fields[i].proto->name) == 0 ||
			strcmp(name, m->fields[i].proto->json_name) == 0)
			problem(c, f->place, "field %s.%s: second_name \"%s\" is a name already",
				m->name, f->proto->name, name);
}

static bool is_list(const struct field *f)
{
	return field_is_repeated(f) && !field_is_map(f);
}

static bool is_single(const struct field *f, int type)
{
	return (int)f->proto->type == type && !field_is_repeated(f);
}

static bool is_single_integer(const struct field *f)
{
	static const int types[] = {FIELD_TYPE(INT32), FIELD_TYPE(INT64), FIELD_TYPE(UINT32),
		FIELD_TYPE(UINT64), FIELD_TYPE(SINT32), FIELD_TYPE(SINT64), FIELD_TYPE(FIXED32),
		FIELD_TYPE(FIXED64), FIELD_TYPE(SFIXED32), FIELD_TYPE(SFIXED64)};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_single(f, types[i]))
			return true;
	return false;
}

static bool is_request(const struct check *c, const struct message *m)
{
	for (size_t i = 0; i < c->schema->method_count; i++)
		if (c->schema->methods[i].input == m)
			return true;
	return false;
}

static void check_rest(struct check *c, const struct message *m, const struct field *f)
{
	if (!f->rule->raw_json || !is_single(f, FIELD_TYPE(STRING)) || f->proto->has_oneof_index)
		problem(c, f->place, "field %s.%s is rest but no single raw_json string", m->name,
			f->proto->name);
	if (!is_request(c, m))
		problem(c, f->place, "field %s.%s is rest, but no RPC's request is a %s", m->name,
			f->proto->name, m->name);
	for (const struct field *other = m->fields; other < f; other++)
		if (other->rule->rest)
			problem(c, f->place, "field %s.%s is rest, but %s is already", m->name,
				f->proto->name, other->proto->name);
}

/* As RFC 9110 has it: a token. */
static bool is_header_name(struct text name)
{
	static const char more[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < name.size; i++)
		if (!isalnum((unsigned char)name.data[i]) && !strchr(more, name.data[i]))
			return false;
	return true;
}

static void check_header(struct check *c, const struct message *m, const struct field *f)
{
	struct text header = text_of(f->rule->header);

	if (!is_single(f, FIELD_TYPE(STRING)) && !is_single_integer(f))
		problem(c, f->place, "field %s.%s has a header but is no single string or integer",
			m->name, f->proto->name);
	if (!is_request(c, m))
		problem(c, f->place, "field %s.%s has a header, but no RPC's request is a %s",
			m->name, f->proto->name, m->name);
	if (!is_header_name(header))
		problem(c, f->place, "field %s.%s: \"%s\" is no name of a header", m->name,
			f->proto->name, header.data);
	for (const struct field *other = m->fields; other < f; other++)
		if (text_equal_nocase(text_of(other->rule->header), header))
			problem(c, f->place, "field %s.%s: the header %s is that of %s already",
				m->name, f->proto->name, header.data, other->proto->name);
}

static void check_field(struct check *c, const struct message *m, const struct field *f)
{
	if (f->rule->raw_json && f->proto->type != FIELD_TYPE(STRING))
		problem(c, f->place, "field %s.%s is raw_json but no string", m->name,
			f->proto->name);
	if (f->rule->one_or_many && !is_list(f))
		problem(c, f->place, "field %s.%s is one_or_many but not repeated", m->name,
			f->proto->name);
	if (f->rule->number_as_text && (f->rule->raw_json || !is_single(f, FIELD_TYPE(STRING))))
		problem(c, f->place, "field %s.%s is number_as_text but no single string", m->name,
			f->proto->name);
	if (f->rule->omit_empty && !is_list(f))
		problem(c, f->place, "field %s.%s is omit_empty but not repeated", m->name,
			f->proto->name);
	if (f->rule->rest)
		check_rest(c, m, f);
	if (*f->rule->header)
		check_header(c, m, f);
	if (f->proto->json_name[0] == '@' || f->rule->second_name[0] == '@')
		problem(c, f->place,
			"field %s.%s: a JSON name that begins with @ is not a field's to take",
			m->name, f->proto->name);
	check_second_name(c, m, f);
}

/* The path with every variable's name taken out: "/v1/server/{}/get". */
static const char *shape(struct arena *a, const char *path)
{
	struct buffer out = {.arena = a};
	bool inside = false;

	for (; *path; path++) {
		if (*path == '}')
			inside = false;
		if (!inside)
			buffer_add_char(&out, *path);
		if (*path == '{')
			inside = true;
	}
	return arena_string(a, buffer_text(&out));
}

static void check_variable(
	struct check *c, const struct method *m, const char *path, struct text name)
{
	const struct field *f = message_field_at(m->input, name);

	if (!f)
		problem(c, m->place, "RPC %s: {%.*s} in %s is no field of %s", m->title,
			TEXT_ARGS(name), path, m->input->name);
	else if (f->type || field_is_repeated(f))
		problem(c, m->place, "RPC %s: {%.*s} in %s is not a single scalar", m->title,
			TEXT_ARGS(name), path);
}

static bool holds_any(struct text t, const char *characters)
{
	for (; *characters; characters++)
		if (text_find(t, *characters, 0) < t.size)
			return true;
	return false;
}

/* Segments are literals or {variables}; google.api.http knows more than the bridge does. */
static void check_segment(
	struct check *c, const struct method *m, const char *path, struct text segment)
{
	struct text inside =
		segment.size > 2 ? text_until(text_from(segment, 1), segment.size - 2) : segment;

	if (!holds_any(segment, "{}*="))
		return;
	if (segment.data[0] == '{' && segment.data[segment.size - 1] == '}' &&
		!holds_any(inside, "{}*="))
		check_variable(c, m, path, inside);
	else
		problem(c, m->place,
			"RPC %s: the segment %.*s of %s is neither a literal nor {field}", m->title,
			TEXT_ARGS(segment), path);
}

static void check_path(struct check *c, const struct method *m, const char *path)
{
	struct text rest = text_of(path);

	if (!text_starts(rest, TEXT("/")))
		problem(c, m->place, "RPC %s: the path \"%s\" does not begin with /", m->title,
			path);
	while (rest.size) {
		struct text segment;

		rest = text_from(rest, 1);
		segment = text_until(rest, text_find(rest, '/', 0));
		rest = text_from(rest, segment.size);
		check_segment(c, m, path, segment);
	}
}

/* Bytes as they are, of which each message of a client stream carries a piece. */
static bool is_raw(const struct field *f)
{
	return f->proto->type == FIELD_TYPE(BYTES) && !field_is_repeated(f) &&
	       !f->proto->has_oneof_index;
}

static void check_body(struct check *c, const struct method *m, const struct route *r)
{
	const struct field *f = message_field(m->input, text_of(r->body));
	bool whole = strcmp(r->body, "*") == 0;

	if (*r->body && !whole && !f)
		problem(c, m->place, "RPC %s: body \"%s\" is no field of %s", m->title, r->body,
			m->input->name);
	else if (m->proto->client_streaming && !whole && !(f && is_raw(f)))
		problem(c, m->place,
			"RPC %s: the body of a client stream is \"*\" or a single bytes field "
			"outside "
			"of a oneof, not \"%s\"",
			m->title, r->body);
	else if (!m->proto->client_streaming && f && f->proto->type == FIELD_TYPE(BYTES))
		problem(c, m->place,
			"RPC %s: body \"%s\" is bytes, which only a client stream takes", m->title,
			r->body);
}

static void check_route(struct check *c, const struct method *m, const struct route *r)
{
	check_path(c, m, r->path);
	check_body(c, m, r);
	if (m->proto->client_streaming && m->proto->server_streaming)
		problem(c, m->place, "RPC %s: %s %s is a stream both ways, which HTTP/1.1 is not",
			m->title, r->verb, r->path);
	if (*r->response_body && !message_field(m->output, text_of(r->response_body)))
		problem(c, m->place, "RPC %s: response_body \"%s\" is no field of %s", m->title,
			r->response_body, m->output->name);
}

static void check_bulk(struct check *c, const struct method *m)
{
	const char *name = m->rule->bulk->field;
	const struct field *f = message_field(m->input, text_of(name));

	if (!f)
		problem(c, m->place, "RPC %s: bulk field \"%s\" is no field of %s", m->title, name,
			m->input->name);
	else if (!field_is_map(f))
		problem(c, m->place, "RPC %s: bulk field \"%s\" of %s is no map", m->title, name,
			m->input->name);
}

static void check_resume_field(struct check *c, const struct method *m, const char *rule,
	const char *name, const struct message *message)
{
	const struct field *f = message_field(message, text_of(name));

	if (*name && (!f || f->proto->type != FIELD_TYPE(STRING) || field_is_repeated(f)))
		problem(c, m->place, "RPC %s: %s \"%s\" is no string field of %s", m->title, rule,
			name, message->name);
}

/* What makes a stream of server-sent events one that resumes by itself. */
static void check_resume(struct check *c, const struct method *m)
{
	const char *id = m->rule->event_id, *resume = m->rule->resume;

	if ((*id || *resume) && (!m->proto->server_streaming || m->proto->client_streaming))
		problem(c, m->place, "RPC %s: event_id and resume are for server streams only",
			m->title);
	check_resume_field(c, m, "event_id", id, m->output);
	check_resume_field(c, m, "resume", resume, m->input);
}

static void check_method(struct check *c, const struct method *m)
{
	const char *reason = strstr(m->place.comment, NO_ROUTE);

	if (!m->route_count && (!reason || is_blank(reason + strlen(NO_ROUTE))))
		problem(c, m->place,
			"RPC %s has no google.api.http option, and its comment does not say "
			"\"" NO_ROUTE "\" and why",
			m->title);
	if (m->rule->access == JUNCTION__V1__ACCESS__ACCESS_UNSPECIFIED)
		problem(c, m->place, "RPC %s does not say what access it needs: (%s.method).access",
			m->title, OUR_PACKAGE);
	for (size_t i = 0; i < m->route_count; i++)
		check_route(c, m, &m->routes[i]);
	if (m->rule->bulk)
		check_bulk(c, m);
	check_resume(c, m);
}

struct taken {
	const struct method *method;
	const char *verb, *shape;
};

static void take_route(
	struct check *c, struct buffer *list, const struct method *m, const struct route *r)
{
	struct taken new = {m, r->verb, shape(c->arena, r->path)};
	const struct taken *old = (const struct taken *)list->data;
	size_t count = list->size / sizeof(new);

	for (size_t i = 0; i < count; i++)
		if (strcmp(old[i].verb, new.verb) == 0 && strcmp(old[i].shape, new.shape) == 0)
			problem(c, m->place, "RPC %s: %s %s is already a route of RPC %s", m->title,
				r->verb, r->path, old[i].method->title);
	buffer_add(list, &new, sizeof(new));
}

static void check_routes_differ(struct check *c)
{
	struct buffer list = {.arena = c->arena};

	for (size_t i = 0; i < c->schema->method_count; i++) {
		const struct method *m = &c->schema->methods[i];

		for (size_t j = 0; j < m->route_count; j++)
			take_route(c, &list, m, &m->routes[j]);
	}
}

size_t check_schema(struct arena *a, const struct schema *s)
{
	struct check c = {a, s, 0};

	check_comments(&c);
	for (size_t i = 0; i < s->message_count; i++)
		for (size_t j = 0; j < s->messages[i].field_count; j++)
			check_field(&c, &s->messages[i], &s->messages[i].fields[j]);
	for (size_t i = 0; i < s->method_count; i++)
		if (s->methods[i].ours)
			check_method(&c, &s->methods[i]);
	check_routes_differ(&c);
	return c.problems;
}
