/*
 * Keeper: an answer is found by its key, which has all that it depends on; each part after its
 * size, so that no two questions have the same. Credentials are in the key as they are, and are
 * wiped with it.
 *
 * What a message of the stream says about callers, or about everything, is forgotten with it. What
 * it says about a service makes its answers outdated: those by which a request can be carried are
 * used for KEEPER_STALE more while they are asked for anew, once, so that nodes that come and go do
 * not hold up every request. The nodes of a service are shared by its answers: the newest set
 * counts for all.
 *
 * A question goes on when nobody waits for it any more. One that was asked before a message is
 * joined by nobody who comes after it, and what it brings is outdated from the start.
 */
#include <stdlib.h>

#include "api.gen.h"
#include "bridge/gateway/keeper_parts.h"
#include "proto/runtime/guard.h"

enum { REST_NODES = 32 /* for each so many, a millisecond */ };

struct question {
	struct rpc_call call; /* first */
	struct keeper *keeper;
	struct arena *arena; /* of all its texts; wiped */
	struct text key;
	struct place *place;
	struct node_set *known; /* that the server was told of; NULL: none */
	Registry__RouteKind known_kind;
	Registry__RouteRequest request;
	struct metadata_list metadata;
	struct route_ask *asks;
	uint64_t asked; /* tick */
	int64_t time;
	bool starting; /* the call may end before it has begun */
	struct loop_task task;
	struct saying *absent; /* what is told instead of asking */
};

static struct metric questions = {
	.name = "junction_gateway_route_questions_total",
	.help = "Questions about routes that the server was asked.",
	.kind = METRIC_COUNTER,
};

static struct metric hits = {
	.name = "junction_gateway_route_hits_total",
	.help = "Requests whose route was kept.",
	.kind = METRIC_COUNTER,
};

/* --- keys ------------------------------------------------------------------------------------ */

/* Of a repeated key the first counts, as it does for the server. */
static struct text given(const struct metadata_list *list, struct text key)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (text_equal(list->items[i].key, key))
			return list->items[i].value;
	return (struct text){0};
}

static char *add_part(char *to, struct text part)
{
	uint32_t size = (uint32_t)part.size;
	memcpy(to, &size, sizeof(size));
	if (part.size)
		memcpy(to + sizeof(size), part.data, part.size);
	return to + sizeof(size) + part.size;
}

/* In k->key. */
static struct text make_key(struct keeper *k, const struct route_question *q)
{
	struct text authorization = given(q->metadata, TEXT("authorization"));
	struct text exposed = given(q->metadata, TEXT("junction-exposed"));
	const struct text parts[] = {
		q->space, q->service, q->method, q->path, authorization, exposed};
	const size_t count = sizeof(parts) / sizeof(*parts);
	size_t size = 1;
	for (size_t i = 0; i < count; i++)
		size += sizeof(uint32_t) + parts[i].size;
	if (size > k->key_room) {
		free(k->key);
		k->key_room = 2 * size;
		k->key = check_malloc(k->key_room);
	}
	char *to = k->key;
	*to++ = (char)(q->upgrade | (authorization.data != NULL) << 1 |
		       (exposed.data != NULL) << 2);
	for (size_t i = 0; i < count; i++)
		to = add_part(to, parts[i]);
	return (struct text){k->key, size};
}

/* --- asking ---------------------------------------------------------------------------------- */

static void land(struct question *q);

static void on_done(struct rpc_call *call)
{
	struct question *q = (struct question *)call;
	if (q->starting)
		loop_post(q->keeper->options.loop, &q->task);
	else
		land(q);
}

static void run_land(struct loop_task *task)
{
	land((struct question *)((char *)task - offsetof(struct question, task)));
}

static void start(struct question *q)
{
	struct keeper *k = q->keeper;
	q->asked = ++k->tick;
	q->time = clock_now();
	q->request.known_nodes = (char *)(q->known ? node_set_revision(q->known) : "");
	q->call = (struct rpc_call){
		.method = &api_methods[API_REGISTRY_ROUTE],
		.arena = q->arena,
		.request = guard_pack(q->arena, &q->request.base),
		.metadata = &q->metadata,
		.timeout_ms = k->options.timeout_ms,
		.done = on_done,
	};
	metric_add(&questions, 0, 1);
	q->starting = true;
	rpc_start(k->options.rpc, &q->call);
	q->starting = false;
}

/* The kind is known from the answer before, or guessed. */
static void tell_known(struct question *q, const struct kept *before)
{
	const struct keeper *k = q->keeper;
	const struct place *p = q->place;
	Registry__RouteKind kind = REGISTRY__ROUTE_KIND__ROUTE_KIND_HTTP;
	if (before && before->route)
		kind = before->route->said->kind;
	else if (q->request.upgrade)
		kind = REGISTRY__ROUTE_KIND__ROUTE_KIND_UPGRADE;
	if (!p->nodes[kind].set || p->nodes[kind].asked < k->voided ||
		!*node_set_revision(p->nodes[kind].set))
		return;
	q->known = node_set_hold(p->nodes[kind].set);
	q->known_kind = kind;
}

static struct question *make(struct keeper *k, const struct route_question *from)
{
	struct arena *a = arena_new(0);
	struct question *q = ARENA_NEW(a, struct question);
	q->keeper = k;
	q->arena = a;
	q->place = keeper_place(k, from->space, from->service);
	q->task.run = run_land;
	k->pending++;
	return q;
}

static struct question *ask_server(struct keeper *k, const struct route_question *from,
	struct text key, const struct kept *before)
{
	struct question *q = make(k, from);
	const struct metadata_list *list = from->metadata;
	q->key = arena_text(q->arena, key);
	registry__route_request__init(&q->request);
	q->request.service = arena_string(q->arena, from->service);
	q->request.method = arena_string(q->arena, from->method);
	q->request.path = arena_string(q->arena, from->path);
	q->request.upgrade = from->upgrade;
	for (size_t i = 0; list && i < list->count; i++)
		metadata_add_own(&q->metadata, arena_text(q->arena, list->items[i].key),
			arena_text(q->arena, list->items[i].value));
	tell_known(q, before);
	table_put(&k->questions, q->key, q);
	start(q);
	return q;
}

/* --- the answer ------------------------------------------------------------------------------ */

static void fail(struct saying *s, const char *message)
{
	s->response = NULL;
	s->status = (struct status){.code = STATUS_INTERNAL, .message = message};
}

static struct saying *take_response(const struct question *q)
{
	struct arena *a = arena_new(0);
	struct saying *s = ARENA_NEW(a, struct saying);
	const struct status *status = &q->call.status;
	struct status ignored;
	*s = (struct saying){.references = 1, .arena = a};
	if (status->code != STATUS_OK) {
		status_set(&s->status, a, status->code, "%s", status->message);
		s->status.retry_ms = status->retry_ms;
		return s;
	}
	s->status.message = "";
	s->response = (const Registry__RouteResponse *)guard_unpack(
		a, &registry__route_response__descriptor, q->call.response, &ignored);
	if (!s->response || !s->response->rule || s->response->kind < 0 ||
		s->response->kind >= KEEPER_KINDS)
		fail(s, "the server's answer cannot be read");
	return s;
}

static bool needs_nodes(const struct saying *s)
{
	return s->response && !s->response->nodes && !s->response->refusal_code;
}

static struct node_set *make_nodes(struct question *q, const Registry__RouteResponse *r)
{
	struct node_set *newest = q->place->nodes[r->kind].set;
	uint64_t asked = q->place->nodes[r->kind].asked;
	bool counts = newest && asked > q->keeper->voided;
	if (!r->nodes)
		return node_set_hold(q->known);
	if (counts && *r->nodes->revision && !strcmp(r->nodes->revision, node_set_revision(newest)))
		return node_set_hold(newest);
	q->place->nodes[r->kind].made = clock_now();
	return node_set_new(r->nodes, newest);
}

/* Those that count now for that kind; held. NULL: none were told. */
static struct node_set *nodes_of(struct question *q, const Registry__RouteResponse *r)
{
	struct node_set **newest = &q->place->nodes[r->kind].set;
	uint64_t *asked = &q->place->nodes[r->kind].asked;
	if (!r->nodes && !(q->known && q->known_kind == r->kind))
		return NULL;
	if (*newest && *asked > q->asked)
		return node_set_hold(*newest);
	struct node_set *set = make_nodes(q, r);
	node_set_release(newest);
	*newest = node_set_hold(set);
	*asked = q->asked;
	return set;
}

static void keep_absence(struct question *q, struct saying *s, int64_t outdated)
{
	if (outdated)
		return;
	keeper_forget_nodes(q->place);
	keeper_keep(q->keeper, q->key, q->place, s, NULL, q->asked, q->time + KEEPER_NOT_THERE, 0);
}

static void keep(struct question *q, struct saying *s, struct route *route)
{
	struct keeper *k = q->keeper;
	struct kept *before = table_get(&k->answers, q->key);
	int64_t outdated = q->asked < q->place->changed ? q->time : 0;
	if (!route && s->status.code != STATUS_NOT_FOUND)
		return;
	if (before && before->asked > q->asked)
		return;
	if (before)
		keeper_drop(k, before);
	if (q->asked < k->forgotten || clock_now() >= k->usable)
		return;
	if (!route)
		keep_absence(q, s, outdated);
	else if (route->said->keep_ms > 0)
		keeper_keep(k, q->key, q->place, s, route, q->asked,
			q->time + route->said->keep_ms * CLOCK_MS, outdated);
}

static void unlink_ask(struct route_ask *ask)
{
	*ask->back = ask->next;
	if (ask->next)
		ask->next->back = ask->back;
	ask->back = NULL;
}

static void tell(struct question *q, struct route *route, const struct status *status)
{
	struct route_ask *ask;
	while ((ask = q->asks)) {
		unlink_ask(ask);
		if (route)
			route_hold(route);
		ask->done(ask, route, status);
	}
}

static void end(struct question *q)
{
	struct keeper *k = q->keeper;
	struct arena *a = q->arena;
	keeper_place_release(k, q->place);
	node_set_release(&q->known);
	saying_release(&q->absent);
	arena_wipe(a);
	arena_free(&a);
	keeper_ended(k);
}

static void settle(struct question *q, struct saying *s)
{
	struct route *route = NULL;
	if (s->response)
		route = keeper_route(s, nodes_of(q, s->response));
	keep(q, s, route);
	tell(q, route, &s->status);
	route_release(&route);
}

/* The server may have said that the nodes are those that it was told of, and mean another kind. */
static void land(struct question *q)
{
	struct keeper *k = q->keeper;
	struct saying *s = q->absent;
	if (s) {
		tell(q, NULL, &s->status);
		end(q);
		return;
	}
	s = take_response(q);
	if (needs_nodes(s) && q->known && q->known_kind != s->response->kind && !k->closed) {
		saying_release(&s);
		node_set_release(&q->known);
		start(q);
		return;
	}
	if (needs_nodes(s) && !q->known)
		fail(s, "the server's answer has no nodes");
	if (table_get(&k->questions, q->key) == q)
		table_remove(&k->questions, q->key);
	if (!k->closed)
		settle(q, s);
	saying_release(&s);
	end(q);
}

/* --- what is kept ---------------------------------------------------------------------------- */

/* The route of an answer, with the nodes as of now. */
static void renew_nodes(struct kept *a)
{
	struct route *old = a->route;
	if (!old || !old->nodes)
		return;
	struct node_set *set = a->place->nodes[old->said->kind].set;
	if (!set || set == old->nodes)
		return;
	a->route = keeper_route(a->saying, node_set_hold(set));
	route_release(&old);
}

enum use { ASK, USE, USE_AND_ASK };

static enum use judge(const struct keeper *k, const struct kept *a, int64_t now)
{
	if (now >= a->expires || now >= k->usable)
		return ASK;
	if (!a->outdated)
		return USE;
	bool carries = a->route && !a->route->said->refusal_code && node_set_count(a->route->nodes);
	return carries && now < a->outdated + KEEPER_STALE ? USE_AND_ASK : ASK;
}

/* A set of many nodes, which costs something, is not made anew as often as one of them changes. */
static bool has_rested(const struct kept *a, int64_t now)
{
	int64_t rest = (int64_t)node_set_count(a->route->nodes) / REST_NODES * CLOCK_MS;
	return now - a->place->nodes[a->route->said->kind].made >= rest;
}

/* The question under way, if it is not too old for who comes now. */
static struct question *under_way(const struct keeper *k, struct text key, bool current)
{
	struct question *q = table_get(&k->questions, key);
	if (!q || q->asked < k->forgotten || (current && q->asked < q->place->changed))
		return NULL;
	return q;
}

static void wait_for(struct question *q, struct route_ask *ask)
{
	ask->next = q->asks;
	ask->back = &q->asks;
	if (ask->next)
		ask->next->back = &ask->next;
	q->asks = ask;
}

static struct question *tell_absence(struct keeper *k, struct route_ask *ask, struct saying *s)
{
	struct question *q = make(k, &ask->question);
	s->references++;
	q->absent = s;
	loop_post(k->options.loop, &q->task);
	return q;
}

static struct route *look(struct keeper *k, struct route_ask *ask, struct text key)
{
	struct kept *a = table_get(&k->answers, key);
	struct question *q;
	if (a)
		renew_nodes(a);
	int64_t now = clock_now();
	enum use use = a ? judge(k, a, now) : ASK;
	if (use == ASK) {
		q = under_way(k, key, true);
		wait_for(q ? q : ask_server(k, &ask->question, key, a), ask);
		return NULL;
	}
	metric_add(&hits, 0, 1);
	keeper_used(a);
	if (!a->route) {
		wait_for(tell_absence(k, ask, a->saying), ask);
		return NULL;
	}
	route_hold(a->route);
	struct route *route = a->route;
	if (use == USE_AND_ASK && has_rested(a, now) && !under_way(k, key, false))
		ask_server(k, &ask->question, key, a);
	return route;
}

struct route *keeper_ask(struct keeper *k, struct route_ask *ask)
{
	struct text key = make_key(k, &ask->question);
	ask->back = NULL;
	struct route *route = look(k, ask, key);
	explicit_bzero(k->key, key.size);
	return route;
}

void keeper_forget(struct keeper *k, struct route_ask *ask)
{
	(void)k;
	if (ask->back)
		unlink_ask(ask);
}

/* --- life ------------------------------------------------------------------------------------ */

struct keeper *keeper_open(const struct keeper_options *options)
{
	struct keeper *k = check_calloc(1, sizeof(*k));
	metric_register(&questions);
	metric_register(&hits);
	metric_register(&keeper_kept_metric);
	k->options = *options;
	k->answers.exact = k->questions.exact = k->places.exact = true;
	TAILQ_INIT(&k->routes.list);
	TAILQ_INIT(&k->refusals.list);
	k->routes.most = options->most;
	k->refusals.most = options->most / 8 + 1;
	keeper_watch(k);
	return k;
}

static void destroy(struct keeper *k)
{
	keeper_free_places(k);
	table_clear(&k->answers);
	table_clear(&k->questions);
	free(k->key);
	free(k);
}

void keeper_ended(struct keeper *k)
{
	if (!--k->pending && k->closed)
		destroy(k);
}

void keeper_close(struct keeper **closed)
{
	struct keeper *k = *closed;
	*closed = NULL;
	if (!k)
		return;
	k->closed = true;
	keeper_unwatch(k);
	keeper_drop_all(k);
	if (!k->pending)
		destroy(k);
}
