/* An entry's columns are event.write_log's parameters, in their order. The message goes as it came;
 * it is read for the two members that it is found by, in memory of its own: as a tree it takes
 * fifty times its size. */
#include "base/json.h"
#include "base/metric.h"
#include "junction/v1/event.pb-c.h"
#include "proto/runtime/time_text.h"
#include "server/call.h"
#include "server/event/log.h"
#include "server/event/stored.h"
#include "server/lane/keeping.h"
#include "server/registry/node_health.h"
#include "steps.gen.h"

enum { MESSAGE_MAX = 1 << 20, ID_MAX = 255, BATCH = 256 };

enum column {
	NAMESPACE,
	EVENT_ID,
	TIME,
	MESSAGE,
	USER_NAME,
	APPLICATION,
	ROLES,
	ADDRESS,
	NODE,
	TRACE_ID,
	COLUMNS
};

static const struct statement write_log = {
	.name = "event_write_log",
	.sql = "SELECT r_place, r_time FROM event.write_log($1::text[], $2::text[], "
	       "$3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], "
	       "$9::text[], $10::text[])",
	.parameters = COLUMNS,
};

static const struct append_log log_entries = {&write_log, COLUMNS, BATCH};

static const struct statement keep_log = {
	.name = "event_keep_log",
	.sql = "SELECT event.keep_log($1::integer)",
	.parameters = 1,
};

static struct keeping months;

static struct metric entries = {
	.name = "junction_event_log_entries_total",
	.help = "Entries written into the log of applications.",
	.kind = METRIC_COUNTER,
};

void event_log_start(struct lanes *lanes, int64_t days)
{
	metric_register(&entries);
	keeping_start(&months, lanes, &keep_log, (int)days);
}

void event_log_stop(void)
{
	keeping_end(&months);
}

/* --- the message ------------------------------------------------------------------------------ */

/* NULL: it is not there, or null. */
static const struct json *member(const struct json *message, struct text name)
{
	const struct json *value = json_member(message, name);

	return value && value->type != JSON_NULL ? value : NULL;
}

static bool read_id(
	struct arena *a, const struct json *message, struct text *columns, struct status *status)
{
	const struct json *id = member(message, TEXT("eventId"));

	if (!id) {
		char *made = arena_alloc(a, 37);
		uuid_ordered(made);
		columns[EVENT_ID] = text_of(made);
		return true;
	}
	if (id->type != JSON_STRING || id->string.size < 1 || id->string.size > ID_MAX ||
		text_has_control(id->string))
		return status_field(status, a, "message.eventId",
			"must be a text of 1 to %d bytes without control characters", ID_MAX);
	columns[EVENT_ID] = arena_text(a, id->string);
	return true;
}

static bool read_time(
	struct arena *a, const struct json *message, struct text *columns, struct status *status)
{
	const struct json *time = member(message, TEXT("time"));
	int64_t ms;

	if (!time)
		return true;
	struct text text = time->string;
	if (time->type == JSON_NUMBER && json_int64(time, &ms)) /* however it is written */
		text = text_of(arena_printf(a, "%lld", (long long)ms));
	const char *fault = moment_from_text(text, &ms);
	if (fault)
		return status_field(status, a, "message.time", "%s", fault);
	columns[TIME] = text_of(clock_iso(a, ms));
	return true;
}

static bool read_message(struct arena *tree, struct arena *a, struct text given,
	struct text *columns, struct status *status)
{
	struct status reason;
	const struct json *message = json_read(tree, given, &reason);

	if (!message)
		return status_field(status, a, "message", "%s", reason.message);
	if (message->type != JSON_OBJECT)
		return status_field(status, a, "message", "must be a JSON object");
	return read_id(a, message, columns, status) && read_time(a, message, columns, status);
}

static bool read_entry(
	struct arena *a, struct text given, struct text *columns, struct status *status)
{
	if (given.size == 0)
		return status_field(status, a, "message", "is required");
	if (given.size > MESSAGE_MAX)
		return status_field(
			status, a, "message", "must have at most %d bytes", MESSAGE_MAX);
	columns[MESSAGE] = given;
	struct arena *tree = arena_new(0);
	bool good = read_message(tree, a, given, columns, status);
	arena_free(&tree);
	return good;
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum next written(struct call *c, const struct rows *rows, int row)
{
	Event__WriteLogResponse response = EVENT__WRITE_LOG_RESPONSE__INIT;
	Event__LogEntry entry = EVENT__LOG_ENTRY__INIT, *results[] = {&entry};
	const struct text *columns = c->state;

	metric_add(&entries, 0, 1);
	entry.event_id = (char *)columns[EVENT_ID].data;
	entry.time = rows_int64(rows, row, 1);
	response.n_results = 1;
	response.results = results;
	return REPLY(c, &response);
}

enum next event_write_log(struct call *c)
{
	const Event__WriteLogRequest *in = call_request(c, Event__WriteLogRequest);
	struct text *columns = arena_array(c->arena, COLUMNS, sizeof(*columns));

	columns[NAMESPACE] = c->caller.space;
	columns[USER_NAME] = sql_or_null(c->caller.user);
	columns[APPLICATION] = sql_or_null(c->caller.application);
	columns[ROLES] = sql_or_null(c->caller.roles);
	columns[ADDRESS] = sql_or_null(c->caller.address);
	columns[NODE] = node_name();
	columns[TRACE_ID] = sql_or_null(c->caller.trace.id);
	if (!read_entry(c->arena, text_of(in->message), columns, &c->status))
		return failed(c);
	c->state = columns;
	return append(c, &log_entries, (struct text){0}, columns, written);
}
