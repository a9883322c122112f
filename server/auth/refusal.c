/*
 * The record is appended by a job of its own and not by append(): the call is to fail with its own
 * status, whatever became of the record, and a caller that has gone is recorded, too. When it is
 * not known whether a record was written it is written again: it may be there twice, with one id.
 */
#include "server/auth/refusal.h"

#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/audit/record.h"
#include "server/lane/note.h"

enum { OPT_REFUSED = 10, RESULT_REFUSED = 1, TARGET_MAX = 255, KEY_ID_SIZE = 23 };

/* In the call's arena. */
struct refusal {
	struct append_job job; /* first */
	struct call *call;
	struct record record;
};

/* --- metric ----------------------------------------------------------------------------------- */

enum outcome { RECORDED, LEFT_OUT, OUTCOMES };

static const char *outcome_name(size_t index)
{
	return index == RECORDED ? "recorded" : "left_out";
}

static struct metric refusals = {
	.name = "junction_auth_refusals_total",
	.help = "Callers that were refused; left_out: too many at once to be in the audit, too.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};

void refusal_start(void)
{
	metric_register(&refusals);
}

/* --- the record ------------------------------------------------------------------------------- */

struct text refusal_access_key(struct arena *a, struct text id)
{
	bool good = id.size == KEY_ID_SIZE && text_starts(id, TEXT("ak-"));

	for (size_t i = 3; good && i < id.size; i++)
		good = (id.data[i] >= 'a' && id.data[i] <= 'z') ||
		       (id.data[i] >= '0' && id.data[i] <= '9');
	return text_of(
		arena_printf(a, "access_key:%.*s", good ? (int)id.size : 1, good ? id.data : "?"));
}

/* A question mark for each byte that is no text, no line without end. */
static struct text make_good(struct arena *a, struct text who)
{
	struct buffer out = {.arena = a};

	for (size_t i = 0, length; i < who.size && out.size < TARGET_MAX;
		i += length ? length : 1) {
		length = text_utf8_length(who, i);
		struct text character = {who.data + i, length};
		if (length == 0 || text_has_control(character))
			buffer_add_char(&out, '?');
		else
			buffer_add_text(&out, character);
	}
	return buffer_text(&out);
}

static void make_record(struct arena *a, const struct call *c, const char *what, const char *reason,
	struct text who, struct record *record)
{
	struct buffer ext = {.arena = a};

	buffer_add_text(&ext, TEXT("{\"reason\":"));
	json_write_string(&ext, text_of(reason));
	buffer_add_char(&ext, '}');
	const struct own_record own = {
		.space = RECORD_AUTH,
		.opt_type = OPT_REFUSED,
		.result_type = RESULT_REFUSED,
		.severity = "warning",
		.content = text_of(what),
		.target = make_good(a, who),
		.ext = buffer_text(&ext),
	};
	record_make(a, &c->caller, &own, record);
}

/* --- waited for ------------------------------------------------------------------------------- */

static void recorded(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct refusal *r = (struct refusal *)job;
	struct call *c = r->call;

	if (error) {
		log_event(LOG_WARN, "refusal not recorded yet", LOG_TEXT("reason", error->message));
		note(&record_log, (struct text){0}, r->record.columns);
	}
	call_resume(c, failed);
}

enum next refusal_fail(struct call *c, const char *what, const char *reason, struct text who)
{
	struct refusal *r = ARENA_NEW(c->arena, struct refusal);

	metric_add(&refusals, RECORDED, 1);
	r->call = c;
	make_record(c->arena, c, what, reason, who, &r->record);
	r->job = (struct append_job){
		.log = &record_log,
		.columns = r->record.columns,
		.deadline = clock_now() + c->lane_limit,
		.done = recorded,
	};
	if (lane_append(call_lanes(), &r->job))
		return call_parked(c);
	note(&record_log, (struct text){0}, r->record.columns);
	return failed(c);
}

/* --- not waited for --------------------------------------------------------------------------- */

/* Whether there is room among those of this second. */
static bool has_room(void)
{
	static _Atomic int64_t second;
	static atomic_int count;
	int64_t now = clock_now() / CLOCK_SECOND, then = atomic_load(&second);

	if (then != now && atomic_compare_exchange_strong(&second, &then, now))
		atomic_store(&count, 0);
	return atomic_fetch_add(&count, 1) < REFUSAL_NOTES;
}

void refusal_note(const struct call *c, const char *what, const char *reason, struct text who)
{
	if (!has_room()) {
		metric_add(&refusals, LEFT_OUT, 1);
		return;
	}
	struct arena *a = arena_new(0);
	struct record record;

	metric_add(&refusals, RECORDED, 1);
	make_record(a, c, what, reason, who, &record);
	note(&record_log, (struct text){0}, record.columns);
	arena_free(&a);
}
