/* The body is gathered, and read by the channel's provider when its last piece has come; one
 * statement finds the deliveries and changes them (notice.report). A provider may report of a
 * message before its answer to the sending has been written, with its id: what is not known is
 * looked for once more. */
#include "server/notice/provider/report.h"

#include "base/metric.h"
#include "junction/v1/notice.pb-c.h"
#include "server/db/array.h"
#include "server/notice/inbox/receipt.h"
#include "server/notice/provider/provider.h"
#include "steps.gen.h"

enum { BODY_MOST = 1024 * 1024, AGAIN_MS = 1000 };

enum { KNOWN, UNKNOWN, RESULTS };

static const char *result_name(size_t index)
{
	return index == KNOWN ? "known" : "unknown";
}

static struct metric reported = {
	.name = "junction_notice_reports_total",
	.help = "What providers reported of messages: of deliveries that are known, or of no known "
		"one.",
	.kind = METRIC_COUNTER,
	.labels = {{"delivery", result_name, RESULTS}},
};

void report_start(void)
{
	metric_register(&reported);
}

struct reporting {
	const struct channels *channels; /* held */
	const struct channel *channel;
	struct buffer body;
	size_t count; /* of reports */
	const struct text *parameters;
	bool again; /* the second look */
};

/* --- what came of it ------------------------------------------------------------------------ */

static enum next answer(struct call *c)
{
	Notice__ReportReceiptsResponse out = NOTICE__REPORT_RECEIPTS_RESPONSE__INIT;

	out.msg = (char *)"OK";
	return REPLY(c, &out);
}

/* --- writing it ----------------------------------------------------------------------------- */

static const struct statement report_statement = {
	.name = "notice_report",
	.sql = "SELECT r_known, r_receipts FROM notice.report($1::integer, $2::bigint[], "
	       "$3::text[], $4::text[], $5::notice.state[], $6::text[], $7::text[])",
	.parameters = 7,
};

static struct text state_name(enum notice_state state)
{
	static const char *const names[] = {
		[NOTICE_SENT] = "sent",
		[NOTICE_DELIVERED] = "delivered",
		[NOTICE_READ] = "read",
		[NOTICE_FAILED] = "failed",
	};

	return text_of(names[state]);
}

static void add(struct buffer *arrays, const struct report *one)
{
	if (one->position > 0)
		array_add_number(&arrays[0], one->position);
	else
		array_add(&arrays[0], (struct text){0});
	array_add(&arrays[1], sql_or_null(one->message_id));
	array_add(&arrays[2], sql_or_null(one->address));
	array_add(&arrays[3], state_name(one->outcome.state));
	array_add(&arrays[4], sql_or_null(one->outcome.code));
	array_add(&arrays[5], sql_or_null(one->outcome.text));
}

static enum next look(struct call *c);

static enum next written(struct call *c, const struct rows *rows)
{
	struct reporting *r = c->state;
	int64_t known = rows_int64(rows, 0, 0), unknown = (int64_t)r->count - known;

	if (rows_int64(rows, 0, 1) > 0)
		receipt_wake();
	if (unknown > 0 && !r->again) {
		r->again = true;
		return stream_wait(c, NULL, 0, clock_now() + AGAIN_MS * CLOCK_MS, look);
	}
	metric_add(&reported, KNOWN, known);
	metric_add(&reported, UNKNOWN, unknown);
	return answer(c);
}

static enum next look(struct call *c)
{
	const struct reporting *r = c->state;

	return change(c, &report_statement, r->parameters, written);
}

static enum next write_reports(struct call *c, const struct report *reports, size_t count)
{
	struct reporting *r = c->state;
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));
	struct buffer arrays[6];

	for (size_t i = 0; i < 6; i++)
		arrays[i] = (struct buffer){.arena = c->arena};
	for (size_t i = 0; i < count; i++)
		add(arrays, &reports[i]);
	parameters[0] = text_of(arena_printf(c->arena, "%d", r->channel->id));
	for (size_t i = 0; i < 6; i++)
		parameters[i + 1] = array_text(&arrays[i]);
	r->parameters = parameters;
	return look(c);
}

/* --- reading it ----------------------------------------------------------------------------- */

static enum next read_body(struct call *c)
{
	struct reporting *r = c->state;
	const struct report *reports;

	if (!r->channel->provider->read_reports(
		    c->arena, r->channel, buffer_text(&r->body), &reports, &r->count, &c->status))
		return failed(c);
	return r->count > 0 ? write_reports(c, reports, r->count) : answer(c);
}

static enum next gather(struct call *c)
{
	struct reporting *r = c->state;
	const Notice__ReportReceiptsRequest *in = call_request(c, Notice__ReportReceiptsRequest);

	if (!in)
		return read_body(c);
	if (in->content.len > BODY_MOST - r->body.size)
		return fail(c, STATUS_RESOURCE_EXHAUSTED,
			"content: is beyond %d bytes, the most that a report may have", BODY_MOST);
	buffer_add(&r->body, in->content.data, in->content.len);
	return stream_receive(c, gather);
}

/* False with c->status set. */
static bool find_channel(struct call *c, struct reporting *r, struct text token)
{
	r->channel = channels_by_token(r->channels, token);
	if (!r->channel)
		return status_set(
			&c->status, c->arena, STATUS_NOT_FOUND, "token: no channel has this one");
	if (!r->channel->provider || !r->channel->provider->read_reports)
		return status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
			"channel %.*s: its kind reports nothing", TEXT_ARGS(r->channel->name));
	return !r->channel->fault ||
	       status_set(&c->status, c->arena, STATUS_UNAVAILABLE,
		       "channel %.*s cannot be used on this server", TEXT_ARGS(r->channel->name));
}

static void release(struct call *c)
{
	struct reporting *r = c->state;

	channels_release(&r->channels);
}

static enum next first(struct call *c)
{
	const Notice__ReportReceiptsRequest *in = call_request(c, Notice__ReportReceiptsRequest);
	struct reporting *r = ARENA_NEW(c->arena, struct reporting);

	if (!in || !*in->token)
		return fail_field(c, "token", "is required in the first message");
	r->channels = channels_hold();
	if (!r->channels)
		return fail(c, STATUS_UNAVAILABLE, "the channels are not loaded yet");
	r->body = (struct buffer){.arena = c->arena};
	c->state = r;
	c->at_end = release;
	return find_channel(c, r, text_of(in->token)) ? gather(c) : failed(c);
}

enum next notice_report_receipts(struct call *c)
{
	return stream_receive(c, first);
}
