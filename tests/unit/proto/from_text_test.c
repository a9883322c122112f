/* Fields from the text of paths and query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "junction/v1/registry.pb-c.h"
#include "tests/support/transcode_trial.h"

static bool set_text(
	const struct api_message *type, void *message, const char *name, struct text value)
{
	status = (struct status){0};
	return message_field_from_text(arena, type, text_of(name), value, message, &status);
}

static void assert_text(const char *name, const char *value, const char *json)
{
	ProtobufCMessage *message = message_new(arena, &scalars_type);
	struct buffer out = {.arena = arena};
	int field = message_field_named(&scalars_type, text_of(name));

	if (!set_text(&scalars_type, message, name, text_of(value)))
		fail_msg("%s", status.message);
	assert_true(message_field_to_json(
		&out, &scalars_type, (unsigned)field, message, &documented, &status));
	assert_string_equal(arena_string(arena, buffer_text(&out)), json);
}

static void assert_text_refused(const char *name, struct text value, const char *reason)
{
	assert_false(set_text(&scalars_type, message_new(arena, &scalars_type), name, value));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, reason);
}

static void text_is_converted_by_the_fields_type(void **state)
{
	assert_text("aString", "12", "\"12\"");
	assert_text("a_string", "", "\"\"");
	assert_text("aInt32", "-12", "-12");
	assert_text("aUint64", "18446744073709551615", "18446744073709551615");
	assert_text("aDouble", "1.5", "1.5");
	assert_text("aBool", "true", "true");
	assert_text("aBool", "false", "false");
	assert_text("aEnum", "SERVING", "\"SERVING\"");
	assert_text("aEnum", "1", "\"SERVING\"");
	assert_text("aBytes", "QQ", "\"QQ==\"");
	assert_text("number", "0", "0");
}

static void text_of_another_type_is_refused(void **state)
{
	assert_text_refused(
		"aInt32", TEXT("80a"), "aInt32: not an integer from -2147483648 to 2147483647");
	assert_text_refused(
		"aInt32", TEXT(""), "aInt32: not an integer from -2147483648 to 2147483647");
	assert_text_refused("aBool", TEXT("1"), "aBool: must be true or false");
	assert_text_refused("aString", TEXT("a\xff"), "aString: not valid UTF-8");
	assert_text_refused("aString", TEXT("a\0"), "aString: must not contain U+0000");
	assert_text_refused("child", TEXT("{}"), "child: must be an object");
	assert_text_refused("children", TEXT("{}"), "children: must be given in the body");
	assert_text_refused("byNumber", TEXT("{}"), "byNumber: must be given in the body");
	assert_text_refused("child.child.aInt32", TEXT("x"),
		"child.child.aInt32: not an integer from -2147483648 to 2147483647");
}

static void dotted_names_reach_into_submessages(void **state)
{
	const struct api_message *type = type_named(SERVICE);
	Registry__RegisterServiceRequest *got = (void *)message_new(arena, type);

	assert_true(set_text(type, got, "server_info.host", TEXT("h")));
	assert_true(set_text(type, got, "server_info.port", TEXT("80")));
	assert_string_equal(got->server_info->host, "h");
	assert_int_equal(got->server_info->port, 80);
	assert_int_equal(got->server_info->_port_case, REGISTRY__SERVER_INFO___PORT_PORT);
}

static void an_unknown_name_is_not_found_and_changes_nothing(void **state)
{
	static const char *const names[] = {"x", "", ".", "server_info.", "server_info.x",
		"server_info.host.x", "uri.x", "servers.key", "server_info..host", "uri\xff"};
	const struct api_message *type = type_named(SERVICE);
	Registry__RegisterServiceRequest *got = (void *)message_new(arena, type);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_false(set_text(type, got, names[i], TEXT("h")));
		assert_int_equal(status.code, STATUS_NOT_FOUND);
	}
	assert_null(got->server_info);
	assert_false(set_text(type, got, "server_info.x", TEXT("h")));
	assert_string_equal(status.message, "server_info.x: unknown field");
}

static void endless_dots_end_at_the_depth_of_messages(void **state)
{
	struct buffer name = {.arena = arena};

	for (int i = 0; i < 5000; i++)
		buffer_add_text(&name, TEXT("child."));
	buffer_add_text(&name, TEXT("aInt32"));
	assert_false(message_field_from_text(arena, &scalars_type, buffer_text(&name), TEXT("1"),
		message_new(arena, &scalars_type), &status));
	assert_int_equal(status.code, STATUS_NOT_FOUND);
}

static void text_appends_to_a_repeated_field(void **state)
{
	const struct api_message *type = type_named("junction.v1.QueryServicesRequest");
	Registry__QueryServicesRequest *got =
		message_of(type, "{\"service_name\":[\"0\",\"1\",\"2\"]}");

	for (int i = 3; i < 100; i++)
		assert_true(
			set_text(type, got, "service_name", text_of(arena_printf(arena, "%d", i))));
	assert_int_equal(got->n_service_name, 100);
	for (int i = 0; i < 100; i++)
		assert_string_equal(got->service_name[i], arena_printf(arena, "%d", i));
}

static void a_refused_text_is_not_appended(void **state)
{
	struct scalars *got = message_of(&scalars_type, "{\"numbers\":[1]}");

	assert_false(set_text(&scalars_type, got, "numbers", TEXT("x")));
	assert_int_equal(got->n_numbers, 1);
}

static void text_is_raw_json_or_a_string_of_it(void **state)
{
	const struct api_message *type = type_named("junction.v1.CallRequest");
	Registry__CallRequest *got = (void *)message_new(arena, type);

	assert_true(set_text(type, got, "param", TEXT(" {\"a\": 1}")));
	assert_string_equal(got->param, "{\"a\": 1}");
	assert_int_equal(got->_param_case, REGISTRY__CALL_REQUEST___PARAM_PARAM);
	assert_true(set_text(type, got, "body", TEXT("a \"b\"")));
	assert_string_equal(got->body, "\"a \\\"b\\\"\"");
	assert_true(set_text(type, got, "body", TEXT("")));
	assert_string_equal(got->body, "\"\"");
	assert_false(set_text(type, got, "body", TEXT("\xff")));
	assert_string_equal(status.message, "body: not valid UTF-8");
}

static void text_may_not_set_a_second_member_of_a_oneof(void **state)
{
	void *message = message_of(&scalars_type, "{\"number\":1}");

	assert_false(set_text(&scalars_type, message, "word", TEXT("w")));
	assert_string_equal(status.message, "word: must not be given together with number");
	assert_false(set_text(&scalars_type, message, "child.aInt32", TEXT("1")));
	assert_string_equal(status.message, "child.aInt32: must not be given together with number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_is_converted_by_the_fields_type),
		TEST(text_of_another_type_is_refused),
		TEST(dotted_names_reach_into_submessages),
		TEST(an_unknown_name_is_not_found_and_changes_nothing),
		TEST(endless_dots_end_at_the_depth_of_messages),
		TEST(text_appends_to_a_repeated_field),
		TEST(a_refused_text_is_not_appended),
		TEST(text_is_raw_json_or_a_string_of_it),
		TEST(text_may_not_set_a_second_member_of_a_oneof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
