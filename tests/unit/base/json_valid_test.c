/* json_valid() and json_read() agree on what JSON is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static const char *const good[] = {"null", "true", "false", "0", "-0", "-1.5e+10", "1E2", "\"\"",
	"\"a\\n\\u00e9\\ud83d\\ude00\\\"\\\\\\/\"", "[]", "{}", " [ ] ", "\r\n{\t} ", "[1,2,[3]]",
	"{\"a\":1,\"b\":{\"c\":[]}}", "{\"\":\"\"}", "[\"\\uD83D\\uDE00\"]", "\"\x7f\"",
	"\"\xc3\xa9\""};

static const char *const bad[] = {"", " ", "nul", "nulll", "True", "01", "1.", ".5", "-", "+1",
	"1e", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\"",
	"\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"\n\"", "\"\xff\"", "[", "]", "[1",
	"[1,]", "[,1]", "[1 2]", "{", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}",
	"{1:2}", "[}", "{]", "1 2", "[] []", "\xef\xbb\xbf{}", "'a'", "NaN", "[1]x", "/**/1"};

static void both_say_the_same_of_well_formed_and_malformed_text(void **state)
{
	struct arena *a = arena_new(0);
	struct status status;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (!json_valid(text_of(good[i])))
			fail_msg("refused: %s", good[i]);
		assert_non_null(json_read(a, text_of(good[i]), &status));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (json_valid(text_of(bad[i])))
			fail_msg("taken: %s", bad[i]);
		assert_null(json_read(a, text_of(bad[i]), &status));
	}
	arena_free(&a);
}

static bool valid_at_depth(int depth)
{
	char text[256];

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return json_valid((struct text){text, 2 * (size_t)depth});
}

static void nesting_ends_where_the_reader_ends_it(void **state)
{
	assert_true(valid_at_depth(JSON_DEPTH));
	assert_false(valid_at_depth(JSON_DEPTH + 1));
}

static void every_cut_of_a_value_is_malformed(void **state)
{
	struct text whole = TEXT("{\"a\":[1,\"\\ud83d\\ude00\",{\"b\":true}]}");

	assert_true(json_valid(whole));
	for (size_t size = 0; size < whole.size; size++)
		assert_false(json_valid(text_until(whole, size)));
}

static void a_nul_is_no_end(void **state)
{
	assert_false(json_valid(TEXT("1\0")));
	assert_false(json_valid(TEXT("\"a\0b\"")));
	assert_false(json_valid(TEXT("\"\\\0\"")));
}

static void a_repeated_member_is_still_json(void **state)
{
	assert_true(json_valid(TEXT("{\"a\":1,\"a\":2}")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_say_the_same_of_well_formed_and_malformed_text),
		cmocka_unit_test(nesting_ends_where_the_reader_ends_it),
		cmocka_unit_test(every_cut_of_a_value_is_malformed),
		cmocka_unit_test(a_nul_is_no_end),
		cmocka_unit_test(a_repeated_member_is_still_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
