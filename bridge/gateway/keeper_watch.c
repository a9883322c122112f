/*
 * Keeper, the stream: one after another, begun at most twice a second. What a message outdates is
 * forgotten at once; between two streams anything may have been missed.
 */
#include <stdlib.h>

#include "api.gen.h"
#include "base/log.h"
#include "bridge/gateway/keeper_parts.h"
#include "bridge/rpc_stream.h"
#include "proto/runtime/guard.h"

#define REOPEN_MS 500

struct watching {
	struct rpc_stream rpc; /* first */
	struct keeper *keeper;
	struct arena *arena, *turn;
	bool stands; /* its first message has come */
};

static struct watching *watching_of(struct rpc_stream *rpc)
{
	return (struct watching *)rpc;
}

/* --- messages -------------------------------------------------------------------------------- */

static void forget_callers(struct keeper *k)
{
	k->forgotten = k->tick;
	keeper_drop_all(k);
}

static void forget_all(struct keeper *k)
{
	k->voided = k->tick;
	forget_callers(k);
}

static void clean_all(struct keeper *k)
{
	k->options.clean(k->options.arg, TEXT(""), TEXT(""), TEXT(""));
}

/* It is asked for by its key, or by its full name: "v2.demo". */
static bool is_about(const struct place *p, const Registry__RouteService *s)
{
	struct text key = text_of(s->service), asked = p->service;
	if (!text_equal(p->space, text_of(s->namespace_)) || asked.size < key.size)
		return false;
	size_t before = asked.size - key.size;
	return text_equal(text_from(asked, before), key) &&
	       (!before || asked.data[before - 1] == '.');
}

static void change(struct keeper *k, const Registry__RouteService *s)
{
	struct table_cursor cursor = {0};
	for (struct place *p = table_next(&k->places, &cursor), *next; p; p = next) {
		next = table_next(&k->places, &cursor);
		if (is_about(p, s))
			keeper_change(k, p);
	}
}

static void clean(struct keeper *k, const Registry__RouteClean *c)
{
	k->options.clean(k->options.arg, text_of(c->service->namespace_),
		text_of(c->service->service), text_of(c->rule));
}

static void apply(struct keeper *k, const Registry__WatchRoutesResponse *m)
{
	k->tick++;
	if (m->all) {
		forget_all(k);
		clean_all(k);
	} else if (m->callers) {
		forget_callers(k);
	}
	for (size_t i = 0; i < m->n_services; i++)
		change(k, m->services[i]);
	for (size_t i = 0; i < m->n_cleans; i++)
		if (m->cleans[i]->service)
			clean(k, m->cleans[i]);
}

/* What was said before this stream began may have changed unheard. */
static void stand(struct keeper *k)
{
	k->tick++;
	forget_all(k);
	if (k->usable)
		clean_all(k);
	k->usable = CLOCK_NEVER;
	if (k->told)
		log_event(LOG_INFO, "routes are watched again");
	k->told = false;
}

static void on_received(struct rpc_stream *rpc, struct text wire)
{
	struct watching *w = watching_of(rpc);
	struct keeper *k = w->keeper;
	struct status status;
	if (k->closed)
		return;
	const Registry__WatchRoutesResponse *m =
		(const Registry__WatchRoutesResponse *)guard_unpack(
			w->turn, &registry__watch_routes_response__descriptor, wire, &status);
	if (!m) {
		rpc_stream_cancel(rpc, STATUS_INTERNAL, "the server's message cannot be read");
		return;
	}
	if (!w->stands)
		stand(k);
	w->stands = true;
	apply(k, m);
	arena_clear(w->turn);
	rpc_stream_read(rpc);
}

/* --- the stream ------------------------------------------------------------------------------ */

static void ignore(struct rpc_stream *rpc)
{
	(void)rpc;
}

static void open_watch(void *arg);

static void open_later(struct keeper *k)
{
	int64_t wait = k->opened + REOPEN_MS * CLOCK_MS - clock_now();
	loop_timer_stop(&k->reopen);
	k->reopen = loop_after(k->options.loop,
		wait > 0 ? (uint64_t)((wait + CLOCK_MS - 1) / CLOCK_MS) : 0, open_watch, k);
}

/* One that stood and ends is replaced, as a rule; one that never stood is worth a word. */
static void broke(struct keeper *k, bool stood, const struct status *status)
{
	if (stood) {
		k->usable = clock_now() + k->options.grace_ms * CLOCK_MS;
	} else if (!k->told) {
		k->told = true;
		log_event(LOG_WARN, "routes are not watched",
			LOG_TEXT("code", status_name(status->code)),
			LOG_TEXT("message", status->message));
	}
}

static void free_watching(struct watching *w)
{
	w->keeper->watching = NULL;
	arena_free(&w->turn);
	arena_free(&w->arena);
	free(w);
}

static void on_done(struct rpc_stream *rpc)
{
	struct watching *w = watching_of(rpc);
	struct keeper *k = w->keeper;
	if (!k->closed) {
		broke(k, w->stands, &rpc->status);
		open_later(k);
	}
	free_watching(w);
	keeper_ended(k);
}

static void open_watch(void *arg)
{
	struct keeper *k = arg;
	struct arena *a = arena_new(0);
	struct watching *w = check_calloc(1, sizeof(*w));
	*w = (struct watching){
		.rpc =
			{
				.method = &api_methods[API_REGISTRY_WATCH_ROUTES],
				.arena = a,
				.began = ignore,
				.received = on_received,
				.lull = ignore,
				.written = ignore,
				.done = on_done,
			},
		.keeper = k,
		.arena = a,
		.turn = arena_new(0),
	};
	k->watching = w;
	k->opened = clock_now();
	if (!rpc_stream_start(k->options.rpc, &w->rpc, NULL)) {
		free_watching(w); /* the bridge is stopping */
		return;
	}
	k->pending++;
	rpc_stream_write(&w->rpc, TEXT(""), true);
	rpc_stream_read(&w->rpc);
}

void keeper_watch(struct keeper *k)
{
	open_watch(k);
}

void keeper_unwatch(struct keeper *k)
{
	loop_timer_stop(&k->reopen);
	if (k->watching)
		rpc_stream_cancel(&k->watching->rpc, STATUS_CANCELLED, "the bridge is stopping");
}
