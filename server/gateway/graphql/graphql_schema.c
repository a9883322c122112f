/*
 * What the answer says is judged before it is used: names go into documents as they are, so they
 * must be names, and what is not understood is left out. Each type is looked at once; documents are
 * then written from the lists of what can be selected.
 */
#include "server/gateway/graphql/graphql_schema.h"

/* --- references ------------------------------------------------------------------------------- */

static bool is_name(struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		char c = t.data[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return t.size > 0 && t.size <= GRAPHQL_NAME_MAX;
}

static bool has_kind(const struct json *type, const char *kind)
{
	return text_equal(json_member_text(type, TEXT("kind"), TEXT("")), text_of(kind));
}

static bool read_kind(const struct json *type, enum graphql_kind *kind)
{
	static const char *const kinds[] = {
		[GRAPHQL_SCALAR] = "SCALAR",
		[GRAPHQL_ENUM] = "ENUM",
		[GRAPHQL_INPUT_OBJECT] = "INPUT_OBJECT",
		[GRAPHQL_OBJECT] = "OBJECT",
		[GRAPHQL_INTERFACE] = "INTERFACE",
		[GRAPHQL_UNION] = "UNION",
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!has_kind(type, kinds[i]))
			continue;
		*kind = (enum graphql_kind)i;
		return true;
	}
	return false;
}

static const struct json *wrapped(const struct json *type)
{
	return json_member(type, TEXT("ofType"));
}

bool graphql_reference_read(const struct json *json, struct graphql_reference *reference)
{
	const struct json *type = json;
	bool required = false;

	*reference =
		(struct graphql_reference){.json = json, .required = has_kind(json, "NON_NULL")};
	for (;; type = wrapped(type)) {
		if (has_kind(type, "LIST"))
			reference->lists++;
		else if (!has_kind(type, "NON_NULL") || required)
			break;
		required = has_kind(type, "NON_NULL");
	}
	reference->name = json_member_text(type, TEXT("name"), TEXT(""));
	return is_name(reference->name) && read_kind(type, &reference->kind);
}

bool graphql_reference_is_leaf(const struct graphql_reference *reference)
{
	return reference->kind == GRAPHQL_SCALAR || reference->kind == GRAPHQL_ENUM;
}

static void write_type(struct buffer *b, const struct json *type)
{
	if (has_kind(type, "NON_NULL")) {
		write_type(b, wrapped(type));
		buffer_add_char(b, '!');
	} else if (has_kind(type, "LIST")) {
		buffer_add_char(b, '[');
		write_type(b, wrapped(type));
		buffer_add_char(b, ']');
	} else {
		buffer_add_text(b, json_member_text(type, TEXT("name"), TEXT("")));
	}
}

void graphql_reference_write(
	struct buffer *b, const struct graphql_reference *reference, bool nullable)
{
	write_type(b, nullable && reference->required ? wrapped(reference->json) : reference->json);
}

/* --- fields ----------------------------------------------------------------------------------- */

struct text graphql_member_name(const struct json *member)
{
	struct text name = json_member_text(member, TEXT("name"), TEXT(""));
	const struct json *deprecated = json_member(member, TEXT("isDeprecated"));
	bool good = is_name(name) && !text_starts(name, TEXT("__")) &&
		    !(deprecated && deprecated->type == JSON_TRUE);

	return good ? name : (struct text){0};
}

bool graphql_argument_required(
	const struct json *argument, const struct graphql_reference *reference)
{
	const struct json *value = json_member(argument, TEXT("defaultValue"));

	return reference->required && !(value && value->type == JSON_STRING);
}

/* It can be selected without arguments. */
static bool is_plain(const struct json *field)
{
	const struct json *arguments = json_member(field, TEXT("args"));
	struct graphql_reference reference;

	for (const struct json *x = arguments ? arguments->first : NULL; x; x = x->next) {
		(void)graphql_reference_read(json_member(x, TEXT("type")), &reference);
		if (graphql_argument_required(x, &reference))
			return false;
	}
	return true;
}

static void take_field(
	const struct graphql_schema *schema, struct graphql_type *type, const struct json *field)
{
	struct text name = graphql_member_name(field);
	struct graphql_reference reference;
	const struct graphql_type *inner;

	if (!name.data || !is_plain(field) ||
		!graphql_reference_read(json_member(field, TEXT("type")), &reference))
		return;
	if (graphql_reference_is_leaf(&reference)) {
		type->leaves[type->leaf_count++] = name;
		return;
	}
	inner = table_get(&schema->types, reference.name);
	if (inner)
		type->inner[type->inner_count++] = (struct graphql_inner){name, inner};
}

static void take_fields(
	struct arena *a, const struct graphql_schema *schema, struct graphql_type *type)
{
	size_t count = type->fields ? type->fields->count : 0;

	type->leaves = arena_array(a, count, sizeof(*type->leaves));
	type->inner = arena_array(a, count, sizeof(*type->inner));
	for (const struct json *x = count ? type->fields->first : NULL; x; x = x->next)
		take_field(schema, type, x);
}

/* --- types ------------------------------------------------------------------------------------ */

/* A list, or NULL. */
static const struct json *list_member(const struct json *object, struct text name)
{
	const struct json *list = json_member(object, name);

	return list && list->type == JSON_ARRAY ? list : NULL;
}

/* Those that can be selected from. */
static void take_type(struct arena *a, struct graphql_schema *schema, const struct json *json)
{
	struct graphql_type type = {.name = json_member_text(json, TEXT("name"), TEXT(""))};
	struct graphql_type *taken;

	if (!is_name(type.name) || !read_kind(json, &type.kind) || type.kind < GRAPHQL_OBJECT ||
		table_get(&schema->types, type.name))
		return;
	type.fields = type.kind == GRAPHQL_UNION ? NULL : list_member(json, TEXT("fields"));
	taken = ARENA_NEW(a, struct graphql_type);
	*taken = type;
	table_put(&schema->types, taken->name, taken);
}

static bool read_root(struct arena *a, const struct json *json, const char *member,
	const struct graphql_schema *schema, const struct graphql_type **root,
	struct status *status)
{
	const struct json *said = json_member(json, text_of(member));
	struct text name = json_member_text(said, TEXT("name"), TEXT(""));

	*root = table_get(&schema->types, name);
	if (*root || !said || said->type == JSON_NULL)
		return true;
	return status_set(status, a, STATUS_INVALID_ARGUMENT,
		"the GraphQL schema's %s names no type of its own", member);
}

bool graphql_schema_read(struct arena *a, const struct json *json, struct graphql_schema *schema,
	struct status *status)
{
	const struct json *types = list_member(json, TEXT("types"));
	struct table_cursor cursor = {0};
	struct graphql_type *type;

	*schema = (struct graphql_schema){.types = {.exact = true}};
	if (!types)
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"the GraphQL schema has no list of types");
	for (const struct json *x = types->first; x; x = x->next)
		take_type(a, schema, x);
	while ((type = table_next(&schema->types, &cursor)))
		take_fields(a, schema, type);
	if (!read_root(a, json, "queryType", schema, &schema->query, status) ||
		!read_root(a, json, "mutationType", schema, &schema->mutation, status))
		return false;
	return schema->query || schema->mutation ||
	       status_set(status, a, STATUS_INVALID_ARGUMENT,
		       "the GraphQL schema names neither a query nor a mutation type");
}

void graphql_schema_clear(struct graphql_schema *schema)
{
	table_clear(&schema->types);
}
