/* What a status says in grpc-status-details-bin. */
#include "google/protobuf/duration.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "proto/runtime/rpc_status.h"
#include "server/rpc/internal.h"
#include "tests/support/rpc_trial.h"

static enum next refuse_as_told(struct call *c)
{
	status_field(&c->status, c->arena, "body", "was refused");
	c->status.remote_code = INT64_C(-7);
	return failed(c);
}

static call_step *steps[256] = {[API_REGISTRY_GET_SERVER] = refuse_as_told};
static const char *listen_on[] = {"127.0.0.1:0", NULL};
static struct trial trial;

static int setup(void **state)
{
	(void)state;
	struct rpc_options options = trial_options(listen_on);
	trial_start(&trial, &options, steps);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trial_stop(&trial);
	return 0;
}

static const Google__Rpc__Status *read_status(struct text bytes)
{
	struct status error;
	const Google__Rpc__Status *s = (const void *)guard_unpack(
		trial.arena, &google__rpc__status__descriptor, bytes, &error);
	assert_non_null(s);
	return s;
}

static const void *read_detail(
	const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type)
{
	struct status error;
	char *url = arena_printf(trial.arena, "type.googleapis.com/%s", type->name);
	assert_string_equal(any->type_url, url);
	const void *detail = guard_unpack(trial.arena, type,
		(struct text){(const char *)any->value.data, any->value.len}, &error);
	assert_non_null(detail);
	return detail;
}

static void assert_info(const Google__Protobuf__Any *any, const char *code)
{
	const Google__Rpc__ErrorInfo *info = read_detail(any, &google__rpc__error_info__descriptor);
	assert_string_equal(info->reason, "THIRD_PARTY_REFUSED");
	assert_string_equal(info->domain, "junction");
	assert_int_equal(info->n_metadata, 1);
	assert_string_equal(info->metadata[0]->key, "code");
	assert_string_equal(info->metadata[0]->value, code);
}

static void a_third_partys_code_is_in_error_info(void **state)
{
	(void)state;
	struct status s = {STATUS_PERMISSION_DENIED, "no", NULL, INT64_MIN};
	const Google__Rpc__Status *told = rpc_status(trial.arena, &s);
	assert_int_equal(told->code, 7);
	assert_string_equal(told->message, "no");
	assert_int_equal(told->n_details, 1);
	assert_info(told->details[0], "-9223372036854775808");
}

static void when_to_try_again_is_in_retry_info(void **state)
{
	(void)state;
	struct status s = {.code = STATUS_RESOURCE_EXHAUSTED, .message = "no", .retry_ms = 61001};
	const Google__Rpc__Status *told = rpc_status(trial.arena, &s);
	assert_int_equal(told->n_details, 1);
	const Google__Rpc__RetryInfo *info =
		read_detail(told->details[0], &google__rpc__retry_info__descriptor);
	assert_int_equal(info->retry_delay->seconds, 61);
	assert_int_equal(info->retry_delay->nanos, 1000000);
}

static void a_status_without_any_has_no_details(void **state)
{
	(void)state;
	struct status s = {STATUS_NOT_FOUND, "no", NULL, 0};
	assert_int_equal(rpc_status(trial.arena, &s)->n_details, 0);
}

static void a_field_and_a_code_travel_together(void **state)
{
	(void)state;
	struct asked *q = asked_wait(
		ask(trial.channel, "/junction.v1.Registry/GetServer", TEXT(""), NULL, 0));
	assert_int_equal(q->code, GRPC_STATUS_INVALID_ARGUMENT);
	const Google__Rpc__Status *told =
		read_status(asked_trailing(&trial, q, "grpc-status-details-bin"));
	assert_int_equal(told->n_details, 2);
	const Google__Rpc__BadRequest *bad =
		read_detail(told->details[0], &google__rpc__bad_request__descriptor);
	assert_string_equal(bad->field_violations[0]->field, "body");
	assert_info(told->details[1], "-7");
	asked_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_third_partys_code_is_in_error_info),
		cmocka_unit_test(when_to_try_again_is_in_retry_info),
		cmocka_unit_test(a_status_without_any_has_no_details),
		cmocka_unit_test(a_field_and_a_code_travel_together),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
