/*
 * ExplainRoute: what Route would say, with its reasons. Of another subject it tells what that one
 * may, to whom may call Explain of Auth; what the subject's tokens say besides is not known here.
 */
#include "base/percent.h"
#include "server/gateway/destination.h"
#include "server/gateway/route.h"
#include "steps.gen.h"

#define PREFIX TEXT("/api/")

struct explained {
	Registry__ExplainRouteResponse out;
	struct destination destination;
	struct caller caller; /* of whom is spoken */
};

/* --- whom, and what --------------------------------------------------------------------------- */

static bool read_subject(struct call *c, struct explained *e)
{
	const Registry__ExplainRouteRequest *in = call_request(c, Registry__ExplainRouteRequest);
	struct text subject = text_of(in->subject);
	size_t colon = text_find(subject, ':', 0);
	struct text kind = text_until(subject, colon), name = text_from(subject, colon + 1);
	bool user = text_equal(kind, TEXT("user"));

	e->caller = c->caller;
	if (subject.size == 0)
		return true;
	if (!call_may(c, TEXT("auth"), TEXT("Explain"), TEXT("READ")))
		return false;
	if (name.size == 0 || (!user && !text_equal(kind, TEXT("application"))))
		return status_field(
			&c->status, c->arena, "subject", "must be user:NAME or application:NAME");
	e->caller = (struct caller){.space = c->caller.space};
	*(user ? &e->caller.user : &e->caller.application) = name;
	return true;
}

/* "/api/demo/list?x": "demo" and "/list". */
static bool read_path(struct call *c, struct text *service, struct text *path)
{
	const Registry__ExplainRouteRequest *in = call_request(c, Registry__ExplainRouteRequest);
	struct text whole = text_of(in->path);
	const char *wrong = "must begin with /api/ and the name of a service";
	size_t slash;

	*service = (struct text){0};
	if (text_starts(whole, PREFIX)) {
		whole = text_from(text_until(whole, text_find(whole, '?', 0)), PREFIX.size);
		slash = text_find(whole, '/', 0);
		*path = slash < whole.size ? text_from(whole, slash) : TEXT("/");
		if (slash > 0)
			wrong = percent_decode(c->arena, text_until(whole, slash), false, service);
	}
	return !wrong || status_field(&c->status, c->arena, "path", "%s", wrong);
}

/* --- reasons ---------------------------------------------------------------------------------- */

static void explain_rule(struct arena *a, struct explained *e)
{
	const struct destination *d = &e->destination;

	e->out.rule = (Registry__RouteRule *)&d->rule->message;
	e->out.rule_reason = arena_printf(a,
		"the first rule of %.*s whose methods and path (%.*s) fit %.*s %.*s",
		TEXT_ARGS(d->full_name), TEXT_ARGS(d->rule->path), TEXT_ARGS(d->method),
		TEXT_ARGS(d->path));
	e->out.action = (char *)d->action;
}

static void explain_permission(struct call *c, struct explained *e)
{
	struct call_verdict verdict = {true, "the rule is open: credentials are not looked at", 0};

	e->out.open = e->destination.rule->open;
	if (!e->out.open)
		destination_judge(c, &e->destination, &e->caller, &verdict);
	e->out.caller = route_caller(c->arena, &e->caller);
	e->out.allowed = verdict.allowed;
	e->out.permission_reason = (char *)verdict.reason;
}

static const char *node_reason(
	struct arena *a, const struct destination *d, const struct node *node)
{
	static const char *const kinds[] = {
		[NODE_KIND_HTTP] = "it is only asked by ordinary requests",
		[NODE_KIND_UPGRADE] = "it is only asked for another protocol",
		[NODE_KIND_GRAPHQL] = "it is only asked at /graphql",
	};

	if (node->kind != d->kind)
		return kinds[node->kind];
	if (!node->enabled)
		return "it is not enabled";
	if (node->address.port == 0)
		return "it has no address";
	if (!node_available(d->service, node))
		return node->flapping ? "its health changes too often"
				      : arena_printf(a, "its check fails: %.*s",
						TEXT_ARGS(node->health_reason));
	if (!node_is_up(node))
		return "it is not up, but neither are so many others that checks are not believed";
	return node->weight == 0 ? "its weight is 0: only if there is no other"
				 : arena_printf(a, "it is up, of weight %d", node->weight);
}

/* Where nodes are is told to whom may list them. */
static size_t explain_nodes(struct call *c, struct explained *e)
{
	const struct destination *d = &e->destination;
	const struct action base = {.uri = TEXT("")};
	bool shown = call_may(c, TEXT("registry"), TEXT("ListNodes"), TEXT("READ"));
	struct arena *a = c->arena;
	size_t usable = 0;

	e->out.nodes = arena_array(a, d->service->node_count + 1, sizeof(*e->out.nodes));
	for (size_t i = 0; i < d->service->node_count; i++) {
		const struct node *node = d->service->nodes[i];
		Registry__ExplainedNode *out = ARENA_NEW(a, Registry__ExplainedNode);

		registry__explained_node__init(out);
		out->name = (char *)node->name.data;
		out->url = shown ? arena_string(a, action_url(&base, node, a)) : (char *)"";
		out->usable = destination_takes(d, node);
		out->reason = (char *)node_reason(a, d, node);
		usable += out->usable;
		e->out.nodes[e->out.n_nodes++] = out;
	}
	return usable;
}

static void explain_limits(struct arena *a, struct explained *e)
{
	static const char *const keys[] = {
		[REGISTRY__LIMIT_KEY__LIMIT_KEY_ADDRESS] = "each address",
		[REGISTRY__LIMIT_KEY__LIMIT_KEY_CALLER] = "each caller",
		[REGISTRY__LIMIT_KEY__LIMIT_KEY_ALL] = "all together",
		[REGISTRY__LIMIT_KEY__LIMIT_KEY_APPLICATION] = "each application",
	};
	const Registry__RouteRule *rule = e->out.rule;
	struct buffer b = {.arena = a};

	for (size_t i = 0; i < rule->n_limits; i++)
		buffer_printf(&b, "%s%lld in %lld ms for %s", i ? ", " : "",
			(long long)rule->limits[i]->limit, (long long)rule->limits[i]->window_ms,
			keys[rule->limits[i]->key]);
	e->out.limit_reason = b.size ? arena_string(a, buffer_text(&b)) : (char *)"no limit";
}

static void explain_cache(struct arena *a, struct explained *e)
{
	const Registry__RouteCache *cache = e->out.rule->cache;
	bool user = false;

	for (size_t i = 0; cache && i < cache->n_keys; i++)
		user = user || strcmp(cache->keys[i], "#user") == 0;
	e->out.cache_reason =
		!cache ? (char *)"answers are not kept"
		       : arena_printf(a, "an answer 200 to GET is kept for %lld ms, for %s",
				 (long long)cache->ttl_ms,
				 cache->shared && !user ? "all callers" : "each caller apart");
}

static void explain_retries(struct arena *a, struct explained *e)
{
	int32_t most = e->out.rule->retries;

	e->out.retry_reason =
		most == 0 ? (char *)"no other node is tried"
			  : arena_printf(a,
				    "up to %d other node%s: whatever the method as long as nothing "
				    "has been sent, afterwards only GET, HEAD, OPTIONS, TRACE, PUT "
				    "and DELETE whose body is still at hand",
				    most, most == 1 ? "" : "s");
}

/* --- the answer ------------------------------------------------------------------------------- */

static void conclude(struct explained *e, size_t usable)
{
	Registry__ExplainRouteResponse *out = &e->out;

	out->code = (char *)(!out->allowed ? "403" : usable == 0 ? "503" : "200");
	out->message = (char *)(!out->allowed ? "the caller may not"
				: usable == 0 ? "there is no node that could be asked"
					      : "it would be sent to one of the usable nodes");
}

static enum next explain(struct call *c, struct explained *e)
{
	e->out.service = (char *)e->destination.full_name.data;
	e->out.kind = destination_kind(&e->destination);
	explain_rule(c->arena, e);
	explain_permission(c, e);
	explain_limits(c->arena, e);
	explain_cache(c->arena, e);
	explain_retries(c->arena, e);
	conclude(e, explain_nodes(c, e));
	return REPLY(c, &e->out);
}

static enum next explain_shortly(
	struct call *c, struct explained *e, const char *code, const char *message)
{
	e->out.code = (char *)code;
	e->out.message = (char *)message;
	return REPLY(c, &e->out);
}

static bool is_own(struct text service)
{
	static const char *const names[] = {
		"registry", "auth", "api_reader", "event", "audit", "notice"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (text_equal_nocase(service, text_of(names[i])))
			return true;
	return false;
}

enum next registry_explain_route(struct call *c)
{
	const Registry__ExplainRouteRequest *in = call_request(c, Registry__ExplainRouteRequest);
	struct explained *e = ARENA_NEW(c->arena, struct explained);
	struct text service, path, method = arena_upper(c->arena, text_of(in->method));

	registry__explain_route_response__init(&e->out);
	if (!read_path(c, &service, &path) || !read_subject(c, e))
		return failed(c);
	if (is_own(service))
		return explain_shortly(c, e, "200",
			arena_printf(c->arena,
				"%.*s is Junction's own service: it answers as at %.*s, if that is "
				"one of its URIs",
				TEXT_ARGS(service), TEXT_ARGS(path)));
	bool found = destination_find(
		c, service, method.size ? method : TEXT("GET"), path, in->upgrade, &e->destination);
	enum next next = found ? explain(c, e)
			 : c->status.code == STATUS_NOT_FOUND
				 ? explain_shortly(c, e, "404", c->status.message)
				 : failed(c);
	destination_release(&e->destination);
	return next;
}
