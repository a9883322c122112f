/* InvokeFunction. */
#include "junction/v1/extension.pb-c.h"
#include "server/extension/extension.h"
#include "server/extension/invocation.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

enum { WAIT_MS_MAX = 60000, TRACE_ID_MAX = TRACE_REQUEST_ID_MAX };

/* Before the call's deadline there has to be time for the answer. */
#define MARGIN (100 * CLOCK_MS)

static bool read_trace_id(
	struct call *c, const Extension__InvokeFunctionRequest *in, struct text *trace_id)
{
	if (!in->_trace_id_case) {
		*trace_id = c->caller.trace.request_id;
		return true;
	}
	*trace_id = text_of(in->trace_id);
	if (trace_id->size == 0 || trace_id->size > TRACE_ID_MAX)
		return status_field(
			&c->status, c->arena, "traceId", "must have 1 to %d bytes", TRACE_ID_MAX);
	for (size_t i = 0; i < trace_id->size; i++)
		if (trace_id->data[i] < 0x20 || trace_id->data[i] > 0x7e)
			return status_field(
				&c->status, c->arena, "traceId", "must be printable ASCII");
	return true;
}

static int64_t until(const struct call *c, const Extension__InvokeFunctionRequest *in)
{
	int64_t latest = c->deadline == CLOCK_NEVER ? CLOCK_NEVER : c->deadline - MARGIN;
	int64_t wanted = in->_wait_ms_case ? clock_now() + in->wait_ms * CLOCK_MS : CLOCK_NEVER;

	return wanted < latest ? wanted : latest;
}

static Extension__ExtensionInvocation *show(struct call *c, const struct invocation_result *r)
{
	static const Extension__InvocationOutcome outcomes[] = {
		[INVOCATION_OK] = EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_OK,
		[INVOCATION_REFUSED] = EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_REFUSED,
		[INVOCATION_UNREACHED] =
			EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_UNREACHED,
		[INVOCATION_TIMED_OUT] =
			EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_TIMED_OUT,
		[INVOCATION_OVERLOADED] =
			EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_OVERLOADED,
		[INVOCATION_PENDING] = EXTENSION__INVOCATION_OUTCOME__INVOCATION_OUTCOME_PENDING,
	};
	Extension__ExtensionInvocation *m = ARENA_NEW(c->arena, Extension__ExtensionInvocation);

	extension__extension_invocation__init(m);
	m->name = (char *)r->name.data;
	m->address = (char *)r->address.data;
	m->outcome = outcomes[r->outcome];
	m->http_status = r->http_status;
	m->duration_us = r->duration_us;
	m->error = (char *)r->error.data;
	return m;
}

static enum next told(struct call *c, const struct invocation_result *results, size_t count)
{
	const Extension__InvokeFunctionRequest *in =
		call_request(c, Extension__InvokeFunctionRequest);
	Extension__InvokeFunctionResponse out = EXTENSION__INVOKE_FUNCTION_RESPONSE__INIT;
	struct text trace_id;

	read_trace_id(c, in, &trace_id);
	out.trace_id = arena_string(c->arena, trace_id);
	out.invoked_function_urn = (char *)extension_settings()->function_urn;
	out.extensions = arena_array(c->arena, count, sizeof *out.extensions);
	for (size_t i = 0; i < count; i++)
		out.extensions[out.n_extensions++] = show(c, &results[i]);
	return REPLY(c, &out);
}

enum next registry_invoke_function(struct call *c)
{
	const Extension__InvokeFunctionRequest *in =
		call_request(c, Extension__InvokeFunctionRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text trace_id;

	if (!read_trace_id(c, in, &trace_id) ||
		(in->_wait_ms_case && !valid_range(&v, "waitMs", in->wait_ms, 0, WAIT_MS_MAX)))
		return failed(c);
	if (!extension_ready())
		return fail(c, STATUS_UNAVAILABLE, "the extensions are not loaded yet");
	return invocation_wait(c, trace_id, until(c, in), told);
}
