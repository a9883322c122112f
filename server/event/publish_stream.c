/* A stream of events, and the first refusals. */
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

enum next event_publish_stream(struct call *c)
{
	return writes_stream(c, &publishing_writes, REFUSALS_MOST, answer);
}
