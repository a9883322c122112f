/* A stream of records, and the first refusals. */
#include "proto/runtime/rpc_status.h"
#include "server/audit/record.h"
#include "steps.gen.h"

enum { REFUSALS_MOST = 100 };

static Audit__WriteRefusal *refusal(struct call *c, const struct write_outcome *o)
{
	Audit__WriteRefusal *out = arena_alloc(c->arena, sizeof(*out));

	audit__write_refusal__init(out);
	out->index = o->index;
	out->error = rpc_status(c->arena, &o->status);
	return out;
}

static enum next answer(struct call *c)
{
	const struct writes_end *end = writes_end(c);
	Audit__WriteStreamResponse response = AUDIT__WRITE_STREAM_RESPONSE__INIT;

	response.written = end->written;
	response.repeated = end->repeated;
	response.refused = end->refused;
	response.n_refusals = end->count;
	response.refusals = arena_array(c->arena, end->count, sizeof(*response.refusals));
	for (size_t i = 0; i < end->count; i++)
		response.refusals[i] = refusal(c, &end->outcomes[i]);
	return REPLY(c, &response);
}

enum next audit_write_stream(struct call *c)
{
	return writes_stream(c, &record_writes, REFUSALS_MOST, answer);
}
