/* What is made of a third party's answer; how it is asked is tested over the wire
 * (service/hook_test.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "server/registry/third_party.h"

static struct call call;

static int start(void **state)
{
	call = (struct call){.arena = arena_new(0), .status = {.message = ""}};
	return 0;
}

static int stop(void **state)
{
	arena_free(&call.arena);
	return 0;
}

static const struct json *answer(int status, const char *body, bool code_optional)
{
	static const struct third_party party = {.name = "server.service"};
	const struct fetch_response response = {.status = status, .body = text_of(body)};

	call.status = (struct status){.message = ""};
	return third_party_answer(
		&call, &party, &response, STATUS_PERMISSION_DENIED, code_optional);
}

static void expect_yes(const char *body, bool code_optional)
{
	const struct json *object = answer(200, body, code_optional);

	assert_non_null(object);
	assert_int_equal(object->type, JSON_OBJECT);
	assert_int_equal(call.status.code, STATUS_OK);
}

static void expect_no(const char *body, bool code_optional, enum status_code code, int64_t remote,
	const char *message)
{
	assert_null(answer(200, body, code_optional));
	assert_int_equal(call.status.code, code);
	assert_int_equal(call.status.remote_code, remote);
	assert_string_equal(call.status.message, message);
}

static void only_the_integer_0_is_a_yes(void **state)
{
	expect_yes("{\"code\":0}", false);
	expect_yes(" {\"a\":[], \"code\" : 0} ", false);
	expect_no("{\"code\":\"0\"}", false, STATUS_UNKNOWN, 0,
		"server.service answered with a code that is no integer: \"0\"");
	expect_no("{\"code\":false}", false, STATUS_UNKNOWN, 0,
		"server.service answered with a code that is no integer: false");
	expect_no("{}", false, STATUS_UNKNOWN, 0, "server.service answered without a code");
	expect_no("{\"code\":null}", false, STATUS_UNKNOWN, 0,
		"server.service answered with a code that is no integer: null");
}

static void a_code_may_be_left_out_where_it_is_optional(void **state)
{
	expect_yes("{}", true);
	expect_yes("{\"code\":null}", true);
	expect_yes("{\"code\":0}", true);
	expect_no("{\"code\":false}", true, STATUS_UNKNOWN, 0,
		"server.service answered with a code that is no integer: false");
	expect_no("{\"code\":3}", true, STATUS_PERMISSION_DENIED, 3,
		"server.service refused: it gave no reason");
}

static void a_refusal_has_its_number_and_reason(void **state)
{
	expect_no("{\"code\":-7,\"msg\":\"no\",\"message\":\"other\"}", false,
		STATUS_PERMISSION_DENIED, -7, "server.service refused: no");
	expect_no("{\"code\":9223372036854775807,\"message\":\"other\"}", false,
		STATUS_PERMISSION_DENIED, INT64_MAX, "server.service refused: other");
	expect_no("{\"code\":9223372036854775808}", false, STATUS_UNKNOWN, 0,
		"server.service answered with a code that is no integer: 9223372036854775808");
}

/* A status travels in a trailer; and in characters, not in halves of them. */
static void what_is_quoted_is_cut(void **state)
{
	struct buffer b = {.arena = call.arena};

	buffer_add_text(&b, TEXT("{\"code\":\""));
	for (int i = 0; i < 1000; i++)
		buffer_add_text(&b, TEXT("ü"));
	buffer_add_text(&b, TEXT("\"}"));
	buffer_add_char(&b, '\0');
	assert_null(answer(200, b.data, false));
	assert_true(strlen(call.status.message) < 600);
	assert_int_equal(
		text_utf8_error(text_of(call.status.message)), strlen(call.status.message));
}

static void any_other_status_is_none(void **state)
{
	static const int codes[] = {201, 202, 204, 206, 301, 302, 304, 307, 400, 404, 500, 599};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_null(answer(codes[i], "{\"code\":0,\"msg\":\"yes\"}", true));
		assert_int_equal(call.status.code, STATUS_UNKNOWN);
		assert_non_null(strstr(call.status.message, ": yes"));
	}
	assert_null(answer(404, "<html>", true));
	assert_string_equal(call.status.message, "server.service answered HTTP 404, Not Found");
	assert_null(answer(204, "", true));
	assert_string_equal(
		call.status.message, "server.service answered HTTP 204, where only 200 counts");
}

static void what_is_no_object_is_none(void **state)
{
	static const char *const bodies[] = {"", " ", "0", "null", "[]", "\"code\"", "{\"code\":0",
		"{\"code\":0}{\"code\":0}", "{\"code\":1,\"code\":0}", "code=0", "{'code':0}"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		expect_no(bodies[i], true, STATUS_UNKNOWN, 0,
			"server.service answered something else than a JSON object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_the_integer_0_is_a_yes, start, stop),
		cmocka_unit_test_setup_teardown(
			a_code_may_be_left_out_where_it_is_optional, start, stop),
		cmocka_unit_test_setup_teardown(a_refusal_has_its_number_and_reason, start, stop),
		cmocka_unit_test_setup_teardown(what_is_quoted_is_cut, start, stop),
		cmocka_unit_test_setup_teardown(any_other_status_is_none, start, stop),
		cmocka_unit_test_setup_teardown(what_is_no_object_is_none, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
