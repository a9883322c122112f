/*
 * Exchange, admission: a request without the header Authorization may show otherwise who makes it.
 * The server is asked (Auth.AdmitRequest), and answers with a token of a minute, which goes with
 * the call.
 *
 * With FATE Flow's key headers it is asked at once. A request that shows nothing, on a route of
 * FATE Flow's, is tried without first, so that an open server costs nothing; only when it is
 * refused may the hook client_authentication let it in.
 */
#include "api.gen.h"
#include "bridge/exchange_parts.h"
#include "junction/v1/auth.pb-c.h"
#include "proto/runtime/guard.h"

static struct exchange *exchange_of(struct rpc_call *call)
{
	return (struct exchange *)((char *)call - offsetof(struct exchange, admission));
}

static bool shows(const struct exchange *x, struct text key)
{
	return metadata_has(&x->headers.metadata, key);
}

bool exchange_shows_key(const struct exchange *x)
{
	return shows(x, TEXT("app-key")) && !shows(x, TEXT("authorization"));
}

static bool is_of_fate(const struct exchange *x)
{
	return x->match.method->profile == API_FATE;
}

bool exchange_may_be_admitted(const struct exchange *x)
{
	return x->call.status.code == STATUS_UNAUTHENTICATED && is_of_fate(x) &&
	       !shows(x, TEXT("app-key")) && !shows(x, TEXT("authorization"));
}

/* --- the question --------------------------------------------------------------------------- */

static Auth__HttpHeader *header_named(const Auth__AdmitRequestRequest *in, struct text name)
{
	for (size_t i = 0; i < in->n_headers; i++)
		if (text_equal_nocase(text_of(in->headers[i]->name), name))
			return in->headers[i];
	return NULL;
}

/* One that is repeated becomes a list, as WSGI has it, for which FATE Flow's hooks are written. */
static void add_header(
	struct arena *a, Auth__AdmitRequestRequest *in, struct text name, struct text value)
{
	Auth__HttpHeader *known = header_named(in, name);
	if (known) {
		known->value = arena_printf(a, "%s,%.*s", known->value, TEXT_ARGS(value));
		return;
	}
	Auth__HttpHeader *h = ARENA_NEW(a, Auth__HttpHeader);
	auth__http_header__init(h);
	h->name = arena_string(a, name);
	h->value = arena_string(a, value);
	in->headers[in->n_headers++] = h;
}

static bool is_text(struct text t)
{
	return text_utf8_error(t) == t.size && !memchr(t.data, '\0', t.size);
}

/* Those before come first, which a list has at its end. */
static void add_sent(
	struct arena *a, Auth__AdmitRequestRequest *in, const struct request_header *sent)
{
	const struct request_header *order[FRONT_HEADERS_MAX];
	size_t count = 0;
	for (; sent && count < FRONT_HEADERS_MAX; sent = sent->next)
		order[count++] = sent;
	while (count--)
		if (is_text(order[count]->name) && is_text(order[count]->value))
			add_header(a, in, order[count]->name, order[count]->value);
}

static struct text question(struct exchange *x, struct arena *a)
{
	Auth__AdmitRequestRequest in = AUTH__ADMIT_REQUEST_REQUEST__INIT;
	const struct uri *uri = &x->uri;
	in.verb = arena_string(a, x->access.verb);
	in.full_path = arena_printf(a, "%.*s%s%.*s", TEXT_ARGS(uri->path),
		uri->query.size ? "?" : "", TEXT_ARGS(uri->query));
	in.headers = arena_array(a, FRONT_HEADERS_MAX, sizeof(*in.headers));
	if (x->headers.lengths)
		add_header(a, &in, TEXT("Content-Length"), x->headers.length);
	add_sent(a, &in, x->sent);
	in.body.data = (uint8_t *)x->body.data;
	in.body.len = x->body.size;
	in.hook = is_of_fate(x);
	return guard_pack(a, &in.base);
}

/* --- the answer ----------------------------------------------------------------------------- */

static void admit(struct exchange *x, const char *token)
{
	metadata_add_own(&x->headers.metadata, TEXT("authorization"),
		text_of(arena_printf(x->admission.arena, "Bearer %s", token)));
	exchange_call(x);
}

/* A server that takes this from no such bridge (PERMISSION_DENIED) has said before why it refused
 * who showed nothing. */
static void refuse(struct exchange *x)
{
	const struct rpc_call *why = &x->admission;
	if (why->status.code == STATUS_PERMISSION_DENIED &&
		x->call.status.code == STATUS_UNAUTHENTICATED)
		why = &x->call;
	x->reply_arena = arena_new(0);
	exchange_reply_call(x, why->status, TEXT(""), why->details);
	exchange_wake(x);
}

static void admitted(struct rpc_call *call)
{
	struct exchange *x = exchange_of(call);
	const ProtobufCMessage *message = NULL;
	if (call->status.code == STATUS_OK)
		message = guard_unpack(call->arena, &auth__admit_request_response__descriptor,
			call->response, &call->status);
	if (message)
		admit(x, ((const Auth__AdmitRequestResponse *)message)->access_token);
	else
		refuse(x);
}

void exchange_seek_admission(struct exchange *x)
{
	struct arena *a = arena_new(0);
	x->admission = (struct rpc_call){
		.method = &api_methods[API_AUTH_ADMIT_REQUEST],
		.arena = a,
		.request = question(x, a),
		.metadata = &x->headers.metadata,
		.timeout_ms = x->bridge->rpc_timeout_ms,
		.done = admitted,
	};
	rpc_start(x->bridge->rpc, &x->admission);
}
