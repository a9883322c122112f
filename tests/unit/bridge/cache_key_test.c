/* Which requests share an answer, and which answers may be kept for how long. */
#include "bridge/gateway/cache_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bridge/gateway/cache.h"

static struct arena *arena;

static int open_arena(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	arena_free(&arena);
	return 0;
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* "Name: value\nName: value" */
static struct text find_header(const void *arg, struct text name)
{
	struct text all = text_of(arg);
	for (size_t at = 0, end; at < all.size; at = end + 1) {
		end = text_find(all, '\n', at);
		struct text line = text_from(text_until(all, end), at);
		size_t colon = text_find(line, ':', 0);
		if (text_equal_nocase(text_until(line, colon), name))
			return text_trim(text_from(line, colon + 1));
	}
	return (struct text){0};
}

static struct cache_request request(const char *query, const char *caller, const char *headers)
{
	return (struct cache_request){
		.method = TEXT("GET"),
		.path = TEXT("/v1/list"),
		.query = text_of(query),
		.caller = text_of(caller),
		.header = find_header,
		.arg = headers,
		.authorized = find_header(headers, TEXT("Authorization")).data != NULL,
	};
}

/* keys: separated by blanks. */
static Registry__RouteCache *rule(const char *keys, bool shared)
{
	Registry__RouteCache *r = ARENA_NEW(arena, Registry__RouteCache);
	struct text all = text_of(keys);
	registry__route_cache__init(r);
	r->ttl_ms = 60000;
	r->most = 1000;
	r->shared = shared;
	r->keys = arena_array(arena, all.size + 1, sizeof(*r->keys));
	for (size_t at = 0, end; at < all.size; at = end + 1) {
		end = text_find(all, ' ', at);
		r->keys[r->n_keys++] = arena_string(arena, text_from(text_until(all, end), at));
	}
	return r;
}

static struct text key(
	const Registry__RouteCache *r, const char *query, const char *caller, const char *headers)
{
	struct cache_request q = request(query, caller, headers);
	return cache_key(arena, r, &q);
}

static void assert_queries(const Registry__RouteCache *r, const char *a, const char *b, bool same)
{
	if (text_equal(key(r, a, "user:a", ""), key(r, b, "user:a", "")) != same)
		fail_msg("%s and %s %s", a, b, same ? "differ" : "are the same");
}

/* --- keys ------------------------------------------------------------------------------------- */

static void without_keys_the_whole_query_and_the_caller_count(void **state)
{
	const Registry__RouteCache *r = rule("", false);
	assert_queries(r, "a=1&b=2", "a=1&b=2", true);
	assert_queries(r, "a=1&b=2", "b=2&a=1", false);
	assert_queries(r, "a=1", "a=%31", false);
	assert_queries(r, "", "a", false);
	assert_true(text_equal(key(r, "a", "user:a", ""), key(r, "a", "user:a", "")));
	assert_false(text_equal(key(r, "a", "user:a", ""), key(r, "a", "user:b", "")));
	assert_false(text_equal(key(r, "a", "user:a", ""), key(r, "a", "", "")));
}

static void the_path_counts_as_sent(void **state)
{
	const Registry__RouteCache *r = rule("a", true);
	struct cache_request x = request("a=1", "", ""), y = x;
	y.path = TEXT("/v1/get");
	assert_false(text_equal(cache_key(arena, r, &x), cache_key(arena, r, &y)));
	y.path = x.path;
	y.method = TEXT("HEAD");
	assert_true(text_equal(cache_key(arena, r, &x), cache_key(arena, r, &y)));
}

static void parameters_of_the_keys_count_decoded_and_in_order(void **state)
{
	const Registry__RouteCache *r = rule("id page", false);
	assert_queries(r, "id=1&page=2", "page=2&id=1", true);
	assert_queries(r, "id=1&page=2", "id=1&page=2&other=3", true);
	assert_queries(r, "id=1", "id=%31", true);
	assert_queries(r, "id=a+b", "id=a%20b", true);
	assert_queries(r, "%69d=1", "id=1", true);
	assert_queries(r, "id=1", "id=2", false);
	assert_queries(r, "id=1", "ID=1", false);
	assert_queries(r, "id=1", "page=1", false);
	assert_queries(r, "id=1&id=2", "id=2&id=1", false);
	assert_queries(r, "id=1&id=2", "id=1", false);
	assert_queries(r, "id=1&id=2", "id=1,2", false);
	assert_queries(r, "id", "", false);
	assert_queries(r, "id", "id=", false);
	assert_queries(r, "id=", "", false);
	assert_queries(r, "idx=1", "idx=2", true);
	assert_queries(r, "&&id=1&", "id=1", true);
	assert_queries(r, "id=1=2", "id=1", false);
	assert_queries(r, "id=1%26page=2", "id=1&page=2", false);
}

static void lists_of_a_name_count(void **state)
{
	const Registry__RouteCache *r = rule("id", false);
	assert_queries(r, "id[]=1", "id[]=2", false);
	assert_queries(r, "id%5Ba%5D=1", "id[a]=1", true);
	assert_queries(r, "id%5Ba%5D=1", "id[b]=1", false);
}

static void what_cannot_be_decoded_is_as_it_was_sent(void **state)
{
	const Registry__RouteCache *r = rule("id", false);
	assert_queries(r, "id=%zz", "id=%zz", true);
	assert_queries(r, "id=%zz", "id=%25zz", false);
	assert_queries(r, "id=%ff", "id=%fe", false);
	assert_queries(r, "id=%00", "id=", false);
}

static void no_value_passes_for_two(void **state)
{
	const Registry__RouteCache *two = rule("a b", false), *headers = rule("@A @B", false);
	assert_queries(two, "a=d1%3A2%3Bd1%3Ab", "a=&b=", false);
	assert_queries(two, "a=1%3Bd1:b", "a=1&b", false);
	assert_queries(two, "a=1&b=2", "a=1d:bd:2", false);
	assert_queries(two, "a=1&b=2", "a=1d1:bd1:2", false);
	assert_queries(two, "a&a", "a=a", false);
	assert_queries(two, "a&b", "a=b", false);
	assert_queries(two, "a&b", "a=-b", false);
	assert_false(
		text_equal(key(headers, "", "", "A: 1;h1:2"), key(headers, "", "", "A: 1\nB: 2")));
	assert_false(text_equal(key(headers, "", "", "A: 1"), key(headers, "", "", "B: 1")));
	assert_false(text_equal(key(headers, "", "", "A:"), key(headers, "", "", "")));
	assert_false(text_equal(key(headers, "", "", "A: -"), key(headers, "", "", "")));
}

static void headers_of_the_keys_count(void **state)
{
	const Registry__RouteCache *r = rule("@accept-language", true);
	assert_true(text_equal(key(r, "a", "", "Accept-Language: de"),
		key(r, "b", "user:a", "accept-language: de\nX: 1")));
	assert_false(text_equal(
		key(r, "", "", "Accept-Language: de"), key(r, "", "", "Accept-Language: en")));
}

static void accept_encoding_always_counts(void **state)
{
	const Registry__RouteCache *r = rule("id", true);
	assert_false(text_equal(key(r, "", "", "Accept-Encoding: gzip"), key(r, "", "", "")));
	assert_true(text_equal(
		key(r, "", "", "Accept-Encoding: gzip"), key(r, "", "", "Accept-Encoding: gzip")));
}

static void callers_share_only_what_is_declared(void **state)
{
	static const struct {
		const char *keys;
		bool shared, same;
	} cases[] = {
		{"", false, false},
		{"", true, true},
		{"id", false, false},
		{"id", true, true},
		{"id #user", true, false},
		{"id #user.id", true, false},
		{"#tenant", true, false},
		{"#user", false, false},
		{"@user user", true, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const Registry__RouteCache *r = rule(cases[i].keys, cases[i].shared);
		assert_int_equal(
			text_equal(key(r, "id=1", "user:a", ""), key(r, "id=1", "user:b", "")),
			cases[i].same);
	}
}

/* --- what is looked for ----------------------------------------------------------------------- */

static bool takes(
	const Registry__RouteCache *r, const char *method, const char *caller, const char *headers)
{
	struct cache_request q = request("", caller, headers);
	q.method = text_of(method);
	return cache_takes(r, &q);
}

static void only_plain_get_and_head_are_looked_for(void **state)
{
	static const char *const refused[] = {"Range: bytes=0-1", "If-Range: \"x\"",
		"If-Match: \"x\"", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
		"Upgrade: websocket", "Cache-Control: no-cache", "Cache-Control: a, No-Store",
		"Cache-Control: max-age=0", "Pragma: no-cache"};
	static const char *const taken[] = {"", "Accept: */*", "If-None-Match: \"x\"",
		"Cache-Control: max-age=60", "Cache-Control: x=\"a, no-store, b\"",
		"Authorization: Bearer x", "Cookie: a=b"};
	const Registry__RouteCache *r = rule("", false);
	assert_true(takes(r, "GET", "user:a", ""));
	assert_true(takes(r, "HEAD", "user:a", ""));
	assert_false(takes(r, "POST", "user:a", ""));
	assert_false(takes(r, "get", "user:a", ""));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(takes(r, "GET", "user:a", refused[i]));
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		assert_true(takes(r, "GET", "user:a", taken[i]));
}

static void who_is_known_to_the_service_only_gets_nothing_kept(void **state)
{
	static const char *const shows[] = {"Authorization: Bearer x", "Cookie: a=b"};
	for (size_t i = 0; i < 2; i++) {
		assert_false(takes(rule("", false), "GET", "", shows[i]));
		assert_false(takes(rule("id #user", true), "GET", "", shows[i]));
		assert_true(takes(rule("id", true), "GET", "", shows[i]));
	}
	assert_true(takes(rule("", false), "GET", "", ""));
}

/* --- what is kept ----------------------------------------------------------------------------- */

struct answer {
	const char *headers; /* "Name: value\nName: value" */
	int64_t kept;
};

static int64_t keeps(const Registry__RouteCache *r, const struct cache_request *q, int status,
	const char *headers, int64_t length)
{
	struct cache_header list[8];
	struct text all = text_of(headers);
	size_t count = 0;
	for (size_t at = 0, end; at < all.size; at = end + 1) {
		end = text_find(all, '\n', at);
		struct text line = text_from(text_until(all, end), at);
		size_t colon = text_find(line, ':', 0);
		list[count++] = (struct cache_header){
			text_until(line, colon), text_trim(text_from(line, colon + 1))};
	}
	return cache_keeps(r, q, status, list, count, length);
}

static void assert_kept(const Registry__RouteCache *r, const char *caller, const char *sent,
	const struct answer *answers, size_t count)
{
	struct cache_request q = request("", caller, sent);
	for (size_t i = 0; i < count; i++)
		if (keeps(r, &q, 200, answers[i].headers, 10) != answers[i].kept)
			fail_msg("%s: %lld", answers[i].headers,
				(long long)keeps(r, &q, 200, answers[i].headers, 10));
}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void only_whole_answers_200_of_get_are_kept(void **state)
{
	static const int others[] = {201, 204, 206, 301, 304, 400, 404, 410, 500, 503};
	const Registry__RouteCache *r = rule("", false);
	struct cache_request q = request("", "user:a", "");
	assert_int_equal(keeps(r, &q, 200, "", 10), 60000);
	assert_int_equal(keeps(r, &q, 200, "", -1), 60000);
	assert_int_equal(keeps(r, &q, 200, "", 1000), 60000);
	assert_int_equal(keeps(r, &q, 200, "", 1001), 0);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(keeps(r, &q, others[i], "", 10), 0);
	q.method = TEXT("HEAD");
	assert_int_equal(keeps(r, &q, 200, "", 10), 0);
}

static void the_answer_says_for_how_long(void **state)
{
	static const struct answer answers[] = {
		{"Cache-Control: no-store", 0},
		{"Cache-Control: public, NO-CACHE", 0},
		{"Cache-Control: no-cache=\"Set-Cookie\"", 0},
		{"Cache-Control: max-age=60", 60000},
		{"Cache-Control: max-age=61", 60000},
		{"Cache-Control: max-age=59", 59000},
		{"Cache-Control: max-age=\"30\"", 30000},
		{"Cache-Control: max-age=0", 0},
		{"Cache-Control: max-age=", 0},
		{"Cache-Control: max-age", 0},
		{"Cache-Control: max-age=-1", 0},
		{"Cache-Control: max-age=1x", 0},
		{"Cache-Control: max-age=99999999999999999999999", 60000},
		{"Cache-Control: max-age=10, max-age=20", 10000},
		{"Cache-Control: max-age=20\nCache-Control: max-age=10", 10000},
		{"Cache-Control: max-age=10, s-maxage=20", 20000},
		{"Cache-Control: s-maxage=0, max-age=20", 0},
		{"Cache-Control: max-age=30\nAge: 10", 20000},
		{"Cache-Control: max-age=30\nAge: 30", 0},
		{"Cache-Control: max-age=30\nAge: 31", 0},
		{"Cache-Control: ,, ;", 60000},
		{"Cache-Control: x=\"\\\", no-store\", max-age=5", 5000},
		{"Expires: 0", 0},
		{"Expires: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT", 0},
		{"Expires: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:17 GMT",
			20000},
		{"Expires: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 07:49:17 GMT",
			60000},
		{"Expires: Sun, 06 Nov 1994 08:49:17 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT", 0},
		{"Expires: Sun, 06 Nov 2094 08:49:37 GMT", 0},
		{"Expires: 0\nCache-Control: max-age=7", 7000},
		{"Expires: 0, and much more that no date is as long as, ever, anywhere", 0},
	};
	assert_kept(rule("", false), "user:a", "", answers, COUNT(answers));
}

static void what_is_somebody_s_own_or_differs_too_much_is_not_kept(void **state)
{
	static const struct answer answers[] = {
		{"Set-Cookie: a=b", 0},
		{"Vary: *", 0},
		{"Vary: Accept-Encoding", 60000},
		{"Vary: accept-encoding, Accept-Language", 60000},
		{"Vary: Accept-Encoding, Cookie", 0},
		{"Vary: Accept-Encoding\nVary: Origin", 0},
		{"Vary: ", 60000},
		{"Content-Type: text/event-stream; charset=utf-8", 0},
		{"Content-Type: text/plain", 60000},
	};
	assert_kept(rule("@Accept-Language", false), "user:a", "", answers, COUNT(answers));
}

static void private_is_kept_for_the_caller_alone(void **state)
{
	static const struct answer own[] = {
		{"Cache-Control: private", 60000}, {"Cache-Control: private, max-age=5", 5000}};
	static const struct answer shared[] = {{"Cache-Control: private", 0}};
	assert_kept(rule("", false), "user:a", "", own, COUNT(own));
	assert_kept(rule("#user", true), "user:a", "", own, COUNT(own));
	assert_kept(rule("", true), "user:a", "", shared, 1);
	assert_kept(rule("", false), "", "", shared, 1);
}

static void answers_to_foreign_credentials_are_kept_if_they_say_so(void **state)
{
	static const struct answer foreign[] = {{"", 0}, {"Cache-Control: max-age=5", 0},
		{"Cache-Control: public", 60000}, {"Cache-Control: s-maxage=5", 5000},
		{"Cache-Control: must-revalidate", 60000}};
	static const struct answer ours[] = {{"", 60000}};
	assert_kept(rule("", true), "", "Authorization: Basic x", foreign, COUNT(foreign));
	assert_kept(rule("", true), "user:a", "Authorization: Bearer x", ours, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_keys_the_whole_query_and_the_caller_count),
		cmocka_unit_test(the_path_counts_as_sent),
		cmocka_unit_test(parameters_of_the_keys_count_decoded_and_in_order),
		cmocka_unit_test(lists_of_a_name_count),
		cmocka_unit_test(what_cannot_be_decoded_is_as_it_was_sent),
		cmocka_unit_test(no_value_passes_for_two),
		cmocka_unit_test(headers_of_the_keys_count),
		cmocka_unit_test(accept_encoding_always_counts),
		cmocka_unit_test(callers_share_only_what_is_declared),
		cmocka_unit_test(only_plain_get_and_head_are_looked_for),
		cmocka_unit_test(who_is_known_to_the_service_only_gets_nothing_kept),
		cmocka_unit_test(only_whole_answers_200_of_get_are_kept),
		cmocka_unit_test(the_answer_says_for_how_long),
		cmocka_unit_test(what_is_somebody_s_own_or_differs_too_much_is_not_kept),
		cmocka_unit_test(private_is_kept_for_the_caller_alone),
		cmocka_unit_test(answers_to_foreign_credentials_are_kept_if_they_say_so),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
