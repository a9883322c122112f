/* A request line and a body become a message: "POST /v1/server/get?a=b\n{...}". */
#include "base/check.h"
#include "bridge/request.h"
#include "bridge/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct router *router;

/* What a match promises to those who use it. */
static void check_match(const struct route_match *m)
{
	for (size_t i = 0; i < m->variable_count; i++) {
		struct text value = m->variables[i].value;
		CHECK(value.size && !memchr(value.data, '\0', value.size));
		CHECK(text_utf8_error(value) == value.size);
		CHECK(!text_equal(value, TEXT("..")) && !text_equal(value, TEXT(".")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!router) {
		router = router_new();
		router_add(router, api_methods, api_method_count);
	}
	struct arena *a = arena_new(16 * 1024 * 1024);
	struct text input = {(const char *)data, size};
	size_t end = text_find(input, '\n', 0), blank = text_find(input, ' ', 0);
	struct text line = text_until(input, end), verb = text_until(line, blank);
	struct text target = text_from(line, blank + 1);
	size_t question = text_find(target, '?', 0);
	struct route_match match;
	struct status status;
	if (route_match(router, a, verb, text_until(target, question), &match) == ROUTE_FOUND) {
		check_match(&match);
		const ProtobufCMessage *m = request_message(a, &match,
			text_from(target, question + 1), text_from(input, end + 1), &status);
		CHECK(m || (status.code != STATUS_OK && status.message));
	}
	arena_free(&a);
	return 0;
}
