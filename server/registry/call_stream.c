/*
 * CallStream: asks like Call, and passes the answer on piece by piece. The first message goes out
 * with the Content-Type as soon as the header has come, so that the client knows at once that there
 * is an answer; each piece is a message of its own. The next piece is asked for when there is room
 * for it, while the lane gathers it.
 */
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/registry.pb-c.h"
#include "server/registry/call_shape.h"
#include "server/registry/node_service.h"
#include "server/registry/upstream.h"
#include "steps.gen.h"

static enum next read_on(struct call *c);

static enum next pass_on(struct call *c, const struct fetch_response *response)
{
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	if (response->body.size == 0)
		return stream_end(c);
	out.data = (ProtobufCBinaryData){response->body.size, (uint8_t *)response->body.data};
	return STREAM_SEND(c, &out, false, read_on);
}

static enum next read_on(struct call *c)
{
	return fetch_next(c, pass_on);
}

static enum next begin(struct call *c, const struct fetch_response *response)
{
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;

	if (response->status < 200 || response->status > 299)
		return fail(c, STATUS_UNKNOWN, "upstream answered %d %s", response->status,
			call_message(c->arena, response));
	out.content_type = (char *)call_content_type(c->arena, response);
	return STREAM_SEND(c, &out, false, read_on);
}

static enum next ask(struct call *c, const struct fetch_request *request, call_step *unreached)
{
	return fetch_open(c, request, begin, unreached);
}

enum next registry_call_stream(struct call *c)
{
	const Registry__CallStreamRequest *in = call_request(c, Registry__CallStreamRequest);
	const struct upstream_input input = UPSTREAM_INPUT(in);

	if (!upstream_check_names(c, &input))
		return failed(c);
	if (node_service_named(input.service))
		return fail_field(c, "service", "is Junction's own, which only Call asks");
	return upstream_ask(c, &input, ask);
}
