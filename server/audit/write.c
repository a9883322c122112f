/* One record: read, appended with those of other calls, answered. */
#include "server/audit/record.h"
#include "steps.gen.h"

static enum next appended(struct call *c, const struct rows *rows, int row)
{
	Audit__WriteResponse response = AUDIT__WRITE_RESPONSE__INIT;
	Audit__WriteResult result, *results[] = {&result};

	if (!record_result(c->arena, rows, row, &result, &c->status))
		return failed(c);
	response.n_results = 1;
	response.results = results;
	return REPLY(c, &response);
}

enum next audit_write(struct call *c)
{
	struct record *record = arena_alloc(c->arena, sizeof(*record));

	if (!record_read(
		    c->arena, &c->caller, call_request(c, Audit__WriteRequest), record, &c->status))
		return failed(c);
	return append(c, &record_log, (struct text){0}, record->columns, appended);
}
