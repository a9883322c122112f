/* What a client is told of a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bridge/gateway/limit.h"

#define NOW INT64_C(1700000000000)

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

static void assert_headers(const char *name, struct limit_rate rate, struct limit_verdict verdict,
	const char *const expected[LIMIT_HEADERS])
{
	static const char *const names[] = {"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining",
		"X-Rate-Limit-Reset", "RateLimit-Policy", "RateLimit"};
	struct limit_header out[LIMIT_HEADERS];
	assert_int_equal(limit_headers(arena, name, &rate, &verdict, NOW, out), LIMIT_HEADERS);
	for (int i = 0; i < LIMIT_HEADERS; i++) {
		assert_string_equal(out[i].name, names[i]);
		assert_string_equal(out[i].value, expected[i]);
	}
}

static void what_remains_and_when_all_is_there_again(void **state)
{
	assert_headers("*", (struct limit_rate){100, 60000},
		(struct limit_verdict){true, 50, 29 * CLOCK_SECOND + 1, 0},
		(const char *[]){
			"100", "50", "1700000029001", "\"*\";q=100;w=60", "\"*\";r=50;t=30"});
}

static void with_nothing_left_it_is_when_the_next_one_is_allowed(void **state)
{
	assert_headers("/v1/list", (struct limit_rate){30, 60000},
		(struct limit_verdict){false, 0, 59 * CLOCK_SECOND, 1200 * CLOCK_MS},
		(const char *[]){"30", "0", "1700000001200", "\"/v1/list\";q=30;w=60",
			"\"/v1/list\";r=0;t=2"});
}

static void with_all_left_it_is_now(void **state)
{
	assert_headers("*", (struct limit_rate){7, 1500}, (struct limit_verdict){true, 7, 0, 0},
		(const char *[]){"7", "7", "1700000000000", "\"*\";q=7;w=2", "\"*\";r=7;t=0"});
}

static void a_name_is_quoted_and_stays_ascii(void **state)
{
	assert_headers("a \"b\"\\ \xe4\xbd\xa0\n", (struct limit_rate){1, 1000},
		(struct limit_verdict){true, 0, CLOCK_SECOND, CLOCK_SECOND},
		(const char *[]){"1", "0", "1700000001000",
			"\"a \\\"b\\\"\\\\ %E4%BD%A0%0A\";q=1;w=1",
			"\"a \\\"b\\\"\\\\ %E4%BD%A0%0A\";r=0;t=1"});
}

static void retry_after_is_never_too_early_and_no_longer_than_needed(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "1"},
		{1, "1"},
		{CLOCK_SECOND, "1"},
		{CLOCK_SECOND + 1, "2"},
		{2 * CLOCK_SECOND, "2"},
		{86400 * CLOCK_SECOND, "86400"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct limit_verdict v = {false, 0, 86400 * CLOCK_SECOND, cases[i].ns};
		assert_string_equal(limit_retry_after(arena, &v), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_remains_and_when_all_is_there_again),
		cmocka_unit_test(with_nothing_left_it_is_when_the_next_one_is_allowed),
		cmocka_unit_test(with_all_left_it_is_now),
		cmocka_unit_test(a_name_is_quoted_and_stays_ascii),
		cmocka_unit_test(retry_after_is_never_too_early_and_no_longer_than_needed),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
