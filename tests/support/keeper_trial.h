/*
 * A keeper of its own for each test, on the loop of an rpc whose server is route_peer.h's: what it
 * is asked, what it is answered and what its stream says are the test's.
 */
#ifndef JUNCTION_TESTS_KEEPER_TRIAL_H
#define JUNCTION_TESTS_KEEPER_TRIAL_H

#include "base/clock.h"
#include "base/loop.h"
#include "bridge/gateway/keeper.h"
#include "tests/support/metric_value.h"
#include "tests/support/route_peer.h"

#define HOUR_MS    3600000
#define NODES_MOST 3200

static struct rpc *rpc;
static struct keeper *keeper;
static struct peer_call *stream;
static struct {
	char last[64]; /* "space service rule" */
	sem_t heard;   /* for each */
} cleaned;

/* --- the keeper's side, on the loop ---------------------------------------------------------- */

struct asker {
	struct route_ask ask;
	struct metadata_list metadata;
	sem_t done;
	struct route *route;
	enum status_code code;
	bool at_once, within; /* what keeper_ask() returned; it runs */
};

static inline void on_done(struct route_ask *ask, struct route *route, const struct status *status)
{
	struct asker *a = (struct asker *)ask;
	CHECK(!a->within);
	a->route = route;
	a->code = status->code;
	sem_post(&a->done);
}

static inline void run_ask(void *arg)
{
	struct asker *a = arg;
	a->within = true;
	a->route = keeper_ask(keeper, &a->ask);
	a->at_once = a->route;
	a->within = false;
}

static inline void run_forget(void *arg)
{
	keeper_forget(keeper, &((struct asker *)arg)->ask);
}

static inline void run_release(void *arg)
{
	route_release(&((struct asker *)arg)->route);
}

static inline void on_loop(void (*run)(void *arg), void *arg)
{
	loop_run(rpc_loop(rpc, 0), run, arg);
}

static inline void set(struct asker *a, const char *service, const char *path)
{
	*a = (struct asker){
		.ask = {.question = {TEXT("default"), text_of(service), TEXT("GET"), text_of(path),
				false, &a->metadata},
			.done = on_done},
	};
	CHECK(!sem_init(&a->done, 0, 0));
}

/* True: what is kept. Else wait(). */
static inline bool go(struct asker *a)
{
	on_loop(run_ask, a);
	return a->at_once;
}

static inline bool ask(struct asker *a, const char *service, const char *path)
{
	set(a, service, path);
	return go(a);
}

static inline void wait_done(struct asker *a)
{
	assert_true(peer_wait(&a->done));
}

static inline void release(struct asker *a)
{
	on_loop(run_release, a);
}

static inline const char *revision(const struct asker *a)
{
	return a->route ? node_set_revision(a->route->nodes) : "";
}

/* --- the server's side ----------------------------------------------------------------------- */

struct answer {
	const char *revision; /* NULL: no nodes */
	int count;            /* of nodes */
	int keep_ms;
	int refusal;
	Registry__RouteKind kind; /* 0: HTTP */
	bool ruleless;
};

static const struct answer usual = {.revision = "r1", .count = 2, .keep_ms = HOUR_MS};

static inline struct peer_call *take(void)
{
	struct peer_call *c = peer_take();
	assert_true(peer_is(c, "/junction.v1.Registry/Route"));
	return c;
}

static inline const Registry__RouteRequest *request(struct peer_call *c)
{
	return peer_request(c, &registry__route_request__descriptor);
}

static inline void answer(struct peer_call *c, struct answer what)
{
	Registry__RouteResponse out = REGISTRY__ROUTE_RESPONSE__INIT;
	Registry__RouteNodes nodes = REGISTRY__ROUTE_NODES__INIT;
	Registry__RouteRule rule = REGISTRY__ROUTE_RULE__INIT;
	static Registry__RouteNode each[NODES_MOST], *list[NODES_MOST];
	for (int i = 0; i < what.count; i++) {
		registry__route_node__init(&each[i]);
		each[i].host = (char *)"node.test";
		each[i].port = 1000 + i;
		list[i] = &each[i];
	}
	nodes.revision = (char *)(what.revision ? what.revision : "");
	nodes.nodes = list;
	nodes.n_nodes = (size_t)what.count;
	out.service = request(c)->service;
	out.kind = what.kind ? what.kind : REGISTRY__ROUTE_KIND__ROUTE_KIND_HTTP;
	out.nodes = what.revision ? &nodes : NULL;
	out.rule = what.ruleless ? NULL : &rule;
	out.keep_ms = what.keep_ms;
	out.refusal_code = what.refusal;
	peer_begin(c);
	peer_send(c, &out.base);
	peer_end(c, GRPC_STATUS_OK);
}

/* Asks, takes the question, answers it and waits. */
static inline void learn(const char *service, const char *path, struct answer what)
{
	struct asker a;
	assert_false(ask(&a, service, path));
	answer(take(), what);
	wait_done(&a);
	release(&a);
}

static inline bool is_kept(const char *service, const char *path)
{
	struct asker a;
	bool kept = ask(&a, service, path);
	if (!kept)
		on_loop(run_forget, &a);
	release(&a);
	return kept;
}

/* What was answered before has been heard when this returns. */
static inline void assert_asked_anew(const char *service, const char *path)
{
	struct asker a;
	assert_false(ask(&a, service, path));
	struct peer_call *c = take();
	assert_string_equal(request(c)->path, path);
	answer(c, usual);
	wait_done(&a);
	release(&a);
}

/* --- the stream ------------------------------------------------------------------------------ */

static inline void take_stream(void)
{
	stream = peer_take();
	assert_true(peer_is(stream, "/junction.v1.Registry/WatchRoutes"));
	peer_begin(stream);
}

/* The keeper has heard it when this returns: it ends with a clean. */
static inline void tell(Registry__WatchRoutesResponse m)
{
	Registry__RouteService service = REGISTRY__ROUTE_SERVICE__INIT;
	Registry__RouteClean heard = REGISTRY__ROUTE_CLEAN__INIT;
	Registry__RouteClean *list[] = {&heard};
	service.namespace_ = (char *)"blue";
	service.service = (char *)"heard";
	heard.service = &service;
	m.cleans = list;
	m.n_cleans = 1;
	peer_send(stream, &m.base);
	do
		assert_true(peer_wait(&cleaned.heard));
	while (strcmp(cleaned.last, "blue heard ") != 0);
}

static inline void tell_stands(void)
{
	tell((Registry__WatchRoutesResponse)REGISTRY__WATCH_ROUTES_RESPONSE__INIT);
}

static inline void tell_all(void)
{
	Registry__WatchRoutesResponse m = REGISTRY__WATCH_ROUTES_RESPONSE__INIT;
	m.all = true;
	tell(m);
}

static inline void tell_callers(void)
{
	Registry__WatchRoutesResponse m = REGISTRY__WATCH_ROUTES_RESPONSE__INIT;
	m.callers = true;
	tell(m);
}

static inline void tell_changed(const char *space, const char *key)
{
	Registry__WatchRoutesResponse m = REGISTRY__WATCH_ROUTES_RESPONSE__INIT;
	Registry__RouteService service = REGISTRY__ROUTE_SERVICE__INIT;
	Registry__RouteService *list[] = {&service};
	service.namespace_ = (char *)space;
	service.service = (char *)key;
	m.services = list;
	m.n_services = 1;
	tell(m);
}

/* The keeper has noticed when it opens the next one. */
static inline void break_stream(void)
{
	peer_end(stream, GRPC_STATUS_UNAVAILABLE);
	take_stream();
}

/* --- each test has a keeper of its own ------------------------------------------------------- */

static struct keeper_options options;

static inline void on_clean(void *arg, struct text space, struct text service, struct text rule)
{
	(void)arg;
	snprintf(cleaned.last, sizeof(cleaned.last), "%.*s %.*s %.*s", TEXT_ARGS(space),
		TEXT_ARGS(service), TEXT_ARGS(rule));
	sem_post(&cleaned.heard);
}

static inline void run_open(void *arg)
{
	keeper = keeper_open(arg);
}

static inline void run_close(void *arg)
{
	(void)arg;
	keeper_close(&keeper);
}

static inline void open_keeper(int64_t grace_ms, size_t most)
{
	options = (struct keeper_options){
		.rpc = rpc,
		.loop = rpc_loop(rpc, 0),
		.grace_ms = grace_ms,
		.timeout_ms = 60000,
		.most = most,
		.clean = on_clean,
	};
	on_loop(run_open, &options);
	take_stream();
}

static inline int start(void **state)
{
	(void)state;
	CHECK(!sem_init(&cleaned.heard, 0, 0));
	peer_start();
	rpc = rpc_new(&(struct rpc_options){.target = peer.target, .threads = 1});
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	rpc_stop(rpc);
	rpc_free(&rpc);
	peer_stop();
	return 0;
}

static inline int start_each(void **state)
{
	(void)state;
	open_keeper(HOUR_MS, 100);
	tell_stands();
	return 0;
}

static inline int stop_each(void **state)
{
	(void)state;
	on_loop(run_close, NULL);
	if (stream)
		peer_end(stream, GRPC_STATUS_OK);
	stream = NULL;
	while (sem_trywait(&cleaned.heard) == 0)
		;
	return 0;
}

static inline void reopen(int64_t grace_ms, size_t most)
{
	stop_each(NULL);
	open_keeper(grace_ms, most);
}

#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, start_each, stop_each)

#endif
