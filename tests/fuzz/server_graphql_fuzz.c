/* Whatever an endpoint answers to the introspection: what is made of it can be registered, and its
 * documents are well formed: brackets that meet, names, and nothing else. */
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/table.h"
#include "server/gateway/graphql/graphql.h"

enum { DEPTH = 64 };

static char closing_of(char c)
{
	return c == '{' ? '}' : c == '(' ? ')' : ']';
}

/* Names, punctuation and spaces in which every bracket is closed. */
static void check_document(struct text t)
{
	char open[DEPTH];
	size_t depth = 0;

	CHECK(t.size <= 16 * 1024 + 1024);
	for (size_t i = 0; i < t.size; i++) {
		char c = t.data[i];

		if (strchr("{([", c)) {
			CHECK(c && depth < DEPTH);
			open[depth++] = closing_of(c);
		} else if (strchr("})]", c)) {
			CHECK(depth > 0 && open[--depth] == c);
		} else {
			CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z') || strchr("_$:!, ", c));
		}
	}
	CHECK(depth == 0);
}

static void check_action(struct arena *a, const struct graphql_action *x)
{
	struct status status;
	const struct json *params = json_read(a, x->params, &status);
	const struct json *data = json_read(a, x->data, &status);
	struct text document = json_member_text(data, TEXT("graphql"), TEXT(""));

	CHECK(x->name.size >= 1 && x->name.size <= 255);
	CHECK(params && params->type == JSON_OBJECT);
	CHECK(data && data->type == JSON_OBJECT && data->count == 1);
	CHECK(text_starts(document, x->mutation ? TEXT("mutation ") : TEXT("query ")));
	check_document(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct text answer = {size ? (const char *)bytes : "", size};
	struct arena *a = arena_new(0);
	const struct graphql_action *actions;
	struct status status = {.message = ""};
	struct table names = {0};
	size_t count;

	if (graphql_read(a, answer, &actions, &count, &status)) {
		CHECK(count <= GRAPHQL_ACTIONS_MAX);
		for (size_t i = 0; i < count; i++) {
			check_action(a, &actions[i]);
			CHECK(!table_get(&names, actions[i].name));
			table_put(&names, actions[i].name, (void *)&actions[i]);
		}
	} else {
		CHECK(status.code == STATUS_INVALID_ARGUMENT || status.code == STATUS_UNAVAILABLE ||
			status.code == STATUS_RESOURCE_EXHAUSTED);
		CHECK(status.message[0]);
		CHECK(text_utf8_error(text_of(status.message)) == strlen(status.message));
	}
	table_clear(&names);
	arena_free(&a);
	return 0;
}
