/* What of a request's header goes on, which paths do not, and by which address a client counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "bridge/gateway/gateway.h"
#include "bridge/gateway/head.h"

static struct arena *arena;
static struct rpc *rpc;
static struct gateway *gateway;

static int open_all(void **state)
{
	static const char *trusted[] = {"10.0.0.0/8", "2001:db8::/32", "192.0.2.1", NULL};
	static const struct option_list list = {.items = trusted, .count = 3};
	(void)state;
	arena = arena_new(0);
	rpc = rpc_new(&(struct rpc_options){.target = "127.0.0.1:1", .threads = 1});
	gateway = gateway_new(&(struct gateway_options){.path = "api",
		.rpc = rpc,
		.trusted = &list,
		.cache_bytes = 1 << 20,
		.limit_keys = 100,
		.routes = 10});
	assert_non_null(gateway);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	rpc_stop(rpc);
	rpc_free(&rpc);
	gateway_free(&gateway);
	arena_free(&arena);
	return 0;
}

/* --- who is counted ------------------------------------------------------------------------- */

/* forwarded: values of X-Forwarded-For, in the order in which they were sent. */
static void assert_client(
	const char *peer, const char *first, const char *second, const char *client)
{
	struct request_header one = {NULL, TEXT("X-Forwarded-For"), text_of(first)};
	struct request_header two = {&one, TEXT("x-forwarded-for"), text_of(second)};
	struct text found = head_client(arena, gateway, text_of(peer),
		second  ? &two
		: first ? &one
			: NULL);
	assert_int_equal(found.size, strlen(client));
	assert_memory_equal(found.data, client, found.size);
}

static void a_client_is_who_connects(void **state)
{
	(void)state;
	assert_client("198.51.100.7:4711", NULL, NULL, "198.51.100.7");
	assert_client("198.51.100.7:4711", "203.0.113.1", NULL, "198.51.100.7");
	assert_client("[2001:db9:1:2:3:4:5:6]:80", NULL, NULL, "2001:db9:1:2::/64");
	assert_client("[::ffff:198.51.100.7]:80", NULL, NULL, "::ffff:198.51.100.7");
}

static void a_trusted_proxy_says_who_connects(void **state)
{
	(void)state;
	assert_client("10.1.2.3:1", "203.0.113.1", NULL, "203.0.113.1");
	assert_client("10.1.2.3:1", "203.0.113.9, 203.0.113.1", NULL, "203.0.113.1");
	assert_client("10.1.2.3:1", "203.0.113.9, 203.0.113.1, 10.9.9.9", NULL, "203.0.113.1");
	assert_client("10.1.2.3:1", "203.0.113.9", "203.0.113.1,192.0.2.1", "203.0.113.1");
	assert_client("192.0.2.1:1", "2001:db9::1", NULL, "2001:db9::/64");
	assert_client("192.0.2.2:1", "203.0.113.1", NULL, "192.0.2.2");
	assert_client("[2001:db8::7]:1", "203.0.113.1", NULL, "203.0.113.1");
}

static void what_is_no_address_is_not_believed(void **state)
{
	(void)state;
	assert_client("10.1.2.3:1", "unknown", NULL, "10.1.2.3");
	assert_client("10.1.2.3:1", "203.0.113.1, _hidden", NULL, "10.1.2.3");
	assert_client("10.1.2.3:1", "", NULL, "10.1.2.3");
	assert_client("10.1.2.3:1", "203.0.113.1, , 10.0.0.1", NULL, "10.0.0.1");
}

/* --- paths ---------------------------------------------------------------------------------- */

static void dots_are_refused_however_they_are_encoded(void **state)
{
	static const char *const paths[] = {"/..", "/a/../b", "/.", "/%2e%2E/x", "/a/.%2e",
		"/a%2f..", "/..%2fa", "/a%5c..%5cb", "/a\\..\\b", "/%2e", "/a%00", "/a%zz", "/a%2"};
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_non_null(head_check_path(arena, text_of(paths[i])));
}

static void other_paths_are_not(void **state)
{
	static const char *const paths[] = {"/", "", "/a//b", "/...", "/a..b/.c", "/%2e%2e%2e",
		"/%252e%252e", "/a%2Fb", "/\xe6\x95\xb0", "/a;b=c"};
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		assert_null(head_check_path(arena, text_of(paths[i])));
}

static void control_characters_do_not_go_on(void **state)
{
	const struct request_header good = {NULL, TEXT("A"), TEXT("tab\tand caf\xe9")};
	const struct request_header bad = {&good, TEXT("B"), TEXT("a\rb")};
	const struct request_header behind = {&bad, TEXT("C"), TEXT("c")};
	(void)state;
	assert_null(head_check(&good));
	assert_non_null(head_check(&bad));
	assert_non_null(head_check(&behind));
}

/* --- the whole ------------------------------------------------------------------------------ */

static void a_head_is_complete(void **state)
{
	const struct request_header cookie = {NULL, TEXT("Cookie"), TEXT("a=b")};
	const struct request_header secret = {&cookie, TEXT("Authorization"), TEXT("Bearer x")};
	const struct trace trace = {.id = TEXT("0af7651916cd43dd8448eb211c80319c"),
		.flags = TEXT("01"),
		.state = TEXT("v=1"),
		.request_id = TEXT("r1")};
	const struct endpoint node = {.host = "::1", .port = 8080};
	struct head_request r = {
		.verb = TEXT("POST"),
		.path = TEXT("/x"),
		.query = TEXT(""),
		.has_query = true,
		.sent = &secret,
		.host = TEXT("junction.example"),
		.peer = TEXT("198.51.100.7:4711"),
		.tls = true,
		.identity = "a.b.c",
		.trace = &trace,
		.hops = 1,
		.has_body = true,
		.length = 3,
	};
	const char *wanted[] = {"POST /base/x? HTTP/1.1\r\nHost: [::1]:8080\r\nCookie: a=b\r\n",
		"\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n"
		"X-Forwarded-Host: junction.example\r\nVia: 1.1 junction\r\n",
		"\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-",
		"\r\ntracestate: v=1\r\nX-Request-ID: r1\r\nJunction-Hops: 2\r\n"
		"Junction-Identity: a.b.c\r\nContent-Length: 3\r\n\r\n"};
	(void)state;
	char *head = arena_string(arena, head_make(arena, &r, &node, "/base"));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		assert_non_null(strstr(head, wanted[i]));
	assert_null(strstr(head, "Bearer"));
	r.open = true;
	head = arena_string(arena, head_make(arena, &r, &node, ""));
	assert_non_null(strstr(head, "\r\nAuthorization: Bearer x\r\n"));
}

static void what_junction_says_cannot_be_sent_with_other_dashes(void **state)
{
	static const char *const names[] = {"Junction_Identity", "junction_hops", "X_Forwarded_For",
		"X-Forwarded_Host", "AUTHORIZATION", "Transfer_Encoding"};
	const struct trace trace = {.id = TEXT("0af7651916cd43dd8448eb211c80319c"),
		.flags = TEXT("01"),
		.request_id = TEXT("r1")};
	const struct endpoint node = {.host = "::1", .port = 8080};
	struct request_header sent = {NULL, TEXT(""), TEXT("forged")};
	struct head_request r = {
		.verb = TEXT("GET"),
		.path = TEXT("/x"),
		.sent = &sent,
		.host = TEXT("junction.example"),
		.peer = TEXT("198.51.100.7:4711"),
		.identity = "a.b.c",
		.trace = &trace,
	};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		sent.name = text_of(names[i]);
		assert_null(strstr(arena_string(arena, head_make(arena, &r, &node, "")), "forged"));
	}
	sent.name = TEXT("my_own_header_that_is_longer_than_any_of_ours");
	assert_non_null(strstr(arena_string(arena, head_make(arena, &r, &node, "")),
		"my_own_header_that_is_longer_than_any_of_ours: forged\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_who_connects),
		cmocka_unit_test(a_trusted_proxy_says_who_connects),
		cmocka_unit_test(what_is_no_address_is_not_believed),
		cmocka_unit_test(dots_are_refused_however_they_are_encoded),
		cmocka_unit_test(other_paths_are_not),
		cmocka_unit_test(control_characters_do_not_go_on),
		cmocka_unit_test(a_head_is_complete),
		cmocka_unit_test(what_junction_says_cannot_be_sent_with_other_dashes),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
