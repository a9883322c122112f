/* Which method a verb and a path mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/route.h"

#define ROUTES(...)                                                                                \
	.routes = (const struct api_route[]){__VA_ARGS__},                                         \
	.route_count = sizeof((const struct api_route[]){__VA_ARGS__}) / sizeof(struct api_route)

static const struct api_method methods[] = {
	{.name = "get",
		ROUTES({"POST", "/s/{name}/get", API_BODY_ALL, API_BODY_ALL},
			{"POST", "/s/service/{name}/get", API_BODY_ALL, API_BODY_ALL})},
	{.name = "list",
		ROUTES({"POST", "/s/get", API_BODY_ALL, API_BODY_ALL},
			{"POST", "/s/service/get", API_BODY_ALL, API_BODY_ALL})},
	{.name = "show", ROUTES({"GET", "/s/{thing}", API_BODY_NONE, API_BODY_ALL})},
	{.name = "drop", ROUTES({"DELETE", "/s/{thing}", API_BODY_NONE, API_BODY_ALL})},
	{.name = "deep", ROUTES({"GET", "/a/b/c", API_BODY_NONE, API_BODY_ALL})},
	{.name = "wide", ROUTES({"GET", "/a/{x}/d", API_BODY_NONE, API_BODY_ALL})},
	{.name = "pair", ROUTES({"GET", "/{x}/{y.z}/e", API_BODY_NONE, API_BODY_ALL})},
	{.name = "put", ROUTES({"PUT", "/a/{x}", API_BODY_ALL, API_BODY_ALL})},
	{.name = "fixed", ROUTES({"GET", "/a/b", API_BODY_NONE, API_BODY_ALL})},
};

static struct router *router;
static struct arena *arena;
static struct route_match match;

static int build(void **state)
{
	(void)state;
	arena = arena_new(0);
	router = router_new();
	router_add(router, methods, sizeof(methods) / sizeof(methods[0]));
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	router_free(&router);
	arena_free(&arena);
	return 0;
}

static enum route_result find(const char *verb, const char *path)
{
	return route_match(router, arena, text_of(verb), text_of(path), &match);
}

static void assert_found(const char *verb, const char *path, const char *name)
{
	assert_int_equal(find(verb, path), ROUTE_FOUND);
	assert_string_equal(match.method->name, name);
}

static void assert_variable(size_t i, const char *field, const char *value)
{
	assert_true(i < match.variable_count);
	assert_true(text_equal(match.variables[i].field, text_of(field)));
	assert_true(text_equal(match.variables[i].value, text_of(value)));
}

static void a_variable_takes_one_segment(void **state)
{
	(void)state;
	assert_found("POST", "/s/demo/get", "get");
	assert_int_equal(match.variable_count, 1);
	assert_variable(0, "name", "demo");
	assert_int_equal(find("POST", "/s/demo/x/get"), ROUTE_UNKNOWN);
	assert_int_equal(find("POST", "/s//get"), ROUTE_UNKNOWN);
}

static void a_literal_wins_over_a_variable(void **state)
{
	(void)state;
	assert_found("POST", "/s/service/get", "list");
	assert_found("POST", "/s/get", "list");
	assert_found("GET", "/a/b", "fixed");
}

static void matching_steps_back_where_a_literal_leads_nowhere(void **state)
{
	(void)state;
	assert_found("POST", "/s/service/demo/get", "get");
	assert_variable(0, "name", "demo");
	assert_found("GET", "/a/b/c", "deep");
	assert_found("GET", "/a/b/d", "wide");
	assert_variable(0, "x", "b");
	assert_found("GET", "/a/b/e", "pair");
	assert_variable(0, "x", "a");
	assert_variable(1, "y.z", "b");
}

static void the_verb_decides_between_paths_that_fit(void **state)
{
	(void)state;
	assert_found("PUT", "/a/b", "put");
	assert_found("GET", "/s/get", "show");
	assert_variable(0, "thing", "get");
}

static void a_trailing_slash_is_the_same_path(void **state)
{
	(void)state;
	assert_found("POST", "/s/get/", "list");
	assert_found("POST", "/s/demo/get/", "get");
	assert_int_equal(find("POST", "/s/get//"), ROUTE_UNKNOWN);
	assert_int_equal(find("GET", "/"), ROUTE_UNKNOWN);
}

static void segments_are_decoded_one_by_one(void **state)
{
	(void)state;
	assert_found("POST", "/s/a%2Fb%20c/get", "get");
	assert_variable(0, "name", "a/b c");
	assert_found("POST", "/%73/get", "list");
	assert_found("POST", "/s/a+b/get", "get");
	assert_variable(0, "name", "a+b");
	assert_found("POST", "/s/a;v=1,2:@&$/get", "get");
	assert_variable(0, "name", "a;v=1,2:@&$");
	assert_int_equal(find("POST", "/s%2Fget"), ROUTE_UNKNOWN);
}

static void nothing_is_decoded_twice(void **state)
{
	(void)state;
	assert_found("POST", "/s/%252e%252e/get", "get");
	assert_variable(0, "name", "%2e%2e");
	assert_found("POST", "/s/%252F/get", "get");
	assert_variable(0, "name", "%2F");
	assert_found("POST", "/s/..%2F/get", "get");
	assert_variable(0, "name", "../");
}

static void another_verb_is_told_which_are_allowed(void **state)
{
	(void)state;
	assert_int_equal(find("PATCH", "/s/x"), ROUTE_WRONG_VERB);
	assert_string_equal(match.allow, "DELETE, GET, HEAD, OPTIONS");
	assert_int_equal(find("GET", "/s/x/get"), ROUTE_WRONG_VERB);
	assert_string_equal(match.allow, "POST, OPTIONS");
	assert_int_equal(find("POST", "/a/b"), ROUTE_WRONG_VERB);
	assert_string_equal(match.allow, "GET, HEAD, PUT, OPTIONS");
	assert_int_equal(find("OPTIONS", "/a/b"), ROUTE_WRONG_VERB);
	assert_string_equal(match.allow, "GET, HEAD, PUT, OPTIONS");
}

static void verbs_and_literals_are_case_sensitive(void **state)
{
	(void)state;
	assert_int_equal(find("post", "/s/get"), ROUTE_WRONG_VERB);
	assert_int_equal(find("POST", "/S/get"), ROUTE_UNKNOWN);
}

static void dot_segments_are_malformed_plain_or_encoded(void **state)
{
	(void)state;
	assert_int_equal(find("POST", "/s/./get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/../get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/%2e%2E/get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/.%2e"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/..."), ROUTE_WRONG_VERB);
}

static void a_path_that_cannot_be_decoded_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(find("POST", "/s/%zz/get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/%00/get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "/s/%ff/get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", "s/get"), ROUTE_MALFORMED);
	assert_int_equal(find("POST", ""), ROUTE_MALFORMED);
	assert_non_null(match.reason);
}

static void a_path_of_very_many_segments_is_unknown(void **state)
{
	char path[2 * ROUTE_SEGMENTS + 3];
	(void)state;
	for (size_t i = 0; i < sizeof(path) - 1; i += 2)
		memcpy(path + i, "/a", 2);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(find("GET", path), ROUTE_UNKNOWN);
}

static void refusals_take_the_profile_of_their_prefix(void **state)
{
	(void)state;
	assert_int_equal(route_profile(TEXT("/v1/server/x/y")), API_FATE);
	assert_int_equal(route_profile(TEXT("/v1/service")), API_FATE);
	assert_int_equal(route_profile(TEXT("/v1/servers")), API_NATIVE);
	assert_int_equal(route_profile(TEXT("/v1/auth/client_authentication/x")), API_HOOK);
	assert_int_equal(route_profile(TEXT("/v1/auth/signature")), API_HOOK);
	assert_int_equal(route_profile(TEXT("/v1/auth/site_authentication")), API_HOOK);
	assert_int_equal(route_profile(TEXT("/v1/auth/permission")), API_HOOK);
	assert_int_equal(route_profile(TEXT("/v1/auth/permissions")), API_NATIVE);
	assert_int_equal(route_profile(TEXT("/v1/auth/party-keys")), API_NATIVE);
	assert_int_equal(route_profile(TEXT("/v1/api_reader/x/other")), API_READER);
	assert_int_equal(route_profile(TEXT("/extension")), API_EXTENSION);
	assert_int_equal(route_profile(TEXT("/extension/other")), API_EXTENSION);
	assert_int_equal(route_profile(TEXT("/extensions")), API_NATIVE);
	assert_int_equal(route_profile(TEXT("/mw")), API_MW);
	assert_int_equal(route_profile(TEXT("/mw/x/y")), API_MW);
	assert_int_equal(route_profile(TEXT("/mw/v1/audit/write")), API_LOG);
	assert_int_equal(route_profile(TEXT("/mw/v1/audit/write/x")), API_LOG);
	assert_int_equal(route_profile(TEXT("/mw/v1/audit/find/")), API_MW_NUMBER);
	assert_int_equal(route_profile(TEXT("/mw/v1/event/write")), API_LOG);
	assert_int_equal(route_profile(TEXT("/mw/v1/event/find")), API_LOG);
	assert_int_equal(route_profile(TEXT("/mw/v1/audit")), API_MW);
	assert_int_equal(route_profile(TEXT("/mwx")), API_NATIVE);
	assert_int_equal(route_profile(TEXT("/healthz")), API_NATIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_takes_one_segment),
		cmocka_unit_test(a_literal_wins_over_a_variable),
		cmocka_unit_test(matching_steps_back_where_a_literal_leads_nowhere),
		cmocka_unit_test(the_verb_decides_between_paths_that_fit),
		cmocka_unit_test(a_trailing_slash_is_the_same_path),
		cmocka_unit_test(segments_are_decoded_one_by_one),
		cmocka_unit_test(nothing_is_decoded_twice),
		cmocka_unit_test(another_verb_is_told_which_are_allowed),
		cmocka_unit_test(verbs_and_literals_are_case_sensitive),
		cmocka_unit_test(dot_segments_are_malformed_plain_or_encoded),
		cmocka_unit_test(a_path_that_cannot_be_decoded_is_malformed),
		cmocka_unit_test(a_path_of_very_many_segments_is_unknown),
		cmocka_unit_test(refusals_take_the_profile_of_their_prefix),
	};
	return cmocka_run_group_tests(tests, build, destroy);
}
