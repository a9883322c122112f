#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "tests/support/rpc_stream.h"

typedef Grpc__Reflection__V1alpha__ServerReflectionRequest request;
typedef Grpc__Reflection__V1alpha__ServerReflectionResponse response;

#define REQUEST_INIT GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__INIT
#define CASE(name)   GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

static enum next nothing(struct call *c)
{
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	return REPLY(c, &out);
}

static call_step *const steps[256] = {[API_REGISTRY_GET_SERVER] = nothing};
static const char *listen_on[] = {"127.0.0.1:0", NULL};
static struct trial trial;

/* A stream that stays open between questions. */
static struct trial_stream *stream;

/* NULL if the stream ends instead. */
static const response *ask_bytes(struct text question)
{
	trial_stream_send(stream, question);
	return trial_stream_receive(
		stream, &grpc__reflection__v1alpha__server_reflection_response__descriptor);
}

static const response *ask_stream(const request *in)
{
	return ask_bytes(guard_pack(trial.arena, &in->base));
}

static int setup(void **state)
{
	struct rpc_options options = trial_options(listen_on);
	trial_start(&trial, &options, steps);
	stream = trial_stream_open(&trial, api_methods[METHOD_REFLECTION].path);
	return 0;
}

static int teardown(void **state)
{
	trial_stream_half_close(stream);
	assert_int_equal(trial_stream_end(stream), GRPC_STATUS_OK);
	trial_stream_free(stream);
	trial_stop(&trial);
	return 0;
}

static const response *ask_symbol(const char *symbol)
{
	request in = REQUEST_INIT;
	in.message_request_case = CASE(FILE_CONTAINING_SYMBOL);
	in.file_containing_symbol = (char *)symbol;
	return ask_stream(&in);
}

/* Whether the answer holds that file. */
static bool holds(const response *out, const char *name)
{
	if (out->message_response_case != ANSWER(FILE_DESCRIPTOR_RESPONSE))
		return false;
	for (size_t i = 0; i < out->file_descriptor_response->n_file_descriptor_proto; i++) {
		ProtobufCBinaryData wire = out->file_descriptor_response->file_descriptor_proto[i];
		struct status status;
		const Google__Protobuf__FileDescriptorProto *file = (const void *)guard_unpack(
			trial.arena, &google__protobuf__file_descriptor_proto__descriptor,
			(struct text){(char *)wire.data, wire.len}, &status);
		assert_non_null(file);
		if (strcmp(file->name, name) == 0)
			return true;
	}
	return false;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void the_list_names_what_is_served(void **state)
{
	request in = REQUEST_INIT;
	in.message_request_case = CASE(LIST_SERVICES);
	in.list_services = (char *)"*";
	const response *out = ask_stream(&in);
	assert_int_equal(out->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
	int registry = 0;
	for (size_t i = 0; i < out->list_services_response->n_service; i++)
		registry += strcmp(out->list_services_response->service[i]->name,
				    "junction.v1.Registry") == 0;
	assert_int_equal(registry, 1);
	assert_int_equal(out->list_services_response->n_service, 4);
	assert_int_equal(out->original_request->message_request_case, CASE(LIST_SERVICES));
}

static void a_file_is_found_by_each_kind_of_symbol(void **state)
{
	const char *symbols[] = {
		"junction.v1.Registry",                      /* service */
		"junction.v1.Registry.GetServer",            /* method */
		"junction.v1.GetServerRequest",              /* message */
		"junction.v1.ListServersResponse.DataEntry", /* nested message */
	};
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		assert_true(holds(ask_symbol(symbols[i]), "junction/v1/registry.proto"));
	assert_true(holds(ask_symbol("grpc.health.v1.HealthCheckResponse.ServingStatus"),
		"grpc/health/v1/health.proto"));
	assert_true(holds(ask_symbol("junction.v1.method"), "junction/v1/options.proto"));
}

static void a_file_comes_with_all_that_it_imports_once(void **state)
{
	const response *out = ask_symbol("junction.v1.Registry");
	assert_true(holds(out, "google/api/annotations.proto"));
	assert_true(holds(out, "google/api/http.proto")); /* through annotations.proto */
	assert_true(holds(out, "google/protobuf/descriptor.proto"));
	assert_true(holds(out, "google/protobuf/timestamp.proto"));
	assert_true(holds(out, "junction/v1/extension.proto"));
	assert_int_equal(out->file_descriptor_response->n_file_descriptor_proto, 9);
}

static void a_file_is_found_by_its_name(void **state)
{
	request in = REQUEST_INIT;
	in.message_request_case = CASE(FILE_BY_FILENAME);
	in.file_by_filename = (char *)"grpc/health/v1/health.proto";
	const response *out = ask_stream(&in);
	assert_true(holds(out, "grpc/health/v1/health.proto"));
	assert_int_equal(out->file_descriptor_response->n_file_descriptor_proto, 1);
}

static void what_is_unknown_is_not_found(void **state)
{
	const response *out = ask_symbol("junction.v1.Nothing");
	assert_int_equal(out->message_response_case, ANSWER(ERROR_RESPONSE));
	assert_int_equal(out->error_response->error_code, GRPC_STATUS_NOT_FOUND);
	/* And the stream goes on. */
	assert_true(holds(ask_symbol("junction.v1.Registry"), "junction/v1/registry.proto"));
}

static void extensions_are_found_by_what_they_extend(void **state)
{
	Grpc__Reflection__V1alpha__ExtensionRequest extension =
		GRPC__REFLECTION__V1ALPHA__EXTENSION_REQUEST__INIT;
	request in = REQUEST_INIT;
	in.message_request_case = CASE(FILE_CONTAINING_EXTENSION);
	in.file_containing_extension = &extension;
	extension.containing_type = (char *)"google.protobuf.MethodOptions";
	extension.extension_number = 72295728;
	assert_true(holds(ask_stream(&in), "google/api/annotations.proto"));
	extension.extension_number = 1;
	assert_int_equal(ask_stream(&in)->error_response->error_code, GRPC_STATUS_NOT_FOUND);
}

static void the_numbers_of_extensions_are_listed(void **state)
{
	request in = REQUEST_INIT;
	in.message_request_case = CASE(ALL_EXTENSION_NUMBERS_OF_TYPE);
	in.all_extension_numbers_of_type = (char *)"google.protobuf.MethodOptions";
	const response *out = ask_stream(&in);
	assert_int_equal(out->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
	bool http = false;
	for (size_t i = 0; i < out->all_extension_numbers_response->n_extension_number; i++)
		http |= out->all_extension_numbers_response->extension_number[i] == 72295728;
	assert_true(http);
	in.all_extension_numbers_of_type = (char *)"google.protobuf.Nothing";
	assert_int_equal(ask_stream(&in)->error_response->error_code, GRPC_STATUS_NOT_FOUND);
}

static int teardown_ended(void **state)
{
	trial_stream_free(stream);
	trial_stop(&trial);
	return 0;
}

static void a_malformed_question_ends_the_stream(void **state)
{
	assert_null(ask_bytes(TEXT("\x0a\xff")));
	assert_int_equal(trial_stream_end(stream), GRPC_STATUS_INVALID_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_list_names_what_is_served),
		TEST(a_file_is_found_by_each_kind_of_symbol),
		TEST(a_file_comes_with_all_that_it_imports_once),
		TEST(a_file_is_found_by_its_name),
		TEST(what_is_unknown_is_not_found),
		TEST(extensions_are_found_by_what_they_extend),
		TEST(the_numbers_of_extensions_are_listed),
		cmocka_unit_test_setup_teardown(
			a_malformed_question_ends_the_stream, setup, teardown_ended),
	};
	grpc_init();
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	grpc_shutdown_blocking();
	return failures;
}
