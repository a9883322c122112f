/*
 * Calls in numbers and lines: each is counted and timed by method and code when its end is known,
 * and logged as one line if the option says so. What is not served counts as one method, so that
 * nobody can make up series. An error that is ours is logged in any case, as an error.
 */
#include "server/rpc/internal.h"

#include "base/metric.h"

#define CODES (STATUS_UNAUTHENTICATED + 1)

enum direction { RECEIVED, SENT, DIRECTIONS };

static _Atomic(const struct rpc *) watched;

static const char *method_label(size_t index)
{
	return index < api_method_count ? api_methods[index].path + 1 : "unknown";
}

static const char *code_label(size_t index)
{
	return status_name((enum status_code)index);
}

static const char *direction_label(size_t index)
{
	return index == SENT ? "sent" : "received";
}

static double in_progress(size_t index)
{
	const struct rpc *rpc = atomic_load(&watched);
	return rpc ? atomic_load(&rpc->calls) : 0;
}

static struct metric calls = {
	.name = "junction_rpc_calls_total",
	.help = "Calls ended, by method and gRPC code.",
	.kind = METRIC_COUNTER,
	.labels = {{"method", method_label, 0}, {"code", code_label, CODES}},
};
static struct metric duration = {
	.name = "junction_rpc_duration_seconds",
	.help = "Time from a call's arrival to its end, by method.",
	.kind = METRIC_HISTOGRAM,
	.labels = {{"method", method_label, 0}},
};
static struct metric messages = {
	.name = "junction_rpc_messages_total",
	.help = "Messages of calls and streams, received and sent.",
	.kind = METRIC_COUNTER,
	.labels = {{"direction", direction_label, DIRECTIONS}},
};
static struct metric progress = {
	.name = "junction_rpc_in_progress",
	.help = "Calls and streams in progress.",
	.kind = METRIC_GAUGE,
	.read = in_progress,
};

void rpc_observe_start(struct rpc *rpc)
{
	calls.labels[0].count = duration.labels[0].count = api_method_count + 1;
	metric_register(&calls);
	metric_register(&duration);
	metric_register(&messages);
	metric_register(&progress);
	atomic_store(&watched, rpc);
}

void rpc_observe_stop(void)
{
	atomic_store(&watched, NULL);
}

void rpc_observe_received(struct rpc_call *c, size_t bytes)
{
	c->bytes_in += bytes;
	metric_add(&messages, RECEIVED, 1);
}

void rpc_observe_sent(struct rpc_call *c, size_t bytes)
{
	c->bytes_out += bytes;
	metric_add(&messages, SENT, 1);
}

static void log_call(const struct rpc_call *c, enum log_level level, int64_t ns)
{
	const struct status *s = &c->base.status;
	const struct caller *caller = &c->base.caller;
	log_event(level, "call", LOG_CUT("method", text_from(c->path, 1)),
		LOG_TEXT("code", status_name(s->code)), LOG_NUMBER("us", ns / 1000),
		LOG_NUMBER("bytes_in", (int64_t)c->bytes_in),
		LOG_NUMBER("bytes_out", (int64_t)c->bytes_out), LOG_CUT("caller", caller->address),
		LOG_SLICE("namespace", caller->space), LOG_SLICE("trace", caller->trace.id),
		LOG_SLICE("request_id", caller->trace.request_id),
		LOG_CUT("message", text_of(s->message)));
}

void rpc_observe_end(struct rpc_call *c)
{
	enum status_code code = c->base.status.code;
	enum log_access access = c->queue->rpc->options.access_log;
	size_t method = c->base.method ? (size_t)(c->base.method - api_methods) : api_method_count;
	int64_t ns = clock_now() - c->started;
	bool ours = code == STATUS_INTERNAL || code == STATUS_UNKNOWN || code == STATUS_DATA_LOSS;
	metric_add(&calls, method * CODES + (size_t)code, 1);
	metric_observe(&duration, method, ns);
	if (ours)
		log_call(c, LOG_ERROR, ns);
	else if (access == LOG_ACCESS_ALL || (access == LOG_ACCESS_ERRORS && code != STATUS_OK))
		log_call(c, LOG_INFO, ns);
}
