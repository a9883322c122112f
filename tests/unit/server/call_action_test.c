/* Call: what goes upstream and what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "server/registry/call_shape.h"

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static const struct json *object_of(const char *json)
{
	const struct json *object;
	struct status status;

	if (!call_object(arena, "param", text_of(json), &object, &status))
		fail_msg("%s", status.message);
	return object;
}

/* --- URL ------------------------------------------------------------------------------------- */

static void assert_url(const char *url, const char *param, const char *expected)
{
	assert_string_equal(call_url(arena, text_of(url), object_of(param)), expected);
}

static void parameters_become_the_query(void **state)
{
	assert_url("http://h:1/", "", "http://h:1/");
	assert_url("http://h:1/", "{}", "http://h:1/");
	assert_url("http://h:1/", "{\"id\":\"7\",\"b\":2}", "http://h:1/?id=7&b=2");
	assert_url("http://h:1/", "\"{\\\"id\\\":1}\"", "http://h:1/?id=1");
	assert_url("http://h:1/?a=1", "{\"b\":true}", "http://h:1/?a=1&b=true");
	assert_url("http://h:1/?", "{\"b\":1.50}", "http://h:1/?b=1.50");
	assert_url("http://h:1/?a&", "{\"b\":-1e3}", "http://h:1/?a&b=-1e3");
	assert_url("http://[::1]:1/", "{\"b\":1}", "http://[::1]:1/?b=1");
}

static void a_list_repeats_its_name_an_object_is_json_and_null_is_left_out(void **state)
{
	assert_url("http://h:1/", "{\"a\":[1,\"x\",null,[2]],\"e\":[]}",
		"http://h:1/?a=1&a=x&a=%5B2%5D");
	assert_url("http://h:1/", "{\"o\":{\"k\": 1}}", "http://h:1/?o=%7B%22k%22%3A%201%7D");
	assert_url("http://h:1/", "{\"n\":null}", "http://h:1/");
}

static void names_and_values_are_percent_encoded(void **state)
{
	assert_url("http://h:1/", "{\"a b\":\"c&d=e+f#g/h\"}",
		"http://h:1/?a%20b=c%26d%3De%2Bf%23g%2Fh");
	assert_url("http://h:1/", "{\"a\":\"\\u4e2d\\u0000\\n\"}", "http://h:1/?a=%E4%B8%AD%00%0A");
	assert_url("http://h:1/", "{\"a\":\"-._~\"}", "http://h:1/?a=-._~");
}

static void a_registered_uri_keeps_its_escapes_and_gains_those_it_needs(void **state)
{
	assert_url("http://h:1/a%20b c/\xc3\xa9?x={y}#z", "",
		"http://h:1/a%20b%20c/%C3%A9?x=%7By%7D%23z");
	assert_url("http://h:1/a\r\nb", "", "http://h:1/a%0D%0Ab");
	assert_url("http://h:1/a#b", "{\"c\":1}", "http://h:1/a%23b?c=1");
}

static void what_is_no_object_is_refused_with_its_field(void **state)
{
	static const char *const bad[] = {
		"[1]", "1", "\"x\"", "{", "\"{\"", "\"[]\"", "hello", "{\"a\":1,\"a\":2}"};
	const struct json *object;
	struct status status;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_false(call_object(arena, "param", text_of(bad[i]), &object, &status));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(status.field, "param");
	}
	assert_null(object_of("null"));
	assert_null(object_of("\"\""));
	assert_null(object_of(" "));
}

/* --- headers --------------------------------------------------------------------------------- */

static void headers_are_strings_numbers_and_booleans(void **state)
{
	struct header_list list = {{.arena = arena}};
	struct status status;
	size_t count;
	const struct fetch_header *items;

	assert_true(call_headers(arena,
		object_of("{\"X-A\":\"one\",\"x-b\":2,\"x-c\":true,\"Content-Type\":\"text/x\"}"),
		&list, &status));
	items = header_items(&list, &count);
	assert_int_equal(count, 4);
	assert_true(text_equal(items[0].name, TEXT("X-A")));
	assert_true(text_equal(items[0].value, TEXT("one")));
	assert_true(text_equal(items[1].value, TEXT("2")));
	assert_true(text_equal(items[2].value, TEXT("true")));
	assert_true(header_has(&list, "content-type"));
	assert_false(header_has(&list, "traceparent"));
}

static void assert_header_refused(const char *json, const char *field, const char *rule)
{
	struct header_list list = {{.arena = arena}};
	struct status status = {0};

	if (call_headers(arena, object_of(json), &list, &status))
		fail_msg("taken: %s", json);
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, field);
	if (!strstr(status.message, rule))
		fail_msg("%s", status.message);
}

static void headers_of_the_connection_and_of_junction_are_refused(void **state)
{
	static const char *const names[] = {"Connection", "keep-alive", "TE", "Trailer",
		"transfer-encoding", "UPGRADE", "host", "Content-Length", "proxy-authorization",
		"Proxy-Connection", "junction-hops", "JUNCTION-anything", "Expect"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_header_refused(arena_printf(arena, "{\"%s\":\"x\"}", names[i]),
			arena_printf(arena, "header.%s", names[i]), "set by Junction");
}

static void a_header_cannot_carry_another_one(void **state)
{
	assert_header_refused("{\"a\":\"x\\r\\nhost: evil\"}", "header.a", "control characters");
	assert_header_refused("{\"a\":\"x\\ny\"}", "header.a", "control characters");
	assert_header_refused("{\"a\":\"x\\u0000y\"}", "header.a", "control characters");
	assert_header_refused("{\"a b\":\"x\"}", "header.a b", "not the name");
	assert_header_refused("{\"a:b\":\"x\"}", "header.a:b", "not the name");
	assert_header_refused("{\"a\\r\\nb\":\"x\"}", "header.a\r\nb", "not the name");
	assert_header_refused("{\"\":\"x\"}", "header.", "not the name");
	assert_header_refused("{\"\\u00e9\":\"x\"}", "header.\xc3\xa9", "not the name");
}

static void a_header_has_one_plain_value(void **state)
{
	assert_header_refused("{\"a\":[1]}", "header.a", "string, a number or a boolean");
	assert_header_refused("{\"a\":{}}", "header.a", "string, a number or a boolean");
	assert_header_refused("{\"a\":null}", "header.a", "string, a number or a boolean");
	assert_header_refused("{\"a\":1,\"A\":2}", "header.A", "given twice");
}

static void more_than_a_hundred_headers_are_refused(void **state)
{
	struct buffer json = {.arena = arena};

	buffer_add_char(&json, '{');
	for (int i = 0; i <= 100; i++)
		buffer_printf(&json, "%s\"h%d\":1", i ? "," : "", i);
	buffer_add_text(&json, TEXT("}\0"));
	assert_header_refused(json.data, "header", "at most 100");
}

/* --- GraphQL --------------------------------------------------------------------------------- */

#define OPERATION "{\"other\":1,\"graphql\":\"query a { \\u0061 }\"}"

static void assert_operation(const char *body, const char *param, const char *variables)
{
	const char *sent = arena_printf(arena, "{\"query\":\"query a { \\u0061 }\"%s%s}",
		*variables ? ",\"variables\":" : "", variables);
	struct status status;
	struct text request;

	if (!call_graphql(
		    arena, TEXT(OPERATION), text_of(body), object_of(param), &request, &status))
		fail_msg("%s", status.message);
	assert_string_equal(arena_string(arena, request), sent);
}

static void variables_go_as_they_are_given(void **state)
{
	const char *given = "{\"b\": 1.50, \"a\":12345678901234567890}";

	assert_operation("", "", "");
	assert_operation("null", "{}", "");
	assert_operation(given, "", given);
	assert_operation("", given, given);
	assert_operation("\"{\\\"a\\\":1e2}\"", "{}", "{\"a\":1e2}");
}

static void assert_operation_refused(const char *data, const char *body, const char *param,
	enum status_code code, const char *message)
{
	struct status status;
	struct text request;

	assert_false(call_graphql(
		arena, text_of(data), text_of(body), object_of(param), &request, &status));
	assert_int_equal(status.code, code);
	assert_string_equal(status.message, message);
}

static void variables_are_one_object(void **state)
{
	static const char *const wrong[] = {"[1]", "1", "\"x\"", "{", "{} {}", "{},\"query\":{}"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_operation_refused(OPERATION, wrong[i], "", STATUS_INVALID_ARGUMENT,
			"body: must be a JSON object: the variables of the GraphQL operation");
	assert_operation_refused(OPERATION, "{}", "{\"a\":1}", STATUS_INVALID_ARGUMENT,
		"param: must not be given with a body: both are the variables of the GraphQL "
		"operation");
	assert_operation_refused(
		"{}", "", "", STATUS_FAILED_PRECONDITION, "the action has no GraphQL operation");
}

/* --- body and method ------------------------------------------------------------------------- */

static void assert_sent(const char *body, const char *bytes, const char *type)
{
	const char *got_type;
	struct text got = call_body(arena, text_of(body), &got_type);

	if (!bytes) {
		assert_null(got.data);
		assert_null(got_type);
		return;
	}
	assert_int_equal(got.size, strlen(bytes));
	assert_memory_equal(got.data, bytes, got.size);
	assert_string_equal(got_type, type);
}

static void a_body_that_is_json_is_sent_byte_for_byte(void **state)
{
	assert_sent("{\"b\": 1.10, \"a\":12345678901234567890}",
		"{\"b\": 1.10, \"a\":12345678901234567890}", "application/json");
	assert_sent(" [1] ", "[1]", "application/json");
	assert_sent("true", "true", "application/json");
	assert_sent("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "application/json");
}

static void a_string_is_sent_as_the_json_it_holds_or_as_text(void **state)
{
	assert_sent("\"{\\\"a\\\":1}\"", "{\"a\":1}", "application/json");
	assert_sent("\"hello \\u4e2d\"", "hello \xe4\xb8\xad", "text/plain; charset=utf-8");
	assert_sent("plain words", "plain words", "text/plain; charset=utf-8");
	assert_sent("{not json", "{not json", "text/plain; charset=utf-8");
	assert_sent("\"unfinished", "\"unfinished", "text/plain; charset=utf-8");
}

static void no_body_is_sent_for_nothing(void **state)
{
	assert_sent("", NULL, NULL);
	assert_sent("null", NULL, NULL);
	assert_sent("\"\"", NULL, NULL);
	assert_sent(NULL, NULL, NULL);
}

static void a_method_is_known_in_any_case(void **state)
{
	assert_string_equal(call_method(TEXT("get")), "GET");
	assert_string_equal(call_method(TEXT("Patch")), "PATCH");
	assert_string_equal(call_method(TEXT("OPTIONS")), "OPTIONS");
	assert_null(call_method(TEXT("TRACE")));
	assert_null(call_method(TEXT("GET ")));
	assert_null(call_method(TEXT("")));
}

/* --- the answer ------------------------------------------------------------------------------ */

static void a_json_body_is_the_result_byte_for_byte(void **state)
{
	assert_string_equal(call_result(arena, TEXT("{\"n\":1.0,\"n\":2}")), "{\"n\":1.0,\"n\":2}");
	assert_string_equal(call_result(arena, TEXT("\"x\"")), "\"x\"");
	assert_string_equal(
		call_result(arena, TEXT("12345678901234567890.10")), "12345678901234567890.10");
	assert_string_equal(call_result(arena, TEXT("\r\n {\"n\": 1}\n")), "{\"n\": 1}");
}

static void other_text_is_a_string_and_other_bytes_are_base64(void **state)
{
	assert_string_equal(call_result(arena, TEXT("hello \"you\"\n\xc3\xa9")),
		"\"hello \\\"you\\\"\\n\xc3\xa9\"");
	assert_string_equal(
		call_result(arena, TEXT("{\"a\":1} trailing")), "\"{\\\"a\\\":1} trailing\"");
	assert_string_equal(call_result(arena, TEXT("a\0b")), "\"a\\u0000b\"");
	assert_string_equal(call_result(arena, TEXT("\xff\xfe\x00")), "{\"base64\":\"//4A\"}");
	assert_string_equal(call_result(arena, (struct text){0}), "null");
}

/* A tree of it would take twenty times the text. */
static void a_large_json_body_takes_no_memory_to_judge(void **state)
{
	enum { ELEMENTS = 2 * 1024 * 1024, SIZE = 2 * ELEMENTS + 1 };
	char *body = malloc(SIZE + 1);
	size_t before = arena_used(arena);

	assert_non_null(body);
	for (int i = 0; i < ELEMENTS; i++)
		memcpy(body + 1 + 2 * i, "0,", 2);
	body[0] = '[';
	memcpy(body + SIZE - 1, "]", 2);
	assert_ptr_equal(call_result(arena, (struct text){body, SIZE}), body);
	assert_int_equal(arena_used(arena), before);
	free(body);
}

static const char *message(int status, const char *reason)
{
	const struct fetch_response response = {.status = status, .reason = text_of(reason)};

	return call_message(arena, &response);
}

static void the_message_is_success_or_the_reason_or_what_the_status_means(void **state)
{
	assert_string_equal(message(200, "Whatever"), "success");
	assert_string_equal(message(204, ""), "success");
	assert_string_equal(message(404, "No Such Thing"), "No Such Thing");
	assert_string_equal(message(404, ""), "Not Found");
	assert_string_equal(message(503, "\xff\xfe"), "Service Unavailable");
	assert_string_equal(message(302, ""), "Found");
	assert_string_equal(message(599, ""), "status 599");
}

static const char *content_type(const char *name, const char *value)
{
	const struct fetch_header headers[] = {
		{TEXT("x-other"), TEXT("text/other")}, {text_of(name), text_of(value)}};
	const struct fetch_response response = {.headers = headers, .header_count = 2};

	return call_content_type(arena, &response);
}

static void a_content_type_is_ascii_of_bounded_size(void **state)
{
	char *long_type = arena_printf(arena, "text/%01020d", 0);

	assert_string_equal(content_type("CONTENT-TYPE", "text/x; a=\"b\""), "text/x; a=\"b\"");
	assert_string_equal(content_type("content-types", "text/x"), "");
	assert_string_equal(content_type("content-type", "text/\xc3\xa9"), "");
	assert_string_equal(content_type("content-type", "text\x01"), "");
	assert_string_equal(content_type("content-type", long_type), "");
	long_type[1024] = '\0';
	assert_string_equal(content_type("content-type", long_type), long_type);
}

#define SHAPE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHAPE_TEST(parameters_become_the_query),
		SHAPE_TEST(a_list_repeats_its_name_an_object_is_json_and_null_is_left_out),
		SHAPE_TEST(names_and_values_are_percent_encoded),
		SHAPE_TEST(a_registered_uri_keeps_its_escapes_and_gains_those_it_needs),
		SHAPE_TEST(what_is_no_object_is_refused_with_its_field),
		SHAPE_TEST(headers_are_strings_numbers_and_booleans),
		SHAPE_TEST(headers_of_the_connection_and_of_junction_are_refused),
		SHAPE_TEST(a_header_cannot_carry_another_one),
		SHAPE_TEST(a_header_has_one_plain_value),
		SHAPE_TEST(more_than_a_hundred_headers_are_refused),
		SHAPE_TEST(a_body_that_is_json_is_sent_byte_for_byte),
		SHAPE_TEST(a_string_is_sent_as_the_json_it_holds_or_as_text),
		SHAPE_TEST(no_body_is_sent_for_nothing),
		SHAPE_TEST(variables_go_as_they_are_given),
		SHAPE_TEST(variables_are_one_object),
		SHAPE_TEST(a_method_is_known_in_any_case),
		SHAPE_TEST(a_json_body_is_the_result_byte_for_byte),
		SHAPE_TEST(other_text_is_a_string_and_other_bytes_are_base64),
		SHAPE_TEST(a_large_json_body_takes_no_memory_to_judge),
		SHAPE_TEST(the_message_is_success_or_the_reason_or_what_the_status_means),
		SHAPE_TEST(a_content_type_is_ascii_of_bounded_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
