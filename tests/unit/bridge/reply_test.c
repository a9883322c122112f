/* The shapes in which URIs answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api.gen.h"
#include "bridge/reply.h"
#include "google/api/httpbody.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/duration.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "junction/v1/registry.pb-c.h"
#include "proto/runtime/guard.h"

static struct arena *arena;
static struct reply reply;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_body(int http, const char *body)
{
	assert_int_equal(reply.http, http);
	assert_string_equal(arena_string(arena, reply.body), body);
}

static void answer(int method, const ProtobufCMessage *message)
{
	const struct api_method *m = &api_methods[method];
	reply_message(&reply, arena, m, &m->routes[0], message);
}

static void refuse(enum api_profile profile, enum status_code code, const char *message)
{
	struct status status = {.code = code, .message = message};
	reply_refusal(&reply, arena, profile, &status, TEXT(""));
}

static void fate_answers_retcode_0_and_the_members(void **state)
{
	(void)state;
	Registry__ServerAddress address = REGISTRY__SERVER_ADDRESS__INIT;
	Registry__GetServerResponse response = REGISTRY__GET_SERVER_RESPONSE__INIT;
	answer(API_REGISTRY_GET_SERVER, &response.base);
	assert_body(200, "{\"retcode\":0,\"retmsg\":\"success\"}");
	address.host = (char *)"h";
	address.port = 80;
	address.protocol = (char *)"http";
	response.data = &address;
	answer(API_REGISTRY_GET_SERVER, &response.base);
	assert_body(200, "{\"retcode\":0,\"retmsg\":\"success\","
			 "\"data\":{\"host\":\"h\",\"port\":80,\"protocol\":\"http\"}}");
}

static void fate_refuses_with_200_and_its_own_codes(void **state)
{
	(void)state;
	refuse(API_FATE, STATUS_INVALID_ARGUMENT, "host: must be \"x\"");
	assert_body(200, "{\"retcode\":101,\"retmsg\":\"host: must be \\\"x\\\"\"}");
	refuse(API_FATE, STATUS_PERMISSION_DENIED, "m");
	assert_body(200, "{\"retcode\":108,\"retmsg\":\"m\"}");
	refuse(API_FATE, STATUS_UNAUTHENTICATED, "m");
	assert_body(200, "{\"retcode\":109,\"retmsg\":\"m\"}");
	refuse(API_FATE, STATUS_NOT_FOUND, "m");
	assert_body(200, "{\"retcode\":100,\"retmsg\":\"m\"}");
	refuse(API_FATE, STATUS_UNAVAILABLE, "m");
	assert_body(200, "{\"retcode\":100,\"retmsg\":\"m\"}");
	refuse(API_FATE, STATUS_INTERNAL, "m");
	assert_body(200, "{\"retcode\":500,\"retmsg\":\"m\"}");
	refuse(API_FATE, STATUS_DATA_LOSS, "m");
	assert_body(200, "{\"retcode\":500,\"retmsg\":\"m\"}");
}

static void mw_answers_with_both_spellings_of_message(void **state)
{
	(void)state;
	reply_empty(&reply, arena, API_MW);
	assert_body(200, "{\"code\":\"200\",\"message\":\"success\",\"mssage\":\"success\"}");
	refuse(API_MW, STATUS_NOT_FOUND, "no \"x\"");
	assert_body(
		404, "{\"code\":\"404\",\"message\":\"no \\\"x\\\"\",\"mssage\":\"no \\\"x\\\"\"}");
}

static void a_response_with_a_code_of_its_own_has_no_envelope(void **state)
{
	(void)state;
	Registry__CallResponse response = REGISTRY__CALL_RESPONSE__INIT;
	response.code = (char *)"502";
	response.message = (char *)"Bad";
	response.result = (char *)"{\"n\":1.10}";
	answer(API_REGISTRY_CALL, &response.base);
	assert_body(200, "{\"code\":\"502\",\"message\":\"Bad\",\"mssage\":\"Bad\","
			 "\"result\":{\"n\":1.10}}");
}

static void a_list_is_bare_and_refuses_as_mw(void **state)
{
	(void)state;
	Registry__ListEventsResponse response = REGISTRY__LIST_EVENTS_RESPONSE__INIT;
	answer(API_REGISTRY_LIST_EVENTS, &response.base);
	assert_body(200, "[]");
	refuse(API_LIST, STATUS_INVALID_ARGUMENT, "m");
	assert_body(400, "{\"code\":\"400\",\"message\":\"m\",\"mssage\":\"m\"}");
}

static void int64_is_a_number_on_documented_routes_only(void **state)
{
	(void)state;
	Registry__ServiceRow row = REGISTRY__SERVICE_ROW__INIT;
	Registry__QueryServicesData data = REGISTRY__QUERY_SERVICES_DATA__INIT;
	Registry__QueryServicesResponse response = REGISTRY__QUERY_SERVICES_RESPONSE__INIT;
	Registry__ServiceRow *rows[] = {&row};
	row.f_create_time = INT64_C(9007199254740993);
	data.n_service_info = 1;
	data.service_info = rows;
	response.data = &data;
	answer(API_REGISTRY_QUERY_SERVICES, &response.base);
	assert_non_null(
		strstr(arena_string(arena, reply.body), "\"f_create_time\":9007199254740993,"));

	struct api_method native = api_methods[API_REGISTRY_QUERY_SERVICES];
	native.profile = API_NATIVE;
	reply_message(&reply, arena, &native, &native.routes[0], &response.base);
	assert_non_null(strstr(
		arena_string(arena, reply.body), "{\"data\":{\"service_info\":[{\"f_server"));
	assert_non_null(
		strstr(arena_string(arena, reply.body), "\"f_create_time\":\"9007199254740993\","));
}

static void what_has_no_json_is_internal(void **state)
{
	(void)state;
	Google__Rpc__Status response = GOOGLE__RPC__STATUS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT, *anys[] = {&any};
	struct api_method method = api_methods[API_REGISTRY_QUERY_SERVICES];
	method.output = api_message_named("google.rpc.Status");
	any.type_url = (char *)"x/google.rpc.BadRequest";
	any.value = (ProtobufCBinaryData){1, (uint8_t *)"\xff"};
	response.n_details = 1;
	response.details = anys;
	method.profile = API_NATIVE;
	reply_message(&reply, arena, &method, &method.routes[0], &response.base);
	assert_body(500,
		"{\"code\":13,\"message\":\"cannot be written as JSON: details[0]: is an "
		"Any whose bytes are no google.rpc.BadRequest: malformed message: truncated "
		"or overlong field number\",\"details\":[]}");
	method.profile = API_MW;
	reply_message(&reply, arena, &method, &method.routes[0], &response.base);
	assert_int_equal(reply.http, 500);
	assert_non_null(strstr(arena_string(arena, reply.body), "{\"code\":\"500\",\"message\":"));
}

static void a_type_with_a_json_form_of_its_own_has_no_envelope(void **state)
{
	(void)state;
	Google__Protobuf__Duration response = GOOGLE__PROTOBUF__DURATION__INIT;
	struct api_method method = api_methods[API_REGISTRY_QUERY_SERVICES];
	method.output = api_message_named("google.protobuf.Duration");
	response.seconds = 3;
	reply_message(&reply, arena, &method, &method.routes[0], &response.base);
	assert_body(200, "\"3s\"");
}

static void native_refusals_are_google_rpc_status(void **state)
{
	(void)state;
	refuse(API_NATIVE, STATUS_NOT_FOUND, "m");
	assert_body(404, "{\"code\":5,\"message\":\"m\",\"details\":[]}");
}

static struct text packed_details(Google__Protobuf__Any *any)
{
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	status.n_details = 1;
	status.details = &any;
	return guard_pack(arena, &status.base);
}

static void native_refusals_show_details_of_known_types(void **state)
{
	(void)state;
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct status status = {.code = STATUS_INVALID_ARGUMENT, .message = "m"};
	violation.field = (char *)"a.b";
	bad.n_field_violations = 1;
	bad.field_violations = violations;
	struct text value = guard_pack(arena, &bad.base);
	any.type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
	any.value = (ProtobufCBinaryData){value.size, (uint8_t *)value.data};
	reply_refusal(&reply, arena, API_NATIVE, &status, packed_details(&any));
	assert_body(400, "{\"code\":3,\"message\":\"m\",\"details\":[{\"@type\":"
			 "\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":"
			 "[{\"field\":\"a.b\",\"description\":\"\",\"reason\":\"\"}]}]}");
}

static void details_of_unknown_types_are_shown_as_bytes(void **state)
{
	(void)state;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct status status = {.code = STATUS_ABORTED, .message = "m"};
	any.type_url = (char *)"x/y.Z";
	any.value = (ProtobufCBinaryData){2, (uint8_t *)"hi"};
	reply_refusal(&reply, arena, API_NATIVE, &status, packed_details(&any));
	assert_body(409, "{\"code\":10,\"message\":\"m\",\"details\":"
			 "[{\"@type\":\"x/y.Z\",\"value\":\"aGk=\"}]}");
	reply_refusal(&reply, arena, API_NATIVE, &status, TEXT("\xff\xff"));
	assert_body(409, "{\"code\":10,\"message\":\"m\",\"details\":[]}");
}

static void details_that_are_not_of_their_type_are_left_out(void **state)
{
	(void)state;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct status status = {.code = STATUS_ABORTED, .message = "m"};
	any.type_url = (char *)"x/google.rpc.BadRequest";
	any.value = (ProtobufCBinaryData){1, (uint8_t *)"\xff"};
	reply_refusal(&reply, arena, API_NATIVE, &status, packed_details(&any));
	assert_body(409, "{\"code\":10,\"message\":\"m\",\"details\":[]}");
}

static void assert_retry(int64_t seconds, int32_t nanos, const char *expected)
{
	struct status status = {.code = STATUS_RESOURCE_EXHAUSTED, .message = "m"};
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	delay.seconds = seconds;
	delay.nanos = nanos;
	info.retry_delay = &delay;
	struct text packed = guard_pack(arena, &info.base);
	any.type_url = (char *)"type.googleapis.com/google.rpc.RetryInfo";
	any.value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	reply_refusal(&reply, arena, API_MW, &status, packed_details(&any));
	assert_string_equal(reply.retry_after, expected);
	status.code = STATUS_NOT_FOUND;
	reply_refusal(&reply, arena, API_MW, &status, packed_details(&any));
	assert_null(reply.retry_after);
}

static void the_server_says_when_to_try_again(void **state)
{
	(void)state;
	assert_retry(30, 0, "30");
	assert_retry(30, 1, "31");
	assert_retry(0, 1000000, "1");
	assert_retry(0, 0, "0");
	assert_retry(-5, 0, "1");
	assert_retry(INT64_MAX, 1, "9223372036854775808");
}

static void codes_map_to_http(void **state)
{
	static const int http[] = {200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501,
		500, 503, 500, 401};
	(void)state;
	for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++)
		assert_int_equal(reply_http_status((enum status_code)i), http[i]);
	assert_int_equal(reply_http_status((enum status_code)99), 500);
	assert_int_equal(reply_http_status((enum status_code) - 1), 500);
}

static void some_refusals_say_what_to_do_next(void **state)
{
	(void)state;
	refuse(API_MW, STATUS_UNAUTHENTICATED, "m");
	assert_string_equal(reply.challenges[0], "Bearer realm=\"junction\"");
	assert_string_equal(reply.challenges[1], "Basic realm=\"junction\"");
	assert_null(reply.challenges[2]);
	assert_null(reply.retry_after);
	refuse(API_MW, STATUS_UNAVAILABLE, "m");
	assert_string_equal(reply.retry_after, "1");
	refuse(API_NATIVE, STATUS_RESOURCE_EXHAUSTED, "m");
	assert_string_equal(reply.retry_after, "1");
	refuse(API_NATIVE, STATUS_NOT_FOUND, "m");
	assert_null(reply.retry_after);
	assert_null(reply.challenges);
}

static void the_front_refuses_with_its_own_http_status(void **state)
{
	(void)state;
	reply_front(&reply, arena, API_FATE, 413, "m");
	assert_body(413, "{\"retcode\":100,\"retmsg\":\"m\"}");
	reply_front(&reply, arena, API_FATE, 400, "m");
	assert_body(400, "{\"retcode\":101,\"retmsg\":\"m\"}");
	reply_front(&reply, arena, API_MW, 421, "m");
	assert_body(421, "{\"code\":\"421\",\"message\":\"m\",\"mssage\":\"m\"}");
	reply_front(&reply, arena, API_NATIVE, 403, "m");
	assert_body(403, "{\"code\":7,\"message\":\"m\",\"details\":[]}");
}

static void a_wrong_verb_is_405_except_for_fate(void **state)
{
	(void)state;
	reply_wrong_verb(&reply, arena, API_MW, "GET, PUT");
	assert_int_equal(reply.http, 405);
	assert_string_equal(reply.allow, "GET, PUT");
	assert_true(text_starts(reply.body, TEXT("{\"code\":\"405\",")));
	reply_wrong_verb(&reply, arena, API_FATE, "POST");
	assert_int_equal(reply.http, 200);
	assert_string_equal(reply.allow, "POST");
	assert_true(text_starts(reply.body, TEXT("{\"retcode\":100,")));
}

static void an_http_body_is_its_bytes(void **state)
{
	const struct api_route route = {.response_body = API_BODY_ALL};
	const struct api_method method = {
		.output = api_message_named("google.api.HttpBody"), .profile = API_FATE};
	Google__Api__HttpBody body = GOOGLE__API__HTTP_BODY__INIT;
	(void)state;
	body.content_type = (char *)"text/x";
	body.data = (ProtobufCBinaryData){5, (uint8_t *)"a\0b\r\n"};
	reply_message(&reply, arena, &method, &route, &body.base);
	assert_int_equal(reply.http, 200);
	assert_string_equal(reply.content_type, "text/x");
	assert_int_equal(reply.body.size, 5);
	assert_memory_equal(reply.body.data, "a\0b\r\n", 5);
	assert_string_equal(reply.headers[0].name, "Content-Security-Policy");
	body.content_type = (char *)"";
	body.data.len = 0;
	reply_message(&reply, arena, &method, &route, &body.base);
	assert_string_equal(reply.content_type, "application/octet-stream");
	assert_int_equal(reply.body.size, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fate_answers_retcode_0_and_the_members),
		TEST(fate_refuses_with_200_and_its_own_codes),
		TEST(mw_answers_with_both_spellings_of_message),
		TEST(a_response_with_a_code_of_its_own_has_no_envelope),
		TEST(a_list_is_bare_and_refuses_as_mw),
		TEST(int64_is_a_number_on_documented_routes_only),
		TEST(native_refusals_are_google_rpc_status),
		TEST(native_refusals_show_details_of_known_types),
		TEST(details_of_unknown_types_are_shown_as_bytes),
		TEST(what_has_no_json_is_internal),
		TEST(a_type_with_a_json_form_of_its_own_has_no_envelope),
		TEST(details_that_are_not_of_their_type_are_left_out),
		TEST(an_http_body_is_its_bytes),
		TEST(codes_map_to_http),
		TEST(some_refusals_say_what_to_do_next),
		TEST(the_server_says_when_to_try_again),
		TEST(the_front_refuses_with_its_own_http_status),
		TEST(a_wrong_verb_is_405_except_for_fate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
