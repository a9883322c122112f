/* What reaches protobuf-c, and what does not. Wire bytes are written out in the tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "junction/v1/registry.pb-c.h"
#include "proto/runtime/guard.h"
#include "tests/support/scalars.h"

static struct arena *arena;
static struct status status;

static int set_up(void **state)
{
	arena = arena_new(0);
	status = (struct status){0};
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static void add_length(struct buffer *wire, size_t length)
{
	for (; length > 127; length >>= 7)
		buffer_add_char(wire, (char)(length | 0x80));
	buffer_add_char(wire, (char)length);
}

/* A length-delimited field of a number below 16. */
static void add_field(struct buffer *wire, int number, struct text value)
{
	buffer_add_char(wire, (char)(number << 3 | 2));
	add_length(wire, value.size);
	buffer_add_text(wire, value);
}

static void assert_refused(const ProtobufCMessageDescriptor *type, struct text wire,
	enum status_code code, const char *message)
{
	status = (struct status){0};
	assert_null(guard_unpack(arena, type, wire, &status));
	assert_string_equal(status_name(status.code), status_name(code));
	assert_string_equal(status.message, message);
}

static void assert_malformed(struct text wire, const char *message)
{
	assert_refused(&registry__register_service_request__descriptor, wire,
		STATUS_INVALID_ARGUMENT, message);
}

static void a_message_survives_packing_and_unpacking(void **state)
{
	Registry__ServerInfo info = REGISTRY__SERVER_INFO__INIT;
	Registry__RegisterServiceRequest sent = REGISTRY__REGISTER_SERVICE_REQUEST__INIT, *got;
	struct text wire;

	info.host = (char *)"h\303\266st";
	sent.service_name = (char *)"list";
	sent._params_case = REGISTRY__REGISTER_SERVICE_REQUEST___PARAMS_PARAMS;
	sent.params = (char *)"{\"a\":1}";
	sent.server_info = &info;
	wire = guard_pack(arena, &sent.base);
	got = (Registry__RegisterServiceRequest *)guard_unpack(
		arena, sent.base.descriptor, wire, &status);
	assert_non_null(got);
	assert_string_equal(got->service_name, "list");
	assert_string_equal(got->params, "{\"a\":1}");
	assert_string_equal(got->server_info->host, "h\303\266st");
	assert_int_equal(got->_method_case, REGISTRY__REGISTER_SERVICE_REQUEST___METHOD__NOT_SET);
}

static void an_empty_message_is_a_message(void **state)
{
	assert_non_null(guard_unpack(
		arena, &registry__list_servers_request__descriptor, (struct text){0}, &status));
	assert_int_equal(
		guard_pack(arena, guard_unpack(arena, &registry__list_servers_request__descriptor,
					  (struct text){0}, &status))
			.size,
		0);
}

static void ill_formed_utf8_is_refused_with_its_path(void **state)
{
	assert_malformed(TEXT("\x32\x03\x0a\x01\xff"), "server_info.host: not valid UTF-8");
	assert_string_equal(status.field, "server_info.host");
	assert_malformed(TEXT("\x0a\x03\xed\xa0\x80"), "server_name: not valid UTF-8");
}

static void a_refused_element_is_named_by_its_index(void **state)
{
	assert_refused(&registry__query_services_request__descriptor,
		TEXT("\x0a\x01"
		     "a"
		     "\x12\x01"
		     "x"
		     "\x0a\x01"
		     "b"
		     "\x0a\x01\xc3"),
		STATUS_INVALID_ARGUMENT, "service_name[2]: not valid UTF-8");
}

static void a_nul_in_a_string_is_refused(void **state)
{
	assert_malformed(TEXT("\x0a\x03"
			      "a\0b"),
		"server_name: must not contain U+0000");
}

static void a_nul_in_bytes_is_kept(void **state)
{
	struct scalars *got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x82\x01\x03"
		     "a\0b"),
		&status);

	assert_non_null(got);
	assert_int_equal(got->a_bytes.len, 3);
	assert_memory_equal(got->a_bytes.data, "a\0b", 3);
}

static void a_map_entry_is_checked_like_any_message(void **state)
{
	assert_malformed(TEXT("\x52\x08\x0a\x01"
			      "a"
			      "\x12\x03\x0a\x01\xff"),
		"servers[0].value.host: not valid UTF-8");
}

static void truncated_fields_are_refused(void **state)
{
	assert_malformed(TEXT("\x0a"), "server_name: truncated or overlong length");
	assert_malformed(TEXT("\x0a\x05"
			      "ab"),
		"server_name: truncated");
	assert_malformed(TEXT("\x0a\xff\xff\xff\xff\x0f"
			      "a"),
		"server_name: truncated");
	assert_malformed(
		TEXT("\x32\x02\x10\x80"), "server_info.port: truncated or overlong number");
	assert_malformed(TEXT("\x8a"), "malformed message: truncated or overlong field number");
	assert_malformed(TEXT("\xf9\x01\0\0\0\0\0\0\0"), "malformed message: truncated");
	assert_malformed(TEXT("\xfd\x01\0\0\0"), "malformed message: truncated");
}

static void a_submessage_may_not_reach_beyond_its_parent(void **state)
{
	assert_malformed(TEXT("\x32\x03\x0a\x05"
			      "a"
			      "bcdef"),
		"server_info.host: truncated");
}

static void overlong_varints_are_refused(void **state)
{
	assert_malformed(TEXT("\x8a\x80\x80\x80\x80\x00\x00"),
		"malformed message: truncated or overlong field number");
	assert_malformed(TEXT("\x8a\x80\x80\x80\x10\x00"),
		"malformed message: truncated or overlong field number");
	assert_malformed(TEXT("\x32\x0c\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		"server_info.port: truncated or overlong number");
	assert_malformed(TEXT("\x32\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
		"server_info.port: truncated or overlong number");
	assert_malformed(TEXT("\x0a\x81\x80\x80\x80\x80\x00"
			      "a"),
		"server_name: truncated or overlong length");
}

static void field_number_0_is_refused(void **state)
{
	assert_malformed(TEXT("\x00\x00"), "malformed message: field number 0");
}

static void unknown_wire_types_are_refused(void **state)
{
	assert_malformed(TEXT("\xfe\x01"), "malformed message: unknown wire type");
	assert_malformed(TEXT("\xff\x01"), "malformed message: unknown wire type");
}

static void assert_carried(const ProtobufCMessageDescriptor *type, struct text wire)
{
	ProtobufCMessage *got = guard_unpack(arena, type, wire, &status);
	struct text packed;

	assert_non_null(got);
	packed = guard_pack(arena, got);
	assert_int_equal(packed.size, wire.size);
	assert_memory_equal(packed.data, wire.data, wire.size);
}

static void groups_are_carried_through(void **state)
{
	const ProtobufCMessageDescriptor *type = &registry__server_info__descriptor;

	assert_carried(type, TEXT("\xfb\x01\xfc\x01"));
	assert_carried(type, TEXT("\xfb\x01\x0b\x0a\x02hi\x0c\x10\x05\xfc\x01"));
	assert_carried(type, TEXT("\x0a\x01"
				  "a"
				  "\x13\x08\x01\x14"));
}

static void malformed_groups_are_refused(void **state)
{
	struct buffer deep = {.arena = arena};

	assert_malformed(TEXT("\xfc\x01"), "malformed message: end of a group without its start");
	assert_malformed(TEXT("\xfb\x01"), "malformed message: truncated group");
	assert_malformed(TEXT("\xfb\x01\x0a\x05"
			      "a\xfc\x01"),
		"malformed message: truncated");
	assert_malformed(TEXT("\xfb\x01\x0b\xfc\x01\x0c"),
		"malformed message: end of a group without its start");
	for (int i = 0; i < 65; i++)
		buffer_add_char(&deep, '\x7b');
	assert_malformed(buffer_text(&deep), "malformed message: groups nested too deeply");
}

static void a_known_field_of_another_wire_type_is_unknown(void **state)
{
	assert_carried(&registry__register_service_request__descriptor, TEXT("\x08\x01"));
	assert_carried(&registry__register_service_request__descriptor,
		TEXT("\x32\x03\x12\x01\x01\x35\0\0\0\0"));
	assert_carried(&scalars_descriptor, TEXT("\x6a\x01\x01"));
}

static void unknown_fields_are_carried_through(void **state)
{
	struct text wire = TEXT("\x0a\x01"
				"a"
				"\xfa\x01\x02\xff\xff\xf8\x01\x07");
	ProtobufCMessage *got =
		guard_unpack(arena, &registry__register_service_request__descriptor, wire, &status);

	assert_non_null(got);
	assert_true(text_equal(guard_pack(arena, got), wire));
}

static void a_singular_message_given_twice_is_merged(void **state)
{
	Registry__RegisterServiceRequest *got = (Registry__RegisterServiceRequest *)guard_unpack(
		arena, &registry__register_service_request__descriptor,
		TEXT("\x32\x03\x0a\x01"
		     "a"
		     "\x32\x02\x10\x07"),
		&status);

	assert_non_null(got);
	assert_string_equal(got->server_info->host, "a");
	assert_int_equal(got->server_info->port, 7);
	assert_int_equal(got->server_info->_port_case, REGISTRY__SERVER_INFO___PORT_PORT);
	assert_int_equal(got->server_info->_protocol_case, 0);
}

static void a_message_in_a_oneof_is_merged_while_it_is_set(void **state)
{
	struct scalars *got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x9a\x01\x02\x08\x07\x9a\x01\x02\x10\x02"), &status);

	assert_int_equal(got->choice_case, 19);
	assert_int_equal(got->child->a_int32, 7);
	assert_int_equal(got->child->a_sint32, 1);
	got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x9a\x01\x02\x08\x07\x92\x01\x01w\x9a\x01\x02\x10\x02"), &status);
	assert_int_equal(got->child->a_int32, 0);
	assert_int_equal(got->child->a_sint32, 1);
}

static void a_boolean_is_any_varint(void **state)
{
	struct scalars *got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x68\x80\x80\x80\x80\x10\xaa\x01\x04\x02\x80\x01\x00"), &status);

	assert_non_null(got);
	assert_int_equal(got->a_bool, 1);
	assert_int_equal(got->n_flags, 3);
	assert_int_equal(got->flags[0], 1);
	assert_int_equal(got->flags[1], 1);
	assert_int_equal(got->flags[2], 0);
}

static void an_integer_is_cut_to_its_width(void **state)
{
	struct scalars *got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x08\x81\x80\x80\x80\x10\x10\x83\x80\x80\x80\x10\x20\x82\x80\x80\x80\x10"),
		&status);

	assert_int_equal(got->a_int32, 1);
	assert_int_equal(got->a_sint32, -2);
	assert_int_equal(got->a_uint32, 2);
}

static void the_last_of_a_repeated_scalar_or_oneof_wins(void **state)
{
	Registry__ServerInfo *info =
		(Registry__ServerInfo *)guard_unpack(arena, &registry__server_info__descriptor,
			TEXT("\x0a\x01"
			     "a"
			     "\x10\x01\x0a\x01"
			     "b"
			     "\x10\x02"),
			&status);
	struct scalars *scalars = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\x88\x01\x05\x92\x01\x01w\x9a\x01\x02\x08\x07"), &status);

	assert_string_equal(info->host, "b");
	assert_int_equal(info->port, 2);
	assert_int_equal(scalars->choice_case, 19);
	assert_int_equal(scalars->child->a_int32, 7);
}

static void repeated_numbers_may_be_packed_or_not(void **state)
{
	struct scalars *got = (struct scalars *)guard_unpack(arena, &scalars_descriptor,
		TEXT("\xa2\x01\x02\x02\x03"
		     "\xa0\x01\x06"
		     "\xaa\x01\x02\x01\x00"
		     "\xb2\x01\x04\x00\x00\x80\x3f"),
		&status);

	assert_non_null(got);
	assert_int_equal(got->n_numbers, 3);
	assert_int_equal(got->numbers[0], 1);
	assert_int_equal(got->numbers[1], -2);
	assert_int_equal(got->numbers[2], 3);
	assert_int_equal(got->n_flags, 2);
	assert_int_equal(got->flags[0], 1);
	assert_int_equal(got->n_floats, 1);
	assert_float_equal(got->floats[0], 1.0f, 0.0f);
}

static void malformed_packed_numbers_are_refused(void **state)
{
	assert_refused(&scalars_descriptor, TEXT("\xa2\x01\x02\x01\x80"), STATUS_INVALID_ARGUMENT,
		"numbers[0]: truncated or overlong number");
	assert_refused(&scalars_descriptor, TEXT("\xb2\x01\x03\x01\x01\x01"),
		STATUS_INVALID_ARGUMENT, "floats[0]: truncated");
}

static void a_missing_required_field_is_refused(void **state)
{
	assert_refused(&google__protobuf__uninterpreted_option__name_part__descriptor, TEXT(""),
		STATUS_INVALID_ARGUMENT, "malformed message: a required field is missing");
}

/* Scalars that hold each other, depth messages in all. */
static struct text nested(int depth)
{
	struct text wire = TEXT("");

	for (int i = 1; i < depth; i++) {
		struct buffer outer = {.arena = arena};

		buffer_add_text(&outer, TEXT("\x9a\x01"));
		add_length(&outer, wire.size);
		buffer_add_text(&outer, wire);
		wire = buffer_text(&outer);
	}
	return wire;
}

static void messages_nest_64_deep_and_no_deeper(void **state)
{
	assert_non_null(guard_unpack(arena, &scalars_descriptor, nested(64), &status));
	status = (struct status){0};
	assert_null(guard_unpack(arena, &scalars_descriptor, nested(65), &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_non_null(strstr(status.message, "child.child: nested too deeply"));
}

static void a_nested_message_of_29_kilobytes_is_refused(void **state)
{
	struct text wire = nested(7000);

	assert_true(wire.size > 29 * 1024);
	assert_null(guard_unpack(arena, &scalars_descriptor, wire, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
}

static void depth_inside_an_unknown_field_does_not_count(void **state)
{
	struct buffer wire = {.arena = arena};

	buffer_add_text(&wire, TEXT("\xfa\x01"));
	add_length(&wire, nested(100).size);
	buffer_add_text(&wire, nested(100));
	assert_non_null(guard_unpack(
		arena, &registry__server_info__descriptor, buffer_text(&wire), &status));
}

static struct text empty_submessages(size_t count)
{
	struct buffer wire = {.arena = arena};

	for (size_t i = 0; i < count; i++)
		add_field(&wire, 1, TEXT(""));
	return buffer_text(&wire);
}

static void two_megabytes_of_empty_submessages_end_at_the_cap(void **state)
{
	struct text wire = empty_submessages(1 << 20);
	size_t before = arena_used(arena);

	assert_refused(&registry__list_services_response__descriptor, wire,
		STATUS_RESOURCE_EXHAUSTED, "message has more than 110000 fields and elements");
	assert_true(arena_used(arena) - before < 200 * GUARD_ELEMENTS);
}

static void elements_up_to_the_cap_are_taken(void **state)
{
	Registry__ListServicesResponse *got = (Registry__ListServicesResponse *)guard_unpack(arena,
		&registry__list_services_response__descriptor, empty_submessages(GUARD_ELEMENTS),
		&status);

	assert_non_null(got);
	assert_int_equal(got->n_services, GUARD_ELEMENTS);
	assert_refused(&registry__list_services_response__descriptor,
		empty_submessages(GUARD_ELEMENTS + 1), STATUS_RESOURCE_EXHAUSTED,
		"message has more than 110000 fields and elements");
}

static void packed_elements_count(void **state)
{
	struct buffer wire = {.arena = arena};

	buffer_add_text(&wire, TEXT("\xa2\x01"));
	add_length(&wire, GUARD_ELEMENTS);
	memset(buffer_reserve(&wire, GUARD_ELEMENTS), 0, GUARD_ELEMENTS);
	wire.size += GUARD_ELEMENTS;
	assert_refused(&scalars_descriptor, buffer_text(&wire), STATUS_RESOURCE_EXHAUSTED,
		"message has more than 110000 fields and elements");
}

static void the_arena_cap_bounds_what_unpacking_takes(void **state)
{
	struct arena *small = arena_new(64 * 1024);
	struct text wire = empty_submessages(5000);

	assert_null(
		guard_unpack(small, &registry__list_services_response__descriptor, wire, &status));
	assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(status.message, "message takes more memory than one call may");
	assert_true(arena_used(small) <= 65 * 1024);
	arena_free(&small);
}

/* The descriptor set is the largest real message at hand: all of descriptor.proto's types. */
static void the_descriptor_set_survives_unpacking_and_packing(void **state)
{
	const ProtobufCMessageDescriptor *type = &google__protobuf__file_descriptor_set__descriptor;
	ProtobufCMessage *set = guard_unpack(arena, type, api_descriptor_set, &status);
	struct text packed, alone;
	void *room;

	assert_non_null(set);
	packed = guard_pack(arena, set);
	assert_int_equal(packed.size, api_descriptor_set.size);
	alone = guard_pack_alone(set, &room);
	assert_true(text_equal(alone, packed));
	free(room);
	assert_true(
		text_equal(guard_pack(arena, guard_unpack(arena, type, packed, &status)), packed));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_survives_packing_and_unpacking),
		TEST(an_empty_message_is_a_message),
		TEST(ill_formed_utf8_is_refused_with_its_path),
		TEST(a_refused_element_is_named_by_its_index),
		TEST(a_nul_in_a_string_is_refused),
		TEST(a_nul_in_bytes_is_kept),
		TEST(a_map_entry_is_checked_like_any_message),
		TEST(truncated_fields_are_refused),
		TEST(a_submessage_may_not_reach_beyond_its_parent),
		TEST(overlong_varints_are_refused),
		TEST(field_number_0_is_refused),
		TEST(unknown_wire_types_are_refused),
		TEST(groups_are_carried_through),
		TEST(malformed_groups_are_refused),
		TEST(a_known_field_of_another_wire_type_is_unknown),
		TEST(unknown_fields_are_carried_through),
		TEST(a_singular_message_given_twice_is_merged),
		TEST(a_message_in_a_oneof_is_merged_while_it_is_set),
		TEST(a_boolean_is_any_varint),
		TEST(an_integer_is_cut_to_its_width),
		TEST(the_last_of_a_repeated_scalar_or_oneof_wins),
		TEST(repeated_numbers_may_be_packed_or_not),
		TEST(malformed_packed_numbers_are_refused),
		TEST(a_missing_required_field_is_refused),
		TEST(messages_nest_64_deep_and_no_deeper),
		TEST(a_nested_message_of_29_kilobytes_is_refused),
		TEST(depth_inside_an_unknown_field_does_not_count),
		TEST(two_megabytes_of_empty_submessages_end_at_the_cap),
		TEST(elements_up_to_the_cap_are_taken),
		TEST(packed_elements_count),
		TEST(the_arena_cap_bounds_what_unpacking_takes),
		TEST(the_descriptor_set_survives_unpacking_and_packing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
