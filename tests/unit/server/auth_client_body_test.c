/* What FATE Flow's clients and hooks know of a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/auth/hook/client_body.h"

#define FORM TEXT("Application/X-WWW-form-urlencoded ; charset=utf-8")

static struct arena *arena;
static struct client_body body;

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

static bool read_form(const char *bytes)
{
	return client_body_read(arena, text_of(bytes), FORM, &body);
}

static void assert_form(const char *bytes, const char *json)
{
	assert_true(read_form(bytes));
	assert_false(body.blank);
	assert_null(body.json);
	assert_non_null(body.form);
	assert_true(text_equal(body.form->raw, text_of(json)));
}

static void a_form_is_an_object_of_strings(void **state)
{
	assert_form("a=1", "{\"a\":\"1\"}");
	assert_form("&&a=1&&b=c%3dd=e&", "{\"a\":\"1\",\"b\":\"c=d=e\"}");
	assert_form("a+b=%E4%BB%8A+%2B&x&=y", "{\"a b\":\"今 +\",\"x\":\"\",\"\":\"y\"}");
	assert_form("&", "{}");
}

static void of_several_values_the_first_counts(void **state)
{
	assert_form("a=1&b=2&%61=3", "{\"a\":\"1\",\"b\":\"2\"}");
}

static void what_is_no_form_is_refused(void **state)
{
	assert_false(read_form("a=%"));
	assert_false(read_form("%zz=1"));
	assert_false(read_form("a=%ff"));
	assert_false(read_form("a=%00"));
}

static void a_form_has_so_many_fields(void **state)
{
	struct buffer many = {.arena = arena};

	for (int i = 0; i < CLIENT_FORM_MAX; i++)
		buffer_printf(&many, "f%d=&", i);
	assert_true(client_body_read(arena, buffer_text(&many), FORM, &body));
	assert_int_equal(body.form->count, CLIENT_FORM_MAX);
	buffer_printf(&many, "f0=&one=");
	assert_false(client_body_read(arena, buffer_text(&many), FORM, &body));
}

static void json_is_json_whatever_it_is_said_to_be(void **state)
{
	assert_true(read_form("{\"a\":\"x&b=1&b=2\"}"));
	assert_non_null(body.json);
	assert_null(body.form);
	assert_true(client_body_read(arena, TEXT(" 7 "), TEXT(""), &body));
	assert_int_equal(body.json->type, JSON_NUMBER);
}

static void the_rest_is_nothing_that_is_known(void **state)
{
	assert_true(client_body_read(arena, TEXT("a=1"), TEXT("text/plain"), &body));
	assert_true(!body.json && !body.form && !body.blank);
	assert_true(client_body_read(arena, TEXT("\xff"), TEXT("application/json"), &body));
	assert_true(!body.json && !body.form && !body.blank);
	assert_true(client_body_read(arena, TEXT(" \n"), FORM, &body));
	assert_true(!body.json && !body.form && body.blank);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_an_object_of_strings),
		cmocka_unit_test(of_several_values_the_first_counts),
		cmocka_unit_test(what_is_no_form_is_refused),
		cmocka_unit_test(a_form_has_so_many_fields),
		cmocka_unit_test(json_is_json_whatever_it_is_said_to_be),
		cmocka_unit_test(the_rest_is_nothing_that_is_known),
	};
	return cmocka_run_group_tests(tests, start, end);
}
