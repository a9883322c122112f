/*
 * The tree of the answer and what is made of it on the way have an arena of their own, with a cap:
 * only the actions stay. Names of actions are compared without regard to case, GraphQL's are not:
 * of two that differ in nothing but case the second one gets a number.
 */
#include "server/gateway/graphql/graphql.h"

#include <stdio.h>

#include "server/gateway/graphql/graphql_operation.h"

enum {
	TREE_CAP = 64 * 1024 * 1024,
	NAME_MAX_SIZE = 255, /* bytes of an action's name */
	MESSAGE_MAX = 200,   /* of what the endpoint says */
};

#define TYPE_REFERENCE                                                                             \
	"kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name "   \
	"ofType { kind name ofType { kind name ofType { kind name } } } } } } }"

const char graphql_introspection[] =
	"{\"query\":\"query IntrospectionQuery { __schema { queryType { name } mutationType { name "
	"} types { kind name fields(includeDeprecated: false) { name isDeprecated args { name type "
	"{ ...TypeRef } defaultValue } type { ...TypeRef } } } } } fragment TypeRef on __Type "
	"{ " TYPE_REFERENCE " }\",\"operationName\":\"IntrospectionQuery\"}";

struct actions {
	struct arena *arena;
	struct graphql_action *items;
	size_t count;
	struct table taken; /* names, of any case */
};

/* --- actions ---------------------------------------------------------------------------------- */

static struct text free_name(const struct actions *x, struct text field, bool mutation)
{
	const char *first = mutation && table_get(&x->taken, field) ? "mutation." : "";
	char made[GRAPHQL_NAME_MAX + 32];

	snprintf(made, sizeof(made), "%s%.*s", first, TEXT_ARGS(field));
	for (int number = 2; table_get(&x->taken, text_of(made)); number++)
		snprintf(made, sizeof(made), "%s%.*s-%d", first, TEXT_ARGS(field), number);
	return arena_text(x->arena, text_of(made));
}

static void add_actions(struct actions *x, struct buffer *scratch,
	const struct graphql_schema *schema, bool mutation)
{
	const struct graphql_type *root = mutation ? schema->mutation : schema->query;
	const struct json *fields = root ? root->fields : NULL;

	for (const struct json *field = fields ? fields->first : NULL;
		field && x->count < GRAPHQL_ACTIONS_MAX; field = field->next) {
		struct graphql_action *action = &x->items[x->count];

		*action = (struct graphql_action){.mutation = mutation};
		if (!graphql_operation_write(x->arena, scratch, schema, field, action))
			continue;
		action->name = free_name(x, graphql_member_name(field), mutation);
		if (action->name.size > NAME_MAX_SIZE)
			continue;
		table_put(&x->taken, action->name, action);
		x->count++;
	}
}

/* --- the answer ------------------------------------------------------------------------------- */

static struct text cut(struct text t)
{
	size_t size = t.size < MESSAGE_MAX ? t.size : MESSAGE_MAX;

	while (size > 0 && text_utf8_error(text_until(t, size)) < size)
		size--;
	return text_until(t, size);
}

/* What the first error says; empty if there is none. */
static struct text said(const struct json *answer)
{
	const struct json *errors = json_member(answer, TEXT("errors"));

	if (!errors || errors->type != JSON_ARRAY || !errors->first)
		return (struct text){0};
	return cut(json_member_text(
		errors->first, TEXT("message"), TEXT("an error without a message")));
}

static bool find_schema(struct arena *a, const struct json *answer, const struct json **schema,
	struct status *status)
{
	struct text error = said(answer);

	*schema = json_member(json_member(answer, TEXT("data")), TEXT("__schema"));
	if (*schema && (*schema)->type == JSON_OBJECT)
		return true;
	if (error.size)
		return status_set(status, a, STATUS_UNAVAILABLE,
			"the GraphQL endpoint does not tell its schema: %.*s", TEXT_ARGS(error));
	return status_set(status, a, STATUS_INVALID_ARGUMENT,
		"the answer is no introspection of GraphQL: it has no data.__schema");
}

static bool read_schema(struct arena *a, struct arena *tree, struct text answer,
	struct graphql_schema *schema, struct status *status)
{
	struct status reason;
	const struct json *json = json_read(tree, answer, &reason), *said;

	if (!json && reason.code == STATUS_RESOURCE_EXHAUSTED)
		return status_set(
			status, a, STATUS_RESOURCE_EXHAUSTED, "the GraphQL schema is too large");
	if (!json)
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"the answer is no introspection of GraphQL: %s", reason.message);
	if (!find_schema(a, json, &said, status))
		return false;
	if (graphql_schema_read(tree, said, schema, &reason))
		return true;
	return status_set(status, a, reason.code, "%s", reason.message);
}

bool graphql_read(struct arena *a, struct text answer, const struct graphql_action **actions,
	size_t *count, struct status *status)
{
	struct arena *tree = arena_new(TREE_CAP);
	struct graphql_schema schema = {0};
	struct buffer scratch = {.arena = tree};
	struct actions x = {.arena = a};
	bool read = read_schema(a, tree, answer, &schema, status);

	if (read) {
		x.items = arena_array(a, GRAPHQL_ACTIONS_MAX, sizeof(*x.items));
		add_actions(&x, &scratch, &schema, false);
		add_actions(&x, &scratch, &schema, true);
	}
	*actions = x.items;
	*count = x.count;
	table_clear(&x.taken);
	graphql_schema_clear(&schema);
	arena_free(&tree);
	return read;
}
