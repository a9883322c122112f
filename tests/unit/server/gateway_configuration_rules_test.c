/* What is said of how requests are carried, as rules. */
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/gateway_rules.h"

/* --- what a rule says ------------------------------------------------------------------------- */

static void times_and_retries(void **state)
{
	assert_general("timeout: 100", "timeoutMs", "100");
	assert_general("connectTimeout: 2 * 1000", "connectTimeoutMs", "2000");
	assert_general("idleTimeout: 1", "idleTimeoutMs", "1");
	assert_general("retries: 0", "retries", "0");
	assert_general("retries: 5", "retries", "5");
	assert_refused("timeout: 0", "timeout: must be a whole number from 1 to 3600000");
	assert_refused("timeout: 1.5", "timeout: must be a whole number from 1 to 3600000");
	assert_refused("timeout: '5s'", "timeout: must be a whole number from 1 to 3600000");
	assert_refused("connectTimeout: 3600001",
		"connectTimeout: must be a whole number from 1 to 3600000");
	assert_refused("idleTimeout: 0", "idleTimeout: must be a whole number from 1 to 86400000");
	assert_refused("retries: 6", "retries: must be a whole number from 0 to 5");
	assert_refused("retries: -1", "retries: must be a whole number from 0 to 5");
}

static void pages_are_believed_if_it_is_said(void **state)
{
	assert_general("timeout: 1", "pages", "false");
	assert_general("pages: true", "pages", "true");
	assert_rule("pages: true, routes: [{path: '/a', pages: false}]", "/a", "pages", "false");
	assert_refused("pages: 1", "pages: must be true or false");
}

static void nodes_are_chosen(void **state)
{
#define BALANCE                                                                                    \
	"balance: must be \"roundRobin\", \"weighted\", \"leastOutstanding\" or {hash: "           \
	"\"HEADER\"}"
	assert_general("balance: 'roundRobin'", "balance", "\"roundRobin\"");
	assert_general("balance: 'RoundRobin'", "balance", "\"roundRobin\"");
	assert_general("balance: 'weighted'", "balance", "\"roundRobin\"");
	assert_general("balance: 'leastOutstanding'", "balance", "\"leastOutstanding\"");
	assert_general("balance: {hash: 'X-User'}", "balance", "\"hash\"");
	assert_general("balance: {hash: 'X-User'}", "hashHeader", "\"X-User\"");
	assert_rule("balance: {hash: 'X-User'}, routes: [{path: '/a', balance: 'weighted'}]", "/a",
		"hashHeader", "\"\"");
	assert_refused("balance: 'random'", BALANCE);
	assert_refused("balance: {}", BALANCE);
	assert_refused("balance: {hash: null}", BALANCE);
	assert_refused("balance: {Hash: 'x'}", "balance.Hash: is to be written hash");
	assert_refused("balance: {header: 'x'}", "balance.header: is not known");
	assert_refused("balance: {hash: 'a b'}",
		"balance.hash: must be the name of a header, of at most 64 letters, digits, \"-\" "
		"and \"_\"");
}

static void bodies_are_bounded(void **state)
{
#define BYTES ": must be bytes such as \"2MB\", \"500kb\" or 1000, from "
	assert_general("bodyLimit: '2MB'", "bodyLimit", "2097152");
	assert_general("bodyLimit: '500kb'", "bodyLimit", "512000");
	assert_general("bodyLimit: ' 1.5 Gb '", "bodyLimit", "1610612736");
	assert_general("bodyLimit: '0.0005kb'", "bodyLimit", "0");
	assert_general("bodyLimit: '1000'", "bodyLimit", "1000");
	assert_general("bodyLimit: '7b'", "bodyLimit", "7");
	assert_general("bodyLimit: '1PB'", "bodyLimit", "1125899906842624");
	assert_general("bodyLimit: 1000", "bodyLimit", "1000");
	assert_general("bodyLimit: 0", "bodyLimit", "0");
	assert_general("bodyLimit: false", "bodyLimit", "0");
	static const char *const refused[] = {"'2 apples'", "'MB'", "''", "'1.MB'", "'.5MB'",
		"'1.2.3'", "'-1'", "-1", "1.5", "'1.1PB'", "'9999999999999999999'", "'1TBx'",
		"true", "[]"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct arena *a = arena_new(0);
		assert_refused(arena_printf(a, "bodyLimit: %s", refused[i]),
			"bodyLimit" BYTES "0 to 1125899906842624");
		arena_free(&a);
	}
}

static void body_parsers_bound_bodies(void **state)
{
	assert_general("bodyParsers: {json: {limit: '2MB'}, urlencoded: {limit: '3MB', "
		       "extended: true}}",
		"bodyLimit", "3145728");
	assert_general("bodyParsers: {json: true}", "bodyLimit", "102400");
	assert_general("bodyParsers: {json: {strict: false}}", "bodyLimit", "102400");
	assert_general("bodyParsers: {json: true, text: {limit: 10}}", "bodyLimit", "102400");
	assert_general("bodyParsers: {json: false, raw: {limit: 10}}", "bodyLimit", "10");
	assert_general("bodyParsers: true", "bodyLimit", "102400");
	assert_general("bodyParsers: false", "bodyLimit", "1048576");
	assert_general("bodyParsers: {json: false}", "bodyLimit", "1048576");
	assert_general("bodyParsers: {json: true}, bodyLimit: 5", "bodyLimit", "5");
	assert_general("bodyLimit: 5, bodyParsers: {json: true}", "bodyLimit", "5");
	assert_rule("bodyLimit: 5, routes: [{path: 'a', bodyParsers: {json: true}}]", "/a",
		"bodyLimit", "102400");
	assert_refused("bodyParsers: {xml: true}", "bodyParsers.xml: is not known");
	assert_refused("bodyParsers: {json: {limits: 1}}", "bodyParsers.json.limits: is not known");
	assert_refused("bodyParsers: {json: {limit: 0}}",
		"bodyParsers.json.limit" BYTES "1 to 1125899906842624");
	assert_refused("bodyParsers: {json: 1}", "bodyParsers.json: must be an object");
	assert_no_warning("bodyParsers: {urlencoded: {extended: true, inflate: true}}");
}

static void limits_are_read(void **state)
{
	assert_general("rateLimit: {}", "limits",
		"[" LIMIT("rateLimit", "30", "60000", "address", "false") "]");
	assert_general("rateLimit: {window: 1, limit: 1000000000, key: 'caller', headers: true}",
		"limits", "[" LIMIT("rateLimit", "1000000000", "1", "caller", "true") "]");
	assert_general("rateLimit: [{key: 'application'}, {key: 'all', limit: 5}]", "limits",
		"[" LIMIT("rateLimit[0]", "30", "60000", "application", "false") "," LIMIT(
			"rateLimit[1]", "5", "60000", "all", "false") "]");
	assert_general("rateLimit: {key: null, window: null}", "limits",
		"[" LIMIT("rateLimit", "30", "60000", "address", "false") "]");
	assert_general("rateLimit: []", "limits", "[]");
	assert_rule(
		"rateLimit: {}, routes: [{path: '/a', rateLimit: false}]", "/a", "limits", "[]");
	assert_rule("rateLimit: {}, routes: [{path: '/a', rateLimit: null}]", "/a", "limits",
		"[" LIMIT("rateLimit", "30", "60000", "address", "false") "]");
	assert_rule(
		"rateLimit: {limit: 5, headers: true}, routes: [{path: '/a', rateLimit: {window: "
		"2}}]",
		"/a", "limits",
		"[" LIMIT("routes[0].rateLimit", "30", "2", "address", "false") "]");
	assert_refused("rateLimit: true", "rateLimit: must be an object");
	assert_refused("rateLimit: [true]", "rateLimit[0]: must be an object");
	assert_refused("rateLimit: {limit: 0}",
		"rateLimit.limit: must be a whole number from 1 to 1000000000");
	assert_refused("rateLimit: {window: 86400001}",
		"rateLimit.window: must be a whole number from 1 to 86400000");
	assert_refused("rateLimit: {headers: 1}", "rateLimit.headers: must be true or false");
	assert_refused("rateLimit: {key: 'user'}",
		"rateLimit.key: must be \"address\", \"caller\", \"application\" or \"all\"");
	assert_refused("rateLimit: {limits: 1}", "rateLimit.limits: is not known");
	assert_refused("rateLimit: {Limit: 1}", "rateLimit.Limit: is to be written limit");
	assert_warns(
		"rateLimit: {StoreFactory: 'x'}", "rateLimit.StoreFactory: has no effect here");
}

static void breakers_are_read(void **state)
{
	assert_general("breaker: false", "breaker", "null");
	assert_general("breaker: true", "breaker",
		"{\"percent\":50,\"volume\":20,\"windowMs\":10000,\"halfOpenMs\":5000,"
		"\"consecutive\":5}");
	assert_general("breaker: {percent: 1, volume: 2, window: 3000, halfOpen: 400, "
		       "consecutive: 6}",
		"breaker",
		"{\"percent\":1,\"volume\":2,\"windowMs\":3000,\"halfOpenMs\":400,"
		"\"consecutive\":6}");
	assert_general("breaker: {percent: 100}", "breaker",
		"{\"percent\":100,\"volume\":20,\"windowMs\":10000,\"halfOpenMs\":5000,"
		"\"consecutive\":5}");
	assert_refused("breaker: 'x'", "breaker: must be an object");
	assert_refused(
		"breaker: {percent: 0}", "breaker.percent: must be a whole number from 1 to 100");
	assert_refused(
		"breaker: {volume: 0}", "breaker.volume: must be a whole number from 1 to 1000000");
	assert_refused("breaker: {window: 999}",
		"breaker.window: must be a whole number from 1000 to 3600000");
	assert_refused("breaker: {halfOpen: 99}",
		"breaker.halfOpen: must be a whole number from 100 to 3600000");
	assert_refused("breaker: {consecutive: 0}",
		"breaker.consecutive: must be a whole number from 1 to 1000000");
	assert_refused("breaker: {threshold: 0.5}", "breaker.threshold: is not known");
}

/* --- caches ----------------------------------------------------------------------------------- */

#define CACHE(ttl, keys, shared, most, clean)                                                      \
	"{\"ttlMs\":" ttl ",\"keys\":[" keys "],\"shared\":" shared ",\"most\":" most              \
	",\"clean\":[" clean "\"cache.clean.demo\"]}"
#define ACTION(cache) "actions: {x: {rest: 'GET /x', cache: " cache "}}"

static void caches_are_read(void **state)
{
	assert_rule(ACTION("true"), "/x", "cache", CACHE("30000", "", "false", "1048576", ""));
	assert_rule(ACTION("{}"), "/x", "cache", CACHE("30000", "", "false", "1048576", ""));
	assert_rule(ACTION("{keys: ['a', '@X-B', '#user', '#user.id'], ttl: 5, shared: true, "
			   "clean: ['user.*'], most: '2kb'}"),
		"/x", "cache",
		CACHE("5000", "\"a\",\"@X-B\",\"#user\",\"#user\"", "true", "2048", "\"user.*\","));
	assert_rule(ACTION("{keys: 'a', clean: 'cache.clean.demo'}"), "/x", "cache",
		CACHE("30000", "\"a\"", "false", "1048576", ""));
	assert_rule(ACTION("false"), "/x", "cache", "null");
	assert_rule(ACTION("false") ", cache: true", "/x", "cache", "null");
	assert_rule(ACTION("{enabled: false}"), "/x", "cache", "null");
	assert_rule(ACTION("{enabled: true, ttl: 0.001}"), "/x", "cache",
		CACHE("1", "", "false", "1048576", ""));
	assert_rule("routes: [{path: '/a', cache: {ttl: 1}}]", "/a/**", "cache",
		CACHE("1000", "", "false", "1048576", ""));
	assert_general("cache: {ttl: 1}", "cache", CACHE("1000", "", "false", "1048576", ""));
}

static void a_cacher_says_how_long(void **state)
{
	static const char *const off[] = {"cacher: {options: {ttl: 0}}, " ACTION("true"),
		"cacher: {type: 'Memory', options: {ttl: null}}, " ACTION("true"),
		"cacher: false, " ACTION("{ttl: 5}"), ACTION("{ttl: 0}") ", cacher: true",
		ACTION("{ttl: null}")};

	for (size_t i = 0; i < sizeof off / sizeof *off; i++)
		assert_rule(off[i], "/x", "cache", "null");
	assert_rule(ACTION("true") ", cacher: {options: {ttl: 1.5}}", "/x", "cache",
		CACHE("1500", "", "false", "1048576", ""));
	assert_rule("cacher: {options: {ttl: 0}}, " ACTION("{ttl: 2}"), "/x", "cache",
		CACHE("2000", "", "false", "1048576", ""));
	assert_rule("cacher: 'memory', " ACTION("true"), "/x", "cache",
		CACHE("30000", "", "false", "1048576", ""));
	assert_no_warning("cacher: {type: 'MemoryLRU', options: {prefix: 'x', monitor: true, "
			  "clone: true, redis: {any: 1}}}");
	assert_warns(
		"cacher: 'Redis'", "cacher: answers are kept in memory: Redis cannot be used yet");
	assert_warns("cacher: {options: {max: 5}}", "cacher.options.max: has no effect here");
}

static void caches_must_be_right(void **state)
{
#define SECONDS ": must be seconds from 0 to 31536000, with at most three decimal places"
	assert_refused(ACTION("1"), "actions.x.cache: must be an object");
	assert_refused(ACTION("{ttl: -1}"), "actions.x.cache.ttl" SECONDS);
	assert_refused(ACTION("{ttl: 0.0005}"), "actions.x.cache.ttl" SECONDS);
	assert_refused(ACTION("{ttl: 31536001}"), "actions.x.cache.ttl" SECONDS);
	assert_refused(ACTION("{ttl: '5'}"), "actions.x.cache.ttl" SECONDS);
	assert_refused(ACTION("{ttl: 1e3}"), "actions.x.cache.ttl" SECONDS);
	assert_refused(ACTION("{ttl: true}"), "actions.x.cache.ttl" SECONDS);
	assert_refused("cacher: {options: {ttl: {}}}", "cacher.options.ttl" SECONDS);
	assert_refused(ACTION("{keys: ['a', '#tenant']}"),
		"actions.x.cache.keys[1]: must be \"#user\": nothing else is known of a caller");
	assert_refused(ACTION("{keys: ['@']}"),
		"actions.x.cache.keys[0]: must have the name of a header behind \"@\"");
	assert_refused(ACTION("{keys: ['a\\nb']}"),
		"actions.x.cache.keys[0]: must have at most 255 bytes and no control characters");
	assert_refused(ACTION("{clean: ['a b']}"),
		"actions.x.cache.clean[0]: must not hold white space or control characters");
	assert_refused(ACTION("{most: 0}"), "actions.x.cache.most" BYTES "1 to 1073741824");
	assert_refused(ACTION("{shared: 1}"), "actions.x.cache.shared: must be true or false");
	assert_refused(ACTION("{key: 1}"), "actions.x.cache.key: is not known");
	assert_refused("cacher: {type: 'Disk'}", "cacher.type: must be \"Memory\" or \"Redis\"");
	assert_refused("cacher: {type: 1}", "cacher.type: must be a text");
	assert_refused("cacher: 1", "cacher: must be an object");
	assert_refused("cacher: {option: {}}", "cacher.option: is not known");
	assert_refused("cacher: {options: {tll: 1}}", "cacher.options.tll: is not known");
	assert_warns(ACTION("{lock: true}"), "actions.x.cache.lock: has no effect here");
	assert_warns("actions: {x: {rest: 'POST /x', cache: true}}",
		"actions.x.cache: has no effect: only answers to GET are kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_retries),
		cmocka_unit_test(pages_are_believed_if_it_is_said),
		cmocka_unit_test(nodes_are_chosen),
		cmocka_unit_test(bodies_are_bounded),
		cmocka_unit_test(body_parsers_bound_bodies),
		cmocka_unit_test(limits_are_read),
		cmocka_unit_test(breakers_are_read),
		cmocka_unit_test(caches_are_read),
		cmocka_unit_test(a_cacher_says_how_long),
		cmocka_unit_test(caches_must_be_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
