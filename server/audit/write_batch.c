/* A list of records: all are handed over, and answered when the last one has ended. */
#include "proto/runtime/rpc_status.h"
#include "server/audit/record.h"
#include "steps.gen.h"

static Audit__WriteResult *result(struct call *c, const struct write_outcome *o)
{
	Audit__WriteResult *out = arena_alloc(c->arena, sizeof(*out));

	audit__write_result__init(out);
	out->id = o->id;
	out->time = o->number;
	out->repeated = o->repeated;
	return out;
}

static Audit__WriteOutcome *outcome(struct call *c, const struct write_outcome *o)
{
	Audit__WriteOutcome *out = arena_alloc(c->arena, sizeof(*out));

	audit__write_outcome__init(out);
	if (o->status.code == STATUS_OK)
		out->record = result(c, o);
	else
		out->error = rpc_status(c->arena, &o->status);
	return out;
}

static enum next answer(struct call *c)
{
	const struct writes_end *end = writes_end(c);
	Audit__WriteBatchResponse response = AUDIT__WRITE_BATCH_RESPONSE__INIT;

	response.n_outcomes = end->count;
	response.outcomes = arena_array(c->arena, end->count, sizeof(*response.outcomes));
	for (size_t i = 0; i < end->count; i++)
		response.outcomes[i] = outcome(c, &end->outcomes[i]);
	return REPLY(c, &response);
}

enum next audit_write_batch(struct call *c)
{
	const Audit__WriteBatchRequest *in = call_request(c, Audit__WriteBatchRequest);

	if (in->n_records == 0 || in->n_records > WRITES_MOST)
		return fail_field(c, "records", "must have 1 to %d records", WRITES_MOST);
	writes_begin(c, &record_writes, in->n_records, true);
	for (size_t i = 0; i < in->n_records; i++)
		writes_add(c, arena_new(0), &in->records[i]->base);
	return writes_wait(c, 0, answer);
}
