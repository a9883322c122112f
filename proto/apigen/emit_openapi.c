/*
 * The document: written again and again until no message is met that was not known before, since
 * how a message is called in it depends on who else uses it.
 */
#include "base/check.h"
#include "proto/apigen/emit.h"
#include "proto/apigen/openapi.h"
#include "proto/apigen/words.h"

/* frame.json, by frame.S: what does not depend on the schema. */
extern const char frame[];

void openapi_add(struct openapi *o, const char *json)
{
	json_write_comma(&o->out);
	for (; *json; json++)
		buffer_add_char(&o->out, *json == '\'' ? '"' : *json);
}

void openapi_open(struct openapi *o, const char *name, const char *opening)
{
	json_write_name(&o->out, text_of(name));
	buffer_add_text(&o->out, text_of(opening));
}

void openapi_element(struct openapi *o, const char *opening)
{
	json_write_comma(&o->out);
	buffer_add_text(&o->out, text_of(opening));
}

void openapi_close(struct openapi *o, const char *closing)
{
	buffer_add_text(&o->out, text_of(closing));
}

void openapi_string(struct openapi *o, const char *name, struct text value)
{
	json_write_name(&o->out, text_of(name));
	json_write_string(&o->out, value);
}

void openapi_describe(struct openapi *o, const char *comment)
{
	struct text words = words_of(o->arena, comment);

	if (words.size)
		openapi_string(o, "description", words);
}

/* Blanks between values are left out: a string holds none but the space. */
void openapi_frame(struct openapi *o, const char *group)
{
	const struct json *m = json_member(o->frame, text_of(group));

	for (m = m->first; m; m = m->next) {
		json_write_name(&o->out, m->name);
		for (size_t i = 0; i < m->raw.size; i++)
			if (!strchr("\t\n", m->raw.data[i]))
				buffer_add_char(&o->out, m->raw.data[i]);
	}
}

size_t openapi_variables(const char *path, struct text *names, size_t room)
{
	struct text rest = text_of(path);
	size_t count = 0;

	for (;;) {
		size_t start = text_find(rest, '{', 0), end = text_find(rest, '}', start);

		if (end == rest.size || count == room)
			return count;
		names[count++] = text_from(text_until(rest, end), start + 1);
		rest = text_from(rest, end + 1);
	}
}

/* --- operations ----------------------------------------------------------------------------- */

static const char *service_name(const struct method *m)
{
	return m->service + strlen(OUR_PACKAGE ".");
}

/* Either will do, where one is needed. */
static const char *security_of(const struct method *m)
{
	return m->rule->access == JUNCTION__V1__ACCESS__ACCESS_PUBLIC
		       ? "'security':[]"
		       : "'security':[{'bearer':[]},{'basic':[]}]";
}

static void add_operation(
	struct openapi *o, const struct method *m, const struct route *r, size_t number)
{
	const char *verb = name_snake(o->arena, r->verb, "");
	struct text rest, words = words_of(o->arena, m->place.comment);
	const char *id = arena_printf(o->arena, "%s_%s", service_name(m), m->name);

	openapi_open(o, verb, "{");
	if (number)
		id = arena_printf(o->arena, "%s%zu", id, number + 1);
	openapi_string(o, "operationId", text_of(id));
	openapi_string(o, "summary", words_cut_sentence(words, &rest));
	openapi_string(o, "description", rest.size ? rest : words);
	openapi_open(o, "tags", "[");
	json_write_string(&o->out, text_of(service_name(m)));
	openapi_close(o, "]");
	openapi_add(o, security_of(m));
	openapi_parameters(o, m, r);
	openapi_request(o, m, r);
	openapi_responses(o, m, r);
	openapi_close(o, "}");
}

struct listed {
	const struct method *method;
	const struct route *route;
	size_t number; /* of the route within its method */
	bool written;
};

static struct listed *list_routes(const struct openapi *o, size_t *count)
{
	struct buffer list = {.arena = o->arena};

	for (size_t i = 0; i < o->schema->method_count; i++) {
		const struct method *m = &o->schema->methods[i];

		for (size_t j = 0; m->ours && j < m->route_count; j++) {
			struct listed l = {m, &m->routes[j], j, false};

			buffer_add(&list, &l, sizeof(l));
		}
	}
	*count = list.size / sizeof(struct listed);
	return (struct listed *)list.data;
}

/* All verbs of a path stand together. */
static void add_paths(struct openapi *o)
{
	size_t count;
	struct listed *list = list_routes(o, &count);

	openapi_open(o, "paths", "{");
	for (size_t i = 0; i < count; i++) {
		if (list[i].written)
			continue;
		openapi_open(o, list[i].route->path, "{");
		for (size_t j = i; j < count; j++) {
			if (strcmp(list[j].route->path, list[i].route->path) != 0)
				continue;
			add_operation(o, list[j].method, list[j].route, list[j].number);
			list[j].written = true;
		}
		openapi_close(o, "}");
	}
	openapi_frame(o, "paths");
	openapi_close(o, "}");
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool has_route(const struct schema *s, const char *service)
{
	for (size_t i = 0; i < s->method_count; i++)
		if (s->methods[i].route_count && strcmp(s->methods[i].service, service) == 0)
			return true;
	return false;
}

static void add_tags(struct openapi *o)
{
	openapi_open(o, "tags", "[");
	for (size_t i = 0; i < o->schema->item_count; i++) {
		const struct item *item = &o->schema->items[i];

		if (!item->ours || strcmp(item->kind, "service") != 0 ||
			!has_route(o->schema, item->name))
			continue;
		openapi_element(o, "{");
		openapi_string(o, "name", text_of(item->name + strlen(OUR_PACKAGE ".")));
		openapi_describe(o, item->place.comment);
		openapi_close(o, "}");
	}
	openapi_element(o, "{");
	openapi_frame(o, "tag");
	openapi_close(o, "}]");
}

static void add_group(struct openapi *o, const char *name)
{
	openapi_open(o, name, "{");
	openapi_frame(o, name);
	openapi_close(o, "}");
}

static void write_document(struct openapi *o)
{
	o->out.size = 0;
	openapi_element(o, "{");
	openapi_add(o, "'openapi':'3.1.0'");
	openapi_open(o, "info", "{");
	openapi_add(o, "'version':'" JUNCTION_VERSION "'");
	openapi_frame(o, "info");
	openapi_close(o, "}");
	openapi_add(o, "'servers':[{'url':'/','description':'The bridge that served this.'}]");
	add_tags(o);
	add_paths(o);
	openapi_open(o, "components", "{");
	openapi_open(o, "schemas", "{");
	openapi_frame(o, "schemas");
	if (o->streams)
		openapi_frame(o, "streamSchemas");
	openapi_components(o);
	openapi_close(o, "}");
	add_group(o, "responses");
	add_group(o, "securitySchemes");
	add_group(o, "parameters");
	openapi_close(o, "}}");
}

struct text emit_openapi(struct arena *a, const struct schema *s)
{
	struct openapi o = {.arena = a, .schema = s, .out = {.arena = a}};
	struct status status;

	o.frame = json_read(a, text_of(frame), &status);
	CHECK(o.frame);
	o.marks = arena_array(a, s->message_count, sizeof(*o.marks));
	do {
		o.changed = false;
		write_document(&o);
	} while (o.changed);
	return buffer_text(&o.out);
}
