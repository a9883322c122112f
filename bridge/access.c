/* Series are bounded by what the bridge knows: its routes, and the statuses that it or
 * libmicrohttpd sends. */
#include "bridge/access.h"

#include "base/clock.h"
#include "base/metric.h"
#include "bridge/gateway/forward.h"
#include "bridge/probe.h"
#include "bridge/reply.h"

static const struct rpc *watched;

/* --- labels --------------------------------------------------------------------------------- */

/* RPCs, the bridge's own URIs, its documents, and what is none of these. */
enum { ROUTE_DOCUMENT = PROBE_COUNT, ROUTE_GATEWAY, ROUTE_NONE, ROUTES_MORE };

static size_t route_index(const struct api_method *m)
{
	if (!m)
		return api_method_count + ROUTE_NONE;
	if (probe_is(m))
		return api_method_count + (size_t)(m - probe_methods);
	if (m >= api_methods && m < api_methods + api_method_count)
		return (size_t)(m - api_methods);
	return api_method_count + (m == &forward_method ? ROUTE_GATEWAY : ROUTE_DOCUMENT);
}

static const char *route_label(size_t index)
{
	if (index < api_method_count)
		return api_methods[index].path + 1;
	index -= api_method_count;
	if (index < PROBE_COUNT)
		return probe_methods[index].routes[0].path;
	if (index == ROUTE_GATEWAY)
		return "gateway";
	return index == ROUTE_DOCUMENT ? "document" : "unknown";
}

static const struct {
	int http;
	const char *label;
} statuses[] = {
	{200, "200"}, {204, "204"}, {304, "304"}, {400, "400"}, {401, "401"}, {403, "403"},
	{404, "404"}, {405, "405"}, {408, "408"}, {409, "409"}, {412, "412"}, {413, "413"},
	{414, "414"}, {415, "415"}, {417, "417"}, {421, "421"}, {429, "429"}, {431, "431"},
	{499, "499"}, {500, "500"}, {501, "501"}, {502, "502"}, {503, "503"}, {504, "504"},
	{0, "none"}, {-1, "other"}, /* the last one */
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static size_t status_index(int http)
{
	size_t i = 0;
	while (i < STATUSES - 1 && statuses[i].http != http)
		i++;
	return i;
}

static const char *status_label(size_t index)
{
	return statuses[index].label;
}

static const char *refusal_label(size_t index)
{
	return index == ACCESS_CONNECTIONS ? "connections" : "connections_of_caller";
}

static double server_connected(size_t index)
{
	return rpc_connected(watched);
}

/* --- metrics -------------------------------------------------------------------------------- */

static struct metric requests = {
	.name = "junction_http_requests_total",
	.help = "Requests, by route and HTTP status; none: there was no reply.",
	.kind = METRIC_COUNTER,
	.labels = {{"route", route_label, 0}, {"code", status_label, STATUSES}},
};
static struct metric duration = {
	.name = "junction_http_duration_seconds",
	.help = "Time from a request's first line to the end of its reply, by route.",
	.kind = METRIC_HISTOGRAM,
	.labels = {{"route", route_label, 0}},
};
static struct metric progress = {
	.name = "junction_http_in_progress",
	.help = "Requests in progress, streams among them.",
	.kind = METRIC_GAUGE,
};
static struct metric connections = {
	.name = "junction_http_connections",
	.help = "HTTP connections.",
	.kind = METRIC_GAUGE,
};
static struct metric refused = {
	.name = "junction_http_refused_total",
	.help = "Connections refused, by the limit that they were beyond.",
	.kind = METRIC_COUNTER,
	.labels = {{"reason", refusal_label, 2}},
};
static struct metric connected = {
	.name = "junction_server_connected",
	.help = "1 while each thread has its connection to the server, else 0.",
	.kind = METRIC_GAUGE,
	.read = server_connected,
};

void access_start(const struct rpc *rpc)
{
	watched = rpc;
	requests.labels[0].count = duration.labels[0].count = api_method_count + ROUTES_MORE;
	metric_register(&requests);
	metric_register(&duration);
	metric_register(&progress);
	metric_register(&connections);
	metric_register(&refused);
	metric_register(&connected);
}

void access_connection(int change)
{
	metric_add(&connections, 0, change);
}

void access_refused(enum access_refusal why)
{
	metric_add(&refused, why, 1);
}

/* --- a request ------------------------------------------------------------------------------ */

void access_begin(struct access *x)
{
	x->started = clock_now();
	metric_add(&progress, 0, 1);
}

void access_open(struct access *x, struct arena *a, struct metadata_list *metadata)
{
	trace_begin(&x->trace, a, &x->given);
	struct text parent = trace_parent(&x->trace, a);
	x->parent = parent.data;
	x->request_id = arena_string(a, x->trace.request_id);
	metadata_add_own(metadata, TEXT("traceparent"), parent);
	metadata_add_own(metadata, TEXT("x-request-id"), x->trace.request_id);
	if (x->trace.state.size)
		metadata_add_own(metadata, TEXT("tracestate"), x->trace.state);
}

void access_called(struct access *x, enum status_code code, const char *message)
{
	x->called = true;
	x->code = code;
	x->message = message;
}

static void log_request(const struct access *x, enum log_level level, int64_t ns)
{
	log_event(level, "request", LOG_CUT("verb", x->verb), LOG_CUT("path", x->path),
		LOG_TEXT("method", x->method && x->method->path ? x->method->path + 1 : ""),
		LOG_NUMBER("http", x->http),
		LOG_TEXT("code", x->called ? status_name(x->code) : ""),
		LOG_NUMBER("us", ns / 1000), LOG_NUMBER("bytes_in", (int64_t)x->bytes_in),
		LOG_NUMBER("bytes_out", (int64_t)x->bytes_out), LOG_SLICE("caller", x->peer),
		LOG_SLICE("trace", x->trace.id), LOG_SLICE("request_id", x->trace.request_id),
		LOG_TEXT("end", x->broken_off ? "broken off" : "sent"),
		LOG_CUT("message", text_of(x->message)));
}

void access_end(const struct access *x, enum log_access wanted)
{
	int64_t ns = clock_now() - x->started;
	size_t route = route_index(x->method);
	bool good = x->http > 0 && x->http < 400 && x->code == STATUS_OK;
	bool ours = x->called && reply_http_status(x->code) == 500;
	if (ours)
		log_request(x, LOG_WARN, ns);
	else if (wanted == LOG_ACCESS_ALL || (wanted == LOG_ACCESS_ERRORS && !good))
		log_request(x, LOG_INFO, ns);
	metric_observe(&duration, route, ns);
	metric_add(&requests, route * STATUSES + status_index(x->http), 1);
	metric_add(&progress, 0, -1);
}
