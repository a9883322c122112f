/* Probe: readiness is asked of the server each time, so that it is never older than the answer. */
#include "bridge/probe.h"

#include <semaphore.h>

#include "api.gen.h"
#include "base/check.h"
#include "grpc/health/v1/health.pb-c.h"
#include "proto/runtime/guard.h"

static const struct api_route routes[PROBE_COUNT] = {
	[PROBE_ALIVE] = {"GET", "/healthz", API_BODY_NONE, API_BODY_ALL},
	[PROBE_READY] = {"GET", "/readyz", API_BODY_NONE, API_BODY_ALL},
	[PROBE_HEALTH] = {"GET", "/mw/server/health", API_BODY_NONE, API_BODY_ALL},
};

const struct api_method probe_methods[PROBE_COUNT] = {
	[PROBE_ALIVE] = {.routes = &routes[PROBE_ALIVE], .route_count = 1},
	[PROBE_READY] = {.routes = &routes[PROBE_READY], .route_count = 1},
	[PROBE_HEALTH] = {.routes = &routes[PROBE_HEALTH], .route_count = 1, .profile = API_MW},
};

bool probe_is(const struct api_method *method)
{
	return method >= probe_methods && method < probe_methods + PROBE_COUNT;
}

void probe_fill_call(struct rpc_call *call, struct arena *a)
{
	*call = (struct rpc_call){
		.method = &api_methods[API_GRPC_HEALTH_V1_HEALTH_CHECK],
		.arena = a,
		.request = TEXT(""),
		.timeout_ms = PROBE_TIMEOUT_MS,
	};
}

bool probe_is_serving(const struct rpc *rpc, const struct rpc_call *call)
{
	struct status ignored;
	if (call->status.code != STATUS_OK || rpc_failing(rpc))
		return false;
	const ProtobufCMessage *message = guard_unpack(call->arena,
		&grpc__health__v1__health_check_response__descriptor, call->response, &ignored);
	return message && ((const Grpc__Health__V1__HealthCheckResponse *)message)->status ==
				  GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

void probe_reply(struct reply *r, struct arena *a, const struct api_method *method, bool serving)
{
	static const struct status unready = {
		.code = STATUS_UNAVAILABLE, .message = "the server is not serving"};
	if (method == &probe_methods[PROBE_READY] && !serving)
		reply_refusal(r, a, API_NATIVE, &unready, TEXT(""));
	else if (method->profile == API_NATIVE)
		*r = (struct reply){.http = 200, .body = TEXT("{\"status\":\"ok\"}")};
	else
		reply_empty(r, a, method->profile);
}

/* --- waiting -------------------------------------------------------------------------------- */

struct check {
	struct rpc_call call;
	sem_t ended;
};

static void check_ended(struct rpc_call *call)
{
	sem_post(&((struct check *)call)->ended);
}

bool probe_server(struct rpc *rpc)
{
	struct arena *a = arena_new(0);
	struct check check;
	probe_fill_call(&check.call, a);
	check.call.done = check_ended;
	CHECK(!sem_init(&check.ended, 0, 0));
	rpc_start(rpc, &check.call);
	while (sem_wait(&check.ended))
		;
	bool serving = probe_is_serving(rpc, &check.call);
	sem_destroy(&check.ended);
	arena_free(&a);
	return serving;
}
