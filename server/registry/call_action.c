/*
 * Call: asks a registered action's node and hands its answer back. Once the upstream has answered,
 * whatever its status, Call has succeeded. Actions of $node are answered here and now
 * (node_service.c).
 */
#include "junction/v1/registry.pb-c.h"
#include "server/registry/call_shape.h"
#include "server/registry/node_service.h"
#include "server/registry/upstream.h"
#include "steps.gen.h"

static enum next answer(struct call *c, const struct fetch_response *response)
{
	Registry__CallResponse out = REGISTRY__CALL_RESPONSE__INIT;
	bool good = response->status >= 200 && response->status <= 299;

	out.code = good ? (char *)"200" : arena_printf(c->arena, "%d", response->status);
	out.message = (char *)call_message(c->arena, response);
	out.result = (char *)call_result(c->arena, response->body);
	return REPLY(c, &out);
}

static enum next ask(struct call *c, const struct fetch_request *request, call_step *unreached)
{
	return fetch(c, request, answer, unreached);
}

enum next registry_call(struct call *c)
{
	const Registry__CallRequest *in = call_request(c, Registry__CallRequest);
	const struct upstream_input input = UPSTREAM_INPUT(in);

	if (!upstream_check_names(c, &input))
		return failed(c);
	if (node_service_named(input.service))
		return node_service_call(c, input.action, input.param, input.body);
	return upstream_ask(c, &input, ask);
}
