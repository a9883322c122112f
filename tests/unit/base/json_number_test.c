#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static const struct json *read(const char *text)
{
	struct status status;
	const struct json *value = json_read(arena, text_of(text), &status);

	assert_non_null(value);
	return value;
}

static void whole_numbers_are_integers_however_written(void **state)
{
	static const struct {
		const char *text;
		int64_t number;
	} cases[] = {{"0", 0}, {"-0", 0}, {"0.000", 0}, {"0e999999999999999999999999", 0},
		{"0e-5", 0}, {"1", 1}, {"-17", -17}, {"100", 100}, {"1e2", 100}, {"1E+2", 100},
		{"1.0", 1}, {"1.50e1", 15}, {"100e-2", 1}, {"-2.5e1", -25}, {"0.001e3", 1},
		{"1200.00e-2", 12}, {"12.0", 12}, {"0.10e1", 1}, {"1e18", 1000000000000000000},
		{"9223372036854775807", INT64_MAX}, {"-9223372036854775808", INT64_MIN},
		{"9.223372036854775807e18", INT64_MAX}, {"0.00000000000000000000000000001e29", 1},
		{"100000000000000000000000000000e-29", 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t number = 77;
		if (!json_int64(read(cases[i].text), &number))
			fail_msg("%s is no integer", cases[i].text);
		assert_true(number == cases[i].number);
	}
}

static void fractions_and_what_does_not_fit_are_no_integers(void **state)
{
	static const char *const none[] = {"1.5", "1e-1", "0.1", "15e-1", "-1.25e1",
		"9223372036854775808", "-9223372036854775809", "1e19", "1e999",
		"1e-99999999999999999999", "1e99999999999999999999",
		"123456789012345678901234567890", "92233720368547758070e-2"};
	int64_t number;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (json_int64(read(none[i]), &number))
			fail_msg("%s is an integer", none[i]);
}

static void unsigned_numbers_reach_their_own_limits(void **state)
{
	uint64_t number;

	assert_true(json_uint64(read("18446744073709551615"), &number));
	assert_true(number == UINT64_MAX);
	assert_true(json_uint64(read("1.8446744073709551615e19"), &number));
	assert_true(number == UINT64_MAX);
	assert_true(json_uint64(read("-0"), &number));
	assert_int_equal(number, 0);
	assert_false(json_uint64(read("18446744073709551616"), &number));
	assert_false(json_uint64(read("-1"), &number));
	assert_false(json_uint64(read("0.5"), &number));
}

static void strings_may_hold_the_number(void **state)
{
	static const char *const none[] = {"\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"0x1\"",
		"\"1.5\"", "\"01\"", "\"1\\u0000\"", "\"a\""};
	int64_t number;
	uint64_t natural;

	assert_true(json_int64(read("\"8000\""), &number));
	assert_int_equal(number, 8000);
	assert_true(json_int64(read("\"-1e2\""), &number));
	assert_int_equal(number, -100);
	assert_true(json_uint64(read("\"18446744073709551615\""), &natural));
	assert_true(natural == UINT64_MAX);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (json_int64(read(none[i]), &number))
			fail_msg("%s holds an integer", none[i]);
}

static void other_types_are_no_integers(void **state)
{
	static const char *const none[] = {"null", "true", "[1]", "{\"a\":1}"};
	int64_t number;
	uint64_t natural;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(json_int64(read(none[i]), &number));
		assert_false(json_uint64(read(none[i]), &natural));
	}
	assert_false(json_int64(NULL, &number));
}

static void numbers_are_equal_by_value(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {{"1", "1", true}, {"1", "1.0", true}, {"1", "10e-1", true},
		{"1", "0.1E+1", true}, {"100", "1e2", true}, {"0", "-0.00e9", true},
		{"0", "0e99999999999999999999", true}, {"-1.5", "-15e-1", true}, {"1", "-1", false},
		{"1", "0", false}, {"1", "10", false}, {"1", "1.1", false}, {"12", "1.2", false},
		{"0.12", "0.012", false}, {"101", "1.01e2", true}, {"10.10", "101e-1", true},
		{"123456789012345678901234567890", "12345678901234567890123456789e1", true},
		{"123456789012345678901234567890", "123456789012345678901234567891", false},
		{"1e100000000000000000", "10e99999999999999999", true},
		{"1e99999999999999999999", "1e99999999999999999999", true},
		{"1e99999999999999999999", "1e99999999999999999998", false},
		{"1e-99999999999999999999", "1e99999999999999999999", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json *a = read(cases[i].a), *b = read(cases[i].b);
		if (json_number_equal(a, b) != cases[i].equal ||
			json_number_equal(b, a) != cases[i].equal)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(whole_numbers_are_integers_however_written),
		TEST(fractions_and_what_does_not_fit_are_no_integers),
		TEST(unsigned_numbers_reach_their_own_limits),
		TEST(strings_may_hold_the_number),
		TEST(other_types_are_no_integers),
		TEST(numbers_are_equal_by_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
