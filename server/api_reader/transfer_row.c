/* When a row was begun is part of its key, so that its end is written into one partition. It is the
 * database's time: its partitions are made by the same clock. */
#include "server/api_reader/transfer_row.h"

#include <pthread.h>

#include "base/check.h"
#include "base/metric.h"
#include "server/db/array.h"
#include "server/lane/note.h"
#include "server/registry/node_health.h"

enum { BEGIN_COLUMNS = 10, END_COLUMNS = 9, BATCH = 128, DIRECTIONS = 2 };

enum outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_CANCELLED, OUTCOMES };

static const struct statement begin_statement = {
	.name = "api_reader_begin_transfers",
	.sql = "SELECT r_position, r_started_at FROM api_reader.begin_transfers($1::uuid[], "
	       "$2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], "
	       "$8::text[], $9::text[], $10::text[])",
	.parameters = BEGIN_COLUMNS,
};

static const struct statement end_statement = {
	.name = "api_reader_end_transfers",
	.sql = "SELECT r_position FROM api_reader.end_transfers($1::uuid[], $2::timestamptz[], "
	       "$3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::integer[], "
	       "$8::bigint[], $9::text[])",
	.parameters = END_COLUMNS,
};

static const struct append_log begin_log = {&begin_statement, BEGIN_COLUMNS, BATCH};
static const struct append_log end_log = {&end_statement, END_COLUMNS, BATCH};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, transfer_row) all_under_way = LIST_HEAD_INITIALIZER(all_under_way);

/* --- metrics ---------------------------------------------------------------------------------- */

static const char *direction_name(size_t index)
{
	return index == TRANSFER_UPLOAD ? "upload" : "download";
}

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {"done", "failed", "cancelled"};

	return names[index];
}

static struct metric transfers = {
	.name = "junction_api_reader_transfers_total",
	.help = "Uploads and downloads that have ended, by how.",
	.kind = METRIC_COUNTER,
	.labels = {{"direction", direction_name, DIRECTIONS}, {"outcome", outcome_name, OUTCOMES}},
};

static struct metric bytes_carried = {
	.name = "junction_api_reader_bytes_total",
	.help = "Bytes of content of transfers that have ended.",
	.kind = METRIC_COUNTER,
	.labels = {{"direction", direction_name, DIRECTIONS}},
};

void transfer_rows_start(void)
{
	metric_register(&transfers);
	metric_register(&bytes_carried);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* An empty text is no NULL. */
static struct text or_empty(struct text t)
{
	return t.data ? t : TEXT("");
}

static enum next begun(struct call *c, const struct rows *rows, int row)
{
	struct transfer_row *t = c->state;

	if (row < 0)
		return fail(c, STATUS_INTERNAL, "the transfer could not be written down");
	t->started_at = arena_text(c->arena, rows_text(rows, row, 1));
	return t->then(c);
}

enum next transfer_row_begin(struct call *c, struct transfer_row *row, call_step *then)
{
	struct text *columns = arena_array(c->arena, BEGIN_COLUMNS, sizeof(struct text));

	CHECK(c->state == row && c->at_end);
	uuid_ordered(row->id);
	row->begun = clock_now();
	row->then = then;
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(&all_under_way, row, under_way);
	pthread_mutex_unlock(&lock);
	columns[0] = text_of(row->id);
	columns[1] = text_of(direction_name(row->direction));
	columns[2] = c->caller.space;
	columns[3] = row->server_name;
	columns[4] = or_empty(row->job_id);
	columns[5] = node_name();
	columns[6] = or_empty(c->caller.address);
	columns[7] = or_empty(c->caller.application);
	columns[8] = or_empty(c->caller.user);
	columns[9] = or_empty(c->caller.trace.id);
	return append(c, &begin_log, (struct text){0}, columns, begun);
}

/* --- the end ---------------------------------------------------------------------------------- */

static enum outcome outcome_of(const struct call *c)
{
	if (c->status.code == STATUS_OK)
		return OUTCOME_DONE;
	return c->status.code == STATUS_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_FAILED;
}

static struct text number(struct call *c, int64_t value)
{
	return text_of(arena_printf(c->arena, "%lld", (long long)value));
}

static struct text number_or_null(struct call *c, int64_t value)
{
	return value ? number(c, value) : (struct text){0};
}

static void write_end(struct call *c, const struct transfer_row *row, enum outcome outcome)
{
	const struct text columns[END_COLUMNS] = {
		text_of(row->id),
		row->started_at,
		number(c, (clock_now() - row->begun) / CLOCK_MS),
		text_of(outcome_name(outcome)),
		number(c, row->bytes),
		or_empty(row->job_id),
		number_or_null(c, row->http_status),
		number_or_null(c, c->status.remote_code),
		outcome == OUTCOME_FAILED ? text_of(c->status.message) : TEXT(""),
	};

	note(&end_log, (struct text){0}, columns);
}

void transfer_row_end(struct call *c, struct transfer_row *row)
{
	enum outcome outcome = outcome_of(c);

	if (!row->then)
		return;
	pthread_mutex_lock(&lock);
	LIST_REMOVE(row, under_way);
	pthread_mutex_unlock(&lock);
	metric_add(&transfers, (size_t)row->direction * OUTCOMES + outcome, 1);
	metric_add(&bytes_carried, row->direction, row->bytes);
	if (row->started_at.size > 0)
		write_end(c, row, outcome);
}

struct text transfer_rows_under_way(struct arena *a)
{
	struct buffer ids = {.arena = a};
	const struct transfer_row *row;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(row, &all_under_way, under_way)
	array_add(&ids, text_of(row->id));
	pthread_mutex_unlock(&lock);
	return array_text(&ids);
}
