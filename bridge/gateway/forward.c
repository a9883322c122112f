/*
 * Forward: a list of steps, each of which may refuse, or wait for something and be gone on from
 * when it has come. The last one sends the request; what follows comes from the node
 * (forward_send.c).
 *
 * Whoever waits for the reply is told once, through ready(); a connection that is suspended, since
 * a side does not take what came, is resumed. The two never happen at the same time: before the
 * reply stands only the body suspends, afterwards only its own body does.
 *
 * A forward has memory of its own, not of the request's arena: one that waits for an answer of the
 * cache may be left before that has come.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/percent.h"
#include "bridge/gateway/forward_parts.h"

#define HOPS_MAX 8

const struct api_method forward_method = {
	.path = "/gateway", .profile = API_GATEWAY, .access = API_ACCESS_CALL};

/* --- steps ------------------------------------------------------------------------------------ */

static void routed(struct route_ask *ask, struct route *route, const struct status *status)
{
	struct forward *f = (struct forward *)((char *)ask - offsetof(struct forward, ask));
	f->waiting = false;
	f->route = route;
	if (!route)
		forward_refuse_status(f, status);
	forward_go(f);
}

static struct text space_of(const struct metadata_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (text_equal(list->items[i].key, TEXT("x-namespace")))
			return list->items[i].value;
	return TEXT("default");
}

static void ask_route(struct forward *f)
{
	const struct forward_request *r = &f->request;
	f->ask = (struct route_ask){
		.question = {space_of(r->metadata), f->service, r->verb, r->path,
			f->upgrade.size > 0, r->metadata},
		.done = routed,
	};
	f->route = keeper_ask(f->place->keeper, &f->ask);
	f->waiting = !f->route;
}

static void check_request(struct forward *f)
{
	const struct forward_request *r = &f->request;
	const char *reason = head_check_path(r->arena, r->path);
	struct text hops = head_find(r->sent, TEXT("junction-hops"));
	uint64_t count;
	if (!reason)
		reason = percent_decode(r->arena, r->service, false, &f->service);
	if (!reason && r->has_body && f->upgrade.size)
		reason = "a request that asks for another protocol has no body";
	if (reason)
		forward_refuse(f, 400, STATUS_INVALID_ARGUMENT, reason);
	else if (hops.size && (!text_to_uint64(hops, &count) || count >= HOPS_MAX))
		forward_refuse(f, 508, STATUS_FAILED_PRECONDITION,
			arena_printf(r->arena, "loop: this request has passed %d Junctions already",
				HOPS_MAX));
}

static void check_size(struct forward *f)
{
	int64_t limit = forward_rule(f)->body_limit;
	if (limit && f->request.has_body && f->request.length > (uint64_t)limit)
		forward_refuse(f, 413, STATUS_RESOURCE_EXHAUSTED,
			arena_printf(f->request.arena,
				"the body is larger than the %lld bytes that this route takes",
				(long long)limit));
}

static void refuse_if(struct forward *f, enum status_code code, bool other)
{
	const Registry__RouteResponse *said = f->route->said;
	if (said->refusal_code != STATUS_OK && (said->refusal_code == (int)code) != other)
		forward_refuse_status(
			f, &(struct status){.code = (enum status_code)said->refusal_code,
				   .message = said->refusal});
}

static void check_known(struct forward *f)
{
	refuse_if(f, STATUS_UNAUTHENTICATED, false);
}

static void check_allowed(struct forward *f)
{
	refuse_if(f, STATUS_UNAUTHENTICATED, true);
}

static void send_on(struct forward *f)
{
	if (f->route->said->egress)
		gateway_allow(f->place, f->route->said->egress);
	balance_count(f->route->nodes, clock_now());
	forward_send(f);
}

static void (*const steps[])(struct forward *f) = {check_request, ask_route, check_size,
	forward_limit_address, check_known, forward_limit_caller, check_allowed, forward_look,
	send_on};
#define STEPS (sizeof(steps) / sizeof(*steps))

/* --- going on --------------------------------------------------------------------------------- */

static void tell(struct forward *f)
{
	if (f->told_held && !f->held) {
		f->told_held = false;
		f->request.ready(f->request.owner);
	} else if (f->replied && f->awaited) {
		f->awaited = false;
		f->request.ready(f->request.owner);
	} else if (f->replied && f->suspended) {
		f->suspended = false;
		f->request.connection.resume(f->request.connection.arg);
	}
}

void forward_go(struct forward *f)
{
	while (f->step < STEPS && !f->waiting && !f->replied)
		steps[f->step++](f);
	f->held = !f->replied && (f->waiting || f->continues);
	tell(f);
}

void forward_reply(struct forward *f)
{
	f->replied = true;
	f->continues = false;
}

void forward_add_headers(struct forward *f, const struct reply_header *headers)
{
	const struct reply_header *old = f->request.reply->headers;
	size_t count = 0, more = 0;
	while (headers[more].name)
		more++;
	while (old && old[count].name)
		count++;
	struct reply_header *all = arena_array(f->request.arena, more + count + 1, sizeof(*all));
	memcpy(all, headers, more * sizeof(*all));
	if (count)
		memcpy(all + more, old, count * sizeof(*all));
	f->request.reply->headers = all;
}

enum forward_state forward_state(const struct forward *f)
{
	return f->replied     ? FORWARD_REPLIED
	       : f->held      ? FORWARD_HELD
	       : f->body_done ? FORWARD_WAITING
			      : FORWARD_BODY;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct text upgrade_of(const struct forward_request *r)
{
	const struct request_header *h = r->sent;
	for (; h; h = h->next)
		if (text_equal_nocase(h->name, TEXT("Connection")))
			break;
	struct text list = h ? h->value : TEXT("");
	while (list.size) {
		size_t comma = text_find(list, ',', 0);
		if (text_equal_nocase(text_trim(text_until(list, comma)), TEXT("Upgrade")) &&
			!r->is_http10)
			return head_find(r->sent, TEXT("Upgrade"));
		list = text_from(list, comma + 1);
	}
	return (struct text){0};
}

struct forward *forward_open(struct gateway_place *p, const struct forward_request *r)
{
	struct forward *f = check_calloc(1, sizeof(*f));
	f->place = p;
	f->request = *r;
	f->pending.arena = f->kept.arena = r->arena;
	f->upgrade = upgrade_of(r);
	f->held = true;
	f->next = p->first;
	f->back = &p->first;
	if (f->next)
		f->next->back = &f->next;
	p->first = f;
	forward_go(f);
	f->told_held = f->held;
	return f;
}

void forward_leave(struct forward **leaving)
{
	struct forward *f = *leaving;
	if (!f)
		return;
	*leaving = NULL;
	if (f->waiting && !f->route)
		keeper_forget(f->place->keeper, &f->ask);
	if (f->wire)
		wire_close(&f->wire);
	forward_give_up(f);
	forward_drop(f);
	bool pending = f->flight.done && f->waiting && !cache_forget(f->place->cache, &f->flight);
	route_release(&f->route);
	cached_release(&f->found);
	*f->back = f->next;
	if (f->next)
		f->next->back = f->back;
	f->place = NULL;
	if (!pending)
		free(f);
}

/* --- the body --------------------------------------------------------------------------------- */

static void keep(struct forward *f, struct text piece)
{
	if (f->lost || f->kept.size + piece.size > FORWARD_KEPT) {
		f->lost = true;
		f->kept.size = 0;
		return;
	}
	buffer_add_text(&f->kept, piece);
}

static bool is_too_large(const struct forward *f)
{
	int64_t limit = forward_rule(f)->body_limit;
	return limit && f->body > (uint64_t)limit;
}

void forward_read(struct forward *f, struct text piece)
{
	if (f->replied)
		return;
	f->body += piece.size;
	if (is_too_large(f)) {
		forward_drop(f);
		forward_refuse(f, 413, STATUS_RESOURCE_EXHAUSTED,
			"the body is larger than this route takes");
		forward_go(f);
		return;
	}
	keep(f, piece);
	f->deadline = clock_now() + forward_rule(f)->timeout_ms * CLOCK_MS;
	upstream_put(f->upstream, piece);
	if (!f->suspended && upstream_waiting(f->upstream) > FORWARD_HIGH) {
		f->suspended = true;
		f->request.connection.suspend(f->request.connection.arg);
	}
}

void forward_end_body(struct forward *f, const struct upstream_header *trailers, size_t count)
{
	f->body_done = true;
	f->awaited = true;
	if (f->replied)
		return;
	f->deadline = clock_now() + forward_rule(f)->timeout_ms * CLOCK_MS;
	if (f->request.has_body)
		upstream_put_end(f->upstream, trailers, count);
}

/* --- the reply -------------------------------------------------------------------------------- */

void forward_settle(struct forward *f)
{
	struct reply *r = f->request.reply;
	bool head = text_equal(f->request.verb, TEXT("HEAD"));
	int64_t length = f->head.length;
	f->awaited = false;
	if (!f->answered || f->head.status == 101 || r->source)
		return;
	if (f->complete && !head && !f->trailers) {
		r->body = buffer_text(&f->pending);
		f->taken = r->body.size;
		return;
	}
	r->source = ARENA_NEW(f->request.arena, struct reply_source);
	*r->source = (struct reply_source){.take = forward_take,
		.arg = f,
		.size = length < 0 ? REPLY_UNKNOWN : (uint64_t)length,
		.trailers = f->trailers};
}

ssize_t forward_take(void *forward, char *bytes, size_t room)
{
	struct forward *f = forward;
	size_t here = f->pending.size - f->at;
	if (!here && (f->broken || f->complete))
		return f->broken ? STREAM_BROKEN : STREAM_END;
	if (!here) {
		f->suspended = true;
		f->request.connection.suspend(f->request.connection.arg);
		return STREAM_LATER;
	}
	size_t size = here < room ? here : room;
	memcpy(bytes, f->pending.data + f->at, size);
	f->at += size;
	f->taken += size;
	if (f->at == f->pending.size)
		f->at = f->pending.size = 0;
	if (f->upstream_held && f->pending.size - f->at < FORWARD_HIGH / 2) {
		f->upstream_held = false;
		f->deadline = clock_now() + forward_rule(f)->idle_timeout_ms * CLOCK_MS;
		if (f->upstream)
			upstream_hold(f->upstream, false);
	}
	return (ssize_t)size;
}

size_t forward_taken(const struct forward *f)
{
	return f->taken;
}

/* --- who is slow ------------------------------------------------------------------------------ */

void forward_tick(void *forward, bool gone)
{
	struct forward *f = forward;
	if (!gone)
		return;
	if (!f->replied) {
		forward_drop(f);
		forward_refuse(f, 499, STATUS_CANCELLED, "the client has gone");
		forward_go(f);
	} else if (f->suspended) {
		forward_drop(f);
		f->broken = true;
		tell(f);
	}
}

static void expire(struct forward *f)
{
	if (f->continues) {
		f->continues = false;
		f->deadline = clock_now() + forward_rule(f)->timeout_ms * CLOCK_MS;
		forward_go(f);
		return;
	}
	f->outcome = ENDPOINT_FAILED;
	bool answered = f->answered;
	const char *node = f->node->name;
	f->answered = true; /* so that the outcome counts */
	forward_drop(f);
	f->answered = answered;
	if (answered) {
		f->broken = true;
		forward_give_up(f);
		tell(f);
		return;
	}
	forward_refuse(f, 504, STATUS_DEADLINE_EXCEEDED,
		arena_printf(f->request.arena, "service %s: node %s did not answer in time",
			f->route->said->service, node));
	forward_go(f);
}

void forward_sweep(void *place)
{
	struct gateway_place *p = place;
	int64_t now = clock_now();
	for (struct forward *f = p->first, *next; f; f = next) {
		next = f->next;
		if (f->upstream && !f->upstream_held && f->deadline <= now)
			expire(f);
	}
}

/* --- another protocol ------------------------------------------------------------------------- */

static void relayed(void *owner, uint64_t to_node, uint64_t to_client)
{
	struct forward *f = owner;
	f->relay = NULL;
	f->close(f->close_arg, to_node, to_client);
	forward_leave(&f);
}

void forward_upgrade(struct forward **forward, struct remote client, struct text came,
	void (*close)(void *arg, uint64_t to_node, uint64_t to_client), void *arg)
{
	struct forward *f = *forward;
	struct wire *wire = f->wire;
	*forward = NULL;
	f->wire = NULL;
	f->close = close;
	f->close_arg = arg;
	f->relay = relay_open(&(struct relay_options){
		.loop = f->place->loop,
		.client = client,
		.wire = wire,
		.from_client = came,
		.from_node = f->rest,
		.idle_ms = forward_rule(f)->idle_timeout_ms,
		.ended = relayed,
		.owner = f,
	});
	if (f->place->stopping)
		relay_break_off(f->relay);
}

void forward_end_upgrades(struct gateway_place *p)
{
	p->stopping = true;
	for (struct forward *f = p->first, *next; f; f = next) {
		next = f->next;
		if (f->relay)
			relay_break_off(f->relay);
	}
}

void forward_end_all(struct gateway_place *p)
{
	for (struct forward *f = p->first, *next; f; f = next) {
		next = f->next;
		if (f->waiting)
			continue; /* for the server, or for another that is ended here */
		forward_drop(f);
		f->broken = true;
		if (!f->replied)
			forward_refuse(f, 503, STATUS_UNAVAILABLE, "the bridge is stopping");
		forward_go(f);
	}
}
