/*
 * Rpc: a channel for each loop. A call that is started on one of the loops stays there; others take
 * turns. The flight is what a unary call needs besides; it lies in the call's arena.
 */
#include "bridge/rpc.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/option.h"
#include "bridge/rpc_channel.h"
#include "bridge/rpc_stream.h"
#include "bridge/rpc_tls.h"

struct rpc {
	struct rpc_options options;
	struct rpc_tls *tls; /* NULL: none */
	char *authority, *name;
	atomic_uint turn;
	struct loop **loops;
	struct channel *channels;
};

/* --- calls ---------------------------------------------------------------------------------- */

struct flight {
	struct rpc_flow flow; /* first: flight_of() */
	struct loop_task task;
	struct channel *channel;
	struct rpc_call *call;
	bool answered;
};

static struct flight *flight_of(struct rpc_flow *f)
{
	return (struct flight *)f;
}

static void on_message(struct rpc_flow *f, struct text message)
{
	struct flight *flight = flight_of(f);
	if (flight->answered) {
		rpc_flow_finish(f, STATUS_INTERNAL, "the server's answer has several messages");
		return;
	}
	flight->answered = true;
	flight->call->response = arena_text(f->arena, message);
	f->wanted = true;
}

static void land(struct rpc_flow *f)
{
	struct flight *flight = flight_of(f);
	struct rpc_call *call = flight->call;
	call->status = f->status;
	call->details = f->end.details;
	if (call->status.code == STATUS_OK && !flight->answered)
		call->status = (struct status){
			.code = STATUS_INTERNAL, .message = "the server's answer has no message"};
	if (call->status.code != STATUS_OK)
		call->response = (struct text){"", 0};
	call->done(call);
}

static const struct rpc_flow_events call_events = {.message = on_message, .done = land};

static void launch(struct loop_task *task)
{
	struct flight *flight = (struct flight *)((char *)task - offsetof(struct flight, task));
	struct rpc_flow *f = &flight->flow;
	rpc_flow_send(f, flight->call->request);
	rpc_flow_close(f);
	f->wanted = true;
	if (channel_start_flow(flight->channel, f))
		return;
	f->status =
		(struct status){.code = STATUS_UNAVAILABLE, .message = "the bridge is stopping"};
	rpc_flow_clear(f);
	land(f);
}

struct channel *rpc_channel(struct rpc *rpc)
{
	const struct loop *own = loop_current();
	for (int i = 0; i < rpc->options.threads; i++)
		if (rpc->loops[i] == own)
			return &rpc->channels[i];
	return NULL;
}

void rpc_start(struct rpc *rpc, struct rpc_call *call)
{
	struct flight *flight = ARENA_NEW(call->arena, struct flight);
	flight->call = call;
	flight->task.run = launch;
	flight->channel = rpc_channel(rpc);
	flight->flow.events = &call_events;
	flight->flow.method = call->method;
	flight->flow.arena = call->arena;
	flight->flow.metadata = call->metadata;
	flight->flow.timeout_ms = call->timeout_ms;
	call->response = call->details = (struct text){"", 0};
	if (flight->channel) {
		launch(&flight->task);
		return;
	}
	unsigned turn = atomic_fetch_add_explicit(&rpc->turn, 1, memory_order_relaxed) %
			(unsigned)rpc->options.threads;
	flight->channel = &rpc->channels[turn];
	loop_post(rpc->loops[turn], &flight->task);
}

/* --- channels, each on its loop ------------------------------------------------------------- */

struct errand {
	struct rpc *rpc;
	int index;
};

static void each_loop(struct rpc *rpc, void (*run)(void *errand))
{
	for (int i = 0; i < rpc->options.threads; i++)
		loop_run(rpc->loops[i], run, &(struct errand){rpc, i});
}

static struct channel *channel_of(const struct errand *e)
{
	return &e->rpc->channels[e->index];
}

static void run_open(void *errand)
{
	const struct errand *e = errand;
	const struct rpc *rpc = e->rpc;
	channel_open(channel_of(e), rpc->loops[e->index],
		&(struct channel_options){rpc->options.target, rpc->authority, rpc->name},
		rpc_tls_context(rpc->tls));
}

static void run_use_tls(void *errand)
{
	const struct errand *e = errand;
	channel_use_tls(channel_of(e), rpc_tls_context(e->rpc->tls));
}

static void run_stop_streams(void *errand)
{
	channel_stop(channel_of(errand), true);
}

static void run_stop(void *errand)
{
	channel_stop(channel_of(errand), false);
}

static void run_close(void *errand)
{
	channel_close(channel_of(errand));
}

/* --- life ----------------------------------------------------------------------------------- */

/* What requests and certificates name: the target's host, or what the options say. */
static void name_server(struct rpc *rpc)
{
	char host[256] = "localhost";
	int port;
	const char *target = rpc->options.target, *name = rpc->options.tls.server_name;
	bool has_host = strncmp(target, "unix:", 5) && option_address(target, host, &port);
	rpc->authority = check_strdup(name ? name : has_host ? target : "localhost");
	rpc->name = check_strdup(name ? name : host);
}

struct rpc *rpc_new(const struct rpc_options *options)
{
	struct rpc_tls *tls = options->tls.ca ? rpc_tls_open(&options->tls) : NULL;
	if (options->tls.ca && !tls)
		return NULL;
	struct rpc *rpc = check_calloc(1, sizeof(*rpc));
	rpc->options = *options;
	rpc->tls = tls;
	name_server(rpc);
	rpc->loops = check_calloc((size_t)options->threads, sizeof(struct loop *));
	rpc->channels = check_calloc((size_t)options->threads, sizeof(*rpc->channels));
	for (int i = 0; i < options->threads; i++) {
		rpc->loops[i] = loop_new("worker");
		loop_start(rpc->loops[i]);
	}
	each_loop(rpc, run_open);
	return rpc;
}

int rpc_threads(const struct rpc *rpc)
{
	return rpc->options.threads;
}

struct loop *rpc_loop(const struct rpc *rpc, int index)
{
	return rpc->loops[index];
}

void rpc_refresh_tls(struct rpc *rpc, bool now)
{
	if (rpc->tls && rpc_tls_refresh(rpc->tls, now))
		each_loop(rpc, run_use_tls);
}

bool rpc_connected(const struct rpc *rpc)
{
	bool all = true;
	for (int i = 0; i < rpc->options.threads; i++)
		all &= atomic_load_explicit(&rpc->channels[i].connected, memory_order_relaxed);
	return all;
}

bool rpc_failing(const struct rpc *rpc)
{
	bool any = false;
	for (int i = 0; i < rpc->options.threads; i++)
		any |= atomic_load_explicit(&rpc->channels[i].failed, memory_order_relaxed);
	return any;
}

void rpc_stop_streams(struct rpc *rpc)
{
	each_loop(rpc, run_stop_streams);
}

void rpc_stop(struct rpc *rpc)
{
	each_loop(rpc, run_stop);
}

void rpc_free(struct rpc **rpc)
{
	each_loop(*rpc, run_close);
	for (int i = 0; i < (*rpc)->options.threads; i++)
		loop_stop(&(*rpc)->loops[i]);
	rpc_tls_free(&(*rpc)->tls);
	free((*rpc)->loops);
	free((*rpc)->channels);
	free((*rpc)->authority);
	free((*rpc)->name);
	free(*rpc);
	*rpc = NULL;
}
