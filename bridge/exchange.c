/*
 * Exchange: front check and route as soon as the headers are there, so that a refusal comes before
 * the upload; then the body; then the call.
 *
 * libmicrohttpd cannot be given a reply while an upload is in progress, and a reply before it makes
 * it close the connection, with a reset if bytes of the body are still unread: a client that is
 * writing may lose the reply. So a small body is read and forgotten before its refusal is sent, a
 * large one is refused at once, and one that turns out too large on the way is given up.
 *
 * What a caller sends is read into an arena with a cap. The reply has an arena of its own: a call
 * that has been done must not fail for the size of what it was asked.
 */
#include "bridge/exchange.h"

#include "base/check.h"
#include "base/log.h"
#include "bridge/probe.h"
#include "bridge/request.h"
#include "proto/runtime/guard.h"

#define DRAIN_MAX     (64 * 1024)
#define REQUEST_SLACK (1024 * 1024)
#define REQUEST_TIMES 8 /* what a body may cost in memory, in times of its limit */

struct exchange {
	struct rpc_call call; /* first: exchange_of() */
	struct bridge *bridge;
	struct arena *arena, *reply_arena;
	void (*wake)(void *owner);
	void *owner;
	atomic_int stage;
	struct text path, query;
	enum api_profile profile;
	bool refused; /* reply stands, the body is only drained */
	size_t drained;
	struct buffer body;
	struct front_headers headers;
	struct route_match match;
	struct reply reply;
};

static struct exchange *exchange_of(struct rpc_call *call)
{
	return (struct exchange *)call;
}

struct exchange *exchange_new(
	struct bridge *bridge, const char *uri, void (*wake)(void *owner), void *owner)
{
	struct arena *a = arena_new(REQUEST_SLACK + REQUEST_TIMES * bridge->front.body_limit);
	struct exchange *x = ARENA_NEW(a, struct exchange);
	struct text target = arena_text(a, text_of(uri));
	size_t end = text_find(target, '?', 0);
	x->bridge = bridge;
	x->arena = a;
	x->wake = wake;
	x->owner = owner;
	x->path = text_until(target, end);
	x->query = text_from(target, end + 1);
	x->profile = route_profile(x->path);
	x->body.arena = a;
	return x;
}

void exchange_free(struct exchange **x)
{
	if (!*x)
		return;
	struct arena *a = (*x)->arena;
	arena_free(&(*x)->reply_arena);
	*x = NULL;
	arena_free(&a);
}

enum exchange_stage exchange_stage(const struct exchange *x)
{
	return (enum exchange_stage)atomic_load_explicit(&x->stage, memory_order_acquire);
}

static void enter(struct exchange *x, enum exchange_stage stage)
{
	atomic_store_explicit(&x->stage, stage, memory_order_release);
}

const struct reply *exchange_reply(const struct exchange *x)
{
	return &x->reply;
}

/* --- headers -------------------------------------------------------------------------------- */

void exchange_add_header(struct exchange *x, struct text name, struct text value)
{
	front_add_header(&x->headers, x->arena, name, value);
}

/* The reply stands; what is small is read first. */
static void refuse_early(struct exchange *x)
{
	bool small = x->headers.codings || x->headers.content_length <= DRAIN_MAX;
	x->refused = true;
	if (front_has_body(&x->headers) && (x->headers.expects_continue || !small))
		x->reply.close = true;
	enter(x, x->reply.close || !front_has_body(&x->headers) ? EXCHANGE_REPLIED : EXCHANGE_BODY);
}

static void refuse_front(struct exchange *x, int http, const char *reason)
{
	log_event(LOG_DEBUG, "request refused", LOG_SLICE("path", x->path),
		LOG_TEXT("reason", reason));
	reply_front(&x->reply, x->arena, x->profile, http, reason);
	x->reply.close = true;
	refuse_early(x);
}

static void refuse_unknown(struct exchange *x)
{
	static const struct status status = {
		.code = STATUS_NOT_FOUND, .message = "there is no such URI"};
	reply_refusal(&x->reply, x->arena, x->profile, &status, TEXT(""));
	refuse_early(x);
}

/* libmicrohttpd takes "GET /a b HTTP/1.1"; others would end the target at the blank. */
static bool is_target(const struct exchange *x)
{
	for (const char *c = x->path.data; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return true;
}

static void find_route(struct exchange *x, struct text verb)
{
	switch (route_match(x->bridge->router, x->arena, verb, x->path, &x->match)) {
	case ROUTE_MALFORMED:
		refuse_front(x, 400, arena_printf(x->arena, "the path %s", x->match.reason));
		break;
	case ROUTE_UNKNOWN:
		refuse_unknown(x);
		break;
	case ROUTE_WRONG_VERB:
		reply_wrong_verb(&x->reply, x->arena, x->profile, x->match.allow);
		refuse_early(x);
		break;
	case ROUTE_FOUND:
		x->profile = x->match.method->profile;
		enter(x, EXCHANGE_BODY);
		break;
	}
}

void exchange_open(struct exchange *x, struct text verb, struct text peer, struct text local)
{
	const char *reason;
	int http = front_check(&x->bridge->front, &x->headers, local, &reason);
	if (http) {
		refuse_front(x, http, reason);
		return;
	}
	if (!is_target(x)) {
		refuse_front(x, 400, "the request's target holds a blank or a control character");
		return;
	}
	metadata_add_own(&x->headers.metadata, TEXT("junction-caller-address"), peer);
	metadata_add_own(&x->headers.metadata, TEXT("junction-scheme"), TEXT("http"));
	find_route(x, verb);
}

/* --- body ----------------------------------------------------------------------------------- */

static bool drain(struct exchange *x, size_t size)
{
	x->drained += size;
	return x->drained <= DRAIN_MAX;
}

bool exchange_read(struct exchange *x, struct text piece)
{
	if (x->refused)
		return drain(x, piece.size);
	if (x->body.size + piece.size > x->bridge->front.body_limit) {
		refuse_front(
			x, 413, "the body is larger than this bridge takes (see --body-limit)");
		enter(x, EXCHANGE_BODY);
		return drain(x, piece.size);
	}
	if (!x->body.data)
		buffer_reserve(&x->body, x->headers.content_length + 1);
	buffer_add_text(&x->body, piece);
	return true;
}

/* The message, serialized, ready to go. */
static bool fill_call(struct exchange *x)
{
	const struct api_method *method = x->match.method;
	struct status status;
	ProtobufCMessage *message =
		request_message(x->arena, &x->match, x->query, buffer_text(&x->body), &status);
	if (!message) {
		reply_refusal(&x->reply, x->arena, x->profile, &status, TEXT(""));
		return false;
	}
	x->call = (struct rpc_call){
		.method = method,
		.arena = x->arena,
		.request = guard_pack(x->arena, message),
		.metadata = &x->headers.metadata,
		.timeout_ms = x->bridge->rpc_timeout_ms,
	};
	return true;
}

static bool fill_probe(struct exchange *x)
{
	if (x->match.method == &probe_methods[PROBE_READY]) {
		probe_fill_call(&x->call, x->arena);
		return true;
	}
	probe_reply(&x->reply, x->arena, x->match.method, true);
	return false;
}

void exchange_end(struct exchange *x)
{
	bool ask = !x->refused && (probe_is(x->match.method) ? fill_probe(x) : fill_call(x));
	enter(x, ask ? EXCHANGE_WAITING : EXCHANGE_REPLIED);
}

/* --- the server's answer, on an rpc thread ------------------------------------------------- */

static void log_failure(const struct exchange *x)
{
	const struct status *s = &x->call.status;
	enum log_level level = reply_http_status(s->code) == 500 ? LOG_WARN : LOG_DEBUG;
	log_event(level, "call failed", LOG_TEXT("method", x->call.method->path),
		LOG_TEXT("code", status_name(s->code)), LOG_TEXT("message", s->message));
}

static void reply_call(struct exchange *x)
{
	const struct rpc_call *call = &x->call;
	struct status status = call->status;
	const ProtobufCMessage *message = NULL;
	if (status.code == STATUS_OK)
		message = guard_unpack(
			x->reply_arena, call->method->output->descriptor, call->response, &status);
	if (message) {
		reply_message(&x->reply, x->reply_arena, call->method, x->match.route, message);
		return;
	}
	log_failure(x);
	reply_refusal(&x->reply, x->reply_arena, x->profile, &status, call->details);
}

static void answered(struct rpc_call *call)
{
	struct exchange *x = exchange_of(call);
	x->reply_arena = arena_new(0);
	if (probe_is(x->match.method))
		probe_reply(&x->reply, x->reply_arena, x->match.method, probe_is_serving(call));
	else
		reply_call(x);
	void (*wake)(void *) = x->wake;
	void *owner = x->owner;
	enter(x, EXCHANGE_REPLIED);
	wake(owner);
}

void exchange_start(struct exchange *x)
{
	x->call.done = answered;
	rpc_start(x->bridge->rpc, &x->call);
}
