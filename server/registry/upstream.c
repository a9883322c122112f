/*
 * All that the request needs is copied into the call's arena, so that the index entry is let go
 * before the call waits in the http lane. Who comes back from there without having reached its
 * node looks the service up again, and knows the nodes that it has tried by their keys.
 */
#include "server/registry/upstream.h"

#include "server/registry/call_shape.h"
#include "server/registry/registry.h"

enum {
	HOPS_MAX = 8,
	NAME_MAX_SIZE = 255, /* bytes of a service's or action's name */
	NODES_MAX = 3,       /* that one call goes to */
};

struct metric upstream_other_nodes = {
	.name = "junction_call_other_nodes_total",
	.help = "Requests to a service that went to another node, since the one before was not "
		"reached.",
	.kind = METRIC_COUNTER,
};

/* So a node says by its status whether the operation was carried out. */
#define GRAPHQL_ACCEPT "application/graphql-response+json, application/json;q=0.9"

static void (*tell_of_call)(struct text service, const struct caller *caller);

struct upstream {
	struct upstream_input in;
	upstream_send *send;
	void *outer_state;
	struct fetch_request request;
	const struct json *param;
	int64_t until;                /* on clock_now(): the end of all attempts together */
	struct text tried[NODES_MAX]; /* keys */
	size_t tried_count;
	bool own; /* the action has an address of its own */
};

/* --- the request ------------------------------------------------------------------------------ */

static bool read_method(struct call *c, struct upstream *u, const struct action *action)
{
	struct text method = u->in.method;

	if (method.size == 0)
		method = action->method.size > 0 ? action->method : TEXT("GET");
	u->request.method = call_method(method);
	if (u->request.method)
		return true;
	return status_field(&c->status, c->arena, "method",
		"must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

/* What the caller names in its headers stays as it is; tracestate goes with traceparent only. */
static void add_trace(struct call *c, struct header_list *list)
{
	const struct trace *trace = &c->caller.trace;

	if (!header_has(list, "traceparent")) {
		header_add(list, "traceparent", trace_parent(trace, c->arena));
		if (trace->state.size && !header_has(list, "tracestate"))
			header_add(list, "tracestate", trace->state);
	}
	if (!header_has(list, "x-request-id"))
		header_add(list, "X-Request-ID", trace->request_id);
}

void upstream_add_headers(struct call *c, struct header_list *list)
{
	add_trace(c, list);
	header_add(
		list, "junction-hops", text_of(arena_printf(c->arena, "%d", c->caller.hops + 1)));
}

bool upstream_check_hops(struct call *c)
{
	return c->caller.hops < HOPS_MAX ||
	       status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
		       "loop: this call has passed %d Junctions already", c->caller.hops);
}

/* Another type would let the variables be read as more than variables. */
static bool check_graphql_type(struct call *c, const struct header_list *list)
{
	static const struct text json = TEXT("application/json");
	const struct fetch_header *given = header_find(list, "content-type");
	struct text type = given ? given->value : json;

	type = text_trim(text_until(type, text_find(type, ';', 0)));
	return text_equal_nocase(type, json) ||
	       status_field(&c->status, c->arena, "header.content-type",
		       "must be application/json: the action is a GraphQL operation");
}

static bool read_headers(
	struct call *c, struct upstream *u, const struct action *action, const char *content_type)
{
	struct header_list list = {{.arena = c->arena}};
	bool graphql = action->kind == NODE_KIND_GRAPHQL;
	const struct json *object;

	if (!call_object(c->arena, "header", u->in.header, &object, &c->status) ||
		!call_headers(c->arena, object, &list, &c->status) ||
		(graphql && !check_graphql_type(c, &list)))
		return false;
	if (content_type && !header_has(&list, "content-type"))
		header_add(&list, "Content-Type", text_of(content_type));
	if (graphql && !header_has(&list, "accept"))
		header_add(&list, "Accept", TEXT(GRAPHQL_ACCEPT));
	upstream_add_headers(c, &list);
	u->request.headers = header_items(&list, &u->request.header_count);
	return true;
}

/* The variables are all that the caller says of it: nothing goes into the URL. */
static bool read_operation(
	struct call *c, struct upstream *u, const struct action *action, const char **content_type)
{
	const struct json *param = u->param;

	*content_type = "application/json";
	u->param = NULL;
	if (strcmp(u->request.method, "POST") != 0)
		return status_field(&c->status, c->arena, "method",
			"must be POST: the action is a GraphQL operation");
	return call_graphql(
		c->arena, action->data, u->in.body, param, &u->request.body, &c->status);
}

static bool read_body(
	struct call *c, struct upstream *u, const struct action *action, const char **content_type)
{
	size_t limit = registry_settings()->request_limit;

	if (action->kind == NODE_KIND_GRAPHQL) {
		if (!read_operation(c, u, action, content_type))
			return false;
	} else {
		u->request.body = call_body(c->arena, u->in.body, content_type);
	}
	if (u->request.body.data && strcmp(u->request.method, "HEAD") == 0)
		return status_field(
			&c->status, c->arena, "body", "must not be given with method HEAD");
	if (u->request.body.size > limit)
		return status_set(&c->status, c->arena, STATUS_RESOURCE_EXHAUSTED,
			"body: must be at most %zu bytes", limit);
	return true;
}

static bool read_request(struct call *c, struct upstream *u, const struct action *action)
{
	int64_t timeout_ms = action->timeout_ms > 0 ? action->timeout_ms : UPSTREAM_TIMEOUT_MS;
	const char *content_type;

	u->until = clock_now() + timeout_ms * CLOCK_MS;
	u->request.connect_timeout_ms = UPSTREAM_CONNECT_TIMEOUT_MS;
	u->request.response_limit = registry_settings()->response_limit;
	return read_method(c, u, action) &&
	       call_object(c->arena, "param", u->in.param, &u->param, &c->status) &&
	       read_body(c, u, action, &content_type) && read_headers(c, u, action, content_type);
}

/* --- the node --------------------------------------------------------------------------------- */

static bool refuse_without_node(struct call *c, const struct service *service)
{
	size_t enabled = 0, passing = 0;

	for (size_t i = 0; i < service->node_count; i++) {
		const struct node *node = service->nodes[i];

		enabled += node->enabled;
		passing += node_is_up(node);
	}
	return status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
		"service %.*s has no available node: %zu registered, %zu of them enabled, %zu of "
		"these passing",
		TEXT_ARGS(service->name), service->node_count, enabled, passing);
}

static const struct node *pick(
	const struct service *service, const struct action *action, const struct upstream *u)
{
	const struct node *tried[NODES_MAX];
	size_t count = 0;

	for (size_t i = 0; u->tried_count && i < service->node_count; i++)
		for (size_t j = 0; j < u->tried_count; j++)
			if (text_equal(service->nodes[i]->key, u->tried[j]))
				tried[count++] = service->nodes[i];
	return service_pick(service, action->kind, tried, count);
}

/* False: there is no node to go to. */
static bool aim(struct call *c, struct upstream *u, const struct service *service,
	const struct action *action)
{
	const struct node *node = NULL;

	u->own = action->own.port > 0;
	if (!u->own) {
		node = pick(service, action, u);
		if (!node)
			return false;
		u->tried[u->tried_count++] = arena_text(c->arena, node->key);
	}
	u->request.url = call_url(c->arena, action_url(action, node, c->arena), u->param);
	u->request.own_host = node && node->configured;
	u->request.total_timeout_ms = (u->until - clock_now() + CLOCK_MS - 1) / CLOCK_MS;
	return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum next give_up(struct call *c, const struct upstream *u)
{
	if (u->tried_count > 1)
		c->status.message = arena_printf(c->arena, "%s (the last of %zu nodes tried)",
			c->status.message, u->tried_count);
	return failed(c);
}

static bool aim_again(struct call *c, struct upstream *u)
{
	struct index *index = registry_index(c);
	const struct service *service =
		index ? index_service(index, c->caller.space, u->in.service) : NULL;
	const struct action *action = service ? service_action(service, u->in.action) : NULL;
	bool found = action && aim(c, u, service, action);

	service_release(service);
	return found;
}

/* The request has not left: c->status says why. */
static enum next try_another(struct call *c)
{
	struct upstream *u = c->state;
	const struct status failure = c->status;

	if (u->own || u->tried_count == NODES_MAX || call_over(c) ||
		u->until - clock_now() < CLOCK_MS || !aim_again(c, u)) {
		c->status = failure;
		return give_up(c, u);
	}
	metric_add(&upstream_other_nodes, 0, 1);
	return u->send(c, &u->request, try_another);
}

/* False with c->status set. */
static bool prepare(struct call *c, struct upstream *u, const struct service *service)
{
	const struct action *action = service_action(service, u->in.action);

	if (!action)
		return status_set(&c->status, c->arena, STATUS_NOT_FOUND,
			"service %.*s has no action %.*s", TEXT_ARGS(service->name),
			TEXT_ARGS(u->in.action));
	return read_request(c, u, action) &&
	       (u->in.trusted || call_may(c, service_full_name(service, c->arena), action->name,
					 text_of(u->request.method))) &&
	       (aim(c, u, service, action) || refuse_without_node(c, service));
}

enum next upstream_ask(struct call *c, const struct upstream_input *in, upstream_send *send)
{
	struct upstream *u = ARENA_NEW(c->arena, struct upstream);
	const struct service *service;
	struct index *index;
	bool ready;

	if (!upstream_check_hops(c))
		return failed(c);
	index = registry_index(c);
	if (!index)
		return failed(c);
	service = index_service(index, c->caller.space, in->service);
	if (!service)
		return fail(
			c, STATUS_NOT_FOUND, "there is no service %.*s", TEXT_ARGS(in->service));
	u->in = *in;
	u->send = send;
	u->outer_state = c->state;
	c->state = u;
	ready = prepare(c, u, service);
	if (ready && tell_of_call)
		tell_of_call(service->name, &c->caller);
	service_release(service);
	return ready ? send(c, &u->request, try_another) : failed(c);
}

void *upstream_outer_state(const struct call *c)
{
	return ((const struct upstream *)c->state)->outer_state;
}

static bool check_name(struct call *c, const char *field, struct text name, int most)
{
	if (name.size == 0)
		return status_field(&c->status, c->arena, field, "is required");
	if (name.size > (size_t)most)
		return status_field(&c->status, c->arena, field, "must be at most %d bytes", most);
	return true;
}

bool upstream_check_names(struct call *c, const struct upstream_input *in)
{
	return check_name(c, "service", in->service, NAME_MAX_SIZE) &&
	       check_name(c, "action", in->action, 2 * NAME_MAX_SIZE + 1);
}

void upstream_on_call(void (*tell)(struct text service, const struct caller *caller))
{
	tell_of_call = tell;
}
