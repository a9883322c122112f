/*
 * What a route takes (as bridge/request.c binds it) and how it answers (as bridge/reply.c does, by
 * profile).
 */
#include "proto/apigen/openapi.h"
#include "proto/apigen/words.h"

#define PROFILE(name) JUNCTION__V1__PROFILE__PROFILE_##name

/* Schemas and responses of frame.json. */
static const struct {
	const char
		*success; /* what stands before the message's own members; NULL if nothing does */
	const char *refusal;
	bool always_200;
} PROFILES[] = {
	[PROFILE(UNSPECIFIED)] = {NULL, "Refusal", false},
	[PROFILE(FATE)] = {"FateSuccess", "FateRefusal", true},
	[PROFILE(MW)] = {"MwSuccess", "MwRefusal", false},
	[PROFILE(LIST)] = {NULL, "MwRefusal", false},
	[PROFILE(HOOK)] = {"HookSuccess", "HookRefusal", true},
	[PROFILE(READER)] = {"ReaderSuccess", "ReaderRefusal", false},
	[PROFILE(EXTENSION)] = {NULL, "ExtensionRefusal", false},
	[PROFILE(LOG)] = {"LogSuccess", "LogRefusal", false},
	[PROFILE(MW_NUMBER)] = {"MwNumberSuccess", "MwNumberRefusal", false},
};

static enum openapi_form form_of(const struct method *m)
{
	return m->rule->profile == PROFILE(UNSPECIFIED) ? FORM_NATIVE : FORM_NUMBERS;
}

static bool takes_all(const struct route *r)
{
	return strcmp(r->body, "*") == 0;
}

/* --- parameters ----------------------------------------------------------------------------- */

struct query {
	const struct method *method;
	const struct route *route;
	struct text variables[OPENAPI_VARIABLES]; /* of the path: no query */
	size_t variable_count;
};

/* A message on the way from the request to a field, which begins no second time. */
struct branch {
	const struct branch *parent;
	const struct message *message;
	const char *name, *json; /* "server_info.", "serverInfo." */
};

static void add_parameter(struct openapi *o, const struct method *m, const struct field *f,
	const char *place, struct text name, bool required)
{
	openapi_element(o, "{");
	openapi_string(o, "name", name);
	openapi_string(o, "in", text_of(place));
	if (required)
		openapi_add(o, "'required':true");
	openapi_describe(o, f->place.comment);
	openapi_open(o, "schema", "{");
	openapi_field(o, f, form_of(m));
	openapi_close(o, "}}");
}

/* The bridge reads it from what frames the body, which no caller of an operation writes. */
static bool is_content_length(const struct field *f)
{
	return text_equal_nocase(text_of(f->rule->header), TEXT("Content-Length"));
}

static bool is_header(const struct field *f)
{
	return *f->rule->header && !is_content_length(f);
}

/* Messages that are lines of the body take nothing from headers. */
static void add_headers(struct openapi *o, const struct method *m, const struct route *r)
{
	bool lines = m->proto->client_streaming && takes_all(r);

	for (size_t i = 0; i < m->input->field_count; i++) {
		const struct field *f = &m->input->fields[i];

		if (is_header(f) && !lines)
			add_parameter(o, m, f, "header", text_of(f->rule->header),
				!takes_all(r) && openapi_is_required(o, f));
	}
	if (*m->rule->resume)
		add_parameter(o, m, message_field(m->input, text_of(m->rule->resume)), "header",
			TEXT("Last-Event-ID"), false);
}

static bool is_variable(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->variable_count; i++)
		if (text_equal(q->variables[i], text_of(name)))
			return true;
	return false;
}

static bool is_on_the_way(const struct branch *b, const struct message *m)
{
	for (; b; b = b->parent)
		if (b->message == m)
			return true;
	return false;
}

static void add_branch(struct openapi *o, const struct query *q, const struct branch *b)
{
	struct arena *a = o->arena;

	for (size_t i = 0; i < b->message->field_count; i++) {
		const struct field *f = &b->message->fields[i];
		const char *name = arena_printf(a, "%s%s", b->name, f->proto->name);
		const char *json = arena_printf(a, "%s%s", b->json, f->proto->json_name);
		struct branch deeper = {
			b, f->type, arena_printf(a, "%s.", name), arena_printf(a, "%s.", json)};

		if (is_variable(q, name) || strcmp(q->route->body, name) == 0 || is_header(f) ||
			f->rule->rest)
			continue;
		if (openapi_is_plain(f))
			add_parameter(o, q->method, f, "query", text_of(json),
				!b->parent && openapi_is_required(o, f));
		else if (!field_is_repeated(f) && !is_on_the_way(b, f->type))
			add_branch(o, q, &deeper);
	}
}

void openapi_parameters(struct openapi *o, const struct method *m, const struct route *r)
{
	struct query q = {.method = m, .route = r};
	struct branch root = {NULL, m->input, "", ""};

	q.variable_count = openapi_variables(r->path, q.variables, OPENAPI_VARIABLES);
	openapi_open(o, "parameters", "[");
	for (size_t i = 0; i < q.variable_count; i++)
		add_parameter(o, m, message_field_at(m->input, q.variables[i]), "path",
			q.variables[i], true);
	if (!takes_all(r))
		add_branch(o, &q, &root);
	add_headers(o, m, r);
	for (const struct json *h = json_member(o->frame, TEXT("parameters"))->first; h;
		h = h->next) {
		openapi_element(o, "{");
		openapi_string(o, "$ref",
			text_of(arena_printf(
				o->arena, "#/components/parameters/%.*s", TEXT_ARGS(h->name))));
		openapi_close(o, "}");
	}
	openapi_close(o, "]");
}

/* --- request -------------------------------------------------------------------------------- */

static bool is_any_required(struct openapi *o, const struct message *m, const struct query *q)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (!is_variable(q, m->fields[i].proto->name) && !*m->fields[i].rule->header &&
			openapi_is_required(o, &m->fields[i]))
			return true;
	return false;
}

/* The request message without what the path says. */
static void add_whole(struct openapi *o, const struct method *m, const struct query *q)
{
	if (q->variable_count)
		openapi_object(o, m->input, form_of(m), q->variables, q->variable_count);
	else
		openapi_message(o, m->input, form_of(m));
}

/* The message itself, or a map that takes its whole body. */
static void add_bulk(struct openapi *o, const struct method *m)
{
	struct text name = text_of(m->rule->bulk->field);
	const struct field *map = message_field(m->input, name);

	openapi_open(o, "anyOf", "[{");
	openapi_object(o, m->input, form_of(m), &name, 1);
	openapi_close(o, "},{");
	openapi_field(o, map, form_of(m));
	openapi_add(o, "'minProperties':1");
	openapi_describe(o, map->place.comment);
	openapi_close(o, "}]");
}

static void add_body(struct openapi *o, const struct method *m, const struct query *q)
{
	if (!takes_all(q->route))
		openapi_field(o, message_field(m->input, text_of(q->route->body)), form_of(m));
	else if (m->rule->bulk)
		add_bulk(o, m);
	else
		add_whole(o, m, q);
}

/* A form whose part "file" is the body; what else is text may come in parts before it. */
static void add_form(struct openapi *o, const struct method *m, const struct query *q)
{
	openapi_open(o, "multipart/form-data", "{");
	openapi_open(o, "schema", "{");
	openapi_add(o, "'type':'object'");
	openapi_open(o, "properties", "{");
	for (size_t i = 0; i < m->input->field_count; i++) {
		const struct field *f = &m->input->fields[i];

		if (f->proto->type != FIELD_TYPE(STRING) || field_is_repeated(f) || is_header(f) ||
			is_variable(q, f->proto->name))
			continue;
		openapi_open(o, f->proto->json_name, "{");
		openapi_field(o, f, form_of(m));
		openapi_describe(o, f->place.comment);
		openapi_close(o, "}");
	}
	openapi_add(o, "'file':{'type':'string','contentMediaType':'application/octet-stream',"
		       "'description':'The bytes. Behind all other parts.'}");
	openapi_close(o, "}");
	openapi_add(o, "'required':['file']");
	openapi_close(o, "}}");
}

static void add_streamed_body(struct openapi *o, const struct method *m, const struct query *q)
{
	if (!takes_all(q->route)) {
		openapi_add(o, "'application/octet-stream':{'schema':{'description':'Bytes, which "
			       "are cut into messages as they come.'}}");
		add_form(o, m, q);
		return;
	}
	openapi_open(o, "application/x-ndjson", "{");
	openapi_add(o, "'x-each-line':true");
	openapi_open(o, "schema", "{");
	add_whole(o, m, q);
	openapi_close(o, "}}");
}

void openapi_request(struct openapi *o, const struct method *m, const struct route *r)
{
	struct query q = {.method = m, .route = r};

	if (!*r->body)
		return;
	q.variable_count = openapi_variables(r->path, q.variables, OPENAPI_VARIABLES);
	openapi_open(o, "requestBody", "{");
	if (!m->proto->client_streaming &&
		(m->rule->bulk || (takes_all(r) && is_any_required(o, m->input, &q))))
		openapi_add(o, "'required':true");
	openapi_open(o, "content", "{");
	if (m->proto->client_streaming) {
		add_streamed_body(o, m, &q);
	} else {
		openapi_open(o, "application/json", "{");
		openapi_open(o, "schema", "{");
		add_body(o, m, &q);
		openapi_close(o, "}}");
	}
	openapi_close(o, "}}");
}

/* --- responses ------------------------------------------------------------------------------ */

static const char *reference(
	const struct openapi *o, const char *before, const char *group, const char *name)
{
	return arena_printf(o->arena, "%s{'$ref':'#/components/%s/%s'}", before, group, name);
}

static bool has_envelope(const struct method *m, const struct route *r)
{
	return PROFILES[m->rule->profile].success && !*r->response_body &&
	       !m->proto->server_streaming && !message_field(m->output, TEXT("code"));
}

static void add_payload(struct openapi *o, const struct method *m, const struct route *r)
{
	if (*r->response_body)
		openapi_field(o, message_field(m->output, text_of(r->response_body)), form_of(m));
	else
		openapi_message(o, m->output, form_of(m));
}

static void add_success(struct openapi *o, const struct method *m, const struct route *r)
{
	if (!has_envelope(m, r)) {
		add_payload(o, m, r);
		return;
	}
	openapi_open(o, "allOf", "[");
	openapi_add(o, reference(o, "", "schemas", PROFILES[m->rule->profile].success));
	openapi_element(o, "{");
	add_payload(o, m, r);
	openapi_close(o, "}]");
}

static void add_unary(struct openapi *o, const struct method *m, const struct route *r)
{
	bool always_200 = PROFILES[m->rule->profile].always_200;

	openapi_open(o, "application/json", "{");
	openapi_open(o, "schema", "{");
	if (always_200)
		openapi_open(o, "oneOf", "[{");
	add_success(o, m, r);
	if (always_200) {
		openapi_close(o, "}");
		openapi_add(o, reference(o, "", "schemas", PROFILES[m->rule->profile].refusal));
		openapi_close(o, "]");
	}
	openapi_close(o, "}}");
}

static void add_stream_item(struct openapi *o, const struct method *m, const struct route *r)
{
	o->streams = true;
	openapi_open(o, "anyOf", "[{");
	add_payload(o, m, r);
	openapi_close(o, "}");
	openapi_add(o, "{'$ref':'#/components/schemas/StreamEnd'}]");
}

static void add_stream(struct openapi *o, const struct method *m, const struct route *r)
{
	openapi_open(o, "application/json", "{");
	openapi_open(o, "schema", "{");
	openapi_add(o, "'type':'array','description':'Sent as it grows; the last element is the "
		       "final status.'");
	openapi_open(o, "items", "{");
	add_stream_item(o, m, r);
	openapi_close(o, "}}}");
	openapi_open(o, "application/x-ndjson", "{");
	openapi_add(o, "'x-each-line':true");
	openapi_open(o, "schema", "{");
	add_stream_item(o, m, r);
	openapi_close(o, "}}");
	openapi_open(o, "text/event-stream", "{");
	openapi_open(o, "schema", "{");
	openapi_add(o,
		"'type':'string','description':'One event for each message, its data the message "
		"in JSON; then an event `end` or `error` whose data is the final status.'");
	openapi_close(o, "}}");
}

/* Bytes of any kind, as bridge/form.h says. */
static bool answers_bytes(const struct method *m, const struct route *r)
{
	return !*r->response_body && strcmp(m->output->name, "google.api.HttpBody") == 0;
}

static void add_bytes(struct openapi *o)
{
	openapi_add(o, "'*/*':{'schema':{'description':'Bytes, of the Content-Type that comes with "
		       "them.'}}");
}

static void describe_success(struct openapi *o, const struct method *m, const struct route *r)
{
	if (answers_bytes(m, r) && m->proto->server_streaming)
		openapi_string(o, "description",
			TEXT("Bytes as they come. If it fails after the first of them, the "
			     "connection is closed before the end of the body."));
	else if (answers_bytes(m, r))
		openapi_string(o, "description", TEXT("Bytes."));
	else if (m->proto->server_streaming)
		openapi_string(
			o, "description", TEXT("Messages as they come, then the final status."));
	else if (m->rule->profile == PROFILE(FATE))
		openapi_string(o, "description",
			TEXT("Success, or a refusal with a retcode other than 0."));
	else if (m->rule->profile == PROFILE(HOOK))
		openapi_string(o, "description", TEXT("Yes, or no with a code other than 0."));
	else
		openapi_string(o, "description", TEXT("Success."));
}

void openapi_responses(struct openapi *o, const struct method *m, const struct route *r)
{
	openapi_open(o, "responses", "{");
	openapi_open(o, "200", "{");
	describe_success(o, m, r);
	openapi_open(o, "content", "{");
	if (answers_bytes(m, r))
		add_bytes(o);
	else if (m->proto->server_streaming)
		add_stream(o, m, r);
	else
		add_unary(o, m, r);
	openapi_close(o, "}}");
	openapi_add(o, reference(o, "'4XX':", "responses", PROFILES[m->rule->profile].refusal));
	if (!PROFILES[m->rule->profile].always_200)
		openapi_add(
			o, reference(o, "'5XX':", "responses", PROFILES[m->rule->profile].refusal));
	openapi_close(o, "}");
}
