#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

static void every_code_has_grpcs_name(void **state)
{
	assert_string_equal(status_name(STATUS_OK), "OK");
	assert_string_equal(status_name(3), "INVALID_ARGUMENT");
	assert_string_equal(status_name(8), "RESOURCE_EXHAUSTED");
	assert_string_equal(status_name(14), "UNAVAILABLE");
	assert_string_equal(status_name(16), "UNAUTHENTICATED");
	assert_string_equal(status_name(17), "UNKNOWN");
	assert_string_equal(status_name((enum status_code) - 1), "UNKNOWN");
}

static void set_formats_the_message_and_answers_false(void **state)
{
	struct arena *a = arena_new(0);
	struct status s = {STATUS_INVALID_ARGUMENT, "old", "old"};

	assert_false(status_set(&s, a, STATUS_NOT_FOUND, "no server %s", "demo"));
	assert_int_equal(s.code, STATUS_NOT_FOUND);
	assert_string_equal(s.message, "no server demo");
	assert_null(s.field);
	arena_free(&a);
}

static void field_names_the_field_in_the_message_too(void **state)
{
	struct arena *a = arena_new(0);
	struct status s;
	char field[] = "servers[3].port";

	assert_false(status_field(&s, a, field, "must be at most %d", 65535));
	field[0] = 'x'; /* the status keeps a copy */
	assert_int_equal(s.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(s.message, "servers[3].port: must be at most 65535");
	assert_string_equal(s.field, "servers[3].port");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_grpcs_name),
		cmocka_unit_test(set_formats_the_message_and_answers_false),
		cmocka_unit_test(field_names_the_field_in_the_message_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
