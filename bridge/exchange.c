/*
 * Exchange: front check and route as soon as the headers are there, so that a refusal comes before
 * the upload; then the body; then the call.
 *
 * libmicrohttpd cannot be given a reply while an upload is in progress, and a reply before the body
 * (even if there is none) makes it close the connection, with a reset if bytes of the body are
 * still unread: a client that is writing may lose the reply. So a small body is read and forgotten
 * before its refusal is sent, a large one is refused at once, and one that turns out too large on
 * the way is given up. A client stream has begun to be taken when it is refused: what is left of it
 * is read and forgotten for some seconds.
 *
 * What a caller sends is read into an arena with a cap. The reply has an arena of its own: a call
 * that has been done must not fail for the size of what it was asked.
 */
#include "bridge/exchange_parts.h"

#include "base/check.h"
#include "base/clock.h"
#include "bridge/gateway/head.h"
#include "bridge/probe.h"
#include "bridge/request.h"
#include "proto/runtime/guard.h"

#define DRAIN_MAX     (64 * 1024)
#define DRAIN_STREAM  (10 * CLOCK_SECOND) /* at most, of a client stream that was refused */
#define TRAILERS_MAX  16
#define TOO_LARGE     "the body is larger than this bridge takes (see --body-limit)"
#define REQUEST_SLACK (1024 * 1024)
/* The server ends a call of a third party when its time is up: this is more than any may take. */
#define CALL_TIMEOUT_MS (2 * 3600 * 1000)
#define REQUEST_TIMES   8 /* what a body may cost in memory, in times of its limit */

static struct exchange *exchange_of(struct rpc_call *call)
{
	return (struct exchange *)call;
}

struct exchange *exchange_new(
	struct bridge *bridge, const char *uri, const struct stream_connection *connection)
{
	struct arena *a = arena_new(REQUEST_SLACK + REQUEST_TIMES * bridge->front.body_limit);
	struct exchange *x = ARENA_NEW(a, struct exchange);
	struct text target = arena_text(a, text_of(uri));
	x->bridge = bridge;
	x->arena = a;
	x->connection = *connection;
	x->target_error = uri_split(target, &x->uri);
	x->headers.target_size = target.size;
	x->headers.authority = x->uri.authority;
	x->profile = route_profile(x->uri.path);
	x->body.arena = a;
	access_begin(&x->access);
	return x;
}

static bool is_public(struct exchange *x, struct text verb, struct route_match *match)
{
	return route_match(x->bridge->router, x->arena, verb, x->uri.path, match) == ROUTE_FOUND &&
	       match->method->access == API_ACCESS_PUBLIC;
}

/* Of a URI that takes no credentials the variables are none of the log's business: what comes with
 * a link may be all that its bearer needs. */
static struct text path_to_log(struct exchange *x)
{
	struct route_match match = x->match;
	bool public = x->access.method ? x->access.method->access == API_ACCESS_PUBLIC
				       : is_public(x, TEXT("GET"), &match) ||
						 is_public(x, TEXT("POST"), &match);

	return public ? text_of(match.route->path) : x->uri.path;
}

static void end_access(struct exchange *x)
{
	struct access *access = &x->access;
	bool replied = exchange_stage(x) == EXCHANGE_REPLIED;
	access->path = path_to_log(x);
	access->http = replied ? x->reply.http : 0;
	if (replied && x->reply.stream)
		access->bytes_out = stream_taken(x->stream);
	if (x->forward && x->reply.source)
		access->bytes_out = forward_taken(x->forward);
	else if (replied && !x->reply.stream)
		access->bytes_out = x->head ? 0 : x->reply.body.size;
	else if (replied && stream_is_over(x->stream))
		access_called(
			access, stream_status(x->stream)->code, stream_status(x->stream)->message);
	else if (replied)
		access_called(access, STATUS_CANCELLED, "the client has gone");
	access_end(access, x->bridge->access_log);
}

void exchange_free(struct exchange **x)
{
	if (!*x)
		return;
	struct arena *a = (*x)->arena;
	end_access(*x);
	forward_leave(&(*x)->forward);
	stream_leave(&(*x)->stream);
	intake_free(&(*x)->intake);
	arena_free(&(*x)->admission.arena);
	arena_free(&(*x)->reply_arena);
	*x = NULL;
	arena_free(&a);
}

enum exchange_stage exchange_stage(const struct exchange *x)
{
	return x->stage;
}

void exchange_enter(struct exchange *x, enum exchange_stage stage)
{
	x->stage = stage;
}

struct stream *exchange_stream(const struct exchange *x)
{
	return x->stream;
}

void exchange_add_trailer(struct exchange *x, struct text name, struct text value)
{
	if (!x->forward || x->trailer_count == TRAILERS_MAX || text_has_control(value) ||
		!head_may_trail(x->sent, name))
		return;
	if (!x->trailers)
		x->trailers = arena_array(x->arena, TRAILERS_MAX, sizeof(*x->trailers));
	x->trailers[x->trailer_count++] =
		(struct upstream_header){arena_text(x->arena, name), arena_text(x->arena, value)};
}

bool exchange_is_head(const struct exchange *x)
{
	return x->head;
}

struct forward *exchange_forward(const struct exchange *x)
{
	return x->forward;
}

struct forward *exchange_take_forward(struct exchange *x)
{
	struct forward *f = x->forward;
	x->forward = NULL;
	return f;
}

const struct reply *exchange_reply(const struct exchange *x)
{
	if (x->forward)
		forward_settle(x->forward);
	return &x->reply;
}

struct access *exchange_access(struct exchange *x)
{
	return &x->access;
}

const struct front_cors *exchange_cors(const struct exchange *x)
{
	return &x->cors;
}

/* --- headers -------------------------------------------------------------------------------- */

static void note_accept(struct exchange *x, struct text value)
{
	const char *both =
		arena_printf(x->arena, "%.*s,%.*s", TEXT_ARGS(x->accept), TEXT_ARGS(value));
	x->accept = text_of(both);
}

/* Content-Length is the front's. */
static void keep(struct exchange *x, struct text name, struct text value)
{
	if (text_equal_nocase(name, TEXT("Content-Length")))
		return;
	struct request_header *h = ARENA_NEW(x->arena, struct request_header);
	*h = (struct request_header){
		x->sent, arena_text(x->arena, name), arena_text(x->arena, text_trim(value))};
	x->sent = h;
}

void exchange_add_header(struct exchange *x, struct text name, struct text value)
{
	if (text_equal_nocase(name, TEXT("Accept")))
		note_accept(x, value);
	else if (text_equal_nocase(name, TEXT("Last-Event-ID")))
		x->last_event_id = arena_text(x->arena, value);
	else if (text_equal_nocase(name, TEXT("Content-Type")))
		x->content_type = arena_text(x->arena, value);
	keep(x, name, value);
	trace_add(&x->access.given, name, value);
	front_add_header(&x->headers, x->arena, name, value);
}

void exchange_refuse(struct exchange *x, const struct status *status)
{
	access_called(&x->access, status->code, status->message);
	reply_refusal(&x->reply, x->arena, x->profile, status, TEXT(""));
}

/* The reply stands; what is small is read first. */
void exchange_refuse_early(struct exchange *x)
{
	bool small = x->headers.codings || x->headers.content_length <= DRAIN_MAX;
	x->refused = true;
	if (front_has_body(&x->headers) && (x->headers.expects_continue || !small))
		x->reply.close = true;
	exchange_enter(x, x->reply.close ? EXCHANGE_REPLIED : EXCHANGE_BODY);
}

void exchange_refuse_front(struct exchange *x, int http, const char *reason)
{
	x->access.message = reason;
	reply_front(&x->reply, x->arena, x->profile, http, reason);
	x->reply.close = true;
	exchange_refuse_early(x);
}

static void refuse_unknown(struct exchange *x)
{
	static const struct status status = {
		.code = STATUS_NOT_FOUND, .message = "there is no such URI"};
	exchange_refuse(x, &status);
	exchange_refuse_early(x);
}

static void refuse_verb(struct exchange *x, const char *allow)
{
	access_called(&x->access, STATUS_UNIMPLEMENTED, "the URI takes another verb");
	reply_wrong_verb(&x->reply, x->arena, x->profile, allow);
}

void exchange_answer_options(struct exchange *x, const char *allow)
{
	reply_options(&x->reply, allow);
	front_allow_page(&x->bridge->front, &x->headers, x->arena, allow, &x->cors);
	exchange_refuse_early(x);
}

/* The path is known, but not with this verb. */
static void answer_verb(struct exchange *x, struct text verb, const char *allow)
{
	if (text_equal(verb, TEXT("OPTIONS"))) {
		exchange_answer_options(x, allow);
		return;
	}
	refuse_verb(x, allow);
	front_allow_page(&x->bridge->front, &x->headers, x->arena, NULL, &x->cors);
	exchange_refuse_early(x);
}

static void open_body(struct exchange *x)
{
	x->access.method = x->match.method;
	x->profile = x->match.method->profile;
	if (x->match.method->client_streaming)
		exchange_open_intake(x);
	else if (x->headers.content_length > x->bridge->front.body_limit)
		exchange_refuse_front(x, 413, TOO_LARGE);
	else
		exchange_enter(x, EXCHANGE_BODY);
}

static void find_route(struct exchange *x, struct text verb)
{
	struct text wanted = x->head ? TEXT("GET") : verb;
	enum route_result result =
		route_match(x->bridge->router, x->arena, wanted, x->uri.path, &x->match);

	if (x->headers.opened && (result != ROUTE_FOUND || !x->match.method->page ||
					 !text_equal(verb, TEXT("GET")))) {
		exchange_refuse_front(x, 403, FRONT_FOREIGN);
		return;
	}
	switch (result) {
	case ROUTE_MALFORMED:
		exchange_refuse_front(
			x, 400, arena_printf(x->arena, "the path %s", x->match.reason));
		break;
	case ROUTE_UNKNOWN:
		refuse_unknown(x);
		break;
	case ROUTE_WRONG_VERB:
		answer_verb(x, verb, x->match.allow);
		break;
	case ROUTE_FOUND:
		open_body(x);
		break;
	}
}

/* 0, or the HTTP status to refuse with. */
static int check_request(
	struct exchange *x, struct text verb, struct text local, const char **reason)
{
	int http = front_check(&x->bridge->front, &x->headers, local, reason);
	if (http)
		return http;
	*reason = x->target_error;
	if (*reason)
		return 400;
	*reason = "this is no verb that any URI takes";
	return route_is_verb(verb) ? 0 : 501;
}

void exchange_open(struct exchange *x, struct text verb, struct text version, struct text peer,
	struct text local)
{
	const char *reason;
	x->headers.is_http10 = text_equal(version, TEXT("HTTP/1.0"));
	x->head = text_equal(verb, TEXT("HEAD"));
	x->access.verb = verb;
	x->access.peer = peer;
	access_open(&x->access, x->arena, &x->headers.metadata);
	int http = check_request(x, verb, local, &reason);
	front_allow_page(&x->bridge->front, &x->headers, x->arena, NULL, &x->cors);
	if (http) {
		exchange_refuse_front(x, http, reason);
		return;
	}
	if (text_equal(x->uri.path, TEXT("*")) && text_equal(verb, TEXT("OPTIONS"))) {
		answer_verb(x, verb, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
		return;
	}
	metadata_add_own(&x->headers.metadata, TEXT("junction-caller-address"), peer);
	metadata_add_own(&x->headers.metadata, TEXT("junction-scheme"),
		x->bridge->front.tls ? TEXT("https") : TEXT("http"));
	if (x->bridge->exposed || x->headers.forwarded)
		metadata_add_own(&x->headers.metadata, TEXT("junction-exposed"),
			x->headers.forwarded ? TEXT("proxy") : TEXT("address"));
	if (!exchange_claim(x, verb))
		find_route(x, verb);
}

/* --- body ----------------------------------------------------------------------------------- */

/* Who sends a stream does not look for an answer before its end, as a rule. */
bool exchange_drain(struct exchange *x, size_t size)
{
	if (!x->drained)
		x->drain_until = clock_now() + DRAIN_STREAM;
	x->drained += size;
	return x->drained <= DRAIN_MAX || (x->stream && clock_now() < x->drain_until);
}

bool exchange_read(struct exchange *x, struct text piece)
{
	x->access.bytes_in += piece.size;
	if (x->refused)
		return exchange_drain(x, piece.size);
	if (x->forward)
		return exchange_read_forward(x, piece);
	if (x->stream)
		return exchange_read_stream(x, piece);
	if (x->body.size + piece.size > x->bridge->front.body_limit) {
		exchange_refuse_front(x, 413, TOO_LARGE);
		exchange_enter(x, EXCHANGE_BODY);
		return exchange_drain(x, piece.size);
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
		request_message(x->arena, &x->match, x->uri.query, buffer_text(&x->body), &status);
	if (!message || !request_add_headers(x->arena, method, x->sent, message, &status) ||
		!exchange_resume(x, message, &status)) {
		exchange_refuse(x, &status);
		return false;
	}
	if (method->server_streaming && x->head) {
		exchange_answer_head(x);
		return false;
	}
	if (method->server_streaming) {
		exchange_make_stream(x);
		stream_put(x->stream, guard_pack(x->arena, message));
		stream_put_end(x->stream);
		return true;
	}
	x->call = (struct rpc_call){
		.method = method,
		.arena = x->arena,
		.request = guard_pack(x->arena, message),
		.metadata = &x->headers.metadata,
		.timeout_ms = method->access == API_ACCESS_CALL ? CALL_TIMEOUT_MS
								: x->bridge->rpc_timeout_ms,
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

/* False: the reply stands, without a call. */
static bool fill(struct exchange *x)
{
	if (x->forward)
		return exchange_end_forward(x);
	if (x->stream)
		return exchange_end_intake(x);
	const struct document *d = documents_find(x->bridge->documents, x->match.method);
	if (probe_is(x->match.method))
		return fill_probe(x);
	if (!d)
		return fill_call(x);
	document_reply(d, x->headers.if_none_match, &x->reply);
	return false;
}

void exchange_end(struct exchange *x)
{
	bool ask = !x->refused && fill(x);
	exchange_enter(x, ask ? EXCHANGE_WAITING : EXCHANGE_REPLIED);
}

/* --- the server's answer --------------------------------------------------------------------- */

/* A GET that changes something is asked for again each time. */
static void forbid_keeping(struct exchange *x)
{
	static const struct reply_header headers[] = {{"Cache-Control", "no-store"}, {0}};

	if (x->match.method->access == API_ACCESS_WRITE && strcmp(x->match.route->verb, "GET") == 0)
		x->reply.headers = headers;
}

void exchange_reply_call(
	struct exchange *x, struct status status, struct text response, struct text details)
{
	const struct api_method *method = x->match.method;
	const ProtobufCMessage *message = NULL;
	if (status.code == STATUS_OK)
		message =
			guard_unpack(x->reply_arena, method->output->descriptor, response, &status);
	access_called(&x->access, status.code, status.message);
	if (message)
		reply_message(&x->reply, x->reply_arena, method, x->match.route, message);
	else
		reply_refusal(&x->reply, x->reply_arena, x->profile, &status, details);
	forbid_keeping(x);
}

void exchange_wake(struct exchange *x)
{
	struct stream_connection connection = x->connection;
	exchange_enter(x, EXCHANGE_REPLIED);
	connection.resume(connection.arg);
}

static void answered(struct rpc_call *call)
{
	struct exchange *x = exchange_of(call);
	if (exchange_may_be_admitted(x)) {
		exchange_seek_admission(x);
		return;
	}
	x->reply_arena = arena_new(0);
	if (probe_is(x->match.method))
		probe_reply(&x->reply, x->reply_arena, x->match.method,
			probe_is_serving(x->bridge->rpc, call));
	else
		exchange_reply_call(x, call->status, call->response, call->details);
	exchange_wake(x);
}

void exchange_call(struct exchange *x)
{
	if (x->stream) {
		if (x->match.method->server_streaming)
			stream_start(x->stream, x->bridge->rpc, &x->headers.metadata);
		stream_await(x->stream);
		return;
	}
	x->call.done = answered;
	rpc_start(x->bridge->rpc, &x->call);
}

void exchange_start(struct exchange *x)
{
	if (x->forward)
		return;
	if (exchange_shows_key(x) && !probe_is(x->match.method))
		exchange_seek_admission(x);
	else
		exchange_call(x);
}
