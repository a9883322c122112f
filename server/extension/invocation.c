/*
 * An invocation has an arena of its own, which holds its requests and the answers to them. It ends
 * with its last job; the call, which may go earlier, is given copies.
 */
#include "server/extension/invocation.h"

#include <time.h>

#include "base/check.h"
#include "base/json.h"
#include "base/metric.h"
#include "server/lane/note.h"
#include "server/registry/node_health.h"

enum { LOOK_MS = 50 /* how often it is looked whether the client still waits */ };

typedef enum next results_step(
	struct call *c, const struct invocation_result *results, size_t count);

struct invocation;

/* One extension that is told. */
struct telling {
	struct fetch_job job; /* first */
	struct fetch_request request;
	struct invocation *invocation;
	struct extension *extension;
	struct invocation_result result;
};

struct invocation {
	struct loop_task beginning; /* first */
	struct arena *arena;
	struct text trace_id, body;
	struct caller caller; /* what the rows tell of it */
	struct extension_list extensions;
	struct telling tellings[EXTENSIONS_MAX];
	size_t waiting; /* for an answer */
	int64_t begun, begun_unix_ms;

	struct call *call; /* NULL: nobody waits, or not any more */
	results_step *then;
	int64_t until;
	struct loop_timer *timer;
};

static struct invocation_options settings;
static atomic_int under_way;
static atomic_bool breaking_off;

static const struct fetch_header json_header[] = {{TEXT("Content-Type"), TEXT("application/json")}};

static const char *outcome_name(size_t outcome)
{
	static const char *const names[] = {
		"ok", "refused", "unreached", "timed_out", "overloaded"};

	return names[outcome];
}

static struct metric told = {
	.name = "junction_extension_invocations_total",
	.help = "Extensions that were to be told of an invocation, by what came of it.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, INVOCATION_PENDING}},
};

static void free_invocation(struct invocation *v)
{
	struct arena *a = v->arena;

	known_release(&v->extensions);
	arena_free(&a);
	atomic_fetch_sub(&under_way, 1);
}

/* --- rows ------------------------------------------------------------------------------------- */

enum { COLUMNS = 16 };

static const struct statement log_statement = {
	.name = "extension_log_invocations",
	.sql = "SELECT r_position FROM registry.log_invocations($1::uuid[], $2::bigint[], "
	       "$3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
	       "$9::integer[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], "
	       "$15::text[], $16::text[])",
	.parameters = COLUMNS,
};

static const struct append_log invocation_log = {
	.statement = &log_statement, .columns = COLUMNS, .batch = 128};

static struct text number(struct arena *a, int64_t value)
{
	return text_of(arena_printf(a, "%lld", (long long)value));
}

static void write_row(const struct invocation *v, const struct invocation_result *r)
{
	struct text columns[COLUMNS] = {{0}};
	char id[37];

	uuid_ordered(id);
	columns[0] = text_of(id);
	columns[1] = number(v->arena, v->begun_unix_ms);
	columns[2] = v->trace_id;
	columns[3] = text_of(settings.urn);
	columns[4] = node_hostname();
	columns[5] = r->name;
	columns[6] = r->address;
	columns[7] = text_of(outcome_name(r->outcome));
	if (r->http_status)
		columns[8] = number(v->arena, r->http_status);
	columns[9] = number(v->arena, r->duration_us);
	columns[10] = r->error;
	columns[11] = node_name();
	columns[12] = v->caller.address;
	columns[13] = v->caller.application;
	columns[14] = v->caller.user;
	columns[15] = v->caller.trace.id;
	note(&invocation_log, TEXT(""), columns);
}

/* --- the call that waits ---------------------------------------------------------------------- */

static enum next gone(struct call *c)
{
	return fail(c, STATUS_DEADLINE_EXCEEDED, "the extensions had not all answered yet");
}

static enum next hand_over(struct call *c)
{
	const struct invocation *v = c->state;
	struct invocation_result *results =
		arena_array(c->arena, v->extensions.count, sizeof *results);

	for (size_t i = 0; i < v->extensions.count; i++) {
		const struct invocation_result *r = &v->tellings[i].result;

		results[i] = *r;
		results[i].name = arena_text(c->arena, r->name);
		results[i].address = arena_text(c->arena, r->address);
		results[i].error = arena_text(c->arena, r->error);
		if (r->outcome == INVOCATION_PENDING)
			results[i].duration_us = (clock_now() - v->begun) / 1000;
	}
	return v->then(c, results, v->extensions.count);
}

static void resume(struct invocation *v, call_step *step)
{
	struct call *c = v->call;

	loop_timer_stop(&v->timer);
	v->call = NULL;
	call_resume(c, step);
}

static void look(void *arg);

static void look_later(struct invocation *v)
{
	int64_t left = (v->until - clock_now() + CLOCK_MS - 1) / CLOCK_MS;

	loop_timer_stop(&v->timer);
	v->timer = loop_after(fetch_loop(settings.fetch),
		left < LOOK_MS ? (uint64_t)(left > 0 ? left : 0) : LOOK_MS, look, v);
}

static void look(void *arg)
{
	struct invocation *v = arg;

	if (call_over(v->call))
		resume(v, gone);
	else if (clock_now() >= v->until)
		resume(v, hand_over);
	else
		look_later(v);
}

/* Nobody is waited for any more. */
static void end(struct invocation *v)
{
	if (v->call)
		resume(v, hand_over);
	free_invocation(v);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void conclude(struct telling *t, enum invocation_outcome outcome, const char *error)
{
	t->result.outcome = outcome;
	t->result.error = text_of(error);
	t->result.duration_us = (clock_now() - t->invocation->begun) / 1000;
	metric_add(&told, outcome, 1);
	write_row(t->invocation, &t->result);
}

static void judge_error(struct telling *t, const struct status *error)
{
	switch (error->code) {
	case STATUS_DEADLINE_EXCEEDED:
		conclude(t, INVOCATION_TIMED_OUT,
			arena_printf(t->invocation->arena, "no answer within %lld ms",
				(long long)settings.timeout_ms));
		break;
	case STATUS_CANCELLED:
		conclude(t, INVOCATION_UNREACHED, "the server ended before it answered");
		break;
	default:
		conclude(t, INVOCATION_UNREACHED, error->message);
	}
}

static void answered(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct telling *t = (struct telling *)job;
	struct invocation *v = t->invocation;

	t->extension->under_way--;
	if (response)
		t->result.http_status = response->status;
	if (!response)
		judge_error(t, error);
	else if (response->status == 200)
		conclude(t, INVOCATION_OK, "");
	else
		conclude(
			t, INVOCATION_REFUSED, arena_printf(v->arena, "HTTP %d", response->status));
	if (--v->waiting == 0)
		end(v);
}

static void tell(struct invocation *v, struct telling *t, struct extension *e)
{
	t->invocation = v;
	t->extension = e;
	t->result = (struct invocation_result){
		.name = e->row.name,
		.address = text_of(e->address),
		.outcome = INVOCATION_PENDING,
		.error = TEXT(""),
	};
	t->request = (struct fetch_request){
		.method = "POST",
		.url = arena_printf(v->arena, "http://%s/extension/invoke", e->address),
		.headers = json_header,
		.header_count = 1,
		.body = v->body,
		.connect_timeout_ms = settings.timeout_ms,
		.total_timeout_ms = settings.timeout_ms,
		.response_limit = INVOCATION_RESPONSE_LIMIT,
		.own_host = true,
		/* An idle connection would hold up an extension that serves one at a time, and
		 * one that it just closes would lose an invocation. */
		.fresh = true,
	};
	t->job = (struct fetch_job){
		.arena = v->arena,
		.request = &t->request,
		.deadline = CLOCK_NEVER,
		.cancelled = &breaking_off,
		.done = answered,
	};
	if (e->under_way >= INVOCATIONS_MAX) {
		conclude(t, INVOCATION_OVERLOADED,
			arena_printf(v->arena, "%d invocations are waiting for its answer",
				INVOCATIONS_MAX));
	} else if (!fetch_submit(settings.fetch, &t->job)) {
		conclude(t, INVOCATION_OVERLOADED, "too many requests to others are waiting");
	} else {
		e->under_way++;
		v->waiting++;
	}
}

/* Jobs that are submitted here come to their end later: they are posted to this thread. */
static void begin(struct loop_task *task)
{
	struct invocation *v = (struct invocation *)task;

	for (size_t i = 0; i < v->extensions.count; i++)
		tell(v, &v->tellings[i], v->extensions.items[i]);
	if (v->waiting == 0)
		end(v);
	else if (v->call)
		look_later(v);
}

/* --- beginning -------------------------------------------------------------------------------- */

static struct text write_body(struct arena *a, struct text trace_id)
{
	struct buffer body = {.arena = a};

	buffer_add_char(&body, '{');
	json_write_name(&body, TEXT("traceId"));
	json_write_string(&body, trace_id);
	json_write_name(&body, TEXT("invokedFunctionUrn"));
	json_write_string(&body, text_of(settings.urn));
	buffer_add_char(&body, '}');
	return buffer_text(&body);
}

static struct invocation *make(
	const struct extension_list *extensions, struct text trace_id, const struct caller *caller)
{
	struct arena *a = arena_new(0);
	struct invocation *v = ARENA_NEW(a, struct invocation);

	v->beginning.run = begin;
	v->arena = a;
	v->extensions = *extensions;
	v->trace_id = arena_text(a, trace_id);
	v->body = write_body(a, trace_id);
	v->caller.address = arena_text(a, caller->address);
	v->caller.application = arena_text(a, caller->application);
	v->caller.user = arena_text(a, caller->user);
	v->caller.trace.id = arena_text(a, caller->trace.id);
	v->begun = clock_now();
	v->begun_unix_ms = clock_unix_ms();
	atomic_fetch_add(&under_way, 1);
	return v;
}

void invocation_begin(struct text trace_id, const struct caller *caller)
{
	struct extension_list extensions;

	known_list(&extensions);
	if (extensions.count > 0)
		loop_post(fetch_loop(settings.fetch),
			&make(&extensions, trace_id, caller)->beginning);
}

enum next invocation_wait(struct call *c, struct text trace_id, int64_t until, results_step *then)
{
	struct extension_list extensions;
	struct invocation *v;

	known_list(&extensions);
	if (extensions.count == 0)
		return then(c, NULL, 0);
	v = make(&extensions, trace_id, &c->caller);
	v->call = c;
	v->then = then;
	v->until = until;
	c->state = v;
	loop_post(fetch_loop(settings.fetch), &v->beginning);
	return call_parked(c);
}

/* --- life ------------------------------------------------------------------------------------- */

void invocations_start(const struct invocation_options *options)
{
	settings = *options;
	atomic_store(&breaking_off, false);
	metric_register(&told);
}

static void wait_until(int64_t until)
{
	while (atomic_load(&under_way) > 0 && clock_now() < until)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void invocations_finish(int64_t until)
{
	wait_until(until);
	atomic_store(&breaking_off, true);
	wait_until(CLOCK_NEVER);
}
