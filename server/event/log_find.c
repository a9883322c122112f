/* One bounded read. Of a message of which only some members are asked for, these are picked out of
 * its text, in memory of its own. */
#include "base/json_part.h"
#include "junction/v1/event.pb-c.h"
#include "proto/runtime/time_text.h"
#include "server/call.h"
#include "steps.gen.h"

#define ENTRIES_MOST "10000"
#define BYTES_MOST   "3145728" /* clients take messages of 4 MiB unless they were told otherwise */

enum { COLUMNS_MOST = 256 };

enum parameter { NAMESPACE, EVENT_ID, BEGIN_TIME, END_TIME, PARAMETERS };

static const struct statement find_log = {
	.name = "event_find_log",
	.sql = "SELECT r_message, r_more FROM event.find_log($1, $2, $3::timestamptz, "
	       "$4::timestamptz, " ENTRIES_MOST ", " BYTES_MOST ")",
	.parameters = PARAMETERS,
};

/* --- the request ------------------------------------------------------------------------------ */

static bool read_moment(struct call *c, const char *field, const char *given, int64_t *ms)
{
	const char *fault = moment_from_text(text_of(given), ms);

	return !fault || status_field(&c->status, c->arena, field, "%s", fault);
}

static bool read_range(struct call *c, const Event__FindLogRequest *in, struct text *parameters)
{
	int64_t begin, end = clock_unix_ms();

	if (!*in->begin_time)
		return status_field(&c->status, c->arena, "beginTime", "is required");
	if (!read_moment(c, "beginTime", in->begin_time, &begin) ||
		(*in->end_time && !read_moment(c, "endTime", in->end_time, &end)))
		return false;
	if (begin > end)
		return status_field(&c->status, c->arena, "beginTime",
			*in->end_time ? "must not be after endTime" : "must not be after now");
	parameters[BEGIN_TIME] = text_of(clock_iso(c->arena, begin));
	parameters[END_TIME] = text_of(clock_iso(c->arena, end));
	return true;
}

/* --- the messages ----------------------------------------------------------------------------- */

/* The members asked for, each a path of one name. */
static const struct text **paths_of(struct arena *a, const Event__FindLogRequest *in)
{
	const struct text **paths = arena_array(a, in->n_columns, sizeof(*paths));

	for (size_t i = 0; i < in->n_columns; i++) {
		struct text *path = arena_array(a, 2, sizeof(*path));
		path[0] = text_of(in->columns[i]);
		paths[i] = path;
	}
	json_sort_paths(paths, in->n_columns);
	return paths;
}

static char *pick(struct arena *a, struct arena *tree, struct text message,
	const struct text *const *paths, size_t count)
{
	struct buffer part = {.arena = a};
	struct status status;
	const struct json *json = json_read(tree, message, &status);

	if (!json || !json_write_part(&part, json, paths, count))
		buffer_add_text(&part, TEXT("{}"));
	return arena_string(a, buffer_text(&part));
}

static void set_results(
	struct arena *a, const Event__FindLogRequest *in, const struct rows *rows, char **results)
{
	const struct text **paths = paths_of(a, in);
	struct arena *tree = arena_new(0);
	int count = rows_count(rows);

	for (int i = 0; i < count; i++) {
		struct text message = rows_text(rows, i, 0);
		results[i] = in->n_columns == 0 ? (char *)message.data
						: pick(a, tree, message, paths, in->n_columns);
		arena_clear(tree);
	}
	arena_free(&tree);
}

static enum next found(struct call *c, const struct rows *rows)
{
	const Event__FindLogRequest *in = call_request(c, Event__FindLogRequest);
	Event__FindLogResponse response = EVENT__FIND_LOG_RESPONSE__INIT;

	response.n_results = (size_t)rows_count(rows);
	response.results = arena_array(c->arena, response.n_results, sizeof(*response.results));
	set_results(c->arena, in, rows, response.results);
	response.truncated = response.n_results > 0 && rows_bool(rows, 0, 1);
	return REPLY(c, &response);
}

enum next event_find_log(struct call *c)
{
	const Event__FindLogRequest *in = call_request(c, Event__FindLogRequest);
	struct text *parameters = arena_array(c->arena, PARAMETERS, sizeof(*parameters));

	if (!*in->event_id)
		return fail_field(c, "eventId", "is required");
	if (in->n_columns > COLUMNS_MOST)
		return fail_field(c, "columns", "takes at most %d names", COLUMNS_MOST);
	if (!read_range(c, in, parameters))
		return failed(c);
	parameters[NAMESPACE] = c->caller.space;
	parameters[EVENT_ID] = text_of(in->event_id);
	return search(c, &find_log, parameters, found);
}
