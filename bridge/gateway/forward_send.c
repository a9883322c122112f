/*
 * Forward, the node: one is chosen, the request goes there, and if that comes to nothing it may go
 * to another. What a node does is judged once, when the forward lets go of it.
 */
#include "bridge/gateway/forward_parts.h"

enum { CONTINUE_MS = 1000 }; /* how long 100 is waited for; then the body is sent unasked */

/* --- the end of it ---------------------------------------------------------------------------- */

static void let_go(struct forward *f, enum endpoint_outcome outcome)
{
	upstream_drop(&f->upstream);
	if (f->node)
		endpoint_end(f->node->endpoint, forward_rule(f)->breaker, outcome, clock_now());
	f->node = NULL;
}

void forward_drop(struct forward *f)
{
	let_go(f, f->answered ? f->outcome : ENDPOINT_UNKNOWN);
}

/* --- sending again ---------------------------------------------------------------------------- */

static bool is_idempotent(struct text verb)
{
	static const char *const names[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (text_equal(verb, text_of(names[i])))
			return true;
	return false;
}

static bool was_not_sent(enum upstream_failure failure)
{
	return failure == UPSTREAM_NOT_REACHED || failure == UPSTREAM_CONNECT_TIMEOUT ||
	       failure == UPSTREAM_NOT_ALLOWED;
}

/* A kept connection that had been closed says nothing about the node. */
static bool may_repeat(struct forward *f, enum upstream_failure failure)
{
	if (f->lost || (!was_not_sent(failure) && !is_idempotent(f->request.verb)))
		return false;
	if (failure == UPSTREAM_STALE)
		return true;
	return f->repetitions < (unsigned)forward_rule(f)->retries &&
	       (failure == UPSTREAM_NOT_ANSWERED || was_not_sent(failure)) &&
	       balance_may_repeat(f->route->nodes, clock_now());
}

static void refuse_without_node(struct forward *f)
{
	struct arena *a = f->request.arena;
	const char *service = f->route->said->service;
	const char *reason = node_set_reason(f->route->nodes);
	if (node_set_count(f->route->nodes))
		reason = "all its nodes have been tried";
	forward_refuse(f, 503, STATUS_UNAVAILABLE,
		f->failure.size
			? arena_printf(a, "service %s: %.*s", service, TEXT_ARGS(f->failure))
			: arena_printf(a, "service %s has no node to go to: %s", service, reason));
}

static void refuse_after(struct forward *f, enum upstream_failure failure)
{
	const char *message = arena_printf(f->request.arena, "service %s: %.*s",
		f->route->said->service, TEXT_ARGS(f->failure));
	if (failure == UPSTREAM_NOT_ALLOWED)
		forward_refuse(f, 403, STATUS_PERMISSION_DENIED, message);
	else if (was_not_sent(failure))
		forward_refuse(f, 503, STATUS_UNAVAILABLE, message);
	else
		forward_refuse(f, 502, STATUS_UNAVAILABLE, message);
}

/* --- what comes back -------------------------------------------------------------------------- */

static void wake(struct forward *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	f->request.connection.resume(f->request.connection.arg);
}

static void on_sent(void *owner)
{
	((struct forward *)owner)->was_sent = true;
}

static void on_drained(void *owner)
{
	struct forward *f = owner;
	if (!f->answered && !f->replied)
		wake(f);
}

static void on_continue(void *owner)
{
	struct forward *f = owner;
	if (!f->continues)
		return;
	f->continues = false;
	forward_go(f);
}

static enum endpoint_outcome outcome_of(int status)
{
	return status == 502 || status == 503 || status == 504 ? ENDPOINT_FAILED
							       : ENDPOINT_ANSWERED;
}

static bool is_page(const struct reply_header *headers)
{
	static const char *const types[] = {"text/html", "application/xhtml+xml", "image/svg+xml",
		"text/xml", "application/xml"};
	struct text type = {0};
	for (; headers->name; headers++)
		if (text_equal_nocase(text_of(headers->name), TEXT("Content-Type")))
			type = text_of(headers->value);
	type = text_trim(text_until(type, text_find(type, ';', 0)));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (text_equal_nocase(type, text_of(types[i])))
			return true;
	return false;
}

/* A node's page would otherwise be one of Junction's own to a browser, and could do all that its
 * reader may. */
void forward_add_own(struct forward *f)
{
	static const struct reply_header sandbox[] = {{"Content-Security-Policy", "sandbox"}, {0}};
	struct reply_header *limits =
		arena_array(f->request.arena, LIMIT_HEADERS + 1, sizeof(*limits));
	if (!forward_rule(f)->pages && is_page(f->request.reply->headers))
		forward_add_headers(f, sandbox);
	if (forward_limit_headers(f, limits))
		forward_add_headers(f, limits);
}

/* What a GET would bring. */
static int64_t length_of_head(const struct forward *f)
{
	int64_t length;
	for (size_t i = 0; i < f->head.header_count; i++)
		if (text_equal_nocase(f->head.headers[i].name, TEXT("Content-Length")) &&
			text_to_int64(f->head.headers[i].value, &length))
			return length;
	return -1;
}

static void on_head(void *owner, const struct upstream_head *head)
{
	struct forward *f = owner;
	const struct forward_request *r = &f->request;
	f->answered = true;
	f->head = *head;
	if (text_equal(r->verb, TEXT("HEAD")))
		f->head.length = length_of_head(f);
	f->outcome = outcome_of(head->status);
	f->deadline = clock_now() + forward_rule(f)->idle_timeout_ms * CLOCK_MS;
	*r->reply = (struct reply){.http = head->status,
		.foreign = true,
		.upgrade = head->status == 101,
		.headers = head_answer(
			r->arena, head->headers, head->header_count, head->status == 101, r->cors)};
	forward_add_own(f);
	forward_judge(f);
	if (head->status == 101)
		f->wire = upstream_take_wire(&f->upstream, &f->rest);
	f->rest = arena_text(r->arena, f->rest);
	forward_reply(f);
	forward_go(f);
}

static void on_body(void *owner, struct text piece)
{
	struct forward *f = owner;
	forward_copy(f, piece);
	buffer_add_text(&f->pending, piece);
	f->deadline = clock_now() + forward_rule(f)->idle_timeout_ms * CLOCK_MS;
	if (f->pending.size - f->at > FORWARD_HIGH && !f->upstream_held) {
		f->upstream_held = true;
		upstream_hold(f->upstream, true);
	}
	wake(f);
}

static void on_end(void *owner, const struct upstream_header *trailers, size_t count)
{
	struct forward *f = owner;
	f->upstream = NULL;
	f->complete = true;
	f->trailers = count ? head_trailers(f->request.arena, trailers, count) : NULL;
	if (f->request.reply->source)
		f->request.reply->source->trailers = f->trailers;
	forward_keep(f);
	f->head.header_count = 0; /* they are gone */
	let_go(f, f->outcome);
	wake(f);
}

static void on_failed(void *owner, enum upstream_failure failure, const char *sentence)
{
	struct forward *f = owner;
	bool stale = failure == UPSTREAM_STALE && !f->answered;
	f->upstream = NULL;
	f->failure = text_of(arena_printf(f->request.arena, "node %s %s", f->node->name, sentence));
	if (stale && f->tried.count)
		f->tried.count--;
	let_go(f, stale                   ? ENDPOINT_UNKNOWN
		  : was_not_sent(failure) ? ENDPOINT_NOT_REACHED
					  : ENDPOINT_FAILED);
	if (f->answered) {
		f->broken = true;
		forward_give_up(f);
		wake(f);
		return;
	}
	if (may_repeat(f, failure)) {
		f->fresh = stale;
		f->repetitions += !stale;
		forward_send(f);
	} else {
		refuse_after(f, failure);
	}
	forward_go(f);
}

static const struct upstream_events events = {
	.sent = on_sent,
	.drained = on_drained,
	.go_on = on_continue,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.failed = on_failed,
};

/* --- sending ---------------------------------------------------------------------------------- */

static uint64_t hops(const struct forward *f)
{
	struct text value = head_find(f->request.sent, TEXT("junction-hops"));
	uint64_t count = 0;
	return value.size && text_to_uint64(value, &count) ? count : 0;
}

static struct text make_head(struct forward *f)
{
	const struct forward_request *r = &f->request;
	const struct head_request head = {
		.verb = r->verb,
		.path = f->route->said->kind == REGISTRY__ROUTE_KIND__ROUTE_KIND_GRAPHQL ? TEXT("")
											 : r->path,
		.query = r->query,
		.has_query = r->has_query,
		.sent = r->sent,
		.host = r->host,
		.peer = r->peer,
		.trusted = gateway_trusts(f->place->gateway, r->peer),
		.tls = gateway_settings(f->place->gateway)->tls,
		.upgrade = f->upgrade,
		.open = f->route->said->open,
		.identity = f->route->said->identity,
		.trace = &r->access->trace,
		.hops = hops(f),
		.has_body = r->has_body,
		.chunked = r->chunked,
		.continues = f->continues,
		.length = r->length,
	};
	return head_make(r->arena, &head, f->node->endpoint, f->node->base);
}

static bool choose(struct forward *f)
{
	const Registry__RouteRule *rule = forward_rule(f);
	struct text header = {0};
	if (rule->balance == REGISTRY__ROUTE_BALANCE__ROUTE_BALANCE_HASH)
		header = head_find(f->request.sent, text_of(rule->hash_header));
	f->node = balance_pick(f->route->nodes, rule, header, &f->tried, clock_now());
	if (f->node && f->tried.count < BALANCE_TRIED_MAX)
		f->tried.endpoints[f->tried.count++] = f->node->endpoint;
	return f->node != NULL;
}

void forward_send(struct forward *f)
{
	const struct forward_request *r = &f->request;
	const Registry__RouteRule *rule = forward_rule(f);
	if (!choose(f)) {
		refuse_without_node(f);
		return;
	}
	f->was_sent = false;
	f->continues = r->expects_continue && r->has_body && f->held;
	f->deadline = clock_now() +
		      (f->continues ? CONTINUE_MS : rule->connect_timeout_ms + rule->timeout_ms) *
			      CLOCK_MS;
	f->upstream = upstream_start(f->place->pool, f->node->endpoint,
		&(struct upstream_request){
			.head = make_head(f),
			.is_head = text_equal(r->verb, TEXT("HEAD")),
			.upgrade = f->upgrade.size > 0,
			.has_body = r->has_body,
			.chunked = r->chunked,
			.fresh = f->fresh,
			.connect_timeout_ms = rule->connect_timeout_ms,
			.events = &events,
			.owner = f,
		});
	if (f->kept.size)
		upstream_put(f->upstream, buffer_text(&f->kept));
	if (f->body_done && r->has_body)
		upstream_put_end(f->upstream, NULL, 0);
}
