/* A list of events: all are handed over, and answered when the last one has ended. */
#include "proto/runtime/rpc_status.h"
#include "server/event/publishing.h"
#include "steps.gen.h"

static Event__PublishResponse *published(struct call *c, const struct write_outcome *o)
{
	Event__PublishResponse *out = arena_alloc(c->arena, sizeof(*out));

	event__publish_response__init(out);
	out->event_id = o->id;
	out->cursor = arena_printf(c->arena, "%lld", (long long)o->number);
	out->repeated = o->repeated;
	return out;
}

static Event__PublishOutcome *outcome(struct call *c, const struct write_outcome *o)
{
	Event__PublishOutcome *out = arena_alloc(c->arena, sizeof(*out));

	event__publish_outcome__init(out);
	if (o->status.code == STATUS_OK)
		out->published = published(c, o);
	else
		out->error = rpc_status(c->arena, &o->status);
	return out;
}

static enum next answer(struct call *c)
{
	const struct writes_end *end = writes_end(c);
	Event__PublishBatchResponse response = EVENT__PUBLISH_BATCH_RESPONSE__INIT;

	response.n_outcomes = end->count;
	response.outcomes = arena_array(c->arena, end->count, sizeof(*response.outcomes));
	for (size_t i = 0; i < end->count; i++)
		response.outcomes[i] = outcome(c, &end->outcomes[i]);
	return REPLY(c, &response);
}

enum next event_publish_batch(struct call *c)
{
	const Event__PublishBatchRequest *in = call_request(c, Event__PublishBatchRequest);

	if (in->n_events == 0 || in->n_events > WRITES_MOST)
		return fail_field(c, "events", "must have 1 to %d events", WRITES_MOST);
	writes_begin(c, &publishing_writes, in->n_events, true);
	for (size_t i = 0; i < in->n_events; i++)
		writes_add(c, arena_new(0), &in->events[i]->base);
	return writes_wait(c, 0, answer);
}
