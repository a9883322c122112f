/* The shapes of documents 001 and 002, hooks, readers, extensions; and of 003 those of logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api.gen.h"
#include "base/clock.h"
#include "bridge/reply.h"
#include "google/protobuf/any.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "junction/v1/api_reader.pb-c.h"
#include "junction/v1/audit.pb-c.h"
#include "junction/v1/auth.pb-c.h"
#include "junction/v1/extension.pb-c.h"
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

static void refuse(enum api_profile profile, enum status_code code, struct text details)
{
	struct status status = {.code = code, .message = "not \"now\""};
	reply_refusal(&reply, arena, profile, &status, details);
}

/* google.rpc.Status with a BadRequest and then an ErrorInfo of that domain and code. */
static struct text details_of(const char *domain, const char *code)
{
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *entries[] = {&entry};
	Google__Protobuf__Any first = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any second = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *all[] = {&first, &second};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	struct text packed = guard_pack(arena, &bad.base);
	first.type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
	first.value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	entry.key = (char *)"code";
	entry.value = (char *)code;
	info.reason = (char *)"THIRD_PARTY_REFUSED";
	info.domain = (char *)domain;
	info.n_metadata = 1;
	info.metadata = entries;
	packed = guard_pack(arena, &info.base);
	second.type_url = (char *)"type.googleapis.com/google.rpc.ErrorInfo";
	second.value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	status.n_details = 2;
	status.details = all;
	return guard_pack(arena, &status.base);
}

static void hooks_answer_code_0_and_both_messages(void **state)
{
	(void)state;
	Auth__PermissionResponse yes = AUTH__PERMISSION_RESPONSE__INIT;
	Auth__SignatureResponse signature = AUTH__SIGNATURE_RESPONSE__INIT;
	answer(API_AUTH_PERMISSION, &yes.base);
	assert_body(200, "{\"code\":0,\"msg\":\"success\",\"message\":\"success\"}");
	signature.site_signature = signature.data = (char *)"s";
	answer(API_AUTH_SIGNATURE, &signature.base);
	assert_body(200, "{\"code\":0,\"msg\":\"success\",\"message\":\"success\","
			 "\"site_signature\":\"s\",\"data\":\"s\"}");
}

static void hooks_refuse_with_200_and_fates_codes(void **state)
{
	static const struct {
		enum status_code code;
		const char *shown;
	} all[] = {{STATUS_INVALID_ARGUMENT, "101"}, {STATUS_PERMISSION_DENIED, "108"},
		{STATUS_UNAUTHENTICATED, "109"}, {STATUS_UNAVAILABLE, "100"},
		{STATUS_DEADLINE_EXCEEDED, "100"}, {STATUS_UNKNOWN, "500"}};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		refuse(API_HOOK, all[i].code, TEXT(""));
		assert_body(200, arena_printf(arena,
					 "{\"code\":%s,\"msg\":\"not \\\"now\\\"\","
					 "\"message\":\"not \\\"now\\\"\"}",
					 all[i].shown));
	}
}

static void a_third_partys_code_is_shown_as_it_is(void **state)
{
	static const char *const codes[] = {
		"7", "-3", "9223372036854775807", "-9223372036854775808"};
	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct text details = details_of("junction", codes[i]);
		char *start = arena_printf(arena, "{\"code\":%s,\"", codes[i]);
		refuse(API_HOOK, STATUS_PERMISSION_DENIED, details);
		assert_int_equal(reply.http, 200);
		assert_true(text_starts(reply.body, text_of(start)));
		refuse(API_READER, STATUS_UNKNOWN, details);
		assert_int_equal(reply.http, 500);
		assert_true(text_starts(reply.body, text_of(start)));
		refuse(API_FATE, STATUS_PERMISSION_DENIED, details);
		assert_true(text_starts(reply.body, TEXT("{\"retcode\":108,")));
	}
}

static void what_is_no_third_partys_code_is_not_shown(void **state)
{
	const struct text all[] = {details_of("googleapis.com", "7"), details_of("junction", "7x"),
		details_of("junction", "0"), details_of("junction", "9223372036854775808"),
		TEXT("\xff\xff")};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		refuse(API_READER, STATUS_UNAVAILABLE, all[i]);
		assert_body(503, "{\"code\":503,\"message\":\"not \\\"now\\\"\"}");
	}
}

static void readers_answer_code_0_and_a_message(void **state)
{
	(void)state;
	ApiReader__UploadData data = API_READER__UPLOAD_DATA__INIT;
	ApiReader__UploadResponse upload = API_READER__UPLOAD_RESPONSE__INIT;
	ApiReader__QueryData state_of = API_READER__QUERY_DATA__INIT;
	ApiReader__QueryResponse query = API_READER__QUERY_RESPONSE__INIT;
	data.job_id = (char *)"1";
	upload.data = &data;
	answer(API_API_READER_UPLOAD, &upload.base);
	assert_body(200, "{\"code\":0,\"message\":\"success\",\"data\":{\"jobId\":\"1\"}}");
	query.status = state_of.status = (char *)"running";
	query.data = &state_of;
	answer(API_API_READER_QUERY, &query.base);
	assert_body(200, "{\"code\":0,\"message\":\"success\",\"status\":\"running\","
			 "\"data\":{\"status\":\"running\"}}");
}

static void readers_refuse_with_the_http_status(void **state)
{
	(void)state;
	refuse(API_READER, STATUS_NOT_FOUND, TEXT(""));
	assert_body(404, "{\"code\":404,\"message\":\"not \\\"now\\\"\"}");
	reply_front(&reply, arena, API_READER, 421, "m");
	assert_body(421, "{\"code\":421,\"message\":\"m\"}");
	reply_wrong_verb(&reply, arena, API_READER, "POST");
	assert_body(405, "{\"code\":405,\"message\":\"this URI takes only POST\"}");
}

static void extensions_get_an_empty_error(void **state)
{
	(void)state;
	Extension__ExtensionError error = EXTENSION__EXTENSION_ERROR__INIT;
	Extension__RegisterExtensionResponse response =
		EXTENSION__REGISTER_EXTENSION_RESPONSE__INIT;
	response.function_name = (char *)"f";
	response.function_version = (char *)"1";
	response.handler = (char *)"h";
	response.error_info = &error;
	answer(API_REGISTRY_REGISTER_EXTENSION, &response.base);
	assert_body(200, "{\"functionName\":\"f\",\"functionVersion\":\"1\",\"handler\":\"h\","
			 "\"errorInfo\":{\"errorType\":\"\",\"errorMessage\":\"\"}}");
}

#define REFUSED(type, message)                                                                     \
	"{\"functionName\":\"\",\"functionVersion\":\"\",\"handler\":\"\","                        \
	"\"errorInfo\":{\"errorType\":\"" type "\",\"errorMessage\":\"" message "\"}}"

static void extensions_are_refused_in_the_error(void **state)
{
	(void)state;
	refuse(API_EXTENSION, STATUS_INVALID_ARGUMENT, TEXT(""));
	assert_body(400, REFUSED("INVALID_ARGUMENT", "not \\\"now\\\""));
	refuse(API_EXTENSION, STATUS_ALREADY_EXISTS, details_of("junction", "7"));
	assert_body(409, REFUSED("ALREADY_EXISTS", "not \\\"now\\\""));
	refuse(API_EXTENSION, (enum status_code)99, TEXT(""));
	assert_body(500, REFUSED("UNKNOWN", "not \\\"now\\\""));
	reply_front(&reply, arena, API_EXTENSION, 400, "m");
	assert_body(400, REFUSED("INVALID_ARGUMENT", "m"));
}

static void a_hook_is_200_for_a_wrong_verb_but_not_for_the_front(void **state)
{
	(void)state;
	reply_wrong_verb(&reply, arena, API_HOOK, "POST, OPTIONS");
	assert_body(200, "{\"code\":100,\"msg\":\"this URI takes only POST, OPTIONS\","
			 "\"message\":\"this URI takes only POST, OPTIONS\"}");
	assert_string_equal(reply.allow, "POST, OPTIONS");
	reply_front(&reply, arena, API_HOOK, 413, "m");
	assert_body(413, "{\"code\":100,\"msg\":\"m\",\"message\":\"m\"}");
}

/* The body is before, the time between these two, behind. */
static void assert_timed(int http, const char *before, const char *behind, int64_t since)
{
	struct text body = reply.body;
	size_t start = strlen(before), end = text_find(body, ',', start);
	int64_t time;
	assert_int_equal(reply.http, http);
	assert_true(text_starts(body, text_of(before)));
	assert_true(text_to_int64(text_from(text_until(body, end), start), &time));
	assert_true(time >= since && time <= clock_unix_ms());
	assert_string_equal(arena_string(arena, text_from(body, end)), behind);
}

static void logs_answer_status_200_and_the_time(void **state)
{
	int64_t now = clock_unix_ms();
	Audit__WriteResult result = AUDIT__WRITE_RESULT__INIT, *results[] = {&result};
	Audit__WriteResponse response = AUDIT__WRITE_RESPONSE__INIT;
	(void)state;
	result.id = (char *)"7";
	result.time = INT64_C(9007199254740993);
	response.n_results = 1;
	response.results = results;
	answer(API_AUDIT_WRITE, &response.base);
	assert_timed(200, "{\"message\":\"success\",\"status\":200,\"timestamp\":",
		",\"results\":[{\"id\":\"7\",\"time\":9007199254740993,\"repeated\":false}]}", now);
}

static void logs_refuse_with_the_http_status_and_no_results(void **state)
{
	int64_t now = clock_unix_ms();
	(void)state;
	refuse(API_LOG, STATUS_ALREADY_EXISTS, TEXT(""));
	assert_timed(409, "{\"message\":\"not \\\"now\\\"\",\"status\":409,\"timestamp\":",
		",\"results\":[]}", now);
	reply_front(&reply, arena, API_LOG, 421, "m");
	assert_timed(
		421, "{\"message\":\"m\",\"status\":421,\"timestamp\":", ",\"results\":[]}", now);
}

static void the_code_of_some_is_a_number(void **state)
{
	Audit__FindResult result = AUDIT__FIND_RESULT__INIT;
	Audit__FindResponse response = AUDIT__FIND_RESPONSE__INIT;
	(void)state;
	response.result = &result;
	answer(API_AUDIT_FIND, &response.base);
	assert_body(200, "{\"code\":200,\"message\":\"success\",\"mssage\":\"success\","
			 "\"result\":{\"records\":[],\"continuationPoint\":\"\","
			 "\"hasNext\":false,\"hasPrev\":false}}");
	refuse(API_MW_NUMBER, STATUS_DEADLINE_EXCEEDED, TEXT(""));
	assert_body(504, "{\"code\":504,\"message\":\"not \\\"now\\\"\","
			 "\"mssage\":\"not \\\"now\\\"\"}");
	reply_wrong_verb(&reply, arena, API_MW_NUMBER, "POST");
	assert_body(405, "{\"code\":405,\"message\":\"this URI takes only POST\","
			 "\"mssage\":\"this URI takes only POST\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hooks_answer_code_0_and_both_messages),
		TEST(hooks_refuse_with_200_and_fates_codes),
		TEST(a_third_partys_code_is_shown_as_it_is),
		TEST(what_is_no_third_partys_code_is_not_shown),
		TEST(readers_answer_code_0_and_a_message),
		TEST(readers_refuse_with_the_http_status),
		TEST(extensions_get_an_empty_error),
		TEST(extensions_are_refused_in_the_error),
		TEST(a_hook_is_200_for_a_wrong_verb_but_not_for_the_front),
		TEST(logs_answer_status_200_and_the_time),
		TEST(logs_refuse_with_the_http_status_and_no_results),
		TEST(the_code_of_some_is_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
