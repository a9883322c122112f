/* The message that a route, a query and a body stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api.gen.h"
#include "bridge/request.h"
#include "junction/v1/extension.pb-c.h"
#include "junction/v1/registry.pb-c.h"

static struct arena *arena;
static struct router *router;
static struct status status;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(0);
	router = router_new();
	router_add(router, api_methods, api_method_count);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	router_free(&router);
	arena_free(&arena);
	return 0;
}

static const void *bind(const char *verb, const char *path, const char *query, const char *body)
{
	struct route_match match;
	assert_int_equal(
		route_match(router, arena, text_of(verb), text_of(path), &match), ROUTE_FOUND);
	return request_message(arena, &match, text_of(query), text_of(body), &status);
}

/* A method of ours, but native: stricter. */
static const void *bind_native(int body_field, const char *query, const char *body)
{
	const struct api_route route = {"POST", "/x", body_field, API_BODY_ALL};
	struct api_method method = api_methods[API_REGISTRY_REGISTER_SERVER];
	method.profile = API_NATIVE;
	struct route_match match = {.method = &method, .route = &route};
	return request_message(arena, &match, text_of(query), text_of(body), &status);
}

static void assert_refused(const void *message, const char *reason)
{
	assert_null(message);
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_non_null(strstr(status.message, reason));
}

static void the_path_binds_its_variables(void **state)
{
	(void)state;
	const Registry__GetServerRequest *m = bind("POST", "/v1/server/De%20mo/get", "", "");
	assert_non_null(m);
	assert_string_equal(m->server_name, "De mo");
}

static void the_body_is_the_message(void **state)
{
	(void)state;
	const Registry__RegisterServerRequest *m =
		bind("POST", "/v1/server/demo/register", "", "{\"host\":\"h\",\"port\":\"80\"}");
	assert_non_null(m);
	assert_string_equal(m->server_name, "demo");
	assert_string_equal(m->host, "h");
	assert_int_equal(m->port, 80);
}

static void the_path_wins_over_the_body(void **state)
{
	(void)state;
	const Registry__GetServerRequest *m =
		bind("POST", "/v1/server/demo/get", "", "{\"server_name\":\"other\"}");
	assert_non_null(m);
	assert_string_equal(m->server_name, "demo");
}

static void an_empty_body_is_an_empty_object(void **state)
{
	(void)state;
	assert_non_null(bind("POST", "/v1/server/get", "", ""));
	assert_non_null(bind("POST", "/v1/server/get", "", " \r\n\t"));
}

static void a_body_that_is_no_object_is_refused(void **state)
{
	(void)state;
	assert_refused(bind("POST", "/v1/server/get", "", "[]"), "object");
	assert_refused(bind("POST", "/v1/server/get", "", "null"), "object");
	assert_refused(bind("POST", "/v1/server/get", "", "{"), "JSON");
	assert_refused(bind("POST", "/v1/server/get", "", "{\"a\":1,\"a\":2}"), "duplicate");
}

static void the_query_binds_fields(void **state)
{
	(void)state;
	const Registry__ListServicesRequest *m = bind("GET", "/mw/services", "name=a+b%26c", "");
	assert_non_null(m);
	assert_string_equal(m->name, "a b&c");
	m = bind("GET", "/mw/services", "&&name&", "");
	assert_non_null(m);
	assert_string_equal(m->name, "");
}

static void an_unknown_parameter_is_ignored_on_documented_routes(void **state)
{
	(void)state;
	const Registry__ListServicesRequest *m =
		bind("GET", "/mw/services", "_=1&name=x&a.b=2&=3", "");
	assert_non_null(m);
	assert_string_equal(m->name, "x");
}

static void a_broken_query_is_refused(void **state)
{
	(void)state;
	assert_refused(bind("GET", "/mw/services", "name=%z", ""), "query");
	assert_refused(bind("GET", "/mw/services", "na%00me=1", ""), "query");
}

static void a_body_that_takes_all_leaves_nothing_to_the_query(void **state)
{
	(void)state;
	const Registry__RegisterServerRequest *m =
		bind("POST", "/v1/server/demo/register", "host=query", "{}");
	assert_non_null(m);
	assert_string_equal(m->host, "");
	assert_refused(bind_native(API_BODY_ALL, "host=query", ""), "host");
}

static void native_routes_refuse_what_they_do_not_know(void **state)
{
	(void)state;
	assert_non_null(bind_native(API_BODY_NONE, "host=h&port=1", ""));
	assert_refused(bind_native(API_BODY_NONE, "host=h&hots=1", ""), "hots");
	assert_refused(bind_native(API_BODY_ALL, "", "{\"hots\":1}"), "hots");
	assert_non_null(bind("POST", "/v1/server/get", "", "{\"hots\":1}"));
}

static void a_parameter_of_the_wrong_type_is_refused(void **state)
{
	(void)state;
	assert_refused(bind_native(API_BODY_NONE, "port=x", ""), "port");
}

static void a_body_may_be_one_field(void **state)
{
	(void)state;
	int host = 1; /* RegisterServerRequest: server_name, host, port, protocol */
	const Registry__RegisterServerRequest *m = bind_native(host, "port=7", "\"h\"");
	assert_non_null(m);
	assert_string_equal(m->host, "h");
	assert_int_equal(m->port, 7);
	assert_refused(bind_native(host, "host=x", "\"h\""), "host");
}

static void a_body_that_a_route_does_not_take_is_ignored(void **state)
{
	(void)state;
	assert_non_null(bind("GET", "/mw/services", "", "{not json"));
}

static void a_body_in_bulk_form_is_the_map(void **state)
{
	(void)state;
	const Registry__RegisterServiceRequest *m = bind("POST", "/v1/service/registry", "",
		"{\"a\":{\"host\":\"h\",\"port\":1},\"b\":{\"host\":\"i\",\"port\":2}}");
	assert_non_null(m);
	assert_int_equal(m->n_servers, 2);
	assert_string_equal(m->servers[1]->key, "b");
	assert_string_equal(m->servers[1]->value->host, "i");
}

static void a_body_is_in_bulk_form_only_if_every_condition_holds(void **state)
{
	(void)state;
	const char *uri = "/v1/service/registry";
	const Registry__RegisterServiceRequest *m = bind("POST", uri, "", "{}");
	assert_non_null(m);
	assert_int_equal(m->n_servers, 0);
	assert_refused(bind("POST", uri, "", "{\"a\":{\"host\":\"h\"},\"b\":{}}"), "a");
	assert_refused(
		bind("POST", uri, "", "{\"server_name\":\"s\",\"a\":{\"host\":\"h\"}}"), "a");
	assert_refused(bind("POST", uri, "", "{\"a\":[{\"host\":\"h\"}]}"), "a");
	assert_refused(bind("POST", uri, "", "{\"server_name\":{\"host\":\"h\"}}"), "server_name");
}

/* --- headers -------------------------------------------------------------------------------- */

static const Extension__RegisterExtensionRequest *bind_headers(
	const char *query, const struct request_header *headers)
{
	struct route_match match;
	assert_int_equal(
		route_match(router, arena, TEXT("POST"), TEXT("/extension/register"), &match),
		ROUTE_FOUND);
	ProtobufCMessage *message =
		request_message(arena, &match, text_of(query), TEXT("{}"), &status);
	assert_non_null(message);
	return request_add_headers(arena, match.method, headers, message, &status)
		       ? (const Extension__RegisterExtensionRequest *)message
		       : NULL;
}

static void a_header_wins_over_the_query(void **state)
{
	const struct request_header other = {NULL, TEXT("Other"), TEXT("o")},
				    name = {&other, TEXT("functiongraph-extension-NAME"),
					    TEXT("n")};
	(void)state;
	const Extension__RegisterExtensionRequest *m = bind_headers("name=q&address=a", &name);
	assert_non_null(m);
	assert_string_equal(m->name, "n");
	assert_string_equal(m->address, "a");
	m = bind_headers("", NULL);
	assert_non_null(m);
	assert_string_equal(m->name, "");
}

static void an_error_names_the_header(void **state)
{
	const struct request_header one = {NULL, TEXT("FunctionGraph-Extension-Name"),
					    TEXT("\xff")},
				    two = {&one, TEXT("functiongraph-extension-name"), TEXT("n")};
	(void)state;
	assert_refused(
		bind_headers("", &one), "header FunctionGraph-Extension-Name: not valid UTF-8");
	assert_refused(bind_headers("", &two), "header FunctionGraph-Extension-Name: is repeated");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_path_binds_its_variables),
		TEST(the_body_is_the_message),
		TEST(the_path_wins_over_the_body),
		TEST(an_empty_body_is_an_empty_object),
		TEST(a_body_that_is_no_object_is_refused),
		TEST(the_query_binds_fields),
		TEST(an_unknown_parameter_is_ignored_on_documented_routes),
		TEST(a_broken_query_is_refused),
		TEST(a_body_that_takes_all_leaves_nothing_to_the_query),
		TEST(native_routes_refuse_what_they_do_not_know),
		TEST(a_parameter_of_the_wrong_type_is_refused),
		TEST(a_body_may_be_one_field),
		TEST(a_body_that_a_route_does_not_take_is_ignored),
		TEST(a_body_in_bulk_form_is_the_map),
		TEST(a_body_is_in_bulk_form_only_if_every_condition_holds),
		TEST(a_header_wins_over_the_query),
		TEST(an_error_names_the_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
