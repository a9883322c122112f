/*
 * Receipts that are to be told are read in batches, in the order of their positions; each of a
 * batch is told as an event, and when all of these have ended, those that are published are marked.
 * A server that dies in between leaves them unmarked: they are told again, and their ids make that
 * the same event. One that could not be published stays, and the next batch begins behind it, so
 * that it holds up no other; after the last batch it begins at the front, when something is to be
 * told, or after EVERY_MS. If none could be published, that is waited for, too. One that can never
 * be, since that id is another event's, counts as told.
 *
 * It lives on the home thread; events may end on any.
 */
#include "server/notice/inbox/telling.h"

#include "base/log.h"
#include "server/db/array.h"
#include "server/lane/errand.h"
#include "server/notice/inbox/receipt.h"

enum { EVERY_MS = 3000, BATCH = 200 };

static const struct statement receipts_to_tell = {
	.name = "notice_receipts_to_tell",
	.sql = "SELECT r_position, r_namespace, r_trace_id, r_data "
	       "FROM notice.receipts_to_tell($1::bigint, $2::integer)",
	.parameters = 2,
};

static const struct statement receipts_told = {
	.name = "notice_receipts_told",
	.sql = "SELECT notice.receipts_told($1::bigint[])",
	.parameters = 1,
};

struct receipt {
	struct told_event event; /* first */
	int64_t position;
	bool told;
};

static struct {
	tell_event *tell;
	struct errand reading, marking;
	bool again;    /* there may be others than those behind that */
	int64_t after; /* the next batch begins behind that */

	/* The batch: under way as long as it has an arena. */
	struct arena *arena;
	struct receipt *receipts;
	size_t count;
	atomic_size_t open; /* that have not ended */
	struct loop_task starting, waking, ended;
	atomic_bool woken;
} telling;

static void go_on(void);

static void end_batch(void)
{
	telling.after = telling.count == BATCH ? telling.receipts[BATCH - 1].position : 0;
	telling.count = 0;
	arena_free(&telling.arena);
}

/* --- what was told ---------------------------------------------------------------------------- */

static void marked(struct errand *e)
{
	end_batch();
	if (!e->failed)
		go_on();
}

static void all_ended(struct loop_task *task)
{
	struct buffer positions = {.arena = telling.arena};
	struct text *parameter = ARENA_NEW(telling.arena, struct text);
	size_t told = 0;

	for (size_t i = 0; i < telling.count; i++)
		if (telling.receipts[i].told) {
			array_add_number(&positions, telling.receipts[i].position);
			told++;
		}
	if (told < telling.count)
		log_event(LOG_WARN, "receipts wait to be published",
			LOG_NUMBER("count", (int64_t)(telling.count - told)));
	if (told == 0) {
		end_batch();
		return;
	}
	*parameter = array_text(&positions);
	errand_begin(&telling.marking);
	errand_send(&telling.marking, &receipts_told, parameter);
}

/* Told again it would be refused again. */
static bool is_final(enum status_code code)
{
	return code == STATUS_ALREADY_EXISTS || code == STATUS_INVALID_ARGUMENT;
}

static void event_ended(struct told_event *event, const struct status *error)
{
	struct receipt *r = (struct receipt *)event;

	r->told = !error || is_final(error->code);
	if (error && r->told)
		log_event(LOG_ERROR, "receipt not published", LOG_SLICE("id", event->event_id),
			LOG_TEXT("reason", error->message));
	if (atomic_fetch_sub(&telling.open, 1) == 1)
		loop_post(telling.marking.home, &telling.ended);
}

/* --- what is to be told ----------------------------------------------------------------------- */

static void read_batch(struct errand *e, const struct rows *rows)
{
	struct arena *a = telling.arena;

	telling.count = (size_t)rows_count(rows);
	telling.receipts = arena_array(a, telling.count, sizeof(*telling.receipts));
	for (int row = 0; row < rows_count(rows); row++) {
		struct receipt *r = &telling.receipts[row];

		r->position = rows_int64(rows, row, 0);
		r->event = (struct told_event){
			.space = arena_text(a, rows_text(rows, row, 1)),
			.name = TEXT("notice.receipt"),
			.event_id = text_of(
				arena_printf(a, "notice.receipt.%lld", (long long)r->position)),
			.data = arena_text(a, rows_text(rows, row, 3)),
			.trace_id = arena_text(a, rows_text(rows, row, 2)),
			.done = event_ended,
		};
	}
}

static void batch_read(struct errand *e)
{
	if (telling.count == 0) {
		end_batch();
		if (telling.again)
			receipt_wake();
		return;
	}
	atomic_store(&telling.open, telling.count);
	for (size_t i = 0; i < telling.count; i++)
		telling.tell(&telling.receipts[i].event);
}

static void go_on(void)
{
	struct text *parameters;

	if (telling.arena || (telling.after == 0 && !telling.again))
		return;
	if (telling.after == 0)
		telling.again = false;
	telling.arena = arena_new(0);
	parameters = arena_array(telling.arena, 2, sizeof(*parameters));
	parameters[0] = text_of(arena_printf(telling.arena, "%lld", (long long)telling.after));
	parameters[1] = text_of(arena_printf(telling.arena, "%d", BATCH));
	errand_begin(&telling.reading);
	errand_send(&telling.reading, &receipts_to_tell, parameters);
}

static void look(void *arg)
{
	telling.again = true;
	go_on();
}

static void woken(struct loop_task *task)
{
	atomic_store(&telling.woken, false);
	look(NULL);
}

void receipt_wake(void)
{
	if (!atomic_exchange(&telling.woken, true))
		loop_post(telling.reading.home, &telling.waking);
}

/* --- life ------------------------------------------------------------------------------------- */

static void begin(struct loop_task *task)
{
	loop_every(telling.reading.home, EVERY_MS, look, NULL);
}

void telling_start(struct lanes *lanes, struct loop *home, tell_event *tell)
{
	telling.tell = tell;
	telling.reading = (struct errand){
		.lanes = lanes, .home = home, .read = read_batch, .landed = batch_read};
	telling.marking = (struct errand){.lanes = lanes, .home = home, .landed = marked};
	telling.starting.run = begin;
	telling.waking.run = woken;
	telling.ended.run = all_ended;
	loop_post(home, &telling.starting);
}

void telling_stop(void)
{
	errand_end(&telling.reading);
	errand_end(&telling.marking);
	arena_free(&telling.arena);
}
