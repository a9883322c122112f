#include "grpc/health/v1/health.pb-c.h"
#include "tests/support/rpc_stream.h"

#include <poll.h>

#define CHECK_PATH  "/grpc.health.v1.Health/Check"
#define SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define UNKNOWN     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

static enum next nothing(struct call *c)
{
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	return REPLY(c, &out);
}

static call_step *const steps[256] = {[API_REGISTRY_GET_SERVER] = nothing};
static const char *listen_on[] = {"127.0.0.1:0", NULL};
static struct trial trial;

static int setup(void **state)
{
	struct rpc_options options = trial_options(listen_on);
	trial_start(&trial, &options, steps);
	return 0;
}

static int teardown(void **state)
{
	trial_stop(&trial);
	return 0;
}

/* The status of a service, or minus the code of the refusal. */
static int check(const char *service)
{
	Grpc__Health__V1__HealthCheckRequest in = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	in.service = (char *)service;
	struct asked *q = asked_wait(
		ask(trial.channel, CHECK_PATH, guard_pack(trial.arena, &in.base), NULL, 0));
	int answer = -(int)q->code;
	if (q->code == GRPC_STATUS_OK) {
		const Grpc__Health__V1__HealthCheckResponse *out = asked_reply(
			&trial, q, &grpc__health__v1__health_check_response__descriptor);
		answer = out->status;
	}
	asked_free(q);
	return answer;
}

static void a_server_serves_only_when_it_says_so(void **state)
{
	assert_int_equal(check(""), NOT_SERVING);
	rpc_set_serving(trial.rpc, true);
	assert_int_equal(check(""), SERVING);
	rpc_set_serving(trial.rpc, false);
	assert_int_equal(check(""), NOT_SERVING);
}

static void each_served_service_has_the_server_state(void **state)
{
	rpc_set_serving(trial.rpc, true);
	assert_int_equal(check("junction.v1.Registry"), SERVING);
	assert_int_equal(check("grpc.health.v1.Health"), SERVING);
	rpc_set_serving(trial.rpc, false);
	assert_int_equal(check("junction.v1.Registry"), NOT_SERVING);
}

static void an_unknown_service_is_not_found(void **state)
{
	assert_int_equal(check("junction.v1.Nothing"), -5);
	assert_int_equal(check("Registry"), -5);
}

static void a_list_names_the_server_and_each_service_once(void **state)
{
	rpc_set_serving(trial.rpc, true);
	struct asked *q =
		asked_wait(ask(trial.channel, "/grpc.health.v1.Health/List", TEXT(""), NULL, 0));
	const Grpc__Health__V1__HealthListResponse *out =
		asked_reply(&trial, q, &grpc__health__v1__health_list_response__descriptor);
	int whole = 0, registry = 0;
	for (size_t i = 0; i < out->n_statuses; i++) {
		assert_int_equal(out->statuses[i]->value->status, SERVING);
		whole += strcmp(out->statuses[i]->key, "") == 0;
		registry += strcmp(out->statuses[i]->key, "junction.v1.Registry") == 0;
	}
	assert_int_equal(whole, 1);
	assert_int_equal(registry, 1);
	asked_free(q);
}

/* --- Watch ----------------------------------------------------------------------------------- */

static struct trial_stream *watch(const char *service)
{
	Grpc__Health__V1__HealthCheckRequest in = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	in.service = (char *)service;
	struct trial_stream *s = trial_stream_open(&trial, "/grpc.health.v1.Health/Watch");
	trial_stream_send(s, guard_pack(trial.arena, &in.base));
	trial_stream_half_close(s);
	return s;
}

static int next_status(struct trial_stream *s)
{
	const Grpc__Health__V1__HealthCheckResponse *out =
		trial_stream_receive(s, &grpc__health__v1__health_check_response__descriptor);
	assert_non_null(out);
	return out->status;
}

static void cancel_watch(struct trial_stream *s)
{
	grpc_call_cancel(s->call, NULL);
	assert_int_equal(trial_stream_end(s), GRPC_STATUS_CANCELLED);
	trial_stream_free(s);
}

static void a_watch_says_the_status_now_and_whenever_it_changes(void **state)
{
	struct trial_stream *whole = watch(""), *one = watch("junction.v1.Registry");
	assert_int_equal(next_status(whole), NOT_SERVING);
	assert_int_equal(next_status(one), NOT_SERVING);
	for (int i = 0; i < 3; i++) {
		rpc_set_serving(trial.rpc, true);
		assert_int_equal(next_status(whole), SERVING);
		assert_int_equal(next_status(one), SERVING);
		rpc_set_serving(trial.rpc, true); /* no change, no answer */
		rpc_set_serving(trial.rpc, false);
		assert_int_equal(next_status(whole), NOT_SERVING);
		assert_int_equal(next_status(one), NOT_SERVING);
	}
	cancel_watch(whole);
	cancel_watch(one);
}

static void wait_until_watches(int count)
{
	while (stream_lane_depth(trial.streams) != count)
		poll(NULL, 0, 1);
}

static void a_watch_of_an_unknown_service_says_so_and_goes_on(void **state)
{
	struct trial_stream *s = watch("junction.v1.Nothing");
	assert_int_equal(next_status(s), UNKNOWN);
	wait_until_watches(1);
	rpc_set_serving(trial.rpc, true);
	cancel_watch(s);
}

static void a_watch_whose_client_has_gone_is_freed(void **state)
{
	struct trial_stream *s = watch("");
	wait_until_watches(1);
	cancel_watch(s);
	wait_until_watches(0);
	assert_true(rpc_drain(trial.rpc, 60000));
}

static void a_watch_ends_with_the_server(void **state)
{
	struct trial_stream *s = watch("");
	assert_int_equal(next_status(s), NOT_SERVING);
	wait_until_watches(1);
	stream_lane_drain(trial.streams);
	assert_int_equal(trial_stream_end(s), GRPC_STATUS_UNAVAILABLE);
	trial_stream_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_serves_only_when_it_says_so),
		TEST(each_served_service_has_the_server_state),
		TEST(an_unknown_service_is_not_found),
		TEST(a_list_names_the_server_and_each_service_once),
		TEST(a_watch_says_the_status_now_and_whenever_it_changes),
		TEST(a_watch_of_an_unknown_service_says_so_and_goes_on),
		TEST(a_watch_whose_client_has_gone_is_freed),
		TEST(a_watch_ends_with_the_server),
	};
	grpc_init();
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	grpc_shutdown_blocking();
	return failures;
}
