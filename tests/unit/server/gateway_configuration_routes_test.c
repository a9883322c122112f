/* Routes, actions and open paths: from where their rules have what they do not say, and in which
 * order they stand. */
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/gateway_rules.h"

/* --- routes ----------------------------------------------------------------------------------- */

static void a_route_is_a_prefix(void **state)
{
	assert_order("routes: [{path: '/v1'}]", "/v1/** /v1/**, /v1/** /v1, * **");
	assert_order("routes: [{path: 'v1//a//'}]", "/v1/a/** /v1/a/**, /v1/a/** /v1/a, * **");
	assert_order(
		"routes: [{path: '/%61/:id/{x}'}]", "/a/*/*/** /a/*/*, /a/*/*/** /a/*/*/**, * **");
	assert_order("routes: [{path: '/a'}, {path: '/abc'}, {path: '/ab'}]",
		"/abc/** /abc/**, /abc/** /abc, /ab/** /ab/**, /ab/** /ab, /a/** /a/**, /a/** /a, "
		"* **");
}

static void a_route_may_be_for_all_paths(void **state)
{
	static const char *const paths[] = {
		"", "path: null,", "path: '/',", "path: '/api',", "path: '/API/',", "path: '',"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct arena *a = arena_new(0);
		const char *settings = arena_printf(a,
			"timeout: 1, routes: [{path: '/v1'}, {%s timeout: 7, retries: 1}], "
			"retries: 3",
			paths[i]);
		assert_order(settings, "/v1/** /v1/**, /v1/** /v1, * **");
		assert_general(settings, "timeoutMs", "7");
		assert_rule(settings, "/v1", "timeoutMs", "7");
		assert_rule(settings, "/v1/**", "retries", "1");
		arena_free(&a);
	}
}

static void what_a_route_does_not_say_it_has_from_the_settings(void **state)
{
	static const char settings[] =
		"timeout: 100, retries: 1, bodyLimit: 9, breaker: false, rateLimit: {limit: 3}, "
		"routes: [{path: '/a', timeout: 5}, {path: '/a/b', retries: 4}]";

	assert_rule(settings, "/a", "timeoutMs", "5");
	assert_rule(settings, "/a", "retries", "1");
	assert_rule(settings, "/a/**", "bodyLimit", "9");
	assert_rule(settings, "/a/**", "breaker", "null");
	assert_rule(settings, "/a/**", "limits",
		"[" LIMIT("rateLimit", "3", "60000", "address", "false") "]");
	/* Not from another route. */
	assert_rule(settings, "/a/b", "timeoutMs", "100");
	assert_rule(settings, "/a/b", "retries", "4");
	assert_general(settings, "timeoutMs", "100");
}

static void routes_must_be_right(void **state)
{
	assert_refused("routes: {path: '/a'}", "routes: must be a list");
	assert_refused("routes: ['/a']", "routes[0]: must be an object");
	assert_refused("routes: [{path: 1}]", "routes[0].path: must be a text");
	assert_refused("routes: [{path: '/a b'}]",
		"routes[0].path: must not hold blanks or control characters");
	assert_refused(
		"routes: [{path: '/a?b'}]", "routes[0].path: must not have a query or a fragment");
	assert_refused("routes: [{path: '/a/../b'}]",
		"routes[0].path: must not have \".\" or \"..\" as a segment");
	assert_refused("routes: [{path: '/%zz'}]",
		"routes[0].path: has a % that is not followed by two hexadecimal digits");
	assert_refused(
		"routes: [{path: '/a'}, {path: 'a/'}]", "routes[1]: has the path of routes[0]");
	assert_refused("routes: [{path: '/b'}, {path: '/'}, {path: '/api'}]",
		"routes[2]: has the path of routes[1]");
	assert_refused("routes: [{path: '/a', timeOut: 1}]",
		"routes[0].timeOut: is to be written timeout");
	assert_refused("routes: [{pathh: '/a'}]", "routes[0].pathh: is not known");
	assert_refused("routes: [{}, {path: '/a', rateLimit: {limit: 0}}]",
		"routes[1].rateLimit.limit: must be a whole number from 1 to 1000000000");
	assert_refused(
		"routes: [{authentication: 1}]", "routes[0].authentication: must be true or false");
	assert_refused("routes: [{open: ['/a']}]", "routes[0].open: must be true or false");
}

static void what_moleculer_says_of_actions_has_no_effect(void **state)
{
	static const char *const names[] = {"aliases", "autoAliases", "blacklist", "busboyConfig",
		"callOptions", "camelCaseNames", "cors", "debounceTime", "etag", "logging",
		"mappingPolicy", "mergeParams", "name", "onAfterCall", "onBeforeCall", "onError",
		"use", "whitelist"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct arena *a = arena_new(0);
		assert_warns(arena_printf(a, "routes: [{%s: ['x']}]", names[i]),
			arena_printf(a, "routes[0].%s: has no effect here", names[i]));
		arena_free(&a);
	}
	assert_no_warning("routes: [{path: '/x', authentication: true, authorization: 'check'}]");
}

static void patterns_are_short_enough(void **state)
{
	struct arena *a = arena_new(0);

	assert_general(arena_printf(a, "routes: [{path: '/%0251d'}]", 1), "id", "\"*\"");
	assert_refused(arena_printf(a, "routes: [{path: '/%0252d'}]", 1),
		"routes[0].path: must have at most 252 bytes");
	arena_free(&a);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void assert_action(const struct configured_action *action, const char *name,
	const char *method, const char *uri, const char *params, int64_t timeout_ms)
{
	assert_true(text_equal(action->name, text_of(name)));
	assert_true(text_equal(action->method, text_of(method)));
	assert_true(text_equal(action->uri, text_of(uri)));
	assert_true(text_equal(action->params, text_of(params)));
	assert_int_equal(action->timeout_ms, timeout_ms);
}

static void actions_are_listed(void **state)
{
	struct arena *a = arena_new(0);
	struct configuration c = configured(a,
		"actions: {list: {rest: 'get  /v1/list'}, 'a.b': {rest: '/x/:id', params: {id: "
		"{type: 'string', min: 1}, q: 'number|optional'}, timeout: 5},\nput: {rest: "
		"{method: "
		"'PUT', path: '/p'}}, all: {rest: {path: '/{a}'}}}");

	assert_int_equal(c.action_count, 4);
	assert_action(&c.actions[0], "list", "GET", "/v1/list", "{}", 0);
	assert_action(&c.actions[1], "a.b", "GET", "/x/:id",
		"{\"id\":{\"type\":\"string\",\"min\":1},\"q\":\"number|optional\"}", 5);
	assert_action(&c.actions[2], "put", "PUT", "/p", "{}", 0);
	assert_action(&c.actions[3], "all", "GET", "/{a}", "{}", 0);
	c = configured(a, "timeout: 7, actions: {a: {rest: '/a'}}");
	assert_action(&c.actions[0], "a", "GET", "/a", "{}", 7);
	arena_free(&a);
}

static void an_action_has_a_rule(void **state)
{
	static const char settings[] = "retries: 4, actions: {a: {rest: 'GET /a', timeout: 5, "
				       "rateLimit: {}, bodyLimit: 8}, "
				       "b: {rest: 'POST /b'}, c: {rest: '/c'}}";

	assert_order(settings, "POST /b /b, GET /a /a, /c /c, * **");
	assert_order(
		"actions: {a: {rest: '/a//b/'}, b: {rest: 'GET /'}}", "/a/b /a/b, GET / /, * **");
	assert_rule(settings, "/a", "methods", "[\"GET\",\"HEAD\"]");
	assert_rule(settings, "/b", "methods", "[\"POST\"]");
	assert_rule(settings, "/c", "methods", "[]");
	assert_rule(settings, "/a", "timeoutMs", "5");
	assert_rule(settings, "/a", "bodyLimit", "8");
	assert_rule(settings, "/a", "retries", "4");
	assert_rule(settings, "/a", "limits",
		"[" LIMIT("actions.a.rateLimit", "30", "60000", "address", "false") "]");
	assert_general(settings, "limits", "[]");
}

static void an_action_lies_in_a_route(void **state)
{
	static const char settings[] = "timeout: 1, routes: [{path: '/v1', timeout: 2, open: "
				       "true}, {path: '/v1/b', timeout: 3}]"
				       ", actions: {a: {rest: '/v1/a'}, b: {rest: '/v1/b'}, c: "
				       "{rest: '/v1/b/c'}, d: {rest: "
				       "'/v1b'}, e: {rest: '/v1/a/e', timeout: 4, open: false}}";

	assert_rule(settings, "/v1/a", "timeoutMs", "2");
	assert_rule(settings, "/v1/a", "open", "true");
	assert_rule(settings, "/v1/b", "timeoutMs", "3");
	assert_rule(settings, "/v1/b", "open", "false");
	assert_rule(settings, "/v1/b/c", "timeoutMs", "3");
	assert_rule(settings, "/v1b", "timeoutMs", "1");
	assert_rule(settings, "/v1/a/e", "timeoutMs", "4");
	assert_rule(settings, "/v1/a/e", "open", "false");
}

static void literal_actions_come_first(void **state)
{
	assert_order(
		"routes: [{path: '/users/list'}], actions: {any: {rest: '/*'}, one: {rest: 'GET "
		"/users/:id'}, all: {rest: '/users/list'}, get: {rest: 'GET /users/list'}, head: "
		"{rest: 'HEAD /users/list'}}",
		"HEAD /users/list /users/list, GET /users/list /users/list, /users/list "
		"/users/list, "
		"GET /users/* /users/*, /* /*, /users/list/** /users/list/**, /users/list/** "
		"/users/list, * **");
}

static void the_more_literal_of_patterns_comes_first(void **state)
{
	assert_order("actions: {any: {rest: '/:a/:b'}, list: {rest: '/:a/list'}}",
		"/*/list /*/list, /*/* /*/*, * **");
}

static void actions_must_be_right(void **state)
{
#define METHOD "the method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"
	assert_refused("actions: []", "actions: must be an object");
	assert_refused("actions: {a: 'GET /a'}", "actions.a: must be an object");
	assert_refused("actions: {a: {}}", "actions.a.rest: is required");
	assert_refused("actions: {a: {rest: null}}", "actions.a.rest: is required");
	assert_refused("actions: {a: {rest: ['GET /a']}}",
		"actions.a.rest: must be \"GET /path\", \"/path\" or {method, path}");
	assert_refused(
		"actions: {a: {rest: ''}}", "actions.a.rest: the path must begin with \"/\"");
	assert_refused(
		"actions: {a: {rest: 'GET'}}", "actions.a.rest: the path must begin with \"/\"");
	assert_refused(
		"actions: {a: {rest: 'GET a'}}", "actions.a.rest: the path must begin with \"/\"");
	assert_refused("actions: {a: {rest: 'REST /a'}}", "actions.a.rest: " METHOD);
	assert_refused(
		"actions: {a: {rest: {path: '/a', method: ''}}}", "actions.a.rest.method: " METHOD);
	assert_refused("actions: {a: {rest: {method: 'GET'}}}", "actions.a.rest.path: is required");
	assert_refused("actions: {a: {rest: {path: '/a', basePath: '/'}}}",
		"actions.a.rest.basePath: is not known");
	assert_refused("actions: {a: {rest: '/a?b=1'}}",
		"actions.a.rest: must not have a query or a fragment");
	assert_refused("actions: {a: {rest: 'GET /a b'}}",
		"actions.a.rest: must not hold blanks or control characters");
	assert_refused(
		"actions: {a: {rest: '/a', params: []}}", "actions.a.params: must be an object");
	assert_refused("actions: {a: {rest: '/a', param: {}}}", "actions.a.param: is not known");
	assert_refused("actions: {a: {rest: '/a', timeout: 0}}",
		"actions.a.timeout: must be a whole number from 1 to 3600000");
	assert_refused("actions: {'a/b': {rest: '/a'}}",
		"actions[\"a/b\"]: the name of an action must have 1 to 255 bytes and not hold "
		"\"/\" "
		"or control characters");
	assert_refused("actions: {'': {rest: '/a'}}", "actions[\"\"]: the name of an action must "
						      "have 1 to 255 bytes and not hold \"/\" or "
						      "control characters");
	assert_refused("actions: {a: {rest: '/a'}, A: {rest: '/b'}}",
		"actions.A: has the name of the action of line 1");
	assert_refused("actions: {a: {rest: 'GET /a/:x'}, b: {rest: 'get /a/{y}'}}",
		"actions.b: has method and path of the action of line 1");
	assert_warns("actions: {a: {rest: '/a', visibility: 'published'}}",
		"actions.a.visibility: has no effect here");
}

/* --- what is open ----------------------------------------------------------------------------- */

static void routes_and_actions_may_be_open(void **state)
{
	assert_order("open: true", "!* **");
	assert_order("open: false", "* **");
	assert_order(
		"open: true, routes: [{path: '/a', open: false}], actions: {x: {rest: '/x'}, y: "
		"{rest: '/y', open: false}}",
		"!/x /x, /y /y, /a/** /a/**, /a/** /a, !* **");
	assert_order(
		"routes: [{path: '/a', authentication: false}]", "!/a/** /a/**, !/a/** /a, * **");
	assert_order(
		"routes: [{path: '/a', authorization: false}]", "!/a/** /a/**, !/a/** /a, * **");
	assert_order("routes: [{path: '/a', authorization: false, authentication: true}]",
		"/a/** /a/**, /a/** /a, * **");
	assert_order("open: true, routes: [{path: '/a', authorization: true}]",
		"/a/** /a/**, /a/** /a, !* **");
	assert_order("routes: [{path: '/a', authorization: false, open: false}]",
		"/a/** /a/**, /a/** /a, * **");
	assert_order(
		"routes: [{authorization: false}, {path: '/a'}]", "!/a/** /a/**, !/a/** /a, !* **");
	assert_refused("open: 1", "open: must be a text or a list of texts");
}

static void open_paths_are_rules(void **state)
{
	assert_order(
		"open: ['/health', 'public/**']", "!/public/** /public/**, !/health /health, * **");
	assert_order("open: '/a/*/b'", "!/a/*/b /a/*/b, * **");
	assert_order("open: ['/a', '/a', '']", "!/a /a, * **");
	assert_order("open: ['/a', '/**']", "!/a /a, !* **");
	assert_order("open: '**'", "!* **");
	assert_rule("timeout: 1, routes: [{path: '/a', timeout: 2}], open: ['/a/b', '/c']", "/a/b",
		"timeoutMs", "2");
	assert_rule("timeout: 1, routes: [{path: '/a', timeout: 2}], open: ['/a/b', '/c']", "/c",
		"timeoutMs", "1");
	assert_refused("open: ['/a', '/b?']", "open[1]: must not have a query or a fragment");
}

static void what_lies_in_an_open_path_is_open(void **state)
{
	assert_order("open: ['/a/**'], actions: {x: {rest: 'GET /a/x'}, y: {rest: '/a/y', open: "
		     "false}, z: {rest: '/az'}, i: {rest: '/a/:id'}}",
		"!GET /a/x /a/x, /a/y /a/y, /az /az, !/a/* /a/*, !/a/** /a/**, * **");
	assert_order("open: ['/a/*'], actions: {x: {rest: '/a/x'}, y: {rest: '/a/x/y'}}",
		"/a/x/y /a/x/y, !/a/x /a/x, !/a/* /a/*, * **");
	assert_order("open: ['/a*/**'], actions: {x: {rest: '/a*/x*'}}",
		"!/a*/x* /a*/x*, !/a*/** /a*/**, * **");
	/* Not more than that. */
	assert_order(
		"open: ['/a/*', '/b*'], routes: [{path: '/a'}], actions: {i: {rest: '/b:x/:id'}}",
		"/b:x/* /b:x/*, !/a/* /a/*, /a/** /a/**, /a/** /a, !/b* /b*, * **");
	assert_order("open: ['/a/**'], routes: [{path: '/a'}, {path: '/a/b'}, {path: '/a/c', open: "
		     "false}]",
		"!/a/b/** /a/b/**, /a/c/** /a/c/**, !/a/b/** /a/b, /a/c/** /a/c, !/a/** /a/**, "
		"/a/** /a, * **");
	assert_order("open: ['/a'], routes: [{path: '/a'}]", "/a/** /a/**, !/a/** /a, * **");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_is_a_prefix),
		cmocka_unit_test(a_route_may_be_for_all_paths),
		cmocka_unit_test(what_a_route_does_not_say_it_has_from_the_settings),
		cmocka_unit_test(routes_must_be_right),
		cmocka_unit_test(what_moleculer_says_of_actions_has_no_effect),
		cmocka_unit_test(patterns_are_short_enough),
		cmocka_unit_test(actions_are_listed),
		cmocka_unit_test(an_action_has_a_rule),
		cmocka_unit_test(an_action_lies_in_a_route),
		cmocka_unit_test(literal_actions_come_first),
		cmocka_unit_test(the_more_literal_of_patterns_comes_first),
		cmocka_unit_test(actions_must_be_right),
		cmocka_unit_test(routes_and_actions_may_be_open),
		cmocka_unit_test(open_paths_are_rules),
		cmocka_unit_test(what_lies_in_an_open_path_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
