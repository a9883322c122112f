/*
 * grpc.health.v1: whether the server as a whole serves. All services share one state, since all
 * of them stand on the same database and snapshots. A bell rings when it changes.
 */
#include "server/rpc/internal.h"

#include "grpc/health/v1/health.pb-c.h"

typedef Grpc__Health__V1__HealthCheckRequest check_request;
typedef Grpc__Health__V1__HealthCheckResponse check_response;
typedef Grpc__Health__V1__HealthListResponse list_response;
typedef Grpc__Health__V1__HealthListResponse__StatusesEntry list_entry;

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

static const check_response answers[] = {
	{PROTOBUF_C_MESSAGE_INIT(&grpc__health__v1__health_check_response__descriptor),
		STATUS(NOT_SERVING)},
	{PROTOBUF_C_MESSAGE_INIT(&grpc__health__v1__health_check_response__descriptor),
		STATUS(SERVING)},
	{PROTOBUF_C_MESSAGE_INIT(&grpc__health__v1__health_check_response__descriptor),
		STATUS(SERVICE_UNKNOWN)},
};

static const check_response *current(struct rpc *rpc)
{
	return &answers[atomic_load(&rpc->serving)];
}

static bool is_served(const struct rpc *rpc, const char *service)
{
	for (const char **s = rpc->services; *s; s++)
		if (strcmp(*s, service) == 0)
			return true;
	return *service == '\0';
}

enum next health_check(struct call *c)
{
	struct rpc *rpc = rpc_call_of(c)->queue->rpc;
	const check_request *in = call_request(c, check_request);
	if (!is_served(rpc, in->service))
		return fail(c, STATUS_NOT_FOUND, "no service %s", in->service);
	return REPLY(c, current(rpc));
}

enum next health_list(struct call *c)
{
	struct rpc *rpc = rpc_call_of(c)->queue->rpc;
	list_response out = GRPC__HEALTH__V1__HEALTH_LIST_RESPONSE__INIT;
	while (rpc->services[out.n_statuses])
		out.n_statuses++;
	out.n_statuses++; /* "", the server as a whole */
	out.statuses = arena_array(c->arena, out.n_statuses, sizeof(*out.statuses));
	for (size_t i = 0; i < out.n_statuses; i++) {
		list_entry *entry = out.statuses[i] = ARENA_NEW(c->arena, list_entry);
		grpc__health__v1__health_list_response__statuses_entry__init(entry);
		entry->key = (char *)(i == 0 ? "" : rpc->services[i - 1]);
		entry->value = (check_response *)current(rpc);
	}
	return REPLY(c, &out);
}

/* --- Watch ------------------------------------------------------------------------------------ */

struct watch {
	struct rpc *rpc;
	bool served;
	uint64_t seen;              /* of the bell */
	const check_response *last; /* sent */
};

static call_step watch_look;

static enum next watch_wait(struct call *c)
{
	const struct watch *w = c->state;
	return stream_wait(c, &w->rpc->serving_changed, w->seen, CLOCK_NEVER, watch_look);
}

static enum next watch_look(struct call *c)
{
	struct watch *w = c->state;
	w->seen = bell_count(&w->rpc->serving_changed);
	const check_response *now = w->served ? current(w->rpc) : &answers[2];
	if (now == w->last)
		return watch_wait(c);
	w->last = now;
	return STREAM_SEND(c, now, false, watch_wait);
}

enum next health_watch(struct call *c)
{
	struct watch *w = ARENA_NEW(c->arena, struct watch);
	w->rpc = rpc_call_of(c)->queue->rpc;
	w->served = is_served(w->rpc, call_request(c, check_request)->service);
	c->state = w;
	return watch_look(c);
}
