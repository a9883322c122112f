/* What a request's headers must be, and who may speak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/front.h"

static struct arena *arena;
static struct front_headers headers;
static const char *const hosts[] = {"junction.example", "Other.example:8443", NULL};
static const char *const origins[] = {"https://console.example", NULL};
static const struct front_policy policy = {hosts, origins, 1000};

static int open_headers(void **state)
{
	(void)state;
	arena = arena_new(0);
	headers = (struct front_headers){0};
	return 0;
}

static int close_headers(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void add(const char *name, const char *value)
{
	front_add_header(&headers, arena, text_of(name), text_of(value));
}

static int check_at(const char *local)
{
	const char *reason;
	int http = front_check(&policy, &headers, text_of(local), &reason);
	assert_int_equal(http != 0, reason != NULL);
	headers = (struct front_headers){0};
	return http;
}

static int check(void)
{
	return check_at("127.0.0.1");
}

static int check_host(const char *host)
{
	add("Host", host);
	return check();
}

static int check_with(const char *name, const char *value)
{
	add("Host", "localhost:3000");
	add(name, value);
	return check();
}

static void one_host_is_needed(void **state)
{
	(void)state;
	assert_int_equal(check(), 400);
	add("Host", "localhost");
	assert_int_equal(check_host("localhost"), 400);
	assert_int_equal(check_host(""), 400);
	assert_int_equal(check_host("localhost:"), 400);
	assert_int_equal(check_host("localhost:x"), 400);
	assert_int_equal(check_host("localhost:65536"), 400);
	assert_int_equal(check_host("a b"), 400);
	assert_int_equal(check_host("user@localhost"), 400);
	assert_int_equal(check_host("[::1"), 400);
	assert_int_equal(check_host("localhost"), 0);
}

static void loopback_hosts_may_be_asked_for(void **state)
{
	(void)state;
	assert_int_equal(check_host("LOCALHOST:3000"), 0);
	assert_int_equal(check_host("demo.localhost"), 0);
	assert_int_equal(check_host("127.0.0.1:1"), 0);
	assert_int_equal(check_host("127.9.9.9"), 0);
	assert_int_equal(check_host("[::1]:3000"), 0);
	assert_int_equal(check_host("[0:0:0:0:0:0:0:1]"), 0);
}

static void hosts_that_only_look_like_loopback_are_misdirected(void **state)
{
	(void)state;
	assert_int_equal(check_host("evil.example"), 421);
	assert_int_equal(check_host("localhost.evil.example"), 421);
	assert_int_equal(check_host("notlocalhost"), 421);
	assert_int_equal(check_host(".localhost"), 421);
	assert_int_equal(check_host("127.0.0.1.evil.example"), 421);
	assert_int_equal(check_host("127.1"), 421);
	assert_int_equal(check_host("0.0.0.0"), 421);
	assert_int_equal(check_host("10.0.0.1"), 421);
	assert_int_equal(check_host("[::]"), 421);
	assert_int_equal(check_host("[::ffff:10.0.0.1]"), 421);
}

static void the_address_that_the_connection_came_to_may_be_asked_for(void **state)
{
	(void)state;
	add("Host", "10.0.0.1:80");
	assert_int_equal(check_at("10.0.0.1"), 0);
	add("Host", "10.0.0.2");
	assert_int_equal(check_at("10.0.0.1"), 421);
	add("Host", "[2001:DB8:0::1]");
	assert_int_equal(check_at("2001:db8::1"), 0);
}

static void configured_hosts_may_be_asked_for(void **state)
{
	(void)state;
	assert_int_equal(check_host("Junction.example:99"), 0);
	assert_int_equal(check_host("other.example:8443"), 0);
	assert_int_equal(check_host("other.example"), 421);
	assert_int_equal(check_host("a.junction.example"), 421);
}

static void a_page_of_our_own_may_speak(void **state)
{
	(void)state;
	assert_int_equal(check_with("Origin", "http://localhost:3000"), 0);
	assert_int_equal(check_with("Origin", "HTTP://LocalHost:3000"), 0);
	assert_int_equal(check_with("Sec-Fetch-Site", "same-origin"), 0);
	assert_int_equal(check_with("Sec-Fetch-Site", "none"), 0);
	add("Origin", "http://localhost");
	assert_int_equal(check_host("localhost:80"), 0);
}

static void a_page_of_another_origin_may_not(void **state)
{
	(void)state;
	assert_int_equal(check_with("Origin", "http://evil.example"), 403);
	assert_int_equal(check_with("Origin", "https://localhost:3000"), 403);
	assert_int_equal(check_with("Origin", "http://localhost:3001"), 403);
	assert_int_equal(check_with("Origin", "http://localhost"), 403);
	assert_int_equal(check_with("Origin", "http://127.0.0.1:3000"), 403);
	assert_int_equal(check_with("Origin", "null"), 403);
	assert_int_equal(check_with("Origin", ""), 403);
	assert_int_equal(check_with("Sec-Fetch-Site", "cross-site"), 403);
	assert_int_equal(check_with("Sec-Fetch-Site", "same-site"), 403);
	add("Origin", "http://localhost:3000");
	assert_int_equal(check_with("Origin", "http://localhost:3000"), 403);
	add("Origin", "http://localhost:3000");
	assert_int_equal(check_with("Sec-Fetch-Site", "cross-site"), 403);
}

static void a_page_of_a_configured_origin_may_speak(void **state)
{
	(void)state;
	add("Sec-Fetch-Site", "cross-site");
	assert_int_equal(check_with("Origin", "https://console.example"), 0);
	assert_int_equal(check_with("Origin", "http://console.example"), 403);
}

static void a_request_whose_end_is_in_doubt_is_refused(void **state)
{
	(void)state;
	add("Content-Length", "5");
	assert_int_equal(check_with("content-length", "5"), 400);
	add("Content-Length", "5");
	assert_int_equal(check_with("Transfer-Encoding", "chunked"), 400);
	add("Transfer-Encoding", "chunked");
	assert_int_equal(check_with("Transfer-Encoding", "chunked"), 400);
	assert_int_equal(check_with("Transfer-Encoding", "gzip, chunked"), 400);
	assert_int_equal(check_with("Transfer-Encoding", "xchunked"), 400);
	assert_int_equal(check_with("Transfer-Encoding", ""), 400);
	assert_int_equal(check_with("Content-Length", "-5"), 400);
	assert_int_equal(check_with("Content-Length", "99999999999999999999"), 400);
	assert_int_equal(check_with("Content-Length", "5, 5"), 400);
	assert_int_equal(check_with("Content-Length ", "5"), 400);
	assert_int_equal(check_with("Transfer-Encodingchunked", ""), 400);
	assert_int_equal(check_with("Transfer-Encoding", "CHUNKED"), 0);
	assert_int_equal(check_with("Content-Length", "5"), 0);
}

static void a_target_with_a_host_has_the_same_as_the_header(void **state)
{
	(void)state;
	headers.authority = TEXT("LOCALHOST:3000");
	assert_int_equal(check_host("localhost:3000"), 0);
	headers.authority = TEXT("localhost");
	assert_int_equal(check_host("localhost:3000"), 400);
	headers.authority = TEXT("evil.example");
	assert_int_equal(check_host("localhost"), 400);
	headers.authority = TEXT("evil.example");
	assert_int_equal(check_host("evil.example"), 421);
}

static void http_1_0_has_no_chunks(void **state)
{
	(void)state;
	headers.is_http10 = true;
	assert_int_equal(check_with("Transfer-Encoding", "chunked"), 400);
	headers.is_http10 = true;
	assert_int_equal(check_with("Content-Length", "5"), 0);
}

static void only_100_continue_can_be_expected(void **state)
{
	(void)state;
	assert_int_equal(check_with("Expect", "100-Continue"), 0);
	assert_int_equal(check_with("Expect", "100-continue, more"), 417);
	assert_int_equal(check_with("Expect", ""), 417);
	add("Expect", "200-ok");
	assert_int_equal(check_with("Expect", "100-continue"), 417);
	add("Expect", "200-ok");
	assert_int_equal(check_with("Origin", "http://evil.example"), 403);
}

static void targets_and_headers_have_their_limits(void **state)
{
	char value[FRONT_HEADER_MAX];
	(void)state;
	headers.target_size = FRONT_TARGET_MAX;
	assert_int_equal(check_host("localhost"), 0);
	headers.target_size = FRONT_TARGET_MAX + 1;
	assert_int_equal(check_host("localhost"), 414);
	memset(value, 'a', sizeof(value));
	value[FRONT_HEADER_MAX - strlen("Hostlocalhost:3000"
					"X")] = '\0';
	assert_int_equal(check_with("X", value), 0);
	assert_int_equal(check_with("XX", value), 431);
	for (int i = 1; i < FRONT_HEADERS_MAX; i++)
		add("a", "b");
	assert_int_equal(check_host("localhost"), 0);
	for (int i = 0; i < FRONT_HEADERS_MAX; i++)
		add("a", "b");
	assert_int_equal(check_host("localhost"), 431);
}

static const char *allowed(const struct front_cors *cors, const char *name)
{
	for (size_t i = 0; i < FRONT_CORS_COUNT; i++)
		if (!strcmp(front_cors_names[i], name))
			return cors->values[i];
	fail_msg("no header %s", name);
	return NULL;
}

/* What a reply says to the page of origin that asked with these; methods of OPTIONS. */
static struct front_cors tell(const char *origin, const char *asked, const char *methods)
{
	const char *reason;
	struct front_cors cors = {0};
	add("Host", "localhost");
	if (origin)
		add("Origin", origin);
	if (asked) {
		add("Access-Control-Request-Method", "POST");
		add("Access-Control-Request-Headers", asked);
	}
	front_check(&policy, &headers, TEXT("127.0.0.1"), &reason);
	front_allow_page(&policy, &headers, arena, methods, &cors);
	headers = (struct front_headers){0};
	return cors;
}

static void pages_of_configured_origins_may_read(void **state)
{
	(void)state;
	struct front_cors cors = tell("https://console.example", NULL, NULL);
	assert_string_equal(
		allowed(&cors, "Access-Control-Allow-Origin"), "https://console.example");
	assert_string_equal(allowed(&cors, "Vary"), "Origin");
	assert_non_null(strstr(allowed(&cors, "Access-Control-Expose-Headers"), "X-Request-ID"));
	assert_null(allowed(&cors, "Access-Control-Allow-Methods"));
	assert_null(allowed(&cors, "Access-Control-Max-Age"));
}

static void other_pages_are_told_nothing(void **state)
{
	static const char *const others[] = {
		NULL, "http://localhost", "http://evil.example", "null"};
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct front_cors cors = tell(others[i], "x", "GET");
		assert_string_equal(allowed(&cors, "Vary"), "Origin");
		for (size_t k = 1; k < FRONT_CORS_COUNT; k++)
			assert_null(cors.values[k]);
	}
}

static void a_preflight_is_told_what_it_may_send(void **state)
{
	(void)state;
	struct front_cors cors = tell("https://console.example", "content-type, x-a", "GET, POST");
	assert_string_equal(
		allowed(&cors, "Access-Control-Allow-Origin"), "https://console.example");
	assert_string_equal(allowed(&cors, "Access-Control-Allow-Methods"), "GET, POST");
	assert_string_equal(allowed(&cors, "Access-Control-Allow-Headers"), "content-type, x-a");
	assert_string_equal(allowed(&cors, "Access-Control-Max-Age"), "600");
	assert_null(allowed(&cors, "Access-Control-Expose-Headers"));
	cors = tell("https://console.example", "a: b", "GET");
	assert_null(allowed(&cors, "Access-Control-Allow-Headers"));
	cors = tell("https://console.example", NULL, "GET");
	assert_null(allowed(&cors, "Access-Control-Allow-Methods"));
}

static void metadata_that_cannot_be_sent_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check_with("X-Namespace", "\xc3\xa9"), 400);
	assert_int_equal(check_with("X-Anything", "\xc3\xa9"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_headers, close_headers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_host_is_needed),
		TEST(loopback_hosts_may_be_asked_for),
		TEST(hosts_that_only_look_like_loopback_are_misdirected),
		TEST(the_address_that_the_connection_came_to_may_be_asked_for),
		TEST(configured_hosts_may_be_asked_for),
		TEST(a_page_of_our_own_may_speak),
		TEST(a_page_of_another_origin_may_not),
		TEST(a_page_of_a_configured_origin_may_speak),
		TEST(a_request_whose_end_is_in_doubt_is_refused),
		TEST(a_target_with_a_host_has_the_same_as_the_header),
		TEST(http_1_0_has_no_chunks),
		TEST(only_100_continue_can_be_expected),
		TEST(targets_and_headers_have_their_limits),
		TEST(pages_of_configured_origins_may_read),
		TEST(other_pages_are_told_nothing),
		TEST(a_preflight_is_told_what_it_may_send),
		TEST(metadata_that_cannot_be_sent_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
