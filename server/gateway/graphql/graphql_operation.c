/*
 * query users($first: Int) { users(first: $first) { id name address { city } } }
 *
 * A document is written with as many levels as fit into DOCUMENT_MAX, from GRAPHQL_DEPTH down; who
 * writes stops when it is full, so that a wide schema costs no more than what is kept. An argument
 * that has a default is declared without its "!": so it may be left out.
 */
#include "server/gateway/graphql/graphql_operation.h"

enum { DOCUMENT_MAX = 16 * 1024 };

struct operation {
	const struct graphql_schema *schema;
	const struct json *arguments;
	struct text name;
	bool mutation;
	struct graphql_reference answer;
};

/* --- the arguments ---------------------------------------------------------------------------- */

/* False: it is left out. */
static bool read_argument(
	const struct json *argument, struct text *name, struct graphql_reference *reference)
{
	*name = graphql_member_name(argument);
	return graphql_reference_read(json_member(argument, TEXT("type")), reference) &&
	       name->data &&
	       (graphql_reference_is_leaf(reference) || reference->kind == GRAPHQL_INPUT_OBJECT);
}

/* What is left out need not be given, and each name is there once. */
static bool can_be_asked(const struct operation *o)
{
	struct table names = {.exact = true};
	struct graphql_reference reference;
	struct text name;
	bool can = true;

	for (const struct json *x = o->arguments ? o->arguments->first : NULL; x && can;
		x = x->next) {
		if (!read_argument(x, &name, &reference)) {
			can = !graphql_argument_required(x, &reference);
			continue;
		}
		can = !table_get(&names, name);
		table_put(&names, name, (void *)x);
	}
	table_clear(&names);
	return can;
}

static const char *json_type(const struct graphql_reference *reference)
{
	static const struct {
		struct text name;
		const char *type;
	} scalars[] = {
		{TEXT("Int"), "number"},
		{TEXT("Float"), "number"},
		{TEXT("String"), "string"},
		{TEXT("ID"), "string"},
		{TEXT("Boolean"), "boolean"},
	};

	if (reference->kind == GRAPHQL_INPUT_OBJECT)
		return "object";
	if (reference->kind == GRAPHQL_ENUM)
		return "string";
	for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
		if (text_equal(reference->name, scalars[i].name))
			return scalars[i].type;
	return "any";
}

static void write_param(struct buffer *b, struct text name, const struct json *argument,
	const struct graphql_reference *reference)
{
	struct buffer type = {.arena = b->arena};
	const char *inner = reference->lists > 1 ? "array" : json_type(reference);

	graphql_reference_write(&type, reference, false);
	json_write_name(b, name);
	buffer_add_char(b, '{');
	json_write_text_member(b, "type", text_of(reference->lists ? "array" : inner));
	if (reference->lists)
		json_write_text_member(b, "items", text_of(inner));
	json_write_bool_member(b, "required", graphql_argument_required(argument, reference));
	json_write_text_member(b, "graphql", buffer_text(&type));
	buffer_add_char(b, '}');
}

static struct text write_params(struct arena *a, const struct operation *o)
{
	struct buffer b = {.arena = a};
	struct graphql_reference reference;
	struct text name;

	buffer_add_char(&b, '{');
	for (const struct json *x = o->arguments ? o->arguments->first : NULL; x; x = x->next)
		if (read_argument(x, &name, &reference))
			write_param(&b, name, x, &reference);
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}

/* ($id: ID!, $first: Int) where the variables are declared, (id: $id, first: $first) where they
 * are used. */
static void write_arguments(struct buffer *b, const struct operation *o, bool declare)
{
	struct graphql_reference reference;
	struct text name;
	size_t count = 0;

	for (const struct json *x = o->arguments ? o->arguments->first : NULL;
		x && b->size <= DOCUMENT_MAX; x = x->next) {
		if (!read_argument(x, &name, &reference))
			continue;
		buffer_add_text(b, count++ ? TEXT(", ") : TEXT("("));
		if (declare)
			buffer_add_char(b, '$');
		buffer_add_text(b, name);
		buffer_add_text(b, declare ? TEXT(": ") : TEXT(": $"));
		if (declare)
			graphql_reference_write(
				b, &reference, !graphql_argument_required(x, &reference));
		else
			buffer_add_text(b, name);
	}
	if (count)
		buffer_add_char(b, ')');
}

/* --- the document ----------------------------------------------------------------------------- */

static void write_selection(struct buffer *b, const struct graphql_type *type, int depth)
{
	size_t inner_count = depth > 1 ? type->inner_count : 0;

	buffer_add_text(b, TEXT(" {"));
	if (type->kind != GRAPHQL_OBJECT || type->leaf_count + inner_count == 0)
		buffer_add_text(b, TEXT(" __typename"));
	for (size_t i = 0; i < type->leaf_count && b->size <= DOCUMENT_MAX; i++) {
		buffer_add_char(b, ' ');
		buffer_add_text(b, type->leaves[i]);
	}
	for (size_t i = 0; i < inner_count && b->size <= DOCUMENT_MAX; i++) {
		buffer_add_char(b, ' ');
		buffer_add_text(b, type->inner[i].name);
		write_selection(b, type->inner[i].type, depth - 1);
	}
	buffer_add_text(b, TEXT(" }"));
}

static void write_document(
	struct buffer *b, const struct operation *o, const struct graphql_type *answer, int depth)
{
	b->size = 0;
	buffer_add_text(b, o->mutation ? TEXT("mutation ") : TEXT("query "));
	buffer_add_text(b, o->name);
	write_arguments(b, o, true);
	buffer_add_text(b, TEXT(" { "));
	buffer_add_text(b, o->name);
	write_arguments(b, o, false);
	if (answer)
		write_selection(b, answer, depth);
	buffer_add_text(b, TEXT(" }"));
}

static bool write_data(
	struct arena *a, struct buffer *scratch, const struct operation *o, struct text *data)
{
	bool leaf = graphql_reference_is_leaf(&o->answer);
	const struct graphql_type *answer =
		leaf ? NULL : table_get(&o->schema->types, o->answer.name);
	struct buffer b = {.arena = a};
	int depth = GRAPHQL_DEPTH;

	if (!leaf && !answer)
		return false;
	do
		write_document(scratch, o, answer, depth);
	while (scratch->size > DOCUMENT_MAX && --depth > 0);
	if (scratch->size > DOCUMENT_MAX)
		return false;
	buffer_add_char(&b, '{');
	json_write_text_member(&b, "graphql", buffer_text(scratch));
	buffer_add_char(&b, '}');
	*data = buffer_text(&b);
	return true;
}

bool graphql_operation_write(struct arena *a, struct buffer *scratch,
	const struct graphql_schema *schema, const struct json *field,
	struct graphql_action *action)
{
	struct operation o = {.schema = schema,
		.arguments = json_member(field, TEXT("args")),
		.name = graphql_member_name(field),
		.mutation = action->mutation};

	if (!o.name.data || !graphql_reference_read(json_member(field, TEXT("type")), &o.answer) ||
		!can_be_asked(&o) || !write_data(a, scratch, &o, &action->data))
		return false;
	action->params = write_params(a, &o);
	return true;
}
