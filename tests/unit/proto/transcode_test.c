/* JSON to messages and back: names, presence, structure, paths of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "junction/v1/audit.pb-c.h"
#include "junction/v1/auth.pb-c.h"
#include "junction/v1/registry.pb-c.h"
#include "proto/runtime/guard.h"
#include "tests/support/transcode_trial.h"

static void other_types_than_the_fields_are_refused(void **state)
{
	assert_refused(&scalars_type, "{\"aString\":1}", "aString: must be a string");
	assert_refused(&scalars_type, "{\"aBool\":\"yes\"}", "aBool: must be true or false");
	assert_refused(&scalars_type, "{\"aBool\":1}", "aBool: must be true or false");
	assert_refused(&scalars_type, "{\"child\":[]}", "child: must be an object");
	assert_refused(&scalars_type, "{\"byNumber\":[]}", "byNumber: must be an object");
	assert_refused(&scalars_type, "{\"children\":{}}", "children: must be a list");
	assert_refused(&scalars_type, "{\"children\":[null]}", "children[0]: must not be null");
	assert_refused(
		&scalars_type, "{\"byNumber\":{\"1\":null}}", "byNumber.1: must not be null");
	assert_refused(&scalars_type, "[]", "must be a JSON object");
}

static void a_nul_in_a_string_is_refused_with_its_path(void **state)
{
	assert_refused(
		&scalars_type, "{\"aString\":\"a\\u0000b\"}", "aString: must not contain U+0000");
	assert_refused(&scalars_type, "{\"children\":[{},{\"word\":\"\\u0000\"}]}",
		"children[1].word: must not contain U+0000");
	assert_registry_refused(SERVICE, "{\"servers\":{\"a\\u0000\":{}}}",
		"servers.a: key must not contain U+0000");
}

static void errors_tell_the_way_through_maps_and_lists(void **state)
{
	assert_registry_refused(SERVICE,
		"{\"servers\":{\"alpha\":{\"host\":\"h\",\"api\":{\"list\":{\"uri\":5}}}}}",
		"servers.alpha.api.list.uri: must be a string");
	assert_string_equal(status.field, "servers.alpha.api.list.uri");
	assert_registry_refused("junction.v1.QueryServicesRequest", "{\"service_name\":[\"a\",2]}",
		"service_name[1]: must be a string");
	assert_refused(&scalars_type, "{\"byFlag\":{\"true\":{\"children\":[{\"aBool\":0}]}}}",
		"byFlag.true.children[0].aBool: must be true or false");
}

static void an_unknown_member_is_refused_or_ignored(void **state)
{
	const struct api_message *type = type_named(SERVICE);
	Registry__RegisterServiceRequest *got = (void *)message_new(arena, type);

	assert_registry_refused(SERVICE, "{\"servr_name\":\"a\"}", "servr_name: unknown field");
	assert_registry_refused(
		SERVICE, "{\"server_info\":{\"hots\":1}}", "server_info.hots: unknown field");
	assert_registry_refused(SERVICE, "{\"uri\\u0000\":\"a\"}", "uri: unknown field");
	assert_true(message_from_json(arena, type, parsed("{\"servr_name\":1,\"uri\":\"/\"}"),
		&lenient, &got->base, &status));
	assert_string_equal(got->uri, "/");
}

static void a_field_is_found_by_each_of_its_names(void **state)
{
	const struct api_message *type = type_named("junction.v1.ServiceInfo");

	assert_int_equal(message_field_named(type, TEXT("fullName")), 1);
	assert_int_equal(message_field_named(type, TEXT("full_name")), 1);
	assert_int_equal(message_field_named(type, TEXT("Nodes")), 4);
	assert_int_equal(message_field_named(type, TEXT("fullNam")), -1);
	assert_int_equal(message_field_named(type, TEXT("fullNames")), -1);
	assert_int_equal(message_field_named(type, TEXT("fullName\0")), -1);
	assert_int_equal(message_field_named(type, (struct text){0}), -1);
}

static void second_names_are_written_and_accepted(void **state)
{
	const struct api_message *type = type_named("junction.v1.CallResponse");
	static const char out[] = "{\"code\":\"200\",\"message\":\"ok\",\"mssage\":\"ok\","
				  "\"result\":null}";

	assert_json(type, "{\"code\":\"200\",\"mssage\":\"ok\"}", out);
	assert_json(type, "{\"code\":\"200\",\"message\":\"ok\"}", out);
	assert_json(type, out, out);
	assert_json(type, "{\"code\":\"200\",\"mssage\":\"\\u006fk\",\"message\":\"ok\"}", out);
	assert_json(type, "{\"code\":\"200\",\"mssage\":\"ok\",\"message\":null}", out);
}

static void two_names_of_one_field_must_agree(void **state)
{
	assert_registry_refused("junction.v1.CallResponse", "{\"message\":\"a\",\"mssage\":\"b\"}",
		"mssage: differs from message");
	assert_registry_refused("junction.v1.CallResponse", "{\"mssage\":\"b\",\"message\":\"a\"}",
		"mssage: differs from message");
	assert_registry_refused("junction.v1.ServiceInfo",
		"{\"full_name\":\"b\",\"fullName\":\"a\"}", "full_name: differs from fullName");
	assert_registry_refused("junction.v1.ServiceInfo", "{\"nodes\":[\"a\"],\"Nodes\":[]}",
		"Nodes: differs from nodes");
}

static void null_is_unset(void **state)
{
	Registry__RegisterServiceRequest *got = message_of(type_named(SERVICE),
		"{\"server_name\":null,\"server_info\":null,\"params\":null,\"method\":null}");

	assert_string_equal(got->server_name, "");
	assert_null(got->server_info);
	assert_int_equal(got->_params_case, 0);
	assert_int_equal(got->_method_case, 0);
}

static void optional_fields_remember_that_they_were_given(void **state)
{
	Registry__RegisterServiceRequest *got =
		message_of(type_named(SERVICE), "{\"method\":\"\",\"server_info\":{\"port\":0}}");

	assert_int_equal(got->_method_case, REGISTRY__REGISTER_SERVICE_REQUEST___METHOD_METHOD);
	assert_string_equal(got->method, "");
	assert_int_equal(got->server_info->_port_case, REGISTRY__SERVER_INFO___PORT_PORT);
	assert_int_equal(got->_protocol_case, 0);
	assert_json(
		type_named("junction.v1.ServerInfo"), "{\"port\":0}", "{\"host\":\"\",\"port\":0}");
}

static void an_empty_optional_string_survives_the_wire(void **state)
{
	const struct api_message *type = type_named("junction.v1.ServerInfo");
	struct text wire = guard_pack(arena, message_of(type, "{\"protocol\":\"\"}"));

	assert_string_equal(json_of(type, guard_unpack(arena, type->descriptor, wire, &status)),
		"{\"host\":\"\",\"protocol\":\"\"}");
}

static void two_members_of_a_oneof_are_refused(void **state)
{
	assert_refused(&scalars_type, "{\"number\":1,\"word\":\"w\"}",
		"word: must not be given together with number");
	assert_registry_refused("grpc.reflection.v1alpha.ServerReflectionRequest",
		"{\"listServices\":\"\",\"fileByFilename\":\"a\"}",
		"fileByFilename: must not be given together with listServices");
	assert_string_equal(field_of("{\"number\":0,\"word\":null}", "number", &lenient), "0");
	assert_string_equal(field_of("{\"number\":0}", "word", &lenient), "null");
}

static void raw_json_is_carried_byte_exact(void **state)
{
	const struct api_message *type = type_named("junction.v1.ActionInfo");
	Registry__ActionInfo *got = message_of(type,
		"{\"params\": { \"b\" : 1.10, \"a\":1e400,\"\\u0061\\/\":12345678901234567890 } "
		",\"cache\":\"x\\u0000\"}");

	assert_string_equal(
		got->params, "{ \"b\" : 1.10, \"a\":1e400,\"\\u0061\\/\":12345678901234567890 }");
	assert_string_equal(got->cache, "\"x\\u0000\"");
	assert_string_equal(json_of(type, got),
		"{\"name\":\"\",\"available\":false,"
		"\"params\":{ \"b\" : 1.10, \"a\":1e400,\"\\u0061\\/\":12345678901234567890 },"
		"\"cache\":\"x\\u0000\"}");
}

static void raw_json_in_lists_keeps_null(void **state)
{
	assert_string_equal(
		field_of("{\"raws\":[null, {} ,\"\"]}", "raws", &lenient), "[null,{},\"\"]");
}

#define SIGNATURE  "junction.v1.SignatureRequest"
#define PERMISSION "junction.v1.PermissionRequest"

static void a_number_is_text_as_it_is_written_where_allowed(void **state)
{
	static const char *const numbers[] = {
		"9999", "-0", "1.50", "1e3", "123456789012345678901234567890"};
	const struct api_message *type = type_named(PERMISSION);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		Auth__PermissionRequest *got = message_of(
			type, arena_printf(arena, "{\"src_party_id\":%s,\"party_id\":%s}",
				      numbers[i], numbers[i]));

		assert_string_equal(got->src_party_id, numbers[i]);
		assert_int_equal(got->_party_id_case, AUTH__PERMISSION_REQUEST___PARTY_ID_PARTY_ID);
		assert_string_equal(got->party_id, numbers[i]);
	}
	assert_json(type_named(SIGNATURE), "{\"party_id\":10,\"body\":1.0}",
		"{\"party_id\":\"10\",\"body\":1.0}");
	assert_json(type_named(SIGNATURE), "{\"party_id\":\"10\"}",
		"{\"party_id\":\"10\",\"body\":null}");
}

static void only_a_number_is_text(void **state)
{
	assert_registry_refused(SIGNATURE, "{\"party_id\":true}", "party_id: must be a string");
	assert_registry_refused(SIGNATURE, "{\"party_id\":[1]}", "party_id: must be a string");
	assert_registry_refused(PERMISSION, "{\"role\":1}", "role: must be a string");
}

static const char *rest_of(const char *json)
{
	Auth__SignatureRequest *got = message_of(type_named(SIGNATURE), json);

	return got->extra;
}

static void members_of_no_field_are_the_rest(void **state)
{
	assert_string_equal(rest_of("{\"party_id\":\"9\",\"body\":{}}"), "");
	assert_string_equal(rest_of("{}"), "");
	assert_string_equal(rest_of("{\"z\":1,\"party_id\":\"9\",\"a\":null,\"body\":2,\"b\":{}}"),
		"{\"z\":1,\"a\":null,\"b\":{}}");
	assert_string_equal(rest_of("{\"\":0,\"partyId\":1,\"Body\":2,\"party_id\\u0000\":3}"),
		"{\"\":0,\"partyId\":1,\"Body\":2,\"party_id\\u0000\":3}");
}

static void the_rest_is_byte_exact(void **state)
{
	assert_string_equal(
		rest_of(" { \"\\u0061\" : 1.10 ,\n\"body\" : { } , \t\"b\\/\":  "
			"[ 1e400 , { \"x\" : \"\\ud83d\\ude00\" } ] \r\n, \"c\": \",\" } "),
		"{\"\\u0061\" : 1.10,\"b\\/\":  [ 1e400 , { \"x\" : \"\\ud83d\\ude00\" } ],"
		"\"c\": \",\"}");
	assert_string_equal(rest_of("{\"\\u0062ody\":1,\"\\u0062ad\":2}"), "{\"\\u0062ad\":2}");
}

static void the_rest_has_no_name_of_its_own(void **state)
{
	const struct api_message *type = type_named(SIGNATURE);
	ProtobufCMessage *message = message_new(arena, type);

	assert_string_equal(rest_of("{\"extra\":{\"a\":1}}"), "{\"extra\":{\"a\":1}}");
	assert_int_equal(message_field_named(type, TEXT("extra")), -1);
	assert_false(
		message_field_from_text(arena, type, TEXT("extra"), TEXT("{}"), message, &status));
	assert_int_equal(status.code, STATUS_NOT_FOUND);
}

static void the_rest_is_written_among_the_members(void **state)
{
	const struct api_message *type = type_named(SIGNATURE);

	assert_json(type, "{\"z\" : 1,\"party_id\":\"9\",\"extra\":[],\"body\":2}",
		"{\"party_id\":\"9\",\"body\":2,\"z\" : 1,\"extra\":[]}");
	assert_json(type, "{\"party_id\":\"9\"}", "{\"party_id\":\"9\",\"body\":null}");
}

static void the_type_of_an_any_is_no_rest(void **state)
{
	static const char json[] = "{\"@type\":\"type.googleapis.com/" SIGNATURE
				   "\",\"party_id\":\"9\",\"body\":2,\"z\":1}";

	assert_json(type_named("google.protobuf.Any"), json, json);
}

static void a_rest_that_cannot_join_is_refused(void **state)
{
	static const char *const wrong[] = {"[]", "{", "{\"a\":1,\"a\":2}", "{} x", "null"};
	const struct api_message *type = type_named(SIGNATURE);
	struct buffer out = {.arena = arena};
	Auth__SignatureRequest m = AUTH__SIGNATURE_REQUEST__INIT;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		m.extra = (char *)wrong[i];
		assert_false(message_to_json(&out, type, &m.base, &documented, &status));
		assert_string_equal(status.message,
			"cannot be written as JSON: extra: is not a well-formed JSON object");
	}
	m.extra = (char *)"{\"a\":1,\"body\":2}";
	assert_false(message_to_json(&out, type, &m.base, &documented, &status));
	assert_string_equal(status.message,
		"cannot be written as JSON: extra: has a member that is another field's");
	assert_int_equal(out.size, 0);
	m.extra = (char *)" { } ";
	assert_string_equal(json_of(type, &m), "{\"party_id\":\"\",\"body\":null}");
}

static void one_value_stands_for_a_list_where_allowed(void **state)
{
	const struct api_message *type = type_named("junction.v1.QueryServicesRequest");

	assert_json(type, "{\"service_name\":\"a\",\"url\":[]}",
		"{\"service_name\":[\"a\"],\"server_name\":[],\"url\":[],\"method\":[]}");
	assert_registry_refused("junction.v1.QueryServicesRequest", "{\"service_name\":1}",
		"service_name: must be a string");
	assert_registry_refused(
		"junction.v1.ServiceInfo", "{\"nodes\":\"a\"}", "nodes: must be a list");
}

static void a_list_is_left_out_while_it_is_empty_where_said(void **state)
{
	const struct api_message *type = type_named("junction.v1.AuditRecord");

	assert_json(type, "{\"id\":\"1\",\"roles\":[]}", "{\"id\":\"1\"}");
	assert_json(type, "{\"roles\":[\"\"]}", "{\"roles\":[\"\"]}");
}

/* The values of a condition, as the server gets them. */
static const Audit__FilterExpr *condition(const char *value)
{
	const struct api_message *type = type_named("junction.v1.FilterExpr");
	struct text wire =
		guard_pack(arena, message_of(type, arena_printf(arena, "{\"value\":%s}", value)));

	return (const Audit__FilterExpr *)guard_unpack(arena, type->descriptor, wire, &status);
}

static void raw_json_may_be_one_or_many(void **state)
{
	static const char *const single[] = {
		"1", "-9223372036854775808", "1.50", "\"\\u4e2d\\u0000\"", "true", "{ \"a\":[1] }"};
	const Audit__FilterExpr *got = condition("[ null,1e2 , \"null\",[2 ],{}]");
	static const char *const many[] = {"null", "1e2", "\"null\"", "[2 ]", "{}"};

	assert_int_equal(got->n_value, 5);
	for (size_t i = 0; i < got->n_value; i++)
		assert_string_equal(got->value[i], many[i]);
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		got = condition(single[i]);
		assert_int_equal(got->n_value, 1);
		assert_string_equal(got->value[0], single[i]);
	}
	assert_int_equal(condition("[]")->n_value, 0);
	assert_int_equal(condition("null")->n_value, 0);
}

static void raw_json_tells_a_word_from_a_text(void **state)
{
	const struct api_message *type = type_named("junction.v1.FindRequest");
	Audit__FindRequest *got = message_of(type, "{\"prevQuery\":true}");

	assert_string_equal(got->prev_query, "true");
	got = message_of(type, "{\"prevQuery\":\"true\"}");
	assert_string_equal(got->prev_query, "\"true\"");
	got = message_of(type, "{\"prevQuery\":null}");
	assert_string_equal(got->prev_query, "");
}

static void a_status_is_written_inside_a_message(void **state)
{
	static const char json[] =
		"{\"error\":{\"code\":3,\"message\":\"content: is required\",\"details\":["
		"{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":["
		"{\"field\":\"content\",\"description\":\"is required\",\"reason\":\"\"}]}]}}";

	assert_json(type_named("junction.v1.WriteOutcome"), json, json);
}

static void fields_without_presence_are_always_written(void **state)
{
	assert_json(type_named("junction.v1.ServiceInfo"), "{}",
		"{\"name\":\"\",\"fullName\":\"\",\"available\":false,\"local\":false,\"nodes\":[],"
		"\"Nodes\":[],\"settings\":null,\"version\":\"\"}");
	assert_json(type_named("junction.v1.GetServerResponse"), "{}", "{}");
	assert_json(type_named("junction.v1.GetServerResponse"), "{\"data\":{}}",
		"{\"data\":{\"host\":\"\",\"port\":0,\"protocol\":\"\"}}");
	assert_json(type_named("junction.v1.ListServersResponse"), "{}", "{\"data\":{}}");
}

static void maps_are_objects(void **state)
{
	static const char json[] =
		"{\"data\":{\"b\":{\"host\":\"h\",\"port\":1,\"protocol\":\"http\"},"
		"\"\":{\"host\":\"\",\"port\":0,\"protocol\":\"\"}}}";

	assert_json(type_named("junction.v1.ListServersResponse"), json, json);
}

static void a_map_value_that_the_wire_left_out_is_empty(void **state)
{
	const struct api_message *type = type_named("junction.v1.ListServersResponse");

	assert_string_equal(json_of(type, guard_unpack(arena, type->descriptor,
						  TEXT("\x0a\x03\x0a\x01"
						       "a"),
						  &status)),
		"{\"data\":{\"a\":{}}}");
}

static void fields_of_proto2_know_whether_they_are_set(void **state)
{
	const struct api_message *type = type_named("google.protobuf.FieldDescriptorProto");
	static const char json[] =
		"{\"name\":\"\",\"number\":0,\"label\":\"LABEL_REPEATED\",\"type\":\"TYPE_BOOL\","
		"\"options\":{\"packed\":false,\"uninterpretedOption\":[]}}";

	assert_json(type, "{}", "{}");
	assert_json(type, json, json);
	assert_json(type_named("google.protobuf.UninterpretedOption"),
		"{\"name\":[],\"doubleValue\":-0.5,\"stringValue\":\"AA==\"}",
		"{\"name\":[],\"doubleValue\":-0.5,\"stringValue\":\"AA==\"}");
}

static void messages_in_lists_go_both_ways(void **state)
{
	const struct api_message *type = type_named("google.rpc.BadRequest");
	static const char json[] =
		"{\"fieldViolations\":[{\"field\":\"a\",\"description\":\"\\\"b\\\"\\n\","
		"\"reason\":\"\",\"localizedMessage\":{\"locale\":\"de\",\"message\":\"\"}},"
		"{\"field\":\"\",\"description\":\"\",\"reason\":\"\"}]}";

	assert_json(type, json, json);
}

static void members_alone_continue_an_object(void **state)
{
	const struct api_message *type = type_named("junction.v1.GetServerRequest");
	struct buffer out = {.arena = arena};

	buffer_add_text(&out, TEXT("{\"retcode\":0"));
	assert_true(message_members_to_json(
		&out, type, message_of(type, "{\"server_name\":\"a\"}"), &documented, &status));
	assert_true(text_equal(buffer_text(&out), TEXT("{\"retcode\":0,\"server_name\":\"a\"")));
}

static void what_the_object_does_not_name_stays(void **state)
{
	const struct api_message *type = type_named(SERVICE);
	Registry__RegisterServiceRequest *got =
		message_of(type, "{\"uri\":\"/\",\"server_info\":{\"host\":\"h\"}}");

	assert_true(message_from_json(arena, type, parsed("{\"server_info\":{\"port\":\"7\"}}"),
		&strict, &got->base, &status));
	assert_string_equal(got->uri, "/");
	assert_string_equal(got->server_info->host, "h");
	assert_int_equal(got->server_info->port, 7);
}

static void one_field_is_set_from_a_value(void **state)
{
	const struct api_message *type = type_named(SERVICE);
	Registry__RegisterServiceRequest *got = (void *)message_new(arena, type);
	unsigned servers = (unsigned)message_field_named(type, TEXT("servers"));

	assert_true(message_field_from_json(arena, type, servers,
		parsed("{\"a\":{\"host\":\"h\"}}"), &strict, &got->base, &status));
	assert_int_equal(got->n_servers, 1);
	assert_string_equal(got->servers[0]->key, "a");
	assert_string_equal(got->servers[0]->value->host, "h");
	assert_false(message_field_from_json(arena, type, servers, parsed("{\"a\":{\"host\":1}}"),
		&strict, &got->base, &status));
	assert_string_equal(status.message, "servers.a.host: must be a string");
}

static void a_message_beyond_the_arenas_cap_is_refused(void **state)
{
	struct arena *small = arena_new(2000);
	const struct json *json = parsed("{\"children\":[{},{},{},{},{},{},{},{},{},{}]}");

	assert_false(message_from_json(
		small, &scalars_type, json, &strict, message_new(small, &scalars_type), &status));
	assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
	arena_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(other_types_than_the_fields_are_refused),
		TEST(a_nul_in_a_string_is_refused_with_its_path),
		TEST(errors_tell_the_way_through_maps_and_lists),
		TEST(an_unknown_member_is_refused_or_ignored),
		TEST(a_field_is_found_by_each_of_its_names),
		TEST(second_names_are_written_and_accepted),
		TEST(two_names_of_one_field_must_agree),
		TEST(null_is_unset),
		TEST(optional_fields_remember_that_they_were_given),
		TEST(an_empty_optional_string_survives_the_wire),
		TEST(two_members_of_a_oneof_are_refused),
		TEST(raw_json_is_carried_byte_exact),
		TEST(raw_json_in_lists_keeps_null),
		TEST(a_number_is_text_as_it_is_written_where_allowed),
		TEST(only_a_number_is_text),
		TEST(members_of_no_field_are_the_rest),
		TEST(the_rest_is_byte_exact),
		TEST(the_rest_has_no_name_of_its_own),
		TEST(the_rest_is_written_among_the_members),
		TEST(the_type_of_an_any_is_no_rest),
		TEST(a_rest_that_cannot_join_is_refused),
		TEST(one_value_stands_for_a_list_where_allowed),
		TEST(a_list_is_left_out_while_it_is_empty_where_said),
		TEST(raw_json_may_be_one_or_many),
		TEST(raw_json_tells_a_word_from_a_text),
		TEST(a_status_is_written_inside_a_message),
		TEST(fields_without_presence_are_always_written),
		TEST(maps_are_objects),
		TEST(a_map_value_that_the_wire_left_out_is_empty),
		TEST(fields_of_proto2_know_whether_they_are_set),
		TEST(messages_in_lists_go_both_ways),
		TEST(members_alone_continue_an_object),
		TEST(what_the_object_does_not_name_stays),
		TEST(one_field_is_set_from_a_value),
		TEST(a_message_beyond_the_arenas_cap_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
