/*
 * Call: asks a registered action's node and hands its answer back.
 *
 * The first step finds the action in the index and shapes the request, all copied into the call's
 * arena, so that the index entry is let go before the call waits in the http lane. The second
 * shapes the answer: once the upstream has answered, whatever its status, Call has succeeded.
 * Actions of $node are answered here and now (node_service.c).
 */
#include <string.h>

#include "junction/v1/registry.pb-c.h"
#include "server/registry/call_shape.h"
#include "server/registry/node_service.h"
#include "server/registry/registry.h"
#include "steps.gen.h"

enum {
	CONNECT_TIMEOUT_MS = 5000,
	TOTAL_TIMEOUT_MS = 30000,
	HOPS_MAX = 8,
	NAME_MAX_SIZE = 255, /* bytes of a service's or action's name */
};

/* What an optional field holds; data NULL if it is not set. */
static struct text given(bool set, const char *value)
{
	return set ? text_of(value) : (struct text){0};
}

static bool read_method(struct call *c, const struct action *action, struct fetch_request *request)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	struct text method = given(in->_method_case, in->method);

	if (method.size == 0)
		method = action->method.size > 0 ? action->method : TEXT("GET");
	request->method = call_method(method);
	if (request->method)
		return true;
	return status_field(&c->status, c->arena, "method",
		"must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

static bool read_url(struct call *c, const struct service *service, const struct action *action,
	struct fetch_request *request)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	struct text url = action_url(service, action, c->arena);
	const struct json *param;

	if (url.size == 0)
		return status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
			"service %.*s has no node", TEXT_ARGS(service->name));
	if (!call_object(c->arena, "param", given(in->_param_case, in->param), &param, &c->status))
		return false;
	request->url = call_url(c->arena, url, param);
	return true;
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

static bool read_headers(struct call *c, const char *content_type, struct fetch_request *request)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	struct header_list list = {{.arena = c->arena}};
	const struct json *object;

	if (!call_object(
		    c->arena, "header", given(in->_header_case, in->header), &object, &c->status) ||
		!call_headers(c->arena, object, &list, &c->status))
		return false;
	if (content_type && !header_has(&list, "content-type"))
		header_add(&list, "Content-Type", text_of(content_type));
	add_trace(c, &list);
	header_add(
		&list, "junction-hops", text_of(arena_printf(c->arena, "%d", c->caller.hops + 1)));
	request->headers = header_items(&list, &request->header_count);
	return true;
}

static bool read_body(struct call *c, struct fetch_request *request, const char **content_type)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);

	request->body = call_body(c->arena, given(in->_body_case, in->body), content_type);
	if (request->body.data && strcmp(request->method, "HEAD") == 0)
		return status_field(
			&c->status, c->arena, "body", "must not be given with method HEAD");
	return true;
}

/* NULL with c->status set. Nothing of it points into the service. */
static const struct fetch_request *make_request(struct call *c, const struct service *service)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	struct fetch_request *request = ARENA_NEW(c->arena, struct fetch_request);
	const struct action *action = service_action(service, text_of(in->action));
	const char *content_type;

	if (!action) {
		status_set(&c->status, c->arena, STATUS_NOT_FOUND, "service %.*s has no action %s",
			TEXT_ARGS(service->name), in->action);
		return NULL;
	}
	request->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	request->total_timeout_ms = TOTAL_TIMEOUT_MS;
	request->response_limit = registry_settings()->response_limit;
	if (!read_method(c, action, request) || !read_body(c, request, &content_type) ||
		!read_headers(c, content_type, request) || !read_url(c, service, action, request))
		return NULL;
	return request;
}

static enum next answer(struct call *c, const struct fetch_response *response)
{
	Registry__CallResponse out = REGISTRY__CALL_RESPONSE__INIT;
	bool good = response->status >= 200 && response->status <= 299;

	out.code = good ? (char *)"200" : arena_printf(c->arena, "%d", response->status);
	out.message = (char *)call_message(c->arena, response);
	out.result = (char *)call_result(c->arena, response->body);
	return REPLY(c, &out);
}

static enum next call_upstream(struct call *c)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	const struct fetch_request *request;
	const struct service *service;
	struct index *index;

	if (c->caller.hops >= HOPS_MAX)
		return fail(c, STATUS_FAILED_PRECONDITION,
			"loop: this call has passed %d Junctions already", c->caller.hops);
	index = registry_index(c);
	if (!index)
		return failed(c);
	service = index_service(index, c->caller.space, text_of(in->service));
	if (!service)
		return fail(c, STATUS_NOT_FOUND, "there is no service %s", in->service);
	request = make_request(c, service);
	service_release(service);
	return request ? fetch(c, request, answer) : failed(c);
}

enum next registry_call(struct call *c)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);

	if (in->service[0] == '\0')
		return fail_field(c, "service", "is required");
	if (strlen(in->service) > NAME_MAX_SIZE)
		return fail_field(c, "service", "must be at most %d bytes", NAME_MAX_SIZE);
	if (in->action[0] == '\0')
		return fail_field(c, "action", "is required");
	if (strlen(in->action) > 2 * NAME_MAX_SIZE + 1)
		return fail_field(c, "action", "must be at most %d bytes", 2 * NAME_MAX_SIZE + 1);
	if (node_service_named(text_of(in->service)))
		return node_service_call(c, text_of(in->action), given(in->_param_case, in->param),
			given(in->_body_case, in->body));
	return call_upstream(c);
}
