/* A stream of events: the next one is received while others are under way, and takes the memory
 * that it came in along. */
#include "proto/runtime/rpc_status.h"
#include "server/event/publishing.h"
#include "steps.gen.h"

enum { REFUSALS_MOST = 100 };

static Event__PublishRefusal *refusal(struct call *c, const struct write_outcome *o)
{
	Event__PublishRefusal *out = arena_alloc(c->arena, sizeof(*out));

	event__publish_refusal__init(out);
	out->index = o->index;
	out->error = rpc_status(c->arena, &o->status);
	return out;
}

static enum next answer(struct call *c)
{
	const struct writes_end *end = writes_end(c);
	Event__PublishStreamResponse response = EVENT__PUBLISH_STREAM_RESPONSE__INIT;

	response.published = end->written;
	response.repeated = end->repeated;
	response.refused = end->refused;
	response.n_refusals = end->count;
	response.refusals = arena_array(c->arena, end->count, sizeof(*response.refusals));
	for (size_t i = 0; i < end->count; i++)
		response.refusals[i] = refusal(c, &end->outcomes[i]);
	return REPLY(c, &response);
}

static enum next received(struct call *c);

static enum next receive(struct call *c)
{
	return stream_receive(c, received);
}

static enum next received(struct call *c)
{
	const ProtobufCMessage *in = c->request;

	if (!in)
		return writes_wait(c, 0, answer);
	writes_add(c, stream_take_turn(c), in);
	return writes_wait(c, WRITES_MOST - 1, receive);
}

enum next event_publish_stream(struct call *c)
{
	writes_begin(c, &publishing_writes, REFUSALS_MOST, false);
	return receive(c);
}
