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

static void check_written(struct text string, const char *expected)
{
	struct buffer b = {.arena = arena};

	json_write_string(&b, string);
	assert_string_equal(arena_string(arena, buffer_text(&b)), expected);
}

static void strings_are_quoted_and_escaped(void **state)
{
	check_written(TEXT(""), "\"\"");
	check_written((struct text){NULL, 0}, "\"\"");
	check_written(TEXT("plain / text"), "\"plain / text\"");
	check_written(TEXT("\"a\\b\""), "\"\\\"a\\\\b\\\"\"");
	check_written(TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
	check_written(TEXT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
	check_written(TEXT("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void ill_formed_utf8_becomes_the_replacement_character(void **state)
{
	check_written(TEXT("a\xff"
			   "b\xe4\xb8"),
		"\"a\xef\xbf\xbd"
		"b\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void every_string_is_read_back_as_it_was(void **state)
{
	char bytes[256];
	struct status status;
	struct buffer b = {.arena = arena};

	for (int i = 0; i < 128; i++) {
		bytes[2 * i] = (char)i;
		bytes[2 * i + 1] = 'x';
	}
	json_write_string(&b, (struct text){bytes, sizeof(bytes)});
	const struct json *v = json_read(arena, buffer_text(&b), &status);
	assert_non_null(v);
	assert_int_equal(v->string.size, sizeof(bytes));
	assert_memory_equal(v->string.data, bytes, sizeof(bytes));
}

static void commas_come_where_they_are_due(void **state)
{
	struct buffer b = {.arena = arena};

	json_write_comma(&b);
	buffer_add_char(&b, '{');
	json_write_name(&b, TEXT("a"));
	json_write_comma(&b);
	buffer_add_char(&b, '[');
	json_write_comma(&b);
	buffer_add_text(&b, TEXT("1"));
	json_write_comma(&b);
	json_write_string(&b, TEXT("["));
	json_write_comma(&b);
	buffer_add_text(&b, TEXT("{}]"));
	json_write_name(&b, TEXT("b\n"));
	buffer_add_text(&b, TEXT("null}"));
	assert_string_equal(
		arena_string(arena, buffer_text(&b)), "{\"a\":[1,\"[\",{}],\"b\\n\":null}");
}

static void members_are_written_whole(void **state)
{
	struct buffer b = {.arena = arena};

	buffer_add_char(&b, '{');
	json_write_text_member(&b, "a", TEXT("x\""));
	json_write_text_member(&b, "b", TEXT(""));
	json_write_number_member(&b, "c", INT64_MIN);
	json_write_bool_member(&b, "d", true);
	json_write_bool_member(&b, "e", false);
	buffer_add_char(&b, '}');
	assert_string_equal(arena_string(arena, buffer_text(&b)),
		"{\"a\":\"x\\\"\",\"b\":null,\"c\":-9223372036854775808,\"d\":true,\"e\":"
		"false}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(strings_are_quoted_and_escaped),
		TEST(ill_formed_utf8_becomes_the_replacement_character),
		TEST(every_string_is_read_back_as_it_was),
		TEST(commas_come_where_they_are_due),
		TEST(members_are_written_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
