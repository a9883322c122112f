/*
 * Route: answered from memory on the rpc thread. What depends on the caller may be kept for
 * KEEP_MS, or until what he showed, or the role that lets him in, ends; the identity that goes on
 * to the node outlives that by IDENTITY_MORE_S, so that a request that is just under way still
 * carries a good one. To sign it is what costs most here, and is done once for all that is kept.
 */
#include <arpa/inet.h>

#include "server/gateway/destination.h"
#include "server/gateway/gateway.h"
#include "server/gateway/route.h"
#include "steps.gen.h"

enum { KEEP_MS = 30000, KEEP_REFUSED_MS = 1000, IDENTITY_MORE_S = 60 };

enum outcome { ALLOWED, OPEN, UNKNOWN_CALLER, DENIED, UNKNOWN_SERVICE, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {
		"allowed", "open", "unauthenticated", "denied", "unknown_service"};

	return names[index];
}

struct metric gateway_routes = {
	.name = "junction_routes_total",
	.help = "Questions of bridges where a request goes, by what came of it.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

/* --- egress ----------------------------------------------------------------------------------- */

static char *address_text(struct arena *a, const struct sockaddr_storage *address)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		return arena_printf(a, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	return arena_printf(a, "%s:%d", host, ntohs(v4->sin_port));
}

static Registry__RouteEgress *show_egress(struct arena *a)
{
	const struct egress_policy *policy = gateway_settings()->egress;
	Registry__RouteEgress *out = ARENA_NEW(a, Registry__RouteEgress);

	registry__route_egress__init(out);
	out->loopback = policy->loopback;
	out->private_ranges = policy->private_ranges;
	out->own = arena_array(a, policy->own_count + 1, sizeof(*out->own));
	for (size_t i = 0; i < policy->own_count; i++)
		out->own[out->n_own++] = address_text(a, &policy->own[i]);
	return out;
}

/* --- who calls -------------------------------------------------------------------------------- */

static void refuse(Registry__RouteResponse *out, enum status_code code, const char *why)
{
	out->refusal_code = (int32_t)code;
	out->refusal = (char *)why;
	out->keep_ms = KEEP_REFUSED_MS;
	metric_add(&gateway_routes, code == STATUS_PERMISSION_DENIED ? DENIED : UNKNOWN_CALLER, 1);
}

/* until: on clock_now(); 0: for ever. */
static int32_t shorten(int32_t keep_ms, int64_t until)
{
	int64_t left = until ? (until - clock_now()) / CLOCK_MS : keep_ms;

	return (int32_t)(left < 0 ? 0 : left < keep_ms ? left : keep_ms);
}

char *route_caller(struct arena *a, const struct caller *caller)
{
	if (caller->user.size)
		return arena_printf(a, "user:%.*s", TEXT_ARGS(caller->user));
	if (caller->application.size)
		return arena_printf(a, "application:%.*s", TEXT_ARGS(caller->application));
	return (char *)"";
}

static void refuse_denied(struct call *c, const struct destination *d, const char *reason,
	Registry__RouteResponse *out)
{
	refuse(out, STATUS_PERMISSION_DENIED,
		arena_printf(c->arena, "%s may not %.*s %.*s of service %.*s: %s", out->caller,
			TEXT_ARGS(d->method), TEXT_ARGS(d->path), TEXT_ARGS(d->full_name), reason));
}

/* False with c->status set: it cannot be told who calls. */
static bool identify(struct call *c, Registry__RouteResponse *out)
{
	if (call_identify(c)) {
		out->caller = route_caller(c->arena, &c->caller);
		return true;
	}
	if (c->status.code != STATUS_UNAUTHENTICATED)
		return false;
	refuse(out, c->status.code, c->status.message);
	return true;
}

static bool vouch(struct call *c, const struct destination *d, Registry__RouteResponse *out)
{
	struct text identity;

	if (!call_vouch(c, d->full_name, out->keep_ms / 1000 + IDENTITY_MORE_S, &identity))
		return false;
	out->identity = (char *)identity.data;
	return true;
}

static bool let_in(struct call *c, const struct destination *d, Registry__RouteResponse *out)
{
	struct call_verdict verdict;

	if (!identify(c, out))
		return false;
	if (out->refusal_code != STATUS_OK)
		return true;
	destination_judge(c, d, &c->caller, &verdict);
	if (!verdict.allowed) {
		refuse_denied(c, d, verdict.reason, out);
		return true;
	}
	metric_add(&gateway_routes, ALLOWED, 1);
	out->keep_ms = shorten(shorten(KEEP_MS, c->caller.known_until), verdict.until);
	return *out->caller == '\0' || vouch(c, d, out);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void add_nodes(struct call *c, const struct destination *d, Registry__RouteResponse *out)
{
	const Registry__RouteRequest *in = call_request(c, Registry__RouteRequest);
	Registry__RouteNodes *nodes = destination_nodes(c->arena, d);

	if (strcmp(nodes->revision, in->known_nodes) != 0)
		out->nodes = nodes;
}

static enum next answer(struct call *c, const struct destination *d)
{
	Registry__RouteResponse out = REGISTRY__ROUTE_RESPONSE__INIT;

	out.service = (char *)d->full_name.data;
	out.kind = destination_kind(d);
	out.rule = (Registry__RouteRule *)&d->rule->message;
	out.action = (char *)d->action;
	out.open = d->rule->open;
	out.keep_ms = KEEP_MS;
	if (out.open)
		metric_add(&gateway_routes, OPEN, 1);
	else if (!let_in(c, d, &out))
		return failed(c);
	if (out.refusal_code == STATUS_OK)
		add_nodes(c, d, &out);
	out.egress = show_egress(c->arena);
	return REPLY(c, &out);
}

bool route_may_ask(struct call *c)
{
	return c->caller.bridge || call_is_open(c) ||
	       status_set(&c->status, c->arena, STATUS_PERMISSION_DENIED,
		       "only a bridge may ask: one is known by the server's unix socket "
		       "(--socket), or by its certificate (--tls-client-ca and --bridge-name)");
}

static bool is_asked_well(struct call *c)
{
	const Registry__RouteRequest *in = call_request(c, Registry__RouteRequest);
	const char *missing = !*in->service ? "service" : !*in->method ? "method" : NULL;

	if (missing)
		return status_field(&c->status, c->arena, missing, "is required");
	return *in->path == '/' || status_field(&c->status, c->arena, "path", "must begin with /");
}

enum next registry_route(struct call *c)
{
	const Registry__RouteRequest *in = call_request(c, Registry__RouteRequest);
	struct destination d;

	if (!route_may_ask(c) || !is_asked_well(c))
		return failed(c);
	bool found = destination_find(
		c, text_of(in->service), text_of(in->method), text_of(in->path), in->upgrade, &d);
	if (c->status.code == STATUS_NOT_FOUND)
		metric_add(&gateway_routes, UNKNOWN_SERVICE, 1);
	enum next next = found ? answer(c, &d) : failed(c);
	destination_release(&d);
	return next;
}
