/* With the vectors of RFC 8785 itself: 3.2.2 to 3.2.4, and the numbers of its appendix B. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_canonical.h"

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

/* The canonical form, or NULL with the status set. */
static const char *canonical(struct text text, struct status *status)
{
	struct buffer out = {.arena = arena};
	const struct json *value = json_read(arena, text, status);

	assert_non_null(value);
	if (!json_canonical(&out, value, "body", status))
		return NULL;
	return arena_string(arena, buffer_text(&out));
}

static void assert_canonical(const char *text, const char *expected)
{
	struct status status = {.message = ""};
	const char *form = canonical(text_of(text), &status);

	if (!form)
		fail_msg("%s: %s", text, status.message);
	assert_string_equal(form, expected);
	assert_string_equal(canonical(text_of(form), &status), expected);
}

static void assert_refused(const char *text, const char *message)
{
	struct status status = {.message = ""};
	const char *form = canonical(text_of(text), &status);

	if (form)
		fail_msg("%s became %s", text, form);
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, message);
}

static void numbers_are_printed_as_ecmascript_prints_them(void **state)
{
	static const struct {
		uint64_t bits;
		const char *form;
	} cases[] = {{0x0000000000000000, "0"}, {0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"}, {0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, "1.7976931348623157e+308"},
		{0xffefffffffffffff, "-1.7976931348623157e+308"},
		{0x4340000000000000, "9007199254740992"}, {0xc340000000000000, "-9007199254740992"},
		{0x4430000000000000, "295147905179352830000"},
		{0x44b52d02c7e14af5, "9.999999999999997e+22"}, {0x44b52d02c7e14af6, "1e+23"},
		{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
		{0x444b1ae4d6e2ef4e, "999999999999999700000"},
		{0x444b1ae4d6e2ef4f, "999999999999999900000"}, {0x444b1ae4d6e2ef50, "1e+21"},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"}, {0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"},
		{0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"},
		{0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
		/* Not the nearest of 16 digits, which reads back as its neighbour. */
		{0x3d30000000000000, "5.684341886080802e-14"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer out = {.arena = arena};
		double number;

		memcpy(&number, &cases[i].bits, sizeof(number));
		json_canonical_number(&out, number);
		assert_string_equal(arena_string(arena, buffer_text(&out)), cases[i].form);
		assert_canonical(cases[i].form, cases[i].form);
	}
}

static void every_way_to_write_a_number_ends_in_the_same(void **state)
{
	assert_canonical("[1,1.0,10e-1,0.1e1,1E0]", "[1,1,1,1,1]");
	assert_canonical("[-0,-0.0,0e9,1e-400]", "[0,0,0,0]");
	assert_canonical("[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]",
		"[333333333.3333333,1e+30,4.5,0.002,1e-27]");
	assert_canonical("[123456789012345, -123456789012345, 9007199254740991, -9007199254740991]",
		"[123456789012345,-123456789012345,9007199254740991,-9007199254740991]");
	assert_canonical("[0.1, 0.00001, 0.000001, 0.0000001, 123.456]",
		"[0.1,0.00001,0.000001,1e-7,123.456]");
}

static void integers_that_would_become_others_are_refused(void **state)
{
	static const char rule[] =
		"is an integer that a double does not hold exactly: give it as a string";

	assert_refused("9007199254740993", arena_printf(arena, "body: %s", rule));
	assert_refused("{\"a\":[0,-9007199254740993]}", arena_printf(arena, "body.a[1]: %s", rule));
	assert_refused("{\"\xe5\x8f\xb7 \":1152921504606846977}",
		arena_printf(arena, "body[\"\xe5\x8f\xb7 \"]: %s", rule));
	/* The double 2^60 is printed as another integer. */
	assert_refused("1152921504606846976", arena_printf(arena, "body: %s", rule));
	assert_refused("1000000000000000000000001", arena_printf(arena, "body: %s", rule));
}

static void large_integers_that_stay_themselves_are_taken(void **state)
{
	assert_canonical("9007199254740994", "9007199254740994");
	assert_canonical("100000000000000000000", "100000000000000000000");
	assert_canonical("1000000000000000000000", "1e+21");
	assert_canonical("-1230000000000000000000", "-1.23e+21");
	assert_canonical("1000000000000000000000000000000", "1e+30");
	assert_canonical("1152921504606847000", "1152921504606847000");
}

static void numbers_beyond_a_double_are_refused(void **state)
{
	assert_refused("{\"x\":1e309}", "body.x: is a number beyond the range of a double");
	assert_refused("-1e309", "body: is a number beyond the range of a double");
}

static void strings_are_escaped_only_where_they_must(void **state)
{
	assert_canonical("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
		"\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
	assert_canonical("\"\\u0000\\u0008\\u0009\\u000c\\u000d\\u001f\\u007f\\ud83d\\ude02\"",
		"\"\\u0000\\b\\t\\f\\r\\u001f\x7f\xf0\x9f\x98\x82\"");
}

static void members_are_in_the_order_of_their_utf16_code_units(void **state)
{
	assert_canonical("{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
			 "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
			 "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
			 "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
		"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
		"\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
		"\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
		"\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
	assert_canonical("{\"ab\":1,\"a\":2,\"\":3,\"b\":{\"z\":1,\"y\":[{}, [ ]]}}",
		"{\"\":3,\"a\":2,\"ab\":1,\"b\":{\"y\":[{},[]],\"z\":1}}");
	/* U+D7FF, U+E000, U+10000, U+FFFF */
	assert_canonical("{\"\\uffff\":1,\"\\ud800\\udc00\":1,\"\\ue000\":1,\"\\ud7ff\":1}",
		"{\"\xed\x9f\xbf\":1,\"\xf0\x90\x80\x80\":1,\"\xee\x80\x80\":1,\"\xef\xbf\xbf\":"
		"1}");
}

static void words_stay_as_they_are(void **state)
{
	assert_canonical(" [ null , true,false ] ", "[null,true,false]");
}

static void a_path_shows_no_more_than_the_beginning_of_a_name(void **state)
{
	struct status status;
	char *name = arena_alloc(arena, 1000);

	memset(name, 'n', 1000);
	char *text = arena_printf(arena, "{\"%.1000s\":1e999}", name);
	assert_null(canonical(text_of(text), &status));
	assert_true(strlen(status.field) < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			numbers_are_printed_as_ecmascript_prints_them, start, end),
		cmocka_unit_test_setup_teardown(
			every_way_to_write_a_number_ends_in_the_same, start, end),
		cmocka_unit_test_setup_teardown(
			integers_that_would_become_others_are_refused, start, end),
		cmocka_unit_test_setup_teardown(
			large_integers_that_stay_themselves_are_taken, start, end),
		cmocka_unit_test_setup_teardown(numbers_beyond_a_double_are_refused, start, end),
		cmocka_unit_test_setup_teardown(
			strings_are_escaped_only_where_they_must, start, end),
		cmocka_unit_test_setup_teardown(
			members_are_in_the_order_of_their_utf16_code_units, start, end),
		cmocka_unit_test_setup_teardown(words_stay_as_they_are, start, end),
		cmocka_unit_test_setup_teardown(
			a_path_shows_no_more_than_the_beginning_of_a_name, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
