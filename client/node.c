/*
 * The thread does one thing at a time: it registers, or renews, and then waits. What it knows is in
 * three variables: whether the server has the node (known), until when it has it at least
 * (alive_until), and whether an attempt has failed since the last one that did not (troubled).
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"
#include "client/internal.h"
#include "junction/v1/registry.pb-c.h"

enum { LEASE_MS = 10000, PAUSE_MOST_MS = 10000, FAREWELL_MS = 5000 };

struct junction_node {
	struct worker worker;
	struct junction *j;
	struct arena *arena;
	Registry__RegisterNodeRequest *registration;
	junction_node_callback *callback;
	void *context;
	/* Of the thread, until it has ended. */
	bool was_known; /* it has been registered once */
	bool known, troubled;
	int64_t alive_until; /* on clock_now() */
};

static void tell(
	struct junction_node *n, enum junction_node_event event, const struct junction_error *error)
{
	if (n->callback)
		n->callback(n->context, n, event, error);
}

/* A call that a stop breaks off. */
static bool call(struct junction_node *n, const char *method, const ProtobufCMessage *request,
	int64_t timeout_ms, struct junction_error *error)
{
	struct exchange e;

	exchange_begin(&e, n->j, method, request, timeout_ms, true);
	worker_calls(&n->worker, &e);
	exchange_settle(&e, EXCHANGE_FOREVER);
	worker_calls(&n->worker, NULL);
	bool done = e.code == GRPC_STATUS_OK;
	if (!done)
		exchange_refusal(&e, error);
	exchange_end(&e);
	return done;
}

static int64_t third_ms(const struct junction_node *n)
{
	return n->registration->lease_ms / 3;
}

static bool enlist(struct junction_node *n, struct junction_error *error)
{
	return call(n, "/junction.v1.Registry/RegisterNode", &n->registration->base,
		n->j->timeout_ms, error);
}

static bool renew(struct junction_node *n, struct junction_error *error)
{
	Registry__HeartbeatRequest request = REGISTRY__HEARTBEAT_REQUEST__INIT;
	int64_t patience = third_ms(n);

	request.service = n->registration->service;
	request.node = n->registration->node;
	return call(n, "/junction.v1.Registry/Heartbeat", &request.base,
		patience < n->j->timeout_ms ? patience : n->j->timeout_ms, error);
}

static void succeeded(struct junction_node *n, int64_t since)
{
	bool first = !n->was_known, again = n->troubled || !n->known;

	n->was_known = n->known = true;
	n->troubled = false;
	n->worker.failures = 0;
	n->alive_until = since + n->registration->lease_ms * CLOCK_MS;
	if (first || again)
		tell(n, first ? JUNCTION_NODE_REGISTERED : JUNCTION_NODE_RESTORED, NULL);
}

static void lose(struct junction_node *n)
{
	if (n->alive_until)
		tell(n, JUNCTION_NODE_LOST, NULL);
	n->alive_until = 0;
}

/* A server that came back may still have a node whose lease seems to have run out here: it is not
 * registered anew before the server says so. */
static void failed(struct junction_node *n, const struct junction_error *error)
{
	n->troubled = true;
	tell(n, JUNCTION_NODE_TROUBLED, error);
	if (n->alive_until && clock_now() >= n->alive_until)
		lose(n);
}

/* FAILED_PRECONDITION: somebody registered it without a lease. */
static bool is_unknown(const struct junction_error *error)
{
	return error->code == STATUS_NOT_FOUND || error->code == STATUS_FAILED_PRECONDITION;
}

static bool take_turn(struct junction_node *n)
{
	int64_t since = clock_now();
	struct junction_error error;

	if (n->known ? renew(n, &error) : enlist(n, &error)) {
		succeeded(n, since);
		return worker_pause(&n->worker, third_ms(n) - (clock_now() - since) / CLOCK_MS);
	}
	if (!worker_pause(&n->worker, 0))
		return false;
	if (n->known && is_unknown(&error)) {
		n->known = false;
		lose(n);
		return true;
	}
	failed(n, &error);
	return worker_back_off(
		&n->worker, third_ms(n) < PAUSE_MOST_MS ? third_ms(n) : PAUSE_MOST_MS);
}

static void *run(void *context)
{
	while (take_turn(context))
		;
	return NULL;
}

/* Microseconds, as several processes of a machine may start within one millisecond; within this
 * process never the same twice. */
static char *make_name(struct arena *a)
{
	static _Atomic int64_t last;
	char host[65] = "";
	struct timespec now;

	gethostname(host, sizeof(host) - 1);
	for (char *c = host; *c; c++)
		if (!strchr("-_.", *c) && !(*c >= '0' && *c <= '9') &&
			!((*c | 32) >= 'a' && (*c | 32) <= 'z'))
			*c = '_';
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t time = now.tv_sec * 1000000 + now.tv_nsec / 1000, before = atomic_load(&last);
	do {
		if (time <= before)
			time = before + 1;
	} while (!atomic_compare_exchange_weak(&last, &before, time));
	return arena_printf(a, "%s-%lld", *host ? host : "unnamed", (long long)time);
}

struct junction_node *junction_node_start(struct junction *j,
	const struct Registry__RegisterNodeRequest *registration, junction_node_callback *callback,
	void *context)
{
	struct junction_node *n = check_calloc(1, sizeof(*n));
	n->j = j;
	n->arena = arena_new(0);
	n->callback = callback;
	n->context = context;
	n->registration =
		(Registry__RegisterNodeRequest *)message_copy(n->arena, &registration->base);
	if (!*n->registration->node)
		n->registration->node = make_name(n->arena);
	if (!n->registration->lease_ms)
		n->registration->lease_ms = LEASE_MS;
	worker_open(&n->worker);
	worker_start(&n->worker, run, n);
	return n;
}

const char *junction_node_name(const struct junction_node *node)
{
	return node->registration->node;
}

/* A registration that was broken off may have arrived: only the server knows. */
static bool take_leave(struct junction_node *n, struct junction_error *error)
{
	Registry__DeregisterNodeRequest request = REGISTRY__DEREGISTER_NODE_REQUEST__INIT;
	int64_t patience = n->j->timeout_ms < FAREWELL_MS ? n->j->timeout_ms : FAREWELL_MS;
	struct exchange e;

	request.service = n->registration->service;
	request.node = n->registration->node;
	exchange_begin(
		&e, n->j, "/junction.v1.Registry/DeregisterNode", &request.base, patience, true);
	exchange_settle(&e, EXCHANGE_FOREVER);
	bool gone = e.code == GRPC_STATUS_OK || e.code == GRPC_STATUS_NOT_FOUND;
	if (!gone && error)
		exchange_refusal(&e, error);
	exchange_end(&e);
	return gone;
}

bool junction_node_stop(struct junction_node **node, struct junction_error *error)
{
	struct junction_node *n = *node;

	if (!n)
		return true;
	worker_stop(&n->worker);
	worker_close(&n->worker);
	bool gone = take_leave(n, error);
	arena_free(&n->arena);
	free(n);
	*node = NULL;
	return gone;
}
