/* By which rule a method and path go, and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/gateway/rules.h"

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

/* Of a service with these settings; to be released. */
static const struct rules *made(const char *settings)
{
	const struct service service = {.settings = text_of(settings)};

	return rules_of(&service);
}

static const struct rules *made_of(const char *rules)
{
	return made(arena_printf(arena, "{\"gateway\":{\"title\":\"\",\"rules\":[%s]}}", rules));
}

static struct text plain(const char *path)
{
	struct text out;

	assert_null(rules_path(arena, text_of(path), &out));
	return out;
}

static const char *found(const struct rules *rules, const char *method, const char *path)
{
	return rules_find(rules, text_of(method), plain(path))->message.id;
}

#define RULE(id, methods, path)                                                                    \
	"{\"id\":\"" id "\",\"methods\":[" methods "],\"path\":\"" path "\"}"
#define LAST RULE("*", "", "**")

/* --- which ------------------------------------------------------------------------------------ */

/* Without a last rule for everything a request could have none. */
#define ONLY_GET                                                                                   \
	"{\"gateway\":{\"rules\":[{\"id\":\"x\",\"methods\":[\"GET\"],\"path\":\"**\","            \
	"\"open\":true}]}}"

static void without_rules_there_is_one_for_everything(void **state)
{
	static const char *const settings[] = {"", "{}", "{\"gateway\":null}", "{\"gateway\":{}}",
		"{\"gateway\":{\"rules\":[]}}", "{\"gateway\":{\"rules\":7}}", "[1]", "{broken",
		"{\"gateway\":{\"rules\":[{\"id\":\"x\",\"path\":\"/a\",\"open\":true}]}}",
		ONLY_GET};

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		const struct rules *rules = made(settings[i]);
		const struct rule *rule = rules_find(rules, TEXT("PURGE"), TEXT("/any/path"));

		assert_string_equal(rule->message.id, "*");
		assert_false(rule->open);
		assert_int_equal(rule->message.connect_timeout_ms, 5000);
		assert_int_equal(rule->message.timeout_ms, 30000);
		assert_int_equal(rule->message.idle_timeout_ms, 60000);
		assert_int_equal(rule->message.retries, 2);
		assert_int_equal(rule->message.body_limit, 1048576);
		assert_int_equal(rule->message.n_limits, 0);
		assert_null(rule->message.cache);
		assert_int_equal(rule->message.breaker->percent, 50);
		assert_ptr_equal(rules_next(rules, NULL), rule);
		assert_null(rules_next(rules, rule));
		rules_release(rules);
	}
}

static void the_first_that_fits_counts(void **state)
{
	const struct rules *rules = made_of(RULE("a", "\"POST\"", "/v1/list") "," RULE(
		"b", "", "/v1/*") "," RULE("c", "\"GET\",\"PUT\"", "/v1/**") "," LAST);

	assert_string_equal(found(rules, "POST", "/v1/list"), "a");
	assert_string_equal(found(rules, "GET", "/v1/list"), "b");
	assert_string_equal(found(rules, "POST", "/v1/x"), "b");
	assert_string_equal(found(rules, "GET", "/v1/x/y"), "c");
	assert_string_equal(found(rules, "PUT", "/v1/x/y"), "c");
	assert_string_equal(found(rules, "POST", "/v1/x/y"), "*");
	assert_string_equal(found(rules, "get", "/v1/x/y"), "*");
	assert_string_equal(found(rules, "GET", "/V1/x/y"), "*");
	assert_string_equal(found(rules, "GET", "/"), "*");
	rules_release(rules);
}

static void head_is_what_get_is_without_the_body(void **state)
{
	const struct rules *rules =
		made_of(RULE("get", "\"GET\"", "/a") "," RULE("head", "\"HEAD\"", "/b") "," LAST);

	assert_string_equal(found(rules, "HEAD", "/a"), "get");
	assert_string_equal(found(rules, "HEAD", "/b"), "head");
	assert_string_equal(found(rules, "GET", "/b"), "*");
	rules_release(rules);
}

static void no_other_spelling_of_a_path_finds_another_rule(void **state)
{
	const struct rules *rules = made_of(RULE("a", "", "/a/b") "," RULE("u", "", "/ü") "," LAST);
	static const char *const same[] = {"/a/b", "/a/b/", "//a/b", "/a//b", "/a/b//", "/%61/b",
		"/a%2Fb", "/a/%62", "%2Fa%2fb%2f", "a/b"};
	static const char *const others[] = {
		"/a/b/c", "/a/bb", "/A/b", "/a%252Fb", "/a/b;x", "/a+b"};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		assert_string_equal(found(rules, "GET", same[i]), "a");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_string_equal(found(rules, "GET", others[i]), "*");
	assert_string_equal(found(rules, "GET", "/%c3%bc"), "u");
	rules_release(rules);
}

static void a_path_is_as_rules_see_it(void **state)
{
	struct text out;

	assert_true(text_equal(plain("/"), TEXT("/")));
	assert_true(text_equal(plain(""), TEXT("/")));
	assert_true(text_equal(plain("///"), TEXT("/")));
	assert_true(text_equal(plain("/a%20b//c/"), TEXT("/a b/c")));
	assert_true(text_equal(plain("/a+b"), TEXT("/a+b")));
	assert_string_equal(rules_path(arena, TEXT("/a%zz"), &out),
		"has a % that is not followed by two hexadecimal digits");
	assert_string_equal(rules_path(arena, TEXT("/%"), &out),
		"has a % that is not followed by two hexadecimal digits");
	assert_string_equal(rules_path(arena, TEXT("/%00"), &out), "holds a NUL");
	assert_string_equal(rules_path(arena, TEXT("/%ff"), &out), "is not UTF-8");
	assert_string_equal(rules_path(arena, TEXT("/a%2f..;x/b"), &out),
		"must not have \".\" or \"..\" as a segment");
}

static void a_pattern_that_is_too_long_fits_nothing(void **state)
{
	char *path = arena_printf(arena, "/%0255d", 1);
	const struct rules *rules =
		made_of(arena_printf(arena, RULE("long", "", "%s") "," LAST, path));

	assert_string_equal(found(rules, "GET", path), "*");
	rules_release(rules);
	rules = made_of(arena_printf(arena, RULE("short", "", "%s") "," LAST, path + 1));
	assert_string_equal(rules_find(rules, TEXT("GET"), text_of(path + 1))->message.id, "short");
	rules_release(rules);
}

/* --- what ------------------------------------------------------------------------------------- */

#define FULL                                                                                       \
	"{\"id\":\"GET /x\",\"methods\":[\"GET\"],\"path\":\"/x\",\"open\":true,"                  \
	"\"balance\":\"hash\",\"hashHeader\":\"X-User\",\"connectTimeoutMs\":1,\"timeoutMs\":2,"   \
	"\"idleTimeoutMs\":3,\"retries\":4,\"bodyLimit\":5000000000,\"pages\":true,\"limits\":["   \
	"{\"limit\":6,\"windowMs\":7,\"key\":\"address\",\"headers\":true},"                       \
	"{\"limit\":8,\"windowMs\":9,\"key\":\"caller\",\"headers\":false},"                       \
	"{\"limit\":8,\"windowMs\":9,\"key\":\"application\",\"headers\":false},"                  \
	"{\"limit\":8,\"windowMs\":9,\"key\":\"all\",\"headers\":false},"                          \
	"{\"limit\":0,\"windowMs\":9,\"key\":\"all\"},{\"limit\":8,\"windowMs\":0}],"              \
	"\"cache\":{\"ttlMs\":10,\"keys\":[\"a\",\"#user\"],\"shared\":true,\"most\":11,"          \
	"\"clean\":[\"user.*\",\"x\"]},\"breaker\":{\"percent\":12,\"volume\":13,"                 \
	"\"windowMs\":14,\"halfOpenMs\":15,\"consecutive\":16}}"

static void a_rule_says_all_that_its_settings_say(void **state)
{
	const struct rules *rules = made_of(FULL "," LAST);
	const struct rule *rule = rules_find(rules, TEXT("GET"), TEXT("/x"));
	const Registry__RouteRule *m = &rule->message;

	assert_string_equal(m->id, "GET /x");
	assert_true(rule->open);
	assert_int_equal(m->balance, REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH);
	assert_string_equal(m->hash_header, "X-User");
	assert_int_equal(m->connect_timeout_ms, 1);
	assert_int_equal(m->timeout_ms, 2);
	assert_int_equal(m->idle_timeout_ms, 3);
	assert_int_equal(m->retries, 4);
	assert_int_equal(m->body_limit, INT64_C(5000000000));
	assert_true(m->pages);
	assert_int_equal(m->cache->ttl_ms, 10);
	assert_int_equal(m->cache->n_keys, 2);
	assert_string_equal(m->cache->keys[1], "#user");
	assert_true(m->cache->shared);
	assert_int_equal(m->cache->most, 11);
	assert_int_equal(m->breaker->percent, 12);
	assert_int_equal(m->breaker->volume, 13);
	assert_int_equal(m->breaker->window_ms, 14);
	assert_int_equal(m->breaker->half_open_ms, 15);
	assert_int_equal(m->breaker->consecutive, 16);
	assert_int_equal(rule->clean_count, 2);
	assert_true(text_equal(rule->clean[0], TEXT("user.*")));
	rules_release(rules);
}

static void limits_that_are_none_are_left_out(void **state)
{
	static const Registry__LimitKey keys[] = {REGISTRY__LIMIT_KEY__LIMIT_KEY_ADDRESS,
		REGISTRY__LIMIT_KEY__LIMIT_KEY_CALLER, REGISTRY__LIMIT_KEY__LIMIT_KEY_APPLICATION,
		REGISTRY__LIMIT_KEY__LIMIT_KEY_ALL};
	const struct rules *rules = made_of(FULL "," LAST);
	const Registry__RouteRule *m = &rules_find(rules, TEXT("GET"), TEXT("/x"))->message;

	assert_int_equal(m->n_limits, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(m->limits[i]->key, keys[i]);
		assert_int_equal(m->limits[i]->limit, i ? 8 : 6);
		assert_int_equal(m->limits[i]->window_ms, i ? 9 : 7);
		assert_int_equal(m->limits[i]->headers, i == 0);
	}
	rules_release(rules);
}

static void nodes_are_chosen_as_is_said(void **state)
{
	static const struct {
		const char *said;
		Registry__RouteBalance balance;
	} all[] = {{"roundRobin", REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_ROUND_ROBIN},
		{"leastOutstanding", REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_LEAST_OUTSTANDING},
		{"hash", REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH},
		{"", REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_ROUND_ROBIN}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct rules *rules = made_of(arena_printf(arena,
			"{\"id\":\"*\",\"methods\":[],\"path\":\"**\",\"balance\":\"%s\"}",
			all[i].said));

		assert_int_equal(rules_next(rules, NULL)->message.balance, all[i].balance);
		rules_release(rules);
	}
}

static void what_cannot_be_compared_with_events_cleans_nothing(void **state)
{
	const struct rules *rules = made_of(arena_printf(arena,
		"{\"id\":\"*\",\"methods\":[],\"path\":\"**\",\"cache\":{\"ttlMs\":1,\"clean\":["
		"\"%0256d\",7,\"a\"]}}",
		1));
	const struct rule *rule = rules_next(rules, NULL);

	assert_int_equal(rule->clean_count, 1);
	assert_true(text_equal(rule->clean[0], TEXT("a")));
	rules_release(rules);
	rules = made_of("{\"id\":\"*\",\"methods\":[],\"path\":\"**\",\"cache\":{\"ttlMs\":0,"
			"\"clean\":[\"a\"]}}");
	assert_null(rules_next(rules, NULL)->message.cache);
	assert_int_equal(rules_next(rules, NULL)->clean_count, 0);
	rules_release(rules);
}

/* --- how long --------------------------------------------------------------------------------- */

static void settings_that_are_alike_share_their_rules(void **state)
{
	const struct rules *one = made_of(FULL "," LAST), *other = made_of(FULL "," LAST);
	const struct rules *none = made("{}");

	assert_ptr_equal(one, other);
	assert_ptr_not_equal(one, none);
	rules_release(one);
	rules_release(other);
	rules_release(none);
}

static void what_is_held_outlives_any_number_of_others(void **state)
{
	const struct rules *held = made_of(FULL "," LAST);

	for (int i = 0; i < 5000; i++) {
		const struct rules *other =
			made_of(arena_printf(arena, RULE("r%d", "", "/%d") "," LAST, i, i));

		assert_string_equal(found(other, "GET", arena_printf(arena, "/%d", i)),
			arena_printf(arena, "r%d", i));
		rules_release(other);
	}
	assert_string_equal(found(held, "GET", "/x"), "GET /x");
	rules_release(held);
	rules_release(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_there_is_one_for_everything),
		TEST(the_first_that_fits_counts),
		TEST(head_is_what_get_is_without_the_body),
		TEST(no_other_spelling_of_a_path_finds_another_rule),
		TEST(a_path_is_as_rules_see_it),
		TEST(a_pattern_that_is_too_long_fits_nothing),
		TEST(a_rule_says_all_that_its_settings_say),
		TEST(limits_that_are_none_are_left_out),
		TEST(nodes_are_chosen_as_is_said),
		TEST(what_cannot_be_compared_with_events_cleans_nothing),
		TEST(settings_that_are_alike_share_their_rules),
		TEST(what_is_held_outlives_any_number_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
