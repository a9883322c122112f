/* Numbers, enums, bytes and map keys in JSON. The wire bytes below were made by Google's protobuf
 * from the same JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "proto/runtime/guard.h"
#include "tests/support/transcode_trial.h"

static const char all_scalars[] =
	"{\"aInt32\":-2147483648,\"aSint32\":-3,\"aSfixed32\":-4,\"aUint32\":4294967295,"
	"\"aFixed32\":5,\"aInt64\":\"-9223372036854775808\",\"aSint64\":\"-7\","
	"\"aSfixed64\":\"-8\",\"aUint64\":\"18446744073709551615\",\"aFixed64\":\"10\","
	"\"aFloat\":1.5,\"aDouble\":0.1,\"aBool\":true,\"aEnum\":\"SERVING\",\"aString\":"
	"\"h\303\266\","
	"\"aBytes\":\"AAEC/w==\",\"child\":{\"aInt32\":1},\"numbers\":[\"1\",\"-2\"],"
	"\"flags\":[true,false],\"floats\":[0.25],\"byNumber\":{\"-5\":\"five\"},"
	"\"byFlag\":{\"true\":{\"aInt32\":2}},\"parts\":[\"\",\"QQ==\"],"
	"\"children\":[{},{\"word\":\"w\"}]}";
static const char all_scalars_wire[] =
	"\x08\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01\x10\x05\x1d\xfc\xff\xff\xff\x20\xff\xff\xff"
	"\xff\x0f\x2d\x05\x00\x00\x00\x30\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x38\x0d\x41\xf8"
	"\xff\xff\xff\xff\xff\xff\xff\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x51\x0a\x00\x00"
	"\x00\x00\x00\x00\x00\x5d\x00\x00\xc0\x3f\x61\x9a\x99\x99\x99\x99\x99\xb9\x3f\x68\x01\x70"
	"\x01\x7a\x03\x68\xc3\xb6\x82\x01\x04\x00\x01\x02\xff\x9a\x01\x02\x08\x01\xa2\x01\x02\x02"
	"\x03\xaa\x01\x02\x01\x00\xb2\x01\x04\x00\x00\x80\x3e\xba\x01\x11\x08\xfb\xff\xff\xff\xff"
	"\xff\xff\xff\xff\x01\x12\x04\x66\x69\x76\x65\xc2\x01\x06\x08\x01\x12\x02\x08\x02\xca\x01"
	"\x00\xca\x01\x01\x41\xd2\x01\x00\xd2\x01\x04\x92\x01\x01\x77";

static void every_type_becomes_the_bytes_that_protobuf_makes(void **state)
{
	struct text wire = guard_pack(arena, message_of(&scalars_type, all_scalars));

	assert_int_equal(wire.size, sizeof(all_scalars_wire) - 1);
	assert_memory_equal(wire.data, all_scalars_wire, wire.size);
}

static void every_type_comes_back_from_its_own_json(void **state)
{
	const struct transcode_options *all[] = {&lenient, &documented};
	void *message = message_of(&scalars_type, all_scalars);

	for (int i = 0; i < 2; i++) {
		struct buffer out = {.arena = arena};
		struct text wire;

		assert_true(message_to_json(&out, &scalars_type, message, all[i], &status));
		wire = guard_pack(
			arena, message_of(&scalars_type, arena_string(arena, buffer_text(&out))));
		assert_int_equal(wire.size, sizeof(all_scalars_wire) - 1);
		assert_memory_equal(wire.data, all_scalars_wire, wire.size);
	}
}

static void long_integers_are_strings_or_numbers_as_asked(void **state)
{
	const char *json = "{\"aInt64\":9007199254740993,\"numbers\":[-1]}";

	assert_string_equal(field_of(json, "aInt64", &lenient), "\"9007199254740993\"");
	assert_string_equal(field_of(json, "aInt64", &documented), "9007199254740993");
	assert_string_equal(field_of(json, "numbers", &lenient), "[\"-1\"]");
	assert_string_equal(field_of(json, "numbers", &documented), "[-1]");
	assert_string_equal(
		field_of("{\"aUint64\":\"18446744073709551615\"}", "aUint64", &documented),
		"18446744073709551615");
}

static void integers_are_taken_however_they_are_written(void **state)
{
	assert_string_equal(field_of("{\"aInt32\":1e2}", "aInt32", &lenient), "100");
	assert_string_equal(field_of("{\"aInt32\":1.0}", "aInt32", &lenient), "1");
	assert_string_equal(field_of("{\"aInt32\":\"-12\"}", "aInt32", &lenient), "-12");
	assert_string_equal(field_of("{\"aUint32\":\"12\"}", "aUint32", &lenient), "12");
	assert_string_equal(
		field_of("{\"aInt32\":-2147483648}", "aInt32", &lenient), "-2147483648");
}

static void integers_out_of_range_or_not_whole_are_refused(void **state)
{
	static const char reason[] = "aInt32: not an integer from -2147483648 to 2147483647";

	assert_refused(&scalars_type, "{\"aInt32\":2147483648}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":-2147483649}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":1.5}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":\"\"}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":\" 1\"}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":true}", reason);
	assert_refused(&scalars_type, "{\"aInt32\":{}}", reason);
	assert_refused(
		&scalars_type, "{\"aUint32\":-1}", "aUint32: not an integer from 0 to 4294967295");
	assert_refused(&scalars_type, "{\"aFixed32\":4294967296}",
		"aFixed32: not an integer from 0 to 4294967295");
	assert_refused(&scalars_type, "{\"aInt64\":9223372036854775808}",
		"aInt64: not an integer from -9223372036854775808 to 9223372036854775807");
	assert_refused(&scalars_type, "{\"numbers\":[1,\"x\"]}",
		"numbers[1]: not an integer from -9223372036854775808 to 9223372036854775807");
	assert_refused(&scalars_type, "{\"aUint64\":\"18446744073709551616\"}",
		"aUint64: not an integer from 0 to 18446744073709551615");
}

static void assert_comes_back(double number)
{
	struct scalars sent, *got;

	scalars_init(&sent.base);
	sent.a_double = number;
	sent.a_float = (float)number;
	got = message_of(&scalars_type, json_of(&scalars_type, &sent));
	assert_memory_equal(&got->a_double, &sent.a_double, sizeof(double));
	assert_memory_equal(&got->a_float, &sent.a_float, sizeof(float));
}

static void every_number_comes_back_bit_by_bit(void **state)
{
	uint64_t bits = 88172645463325252;

	assert_comes_back(0.0);
	assert_comes_back(-0.0);
	assert_comes_back(5e-324);
	assert_comes_back(3.4028234663852886e38);
	for (int i = 0; i < 20000; i++) {
		double number;

		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		memcpy(&number, &bits, sizeof(number));
		if (isfinite(number))
			assert_comes_back(number);
		assert_comes_back((double)(int64_t)(bits >> 40) / 1000);
		assert_comes_back((double)(int64_t)bits / 1e9);
	}
}

static void numbers_go_out_in_the_fewest_digits(void **state)
{
	assert_string_equal(field_of("{\"aDouble\":0.1}", "aDouble", &lenient), "0.1");
	assert_string_equal(field_of("{\"aDouble\":0.30000000000000004}", "aDouble", &lenient),
		"0.30000000000000004");
	assert_string_equal(field_of("{\"aDouble\":\"-1e300\"}", "aDouble", &lenient), "-1e+300");
	assert_string_equal(
		field_of("{\"aDouble\":5e-324}", "aDouble", &lenient), "4.94065645841247e-324");
	assert_string_equal(field_of("{\"aFloat\":0.1}", "aFloat", &lenient), "0.1");
	assert_string_equal(field_of("{\"aFloat\":16777217}", "aFloat", &lenient), "16777216");
}

static void numbers_that_are_none_have_names(void **state)
{
	assert_string_equal(field_of("{\"aDouble\":\"NaN\"}", "aDouble", &lenient), "\"NaN\"");
	assert_string_equal(
		field_of("{\"aFloat\":\"Infinity\"}", "aFloat", &lenient), "\"Infinity\"");
	assert_string_equal(
		field_of("{\"aDouble\":\"-Infinity\"}", "aDouble", &lenient), "\"-Infinity\"");
}

static void numbers_out_of_range_or_otherwise_spelled_are_refused(void **state)
{
	assert_refused(&scalars_type, "{\"aDouble\":1e400}", "aDouble: number out of range");
	assert_refused(&scalars_type, "{\"aFloat\":1e39}", "aFloat: number out of range");
	assert_refused(&scalars_type, "{\"aDouble\":\"0x10\"}", "aDouble: not a number");
	assert_refused(&scalars_type, "{\"aDouble\":\"inf\"}", "aDouble: not a number");
	assert_refused(&scalars_type, "{\"aDouble\":\"1 \"}", "aDouble: not a number");
	assert_refused(&scalars_type, "{\"aDouble\":\"\"}", "aDouble: not a number");
	assert_refused(&scalars_type, "{\"aDouble\":[1]}", "aDouble: not a number");
}

static void enums_are_taken_by_name_and_by_number(void **state)
{
	assert_string_equal(field_of("{\"aEnum\":2}", "aEnum", &lenient), "\"NOT_SERVING\"");
	assert_string_equal(field_of("{\"aEnum\":\"2\"}", "aEnum", &lenient), "\"NOT_SERVING\"");
	assert_string_equal(field_of("{\"aEnum\":\"SERVING\"}", "aEnum", &lenient), "\"SERVING\"");
	assert_string_equal(field_of("{\"aEnum\":77}", "aEnum", &lenient), "77");
	assert_refused(&scalars_type, "{\"aEnum\":\"SERVIN\"}",
		"aEnum: must be a name or number of "
		"grpc.health.v1.HealthCheckResponse.ServingStatus");
	assert_refused(&scalars_type, "{\"aEnum\":\"SERVING\\u0000\"}",
		"aEnum: must be a name or number of "
		"grpc.health.v1.HealthCheckResponse.ServingStatus");
}

static void bytes_are_base64_of_either_alphabet(void **state)
{
	assert_string_equal(field_of("{\"aBytes\":\"-_-_\"}", "aBytes", &lenient), "\"+/+/\"");
	assert_string_equal(field_of("{\"aBytes\":\"+/+/\"}", "aBytes", &lenient), "\"+/+/\"");
	assert_string_equal(field_of("{\"aBytes\":\"AAE\"}", "aBytes", &lenient), "\"AAE=\"");
	assert_string_equal(field_of("{\"aBytes\":\"\"}", "aBytes", &lenient), "\"\"");
	assert_refused(&scalars_type, "{\"aBytes\":\"A\"}", "aBytes: must be a string of base64");
	assert_refused(
		&scalars_type, "{\"aBytes\":\"A=B=\"}", "aBytes: must be a string of base64");
	assert_refused(
		&scalars_type, "{\"aBytes\":\"====\"}", "aBytes: must be a string of base64");
	assert_refused(&scalars_type, "{\"aBytes\":12}", "aBytes: must be a string of base64");
}

static void map_keys_are_of_the_keys_type(void **state)
{
	assert_refused(&scalars_type, "{\"byNumber\":{\"x\":\"\"}}",
		"byNumber.x: key not an integer from -2147483648 to 2147483647");
	assert_refused(
		&scalars_type, "{\"byFlag\":{\"1\":{}}}", "byFlag.1: key must be true or false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_becomes_the_bytes_that_protobuf_makes),
		TEST(every_type_comes_back_from_its_own_json),
		TEST(long_integers_are_strings_or_numbers_as_asked),
		TEST(integers_are_taken_however_they_are_written),
		TEST(integers_out_of_range_or_not_whole_are_refused),
		TEST(every_number_comes_back_bit_by_bit),
		TEST(numbers_go_out_in_the_fewest_digits),
		TEST(numbers_that_are_none_have_names),
		TEST(numbers_out_of_range_or_otherwise_spelled_are_refused),
		TEST(enums_are_taken_by_name_and_by_number),
		TEST(bytes_are_base64_of_either_alphabet),
		TEST(map_keys_are_of_the_keys_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
