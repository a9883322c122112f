/* Lists of names as requests have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notice/send/name_list.h"

static struct arena *arena;
static struct status status;
static size_t count;

static int begin(void **state)
{
	arena = arena_new(0);
	status = (struct status){.message = ""};
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static const char *list(const char *given, size_t bytes, size_t most)
{
	const struct name_list_rule rule = {"users", bytes, most};
	struct text names = name_list_read(arena, &rule, text_of(given), &count, &status);

	return names.data ? arena_string(arena, names) : NULL;
}

static void assert_refused(const char *given, const char *message)
{
	assert_null(list(given, 5, 3));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, "users");
	assert_string_equal(status.message, message);
}

static void each_name_once_without_blanks(void **state)
{
	assert_string_equal(list("a", 5, 3), "a");
	assert_int_equal(count, 1);
	assert_string_equal(list(" b , a\t,b,B,a", 5, 3), "b,a,B");
	assert_int_equal(count, 3);
	assert_string_equal(list("x y,x  y", 5, 3), "x y,x  y");
}

static void as_many_and_as_long_as_said(void **state)
{
	assert_string_equal(list("12345,a,b,a,b", 5, 3), "12345,a,b");
	assert_refused("a,b,c,d", "users: must have at most 3 names");
	assert_refused("a, 123456", "users: name 2 has more than 5 bytes");
	assert_refused("a,\xe7\x95\x8c\xe7\x95\x8c", "users: name 2 has more than 5 bytes");
}

static void no_name_is_empty(void **state)
{
	assert_refused("", "users: name 1 is empty");
	assert_refused("  ", "users: name 1 is empty");
	assert_refused(",a", "users: name 1 is empty");
	assert_refused("a, ,b", "users: name 2 is empty");
	assert_refused("a,b,", "users: name 3 is empty");
}

static void no_control_characters(void **state)
{
	assert_refused("a,b\nc", "users: name 2 has control characters");
	assert_refused("\x7f", "users: name 1 has control characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_name_once_without_blanks, begin, end),
		cmocka_unit_test_setup_teardown(as_many_and_as_long_as_said, begin, end),
		cmocka_unit_test_setup_teardown(no_name_is_empty, begin, end),
		cmocka_unit_test_setup_teardown(no_control_characters, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
