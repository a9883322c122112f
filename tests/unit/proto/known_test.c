/* The types of google.protobuf that have a JSON form of their own, and what has no JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/runtime/guard.h"
#include "tests/support/transcode_trial.h"

#define GOOGLE(name) type_named("google.protobuf." name)

static void assert_stays(const struct api_message *type, const char *json)
{
	assert_json(type, json, json);
}

static void assert_unwritable(
	const struct api_message *type, const void *message, const char *reason)
{
	struct buffer out = {.arena = arena};

	buffer_add_text(&out, TEXT("["));
	assert_false(message_to_json(&out, type, message, &lenient, &status));
	assert_int_equal(status.code, STATUS_INTERNAL);
	assert_string_equal(status.message, reason);
	assert_int_equal(out.size, 1);
}

static void a_timestamp_is_a_text(void **state)
{
	const struct api_message *type = GOOGLE("Timestamp");
	const Google__Protobuf__Timestamp *got = message_of(type, "\"1969-12-31T23:59:58.5Z\"");

	assert_int_equal(got->seconds, -2);
	assert_int_equal(got->nanos, 500000000);
	assert_stays(type, "\"1970-01-01T00:00:00Z\"");
	assert_stays(type, "\"0001-01-01T00:00:00Z\"");
	assert_stays(type, "\"9999-12-31T23:59:59.999999999Z\"");
	assert_stays(type, "\"2000-02-29T12:34:56.020Z\"");
	assert_stays(type, "\"1900-03-01T00:00:00.000020Z\"");
	assert_json(type, "\"2024-03-01T01:30:00+02:00\"", "\"2024-02-29T23:30:00Z\"");
	assert_json(type, "\"2023-12-31T23:30:00.1-00:45\"", "\"2024-01-01T00:15:00.100Z\"");
}

static void other_times_are_refused(void **state)
{
	static const char *const wrong[] = {"\"\"", "\"1970-01-01\"", "\"1970-01-01T00:00:00\"",
		"\"1970-01-01 00:00:00Z\"", "\"1970-01-01T00:00:00z\"", "\"1970-01-01T00:00:00.Z\"",
		"\"1970-01-01T00:00:00.0123456789Z\"", "\"1970-01-01T00:00:00+1:00\"",
		"\"1970-01-01T00:00:00+24:00\"", "\"1970-01-01T00:00:00+00:60\"",
		"\"1970-01-01T00:00:00Zx\"", "\"70-01-01T00:00:00Z\"", "\"+970-01-01T00:00:00Z\""};
	static const char *const impossible[] = {"\"1970-00-01T00:00:00Z\"",
		"\"1970-13-01T00:00:00Z\"", "\"1970-01-32T00:00:00Z\"", "\"1900-02-29T00:00:00Z\"",
		"\"1970-04-31T00:00:00Z\"", "\"1970-01-01T24:00:00Z\"", "\"1970-01-01T00:60:00Z\"",
		"\"1970-01-01T00:00:60Z\""};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(GOOGLE("Timestamp"), wrong[i],
			"must be a time like 1972-01-01T10:00:20.021Z");
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++)
		assert_refused(GOOGLE("Timestamp"), impossible[i], "is no time of the calendar");
	assert_refused(GOOGLE("Timestamp"), "\"0000-12-31T23:59:59Z\"",
		"must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
	assert_refused(GOOGLE("Timestamp"), "\"9999-12-31T23:59:59-00:01\"",
		"must be from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
	assert_refused(GOOGLE("Timestamp"), "0", "must be a string");
}

static void every_day_of_the_calendar_survives(void **state)
{
	const struct api_message *type = GOOGLE("Timestamp");
	Google__Protobuf__Timestamp day = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	for (day.seconds = -62135596800; day.seconds <= 253402300799; day.seconds += 86400 * 11) {
		const Google__Protobuf__Timestamp *got = message_of(type, json_of(type, &day));

		assert_int_equal(got->seconds, day.seconds);
	}
}

static void a_duration_is_a_text(void **state)
{
	const struct api_message *type = GOOGLE("Duration");
	const Google__Protobuf__Duration *got = message_of(type, "\"-1.5s\"");

	assert_int_equal(got->seconds, -1);
	assert_int_equal(got->nanos, -500000000);
	assert_stays(type, "\"0s\"");
	assert_stays(type, "\"-0.500s\"");
	assert_stays(type, "\"315576000000.999999999s\"");
	assert_stays(type, "\"-315576000000s\"");
	assert_json(type, "\"0001.00001s\"", "\"1.000010s\"");
	assert_refused(type, "\"1\"", "must be a number of seconds like -1.5s");
	assert_refused(type, "\"s\"", "must be a number of seconds like -1.5s");
	assert_refused(type, "\".5s\"", "must be a number of seconds like -1.5s");
	assert_refused(type, "\"+1s\"", "must be a number of seconds like -1.5s");
	assert_refused(type, "\"1.0000000001s\"", "must be a number of seconds like -1.5s");
	assert_refused(type, "\"315576000001s\"", "must be from -315576000000s to 315576000000s");
	assert_refused(
		type, "\"99999999999999999999s\"", "must be from -315576000000s to 315576000000s");
}

static void a_field_mask_is_a_text(void **state)
{
	const struct api_message *type = GOOGLE("FieldMask");
	const Google__Protobuf__FieldMask *got = message_of(type, "\"fooBar,a.bC\"");

	assert_int_equal(got->n_paths, 2);
	assert_string_equal(got->paths[0], "foo_bar");
	assert_string_equal(got->paths[1], "a.b_c");
	assert_stays(type, "\"fooBar,a.bC\"");
	assert_stays(type, "\"\"");
	assert_refused(type, "\"foo_bar\"", "must be paths in lowerCamelCase, separated by commas");
	assert_refused(type, "\"a,,b\"", "must be paths in lowerCamelCase, separated by commas");
	assert_refused(type, "[]", "must be a string");
}

static void structs_lists_and_values_are_json(void **state)
{
	static const char json[] = "{\"a\":null,\"b\":[1.5,\"x\",true,false,{},[],[null]],"
				   "\"c\":{\"\":-2}}";

	assert_stays(GOOGLE("Struct"), json);
	assert_stays(GOOGLE("Value"), json);
	assert_stays(GOOGLE("Value"), "null");
	assert_stays(GOOGLE("Value"), "[null,1]");
	assert_stays(GOOGLE("ListValue"), "[null,[],{\"a\":1}]");
	assert_refused(GOOGLE("Struct"), "[]", "must be an object");
	assert_refused(GOOGLE("ListValue"), "{}", "must be a list");
	assert_refused(
		GOOGLE("Struct"), "{\"a\":[1,{\"b\":1e999}]}", "a[1].b: number out of range");
	assert_refused(GOOGLE("Value"), "\"\\u0000\"", "must not contain U+0000");
}

static void wrappers_are_what_they_wrap(void **state)
{
	assert_stays(GOOGLE("BoolValue"), "false");
	assert_stays(GOOGLE("Int32Value"), "-1");
	assert_json(GOOGLE("Int64Value"), "\"5\"", "5");
	assert_stays(GOOGLE("UInt32Value"), "0");
	assert_json(GOOGLE("UInt64Value"), "18446744073709551615", "18446744073709551615");
	assert_stays(GOOGLE("FloatValue"), "0.1");
	assert_stays(GOOGLE("DoubleValue"), "\"NaN\"");
	assert_stays(GOOGLE("StringValue"), "\"\"");
	assert_json(GOOGLE("BytesValue"), "\"-_8\"", "\"+/8=\"");
	assert_refused(GOOGLE("BoolValue"), "0", "must be true or false");
	assert_refused(GOOGLE("Int32Value"), "null", "must not be null");
	assert_refused(GOOGLE("Int32Value"), "{\"value\":1}",
		"not an integer from -2147483648 to 2147483647");
}

#define DETAILS(any) "{\"code\":0,\"message\":\"\",\"details\":[" any "]}"

static void an_any_shows_its_content(void **state)
{
	const struct api_message *type = type_named("google.rpc.Status");

	assert_stays(type, DETAILS("{}"));
	assert_stays(type, DETAILS("{\"@type\":\"x/google.rpc.LocalizedMessage\",\"locale\":\"de\","
				   "\"message\":\"m\"}"));
	assert_json(type,
		DETAILS("{\"locale\":\"de\",\"@type\":\"x/google.rpc.LocalizedMessage\"}"),
		DETAILS("{\"@type\":\"x/google.rpc.LocalizedMessage\",\"locale\":\"de\","
			"\"message\":\"\"}"));
	assert_stays(type, DETAILS("{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1s\"}"));
	assert_stays(type, DETAILS("{\"@type\":\"x/google.protobuf.Value\",\"value\":null}"));
	assert_stays(type, DETAILS("{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":"
				   "\"y/google.protobuf.Empty\"}}"));
}

static void errors_in_an_any_keep_the_path(void **state)
{
	const struct api_message *type = type_named("google.rpc.Status");

	assert_refused(type, DETAILS("{},{\"a\":1}"),
		"details[1].@type: must be like type.googleapis.com/a.package.Message");
	assert_refused(type, DETAILS("{\"@type\":1}"),
		"details[0].@type: must be like type.googleapis.com/a.package.Message");
	assert_refused(type, DETAILS("{\"@type\":\"google.protobuf.Empty\"}"),
		"details[0].@type: must be like type.googleapis.com/a.package.Message");
	assert_refused(type, DETAILS("{\"@type\":\"x/no.Such\"}"),
		"details[0].@type: unknown type no.Such");
	assert_refused(type, DETAILS("{\"@type\":\"x/google.rpc.LocalizedMessage\",\"locale\":1}"),
		"details[0].locale: must be a string");
	assert_refused(type, DETAILS("{\"@type\":\"x/google.rpc.LocalizedMessage\",\"value\":{}}"),
		"details[0].value: unknown field");
	assert_refused(type, DETAILS("{\"@type\":\"x/google.protobuf.Duration\"}"),
		"details[0].value: must be given");
	assert_refused(type, DETAILS("{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1\"}"),
		"details[0].value: must be a number of seconds like -1.5s");
	assert_refused(type,
		DETAILS("{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1s\",\"b\":1}"),
		"details[0].b: unknown field");
	assert_refused(type, DETAILS("[]"), "details[0]: must be an object");
}

static void what_has_no_json_is_refused(void **state)
{
	Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	Google__Protobuf__Value value = GOOGLE__PROTOBUF__VALUE__INIT, *values[] = {&value};
	Google__Protobuf__ListValue list = GOOGLE__PROTOBUF__LIST_VALUE__INIT;
	static const char *const paths[] = {"", "Foo", "a_", "a__b", "a_1", "a,b"};

	time.seconds = 253402300800;
	assert_unwritable(GOOGLE("Timestamp"), &time,
		"cannot be written as JSON: must be from 0001-01-01T00:00:00Z to "
		"9999-12-31T23:59:59.999999999Z");
	time.seconds = 0;
	time.nanos = 1000000000;
	assert_unwritable(GOOGLE("Timestamp"), &time,
		"cannot be written as JSON: nanos must be from 0 to 999999999");
	duration.seconds = 1;
	duration.nanos = -1;
	assert_unwritable(GOOGLE("Duration"), &duration,
		"cannot be written as JSON: seconds and nanos must have one sign");
	duration.nanos = 1000000000;
	assert_unwritable(GOOGLE("Duration"), &duration,
		"cannot be written as JSON: nanos must be from -999999999 to 999999999");
	mask.n_paths = 1;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		mask.paths = (char **)&paths[i];
		assert_unwritable(GOOGLE("FieldMask"), &mask,
			"cannot be written as JSON: a path has no form in lowerCamelCase");
	}
	list.n_values = 1;
	list.values = values;
	assert_unwritable(GOOGLE("ListValue"), &list,
		"cannot be written as JSON: [0]: is a Value of no kind");
	value.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
	value.number_value = (double)__builtin_inf();
	assert_unwritable(GOOGLE("ListValue"), &list,
		"cannot be written as JSON: [0]: is a Value that is not a finite number");
}

static void the_bytes_of_an_any_are_shown_or_refused(void **state)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *anys[] = {&any};
	Google__Rpc__Status message = GOOGLE__RPC__STATUS__INIT;

	message.n_details = 1;
	message.details = anys;
	any.type_url = (char *)"x/no.Such";
	any.value = (ProtobufCBinaryData){2, (uint8_t *)"hi"};
	assert_string_equal(json_of(type_named("google.rpc.Status"), &message),
		DETAILS("{\"@type\":\"x/no.Such\",\"value\":\"aGk=\"}"));
	any.type_url = (char *)"x/google.rpc.LocalizedMessage";
	any.value.data = (uint8_t *)"\x0a\x05";
	assert_unwritable(type_named("google.rpc.Status"), &message,
		"cannot be written as JSON: details[0]: is an Any whose bytes are no "
		"google.rpc.LocalizedMessage: locale: truncated");
}

static void raw_json_that_is_none_is_refused(void **state)
{
	struct scalars *message = message_of(&scalars_type, "{\"raws\":[1,2]}");

	message->raws[1] = (char *)"{";
	assert_unwritable(&scalars_type, message,
		"cannot be written as JSON: raws[1]: is not well-formed JSON");
}

/* Each Any is wrapped in another. */
static void anys_nest_64_deep_and_no_deeper(void **state)
{
	const struct api_message *type = GOOGLE("Any");
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	any.type_url = (char *)"x/google.protobuf.Any";
	for (int depth = 1; depth < 64; depth++) {
		struct text bytes = guard_pack(arena, &any.base);

		any.value = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
		if (depth == 62)
			assert_non_null(json_of(type, &any));
	}
	assert_unwritable(type, &any, "cannot be written as JSON: nested too deeply");
}

static void values_nest_as_deep_as_messages(void **state)
{
	struct buffer json = {.arena = arena};

	for (int i = 0; i < 33; i++)
		buffer_add_char(&json, '[');
	for (int i = 0; i < 33; i++)
		buffer_add_char(&json, ']');
	assert_json(GOOGLE("Value"),
		arena_string(arena, text_until(text_from(buffer_text(&json), 1), 64)),
		arena_string(arena, text_until(text_from(buffer_text(&json), 1), 64)));
	status = (struct status){0};
	assert_false(message_from_json(arena, GOOGLE("Value"),
		parsed(arena_string(arena, buffer_text(&json))), &strict,
		message_new(arena, GOOGLE("Value")), &status));
	assert_non_null(strstr(status.message, "[0][0]: nested too deeply"));
}

static void text_of_a_query_is_read_by_these_types_too(void **state)
{
	const struct api_message *type = type_named("google.rpc.RetryInfo");
	ProtobufCMessage *message = message_new(arena, type);

	assert_true(message_field_from_text(
		arena, type, TEXT("retryDelay"), TEXT("1.5s"), message, &status));
	assert_string_equal(json_of(type, message), "{\"retryDelay\":\"1.500s\"}");
	assert_false(message_field_from_text(
		arena, type, TEXT("retryDelay"), TEXT("1"), message, &status));
	assert_string_equal(status.message, "retryDelay: must be a number of seconds like -1.5s");
}

static void a_map_that_names_a_key_again_shows_the_last(void **state)
{
	struct text wire = TEXT("\xba\x01\x05\x08\x02\x12\x01x\xba\x01\x05\x08\x01\x12\x01y"
				"\xba\x01\x05\x08\x02\x12\x01z\xba\x01\x05\x08\x03\x12\x01w");
	ProtobufCMessage *got = guard_unpack(arena, &scalars_descriptor, wire, &status);
	struct buffer out = {.arena = arena};

	assert_true(message_field_to_json(&out, &scalars_type,
		(unsigned)message_field_named(&scalars_type, TEXT("byNumber")), got, &lenient,
		&status));
	assert_string_equal(
		arena_string(arena, buffer_text(&out)), "{\"1\":\"y\",\"2\":\"z\",\"3\":\"w\"}");
}

static void defaults_are_left_out_where_asked(void **state)
{
	static const struct transcode_options canonical = {.omit_defaults = true};
	struct buffer out = {.arena = arena};

	assert_true(message_to_json(
		&out, &scalars_type, message_of(&scalars_type, "{}"), &canonical, &status));
	buffer_add_char(&out, ' ');
	assert_true(message_to_json(&out, &scalars_type,
		message_of(&scalars_type, "{\"aDouble\":-0.0,\"number\":0,\"children\":[{}]}"),
		&canonical, &status));
	assert_string_equal(arena_string(arena, buffer_text(&out)),
		"{} {\"aDouble\":-0.0,\"number\":0,\"children\":[{}]}");
}

static void names_of_unknown_enum_values_are_ignored_where_asked(void **state)
{
	static const struct transcode_options ignoring = {.ignore_enums = true};
	struct scalars *got = (struct scalars *)message_new(arena, &scalars_type);

	assert_true(message_from_json(arena, &scalars_type,
		parsed("{\"aEnum\":\"NO_SUCH\",\"aInt32\":1}"), &ignoring, &got->base, &status));
	assert_int_equal(got->a_enum, 0);
	assert_int_equal(got->a_int32, 1);
	assert_false(message_from_json(arena, &scalars_type, parsed("{\"aEnum\":\"NO_SUCH\"}"),
		&lenient, &got->base, &status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timestamp_is_a_text),
		TEST(other_times_are_refused),
		TEST(every_day_of_the_calendar_survives),
		TEST(a_duration_is_a_text),
		TEST(a_field_mask_is_a_text),
		TEST(structs_lists_and_values_are_json),
		TEST(wrappers_are_what_they_wrap),
		TEST(an_any_shows_its_content),
		TEST(errors_in_an_any_keep_the_path),
		TEST(what_has_no_json_is_refused),
		TEST(the_bytes_of_an_any_are_shown_or_refused),
		TEST(raw_json_that_is_none_is_refused),
		TEST(anys_nest_64_deep_and_no_deeper),
		TEST(values_nest_as_deep_as_messages),
		TEST(text_of_a_query_is_read_by_these_types_too),
		TEST(a_map_that_names_a_key_again_shows_the_last),
		TEST(defaults_are_left_out_where_asked),
		TEST(names_of_unknown_enum_values_are_ignored_where_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
