#include "grpc/health/v1/health.pb-c.h"
#include "tests/support/rpc_trial.h"

#define CHECK_PATH  "/grpc.health.v1.Health/Check"
#define SERVING     GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING

static enum next nothing(struct call *c)
{
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	return REPLY(c, &out);
}

static call_step *const steps[64] = {[API_REGISTRY_GET_SERVER] = nothing};
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

static void a_watch_is_refused_with_a_sentence(void **state)
{
	struct asked *q =
		asked_wait(ask(trial.channel, "/grpc.health.v1.Health/Watch", TEXT(""), NULL, 0));
	assert_int_equal(q->code, GRPC_STATUS_UNIMPLEMENTED);
	assert_true(text_starts(asked_message(&trial, q), TEXT("Watch is not served")));
	asked_free(q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_serves_only_when_it_says_so),
		TEST(each_served_service_has_the_server_state),
		TEST(an_unknown_service_is_not_found),
		TEST(a_list_names_the_server_and_each_service_once),
		TEST(a_watch_is_refused_with_a_sentence),
	};
	grpc_init();
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	grpc_shutdown_blocking();
	return failures;
}
