/*
 * A record's columns are audit.append's parameters, in their order. They point into the request
 * where that has the text already; an empty text is NULL, since the log makes no difference between
 * what was left out and what is empty.
 *
 * The hash that tells whether an idempotency key comes with the same request again is that of the
 * request's wire form, which is unambiguous and has all that the caller wrote.
 */
#include "server/audit/record.h"

#include <openssl/evp.h>

#include "base/check.h"
#include "base/json.h"
#include "base/metric.h"
#include "proto/runtime/guard.h"
#include "server/audit/field.h"
#include "server/db/bytea.h"
#include "server/registry/node_health.h"

enum {
	CONTENT_MAX = 65536,
	NAME_MAX_BYTES = 255,
	TARGET_MAX = 1024,
	EXT_MAX = 65536,
	BATCH = 256,
};

enum column {
	ID,
	EVENT_TIME,
	OPT_TYPE,
	RESULT_TYPE,
	SEVERITY,
	NAMESPACE,
	SOURCE_NODE,
	CONTENT,
	TARGET,
	USER_NAME,
	APPLICATION,
	ROLES,
	ADDRESS,
	NODE,
	TRACE_ID,
	EXT,
	IDEMPOTENCY_KEY,
	REQUEST_HASH,
	IDEMPOTENCY_MS,
};

/* Of a row that audit.append gives. */
enum { PLACE, ROW_ID, ROW_TIME, OUTCOME };

static const struct statement append_records = {
	.name = "audit_append",
	.sql = "SELECT r_place, r_id, r_time, r_outcome FROM audit.append($1::uuid[], "
	       "$2::timestamptz[], $3::integer[], $4::integer[], $5::audit.severity[], $6::text[], "
	       "$7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], "
	       "$13::text[], $14::text[], $15::text[], $16::json[], $17::text[], $18::bytea[], "
	       "$19::bigint[])",
	.parameters = RECORD_COLUMNS,
};

const struct append_log record_log = {&append_records, RECORD_COLUMNS, BATCH};

static struct text idempotency_ms;

/* --- metric ----------------------------------------------------------------------------------- */

enum outcome { WRITTEN, REPEATED, REFUSED, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[OUTCOMES] = {"written", "repeated", "refused"};

	return names[index];
}

static struct metric records = {
	.name = "junction_audit_records_total",
	.help = "Audit records by what came of them; refused: for what stood in them.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

void record_start(int64_t idempotency_hours)
{
	static char ms[24];

	snprintf(ms, sizeof(ms), "%lld", (long long)idempotency_hours * 3600 * 1000);
	idempotency_ms = text_of(ms);
	metric_register(&records);
}

/* --- what the server adds --------------------------------------------------------------------- */

static struct text number(struct arena *a, int64_t value)
{
	return text_of(arena_printf(a, "%lld", (long long)value));
}

/* All other columns are NULL. */
static void begin(struct arena *a, const struct caller *caller, struct record *record)
{
	struct text *columns = record->columns;
	char *id = arena_alloc(a, 37);

	*record = (struct record){0};
	uuid_ordered(id);
	columns[ID] = (struct text){id, 36};
	columns[USER_NAME] = sql_or_null(caller->user);
	columns[APPLICATION] = sql_or_null(caller->application);
	columns[ROLES] = sql_or_null(caller->roles);
	columns[ADDRESS] = sql_or_null(caller->address);
	columns[NODE] = node_name();
	columns[TRACE_ID] = sql_or_null(caller->trace.id);
}

void record_make(struct arena *a, const struct caller *caller, const struct own_record *own,
	struct record *record)
{
	struct text *columns = record->columns;

	begin(a, caller, record);
	columns[OPT_TYPE] = number(a, own->opt_type);
	columns[RESULT_TYPE] = number(a, own->result_type);
	columns[SEVERITY] = text_of(own->severity);
	columns[NAMESPACE] = own->space;
	columns[SOURCE_NODE] = node_name();
	columns[CONTENT] = own->content;
	columns[TARGET] = sql_or_null(own->target);
	columns[EXT] = sql_or_null(own->ext);
}

/* --- what the caller wrote -------------------------------------------------------------------- */

static bool read_texts(
	struct arena *a, const Audit__WriteRequest *in, struct text *columns, struct status *status)
{
	const struct {
		const char *field, *given;
		enum column column;
		bool required;
		size_t most;
	} texts[] = {
		{"content", in->content, CONTENT, true, CONTENT_MAX},
		{"sourceNode", in->source_node, SOURCE_NODE, true, NAME_MAX_BYTES},
		{"namespace", in->namespace_, NAMESPACE, true, NAME_MAX_BYTES},
		{"target", in->target, TARGET, false, TARGET_MAX},
		{"ext", in->ext, EXT, false, EXT_MAX},
		{"idempotencyKey", in->idempotency_key, IDEMPOTENCY_KEY, false, NAME_MAX_BYTES},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct text given = text_of(texts[i].given);

		if (given.size == 0 && texts[i].required)
			return status_field(status, a, texts[i].field, "is required");
		if (given.size > texts[i].most)
			return status_field(status, a, texts[i].field,
				"must have at most %zu bytes", texts[i].most);
		columns[texts[i].column] = sql_or_null(given);
	}
	if (text_equal(columns[NAMESPACE], RECORD_AUDIT) ||
		text_equal(columns[NAMESPACE], RECORD_AUTH) ||
		text_equal(columns[NAMESPACE], RECORD_NOTICE))
		return status_field(status, a, "namespace", "is the server's own");
	return true;
}

static bool read_numbers(
	struct arena *a, const Audit__WriteRequest *in, struct text *columns, struct status *status)
{
	if (!in->_opt_type_case)
		return status_field(status, a, "optType", "is required");
	if (!in->_result_type_case)
		return status_field(status, a, "resultType", "is required");
	columns[OPT_TYPE] = number(a, in->opt_type);
	columns[RESULT_TYPE] = number(a, in->result_type);
	if (!in->_event_time_case)
		return true;
	if (in->event_time < AUDIT_TIME_FIRST || in->event_time > AUDIT_TIME_LAST)
		return status_field(
			status, a, "eventTime", "must be milliseconds of the years 1 to 9999");
	columns[EVENT_TIME] = text_of(clock_iso(a, in->event_time));
	return true;
}

static bool read_severity(
	struct arena *a, const Audit__WriteRequest *in, struct text *columns, struct status *status)
{
	struct text given = text_of(in->severity);

	if (given.size == 0)
		return status_field(status, a, "severity", "is required");
	columns[SEVERITY] = text_of(audit_severity_word(given));
	return columns[SEVERITY].data ||
	       status_field(status, a, "severity",
		       "must be debug, info, notice, warning, error, critical, alert, emergency or "
		       "a number from 7 to 0");
}

static bool check_object(
	struct arena *tree, struct arena *a, struct text ext, struct status *status)
{
	struct status reason;
	const struct json *value = json_read(tree, ext, &reason);

	if (!value)
		return status_field(status, a, "ext", "%s", reason.message);
	return value->type == JSON_OBJECT ||
	       status_field(status, a, "ext", "must be a JSON object");
}

/* What it is read into may be fifty times as large, and is not kept. */
static bool check_ext(struct arena *a, struct text ext, struct status *status)
{
	if (!ext.data)
		return true;
	struct arena *tree = arena_new(0);
	bool good = check_object(tree, a, ext, status);
	arena_free(&tree);
	return good;
}

/* SHA-256. */
static struct text hash(struct arena *a, const Audit__WriteRequest *in)
{
	struct text wire = guard_pack(a, &in->base);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size;

	CHECK(EVP_Digest(wire.data, wire.size, digest, &size, EVP_sha256(), NULL));
	return bytea_text(a, digest, size);
}

bool record_read(struct arena *a, const struct caller *caller, const Audit__WriteRequest *in,
	struct record *record, struct status *status)
{
	struct text *columns = record->columns;

	begin(a, caller, record);
	if (!read_numbers(a, in, columns, status) || !read_texts(a, in, columns, status) ||
		!read_severity(a, in, columns, status) || !check_ext(a, columns[EXT], status)) {
		metric_add(&records, REFUSED, 1);
		return false;
	}
	if (columns[IDEMPOTENCY_KEY].data) {
		columns[REQUEST_HASH] = hash(a, in);
		columns[IDEMPOTENCY_MS] = idempotency_ms;
	}
	return true;
}

/* --- what came of it -------------------------------------------------------------------------- */

bool record_result(struct arena *a, const struct rows *rows, int row, Audit__WriteResult *result,
	struct status *status)
{
	if (row < 0)
		return status_set(status, a, STATUS_INTERNAL, "the record was not written");
	struct text outcome = rows_text(rows, row, OUTCOME);
	if (text_equal(outcome, TEXT("conflict"))) {
		metric_add(&records, REFUSED, 1);
		return status_set(status, a, STATUS_ALREADY_EXISTS,
			"idempotencyKey: has written another record");
	}
	*result = (Audit__WriteResult)AUDIT__WRITE_RESULT__INIT;
	result->id = arena_string(a, rows_text(rows, row, ROW_ID));
	result->time = rows_int64(rows, row, ROW_TIME);
	result->repeated = text_equal(outcome, TEXT("repeated"));
	metric_add(&records, result->repeated ? REPEATED : WRITTEN, 1);
	return true;
}

/* --- many of one call ------------------------------------------------------------------------- */

static enum write_step read_one(
	struct write *w, const struct caller *caller, const ProtobufCMessage *in)
{
	struct record *record = w->thing;

	w->job.columns = record->columns;
	return record_read(w->arena, caller, (const Audit__WriteRequest *)in, record,
		       &w->outcome.status)
		       ? WRITE_GO
		       : WRITE_REFUSED;
}

static enum write_step finish_one(struct write *w, const struct rows *rows, int row)
{
	Audit__WriteResult result;

	if (!record_result(w->arena, rows, row, &result, &w->outcome.status))
		return WRITE_REFUSED;
	w->outcome.id = result.id;
	w->outcome.number = result.time;
	w->outcome.repeated = result.repeated;
	return WRITE_GO;
}

const struct writes_kind record_writes = {
	.log = &record_log,
	.thing = sizeof(struct record),
	.read = read_one,
	.finish = finish_one,
};

/* --- reads of the log ------------------------------------------------------------------------- */

/* Of a record in namespace junction.audit. */
enum { OPT_FIND = 1, OPT_EXPORT = 2, REQUEST_SHOWN_MAX = 30000 };

/* A request that would not fit stands as a text, its beginning. */
static struct text reading_ext(struct arena *a, struct text request, const int64_t *count)
{
	struct buffer out = {.arena = a};

	buffer_add_text(&out, TEXT("{\"request\":"));
	if (request.size <= REQUEST_SHOWN_MAX)
		buffer_add_text(&out, request);
	else
		json_write_string(&out, text_until(request, REQUEST_SHOWN_MAX));
	if (count)
		buffer_printf(&out, ",\"records\":%lld", (long long)*count);
	buffer_add_char(&out, '}');
	return buffer_text(&out);
}

enum next record_reading(struct call *c, const char *what, struct text request, int64_t count,
	enum next (*then)(struct call *c, const struct rows *rows, int row))
{
	struct record *record = arena_alloc(c->arena, sizeof(*record));
	bool find = strcmp(what, "find") == 0;
	struct own_record own = {
		.space = RECORD_AUDIT,
		.opt_type = find ? OPT_FIND : OPT_EXPORT,
		.severity = "notice",
		.content = TEXT("export began"),
		.ext = reading_ext(c->arena, request, find ? &count : NULL),
	};

	if (find)
		own.content = text_of(arena_printf(c->arena, "find gave %lld record%s",
			(long long)count, count == 1 ? "" : "s"));
	record_make(c->arena, &c->caller, &own, record);
	return append(c, &record_log, (struct text){0}, record->columns, then);
}
