/*
 * Exchange, gateway: /api/{service}/... goes to a service, byte by byte. The services that are
 * Junction's own answer at /api/{name}/{documented path} as they do at the documented path.
 *
 * While it is asked where a request goes, its body is not read, and 100 is not said: libmicrohttpd
 * calls its handler for the headers once more when a connection that was suspended in that call is
 * resumed.
 */
#include "bridge/exchange_parts.h"

#include "bridge/gateway/head.h"

/* --- Junction's own services ------------------------------------------------------------------ */

static const struct {
	const char *name, *service;
} own[] = {
	{"registry", "junction.v1.Registry"},
	{"auth", "junction.v1.Auth"},
	{"api_reader", "junction.v1.ApiReader"},
	{"event", "junction.v1.Event"},
	{"audit", "junction.v1.Audit"},
	{"notice", "junction.v1.Notice"},
};

static const char *own_service(struct text name)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (text_equal_nocase(name, text_of(own[i].name)))
			return own[i].service;
	return NULL;
}

static bool has_path(struct exchange *x, const char *service, struct text path)
{
	static const char *const verbs[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
	struct route_match match;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (route_match(x->bridge->router, x->arena, text_of(verbs[i]), path, &match) ==
				ROUTE_FOUND &&
			match.method->service && strcmp(match.method->service, service) == 0)
			return true;
	return false;
}

/* False: the reply stands. */
static bool claim_own(struct exchange *x, struct text name, const char *service, struct text path)
{
	if (text_equal(path, TEXT("/graphql")))
		exchange_refuse_front(x, 501,
			arena_printf(x->arena,
				"%.*s is one of Junction's own services, which do "
				"not speak GraphQL yet",
				TEXT_ARGS(name)));
	else if (!has_path(x, service, path))
		exchange_refuse_front(x, 404,
			arena_printf(
				x->arena, "the service %.*s has no such URI", TEXT_ARGS(name)));
	else
		x->uri.path = path;
	return x->uri.path.data == path.data;
}

/* --- others' ---------------------------------------------------------------------------------- */

/* The body is read, or what stands is its reply. */
static void follow(struct exchange *x)
{
	switch (forward_state(x->forward)) {
	case FORWARD_HELD:
		exchange_enter(x, EXCHANGE_HELD);
		break;
	case FORWARD_BODY:
	case FORWARD_WAITING:
		exchange_enter(x, EXCHANGE_BODY);
		break;
	case FORWARD_REPLIED:
		exchange_refuse_early(x);
		break;
	}
}

static void ready(void *arg)
{
	struct exchange *x = arg;
	struct stream_connection connection = x->connection;
	if (x->stage == EXCHANGE_HELD)
		follow(x);
	else
		exchange_enter(x, EXCHANGE_REPLIED);
	connection.resume(connection.arg);
}

static void go(struct exchange *x, struct text verb, struct text service, struct text path)
{
	const struct front_headers *h = &x->headers;
	x->access.method = &forward_method;
	x->forward = forward_open(gateway_here(x->bridge->gateway),
		&(struct forward_request){
			.arena = x->arena,
			.verb = verb,
			.service = service,
			.path = path,
			.query = x->uri.query,
			.has_query = x->uri.path.data[x->uri.path.size] == '?',
			.sent = x->sent,
			.host = h->host,
			.peer = x->access.peer,
			.metadata = &h->metadata,
			.is_http10 = h->is_http10,
			.has_body = front_has_body(h),
			.chunked = h->codings > 0,
			.expects_continue = h->expects_continue,
			.length = h->content_length,
			.cors = h->cross_origin,
			.access = &x->access,
			.connection = x->connection,
			.reply = &x->reply,
			.ready = ready,
			.owner = x,
		});
	follow(x);
}

/* A browser's question before a page of another origin may ask. */
static bool is_preflight(const struct exchange *x, struct text verb)
{
	return text_equal(verb, TEXT("OPTIONS")) && x->headers.cross_origin &&
	       x->headers.asked_method.size;
}

/* 0, or the HTTP status to refuse with. */
static int check_head(const struct exchange *x, struct text verb, const char **reason)
{
	*reason = head_check(x->sent);
	if (*reason)
		return 400;
	*reason = "TRACE would show what a node is told about its caller";
	return text_equal(verb, TEXT("TRACE")) ? 501 : 0;
}

bool exchange_claim(struct exchange *x, struct text verb)
{
	struct text name, path;
	if (!x->bridge->gateway || !gateway_claims(x->bridge->gateway, x->uri.path, &name, &path))
		return false;
	x->profile = API_GATEWAY;
	const char *service = own_service(name);
	if (service) {
		bool claimed = !claim_own(x, name, service, path);
		if (!claimed)
			x->profile = route_profile(path);
		return claimed;
	}
	const char *reason;
	int http = check_head(x, verb, &reason);
	if (http)
		exchange_refuse_front(x, http, reason);
	else if (x->headers.opened)
		exchange_refuse_front(x, 403, FRONT_FOREIGN);
	else if (is_preflight(x, verb))
		exchange_answer_options(x, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
	else
		go(x, verb, name, path);
	return true;
}

/* --- the body --------------------------------------------------------------------------------- */

bool exchange_read_forward(struct exchange *x, struct text piece)
{
	forward_read(x->forward, piece);
	if (forward_state(x->forward) != FORWARD_REPLIED)
		return true;
	x->refused = true;
	return exchange_drain(x, piece.size);
}

bool exchange_end_forward(struct exchange *x)
{
	forward_end_body(x->forward, x->trailers, x->trailer_count);
	return forward_state(x->forward) != FORWARD_REPLIED;
}
