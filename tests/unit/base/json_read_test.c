#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct arena *arena;
static struct status status;

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

static const struct json *read_text(struct text t)
{
	return json_read(arena, t, &status);
}

static const struct json *read(const char *text)
{
	const struct json *value = read_text(text_of(text));

	if (!value)
		print_error("%s: %s\n", text, status.message);
	assert_non_null(value);
	return value;
}

static void check_refused(struct text text, const char *message)
{
	status = (struct status){0};
	assert_null(read_text(text));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, message);
}

static void check_text(struct text t, const char *expected)
{
	assert_int_equal(t.size, strlen(expected));
	assert_memory_equal(t.data, expected, t.size);
}

static void each_type_is_recognised(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} cases[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE},
		{"-1.5e3", JSON_NUMBER}, {"\"\"", JSON_STRING}, {"[]", JSON_ARRAY},
		{"{}", JSON_OBJECT}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(read(cases[i].text)->type, cases[i].type);
}

static void members_and_elements_keep_their_order(void **state)
{
	const struct json *v = read("{\"b\":[1,2,3],\"a\":{\"c\":null},\"\":\"x\"}");

	assert_int_equal(v->count, 3);
	check_text(v->first->name, "b");
	assert_int_equal(v->first->count, 3);
	check_text(v->first->first->next->raw, "2");
	assert_null(v->first->first->next->next->next);
	check_text(v->first->next->name, "a");
	check_text(v->first->next->first->name, "c");
	check_text(v->first->next->next->name, "");
	check_text(v->first->next->next->string, "x");
	assert_null(v->first->next->next->next);
}

static void raw_is_the_value_as_written_without_blanks_around_it(void **state)
{
	const struct json *v = read(" \t\r\n{ \"a\" : [ 1.50e+1 , \"\\u0041\" ] ,\"b\":{ } } \n");

	check_text(v->raw, "{ \"a\" : [ 1.50e+1 , \"\\u0041\" ] ,\"b\":{ } }");
	check_text(v->first->raw, "[ 1.50e+1 , \"\\u0041\" ]");
	check_text(v->first->first->raw, "1.50e+1");
	check_text(v->first->first->next->raw, "\"\\u0041\"");
	check_text(v->first->next->raw, "{ }");
}

static void escapes_are_resolved(void **state)
{
	const struct json *v = read(
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u4E2D\\ud83d\\uDE00\\uffff tail\"");

	check_text(
		v->string, "\"\\/\b\f\n\r\tA\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\xef\xbf\xbf tail");
	v = read("\"a\\u0000b\"");
	assert_int_equal(v->string.size, 3);
	assert_memory_equal(v->string.data, "a\0b", 3);
	check_text(read("{\"\\u0061\\n\":1}")->first->name, "a\n");
	check_text(read("\"\\uDBFF\\uDFFF\"")->string, "\xf4\x8f\xbf\xbf");
}

static void strings_without_escapes_are_slices_of_the_text(void **state)
{
	const char *text = "[\"\xe4\xb8\xad\x7f\"]";

	assert_ptr_equal(read(text)->first->string.data, text + 2);
	assert_int_equal(read(text)->first->string.size, 4);
}

static void wrong_escapes_and_surrogates_are_refused(void **state)
{
	check_refused(TEXT("\"a\\x\""), "invalid JSON at byte 2: unknown escape");
	check_refused(TEXT("\"\\\0\""), "invalid JSON at byte 1: unknown escape");
	check_refused(
		TEXT("\"\\u12g4\""), "invalid JSON at byte 1: \\u needs four hexadecimal digits");
	check_refused(
		TEXT("\"\\u123\""), "invalid JSON at byte 1: \\u needs four hexadecimal digits");
	check_refused(TEXT("\"\\ud83d\""), "invalid JSON at byte 1: unpaired surrogate");
	check_refused(TEXT("\"\\ud83d\\n\""), "invalid JSON at byte 1: unpaired surrogate");
	check_refused(TEXT("\"\\ud83d\\u0041\""), "invalid JSON at byte 1: unpaired surrogate");
	check_refused(TEXT("\"\\ud83d\\ud83d\""), "invalid JSON at byte 1: unpaired surrogate");
	check_refused(TEXT("\"x\\ude00\""), "invalid JSON at byte 2: unpaired surrogate");
	check_refused(TEXT("\"\\ud83d\\ude0\""), "invalid JSON at byte 1: unpaired surrogate");
}

static void unfinished_strings_and_control_characters_are_refused(void **state)
{
	check_refused(TEXT("[\"abc"), "invalid JSON at byte 1: the string does not end");
	check_refused(TEXT("\"abc\\"), "invalid JSON at byte 0: the string does not end");
	check_refused(TEXT("\"abc\\\""), "invalid JSON at byte 0: the string does not end");
	check_refused(TEXT("\"a\nb\""), "invalid JSON at byte 2: control character in a string");
	check_refused(TEXT("\"\0\""), "invalid JSON at byte 1: control character in a string");
}

static void numbers_follow_the_grammar(void **state)
{
	static const char *const good[] = {"0", "-0", "10", "1.0", "0.5", "-0.1e-5", "1e999",
		"1E+2", "123456789012345678901234567890", "0e0"};
	static const char *const bad[] = {"-", "1.", "1.e5", "1e", "1e+", "-a", "-.5"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_text(read(good[i])->raw, good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(text_of(bad[i]), "invalid JSON at byte 0: malformed number");
	check_refused(TEXT("01"), "invalid JSON at byte 1: text after the value");
	check_refused(TEXT("[1.5.5]"), "invalid JSON at byte 4: expected \",\" or \"]\"");
	check_refused(TEXT("+1"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT(".5"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("NaN"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("Infinity"), "invalid JSON at byte 0: expected a value");
}

static void wrong_structure_is_refused_with_its_place(void **state)
{
	check_refused(TEXT(""), "invalid JSON at byte 0: the text ends where a value was expected");
	check_refused((struct text){NULL, 0},
		"invalid JSON at byte 0: the text ends where a value was expected");
	check_refused(
		TEXT("  "), "invalid JSON at byte 2: the text ends where a value was expected");
	check_refused(TEXT("[1,]"), "invalid JSON at byte 3: expected a value");
	check_refused(TEXT("[,1]"), "invalid JSON at byte 1: expected a value");
	check_refused(TEXT("[1 2]"), "invalid JSON at byte 3: expected \",\" or \"]\"");
	check_refused(TEXT("[1}"), "invalid JSON at byte 2: expected \",\" or \"]\"");
	check_refused(TEXT("[1"),
		"invalid JSON at byte 2: the text ends where \",\" or \"]\" was expected");
	check_refused(
		TEXT("{\"a\":1,}"), "invalid JSON at byte 7: expected a member's name in quotes");
	check_refused(TEXT("{a:1}"), "invalid JSON at byte 1: expected a member's name in quotes");
	check_refused(TEXT("{\"a\" 1}"), "invalid JSON at byte 5: expected \":\"");
	check_refused(TEXT("{\"a\":}"), "invalid JSON at byte 5: expected a value");
	check_refused(TEXT("{\"a\":1]"), "invalid JSON at byte 6: expected \",\" or \"}\"");
	check_refused(TEXT("tru"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("nulll"), "invalid JSON at byte 4: text after the value");
	check_refused(TEXT("{} {}"), "invalid JSON at byte 3: text after the value");
	check_refused(TEXT("1\0"), "invalid JSON at byte 1: text after the value");
	check_refused(TEXT("\v1"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("/**/1"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("'a'"), "invalid JSON at byte 0: expected a value");
	check_refused(TEXT("\xef\xbb\xbf{}"), "invalid JSON at byte 0: expected a value");
}

static void ill_formed_utf8_is_refused_anywhere(void **state)
{
	check_refused(TEXT("[\"ab\xff\"]"), "invalid JSON at byte 4: ill-formed UTF-8");
	check_refused(TEXT("{\"\xed\xa0\x80\":1}"), "invalid JSON at byte 2: ill-formed UTF-8");
	check_refused(TEXT("1 \xc3"), "invalid JSON at byte 2: ill-formed UTF-8");
}

static void nesting_is_allowed_to_64_and_no_deeper(void **state)
{
	char text[131];

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	const struct json *v = read_text((struct text){text, 128});
	assert_non_null(v);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	check_refused((struct text){text, 130}, "invalid JSON at byte 64: nested deeper than 64");
	memset(text, '[', 130);
	check_refused((struct text){text, 130}, "invalid JSON at byte 64: nested deeper than 64");
}

/* Depth is where one is, not how many brackets there were. */
static void many_shallow_values_are_not_deep(void **state)
{
	struct buffer b = {.arena = arena};

	buffer_add_text(&b, TEXT("[[]"));
	for (int i = 0; i < 200; i++)
		buffer_add_text(&b, TEXT(",{\"a\":[]}"));
	buffer_add_char(&b, ']');
	const struct json *v = read_text(buffer_text(&b));
	assert_non_null(v);
	assert_int_equal(v->count, 201);
}

static void duplicate_names_are_refused_at_the_second(void **state)
{
	check_refused(TEXT("{\"a\":1, \"b\":2, \"a\":3}"),
		"invalid JSON at byte 15: duplicate member \"a\"");
	check_refused(TEXT("[{\"a\":1,\"\\u0061\" : 3}]"),
		"invalid JSON at byte 8: duplicate member \"a\"");
	check_refused(TEXT("{\"x\\\"\":1,\"x\\\"\":3}"),
		"invalid JSON at byte 9: duplicate member \"x\\\"\"");
	check_refused(TEXT("{\"\":1,\"\":3}"), "invalid JSON at byte 6: duplicate member \"\"");
	assert_non_null(read("{\"a\":{\"a\":1},\"A\":{\"a\":1}}"));
}

static struct text many_members(int count, int again)
{
	struct buffer b = {.arena = arena};

	buffer_add_char(&b, '{');
	for (int i = 0; i < count; i++)
		buffer_printf(&b, "\"n%05d\":%d,", i, i);
	buffer_printf(&b, "\"n%05d\":0}", again);
	return buffer_text(&b);
}

static void duplicates_are_found_among_many_members_too(void **state)
{
	for (int count = 10; count < 24; count++)
		for (int again = 0; again < count; again++) {
			char message[80];
			snprintf(message, sizeof(message),
				"invalid JSON at byte %zu: duplicate member \"n%05d\"",
				many_members(count, again).size - 11, again);
			check_refused(many_members(count, again), message);
			assert_non_null(read_text(many_members(count, count)));
		}
}

/* Pairwise comparison would take 10^10 steps here, and the test's time limit ends it. */
static void a_huge_object_is_read_in_good_time(void **state)
{
	const struct json *v = read_text(many_members(200000, 200000));

	assert_non_null(v);
	assert_int_equal(v->count, 200001);
	assert_null(read_text(many_members(200000, 5)));
}

static void the_first_of_several_duplicates_is_named(void **state)
{
	struct buffer b = {.arena = arena};

	buffer_add_text(&b, many_members(30, 29));
	b.size--;
	buffer_add_text(&b, TEXT(",\"n00001\":1}"));
	assert_null(read_text(buffer_text(&b)));
	assert_non_null(strstr(status.message, "duplicate member \"n00029\""));
}

static void a_long_name_is_cut_in_the_message_between_characters(void **state)
{
	struct buffer b = {.arena = arena};

	for (int k = 0; k < 2; k++) {
		buffer_add_text(&b, k ? TEXT(",\"") : TEXT("{\""));
		for (int i = 0; i < 1000; i++)
			buffer_add_text(&b, TEXT("\xe4\xb8\xad"));
		buffer_add_text(&b, TEXT("\":1"));
	}
	buffer_add_char(&b, '}');
	assert_null(read_text(buffer_text(&b)));
	assert_true(strlen(status.message) < 120);
	assert_int_equal(text_utf8_error(text_of(status.message)), strlen(status.message));
	assert_null(strstr(status.message, "\xef\xbf\xbd"));
}

static void a_tree_beyond_the_arenas_cap_is_refused(void **state)
{
	struct arena *small = arena_new(10000);
	struct buffer b = {.arena = arena};

	buffer_add_char(&b, '[');
	for (int i = 0; i < 1000; i++)
		buffer_add_text(&b, TEXT("0,"));
	buffer_add_text(&b, TEXT("0]"));
	assert_null(json_read(small, buffer_text(&b), &status));
	assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
	arena_free(&small);
}

static void members_are_found_by_name(void **state)
{
	const struct json *v = read("{\"a\":1,\"b\":\"text\",\"c\":null}");

	check_text(json_member(v, TEXT("b"))->string, "text");
	assert_null(json_member(v, TEXT("B")));
	assert_null(json_member(v, TEXT("d")));
	assert_null(json_member(NULL, TEXT("a")));
	assert_null(json_member(read("[1]"), TEXT("")));
	check_text(json_member_text(v, TEXT("b"), TEXT("none")), "text");
	check_text(json_member_text(v, TEXT("a"), TEXT("none")), "none");
	check_text(json_member_text(v, TEXT("d"), TEXT("none")), "none");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(each_type_is_recognised),
		TEST(members_and_elements_keep_their_order),
		TEST(raw_is_the_value_as_written_without_blanks_around_it),
		TEST(escapes_are_resolved),
		TEST(strings_without_escapes_are_slices_of_the_text),
		TEST(wrong_escapes_and_surrogates_are_refused),
		TEST(unfinished_strings_and_control_characters_are_refused),
		TEST(numbers_follow_the_grammar),
		TEST(wrong_structure_is_refused_with_its_place),
		TEST(ill_formed_utf8_is_refused_anywhere),
		TEST(nesting_is_allowed_to_64_and_no_deeper),
		TEST(many_shallow_values_are_not_deep),
		TEST(duplicate_names_are_refused_at_the_second),
		TEST(duplicates_are_found_among_many_members_too),
		TEST(a_huge_object_is_read_in_good_time),
		TEST(the_first_of_several_duplicates_is_named),
		TEST(a_long_name_is_cut_in_the_message_between_characters),
		TEST(a_tree_beyond_the_arenas_cap_is_refused),
		TEST(members_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
