/*
 * What came of a parcel waits in a list until a statement has written it; what a statement could
 * not write goes back to the front, so that nothing is lost while PostgreSQL is away. One that
 * PostgreSQL refuses is tried alone from then on, holds up no other, and is given up when that has
 * failed too often: its lease then runs out.
 */
#include "base/log.h"
#include "server/db/array.h"
#include "server/notice/sending/sending_priv.h"

enum {
	BATCHES = 2, /* statements under way */
	TRIES = 3,   /* of one that is refused, alone */
};

static const struct statement conclude_statement = {
	.name = "notice_conclude",
	.sql = "SELECT r_place, r_due_ms FROM notice.conclude($1, $2::bigint[], $3::integer[], "
	       "$4::notice.state[], $5::boolean[], $6::boolean[], $7::boolean[], $8::bigint[], "
	       "$9::bigint[], $10::double precision[], $11::text[], $12::text[], $13::text[])",
	.parameters = 13,
};

struct batch {
	struct sql_job job;  /* first */
	struct arena *arena; /* NULL: it is not under way */
	struct parcel_list parcels;
	struct parcel **of; /* of each place from 0 */
	size_t count;       /* of recipients */
};

static struct batch batches[BATCHES];
static struct parcel_list unwritten = TAILQ_HEAD_INITIALIZER(unwritten);
static int64_t again_at; /* nothing is sent before */
static struct loop_timer *again;

/* --- what is written -------------------------------------------------------------------------- */

static void gather(struct batch *b)
{
	struct parcel *p;

	TAILQ_INIT(&b->parcels);
	b->count = 0;
	while ((p = TAILQ_FIRST(&unwritten))) {
		if (b->count > 0 && (p->alone || b->count + p->message.count > BATCH))
			return;
		TAILQ_REMOVE(&unwritten, p, in_list);
		TAILQ_INSERT_TAIL(&b->parcels, p, in_list);
		b->count += p->message.count;
		if (p->alone)
			return;
	}
}

enum {
	POSITION,
	NUMBER,
	OUTCOME,
	UNTRIED,
	REPEATS,
	THROTTLED,
	PAUSE_MS,
	ASK_MS,
	LATENCY_MS,
	MESSAGE_ID,
	CODE,
	SAID,
	ARRAYS
};

static const char *state_word(enum notice_state state)
{
	static const char *const words[] = {[NOTICE_WAITING] = "waiting",
		[NOTICE_SENT] = "sent",
		[NOTICE_DELIVERED] = "delivered",
		[NOTICE_FAILED] = "failed",
		[NOTICE_UNKNOWN] = "unknown"};

	/* What a provider cannot say of a message, and of one that was not tried, is unknown. */
	return state > 0 && state <= NOTICE_UNKNOWN && words[state] ? words[state] : "unknown";
}

static struct text boolean(bool b)
{
	return b ? TEXT("true") : TEXT("false");
}

static void put_outcome(struct buffer *arrays, const struct parcel *p, size_t i)
{
	const struct notice_outcome *o = &p->outcomes[i];
	const char *latency = arena_printf(arrays->arena, "%.3f", p->latency_ms);

	array_add_number(&arrays[POSITION], p->to[i].position);
	array_add_number(&arrays[NUMBER], p->to[i].attempt);
	array_add(&arrays[OUTCOME], text_of(state_word(o->state)));
	array_add(&arrays[UNTRIED], boolean(p->untried));
	array_add(&arrays[REPEATS], boolean(p->repeats));
	array_add(&arrays[THROTTLED], boolean(o->throttled));
	array_add_number(&arrays[PAUSE_MS], o->pause_ms);
	array_add_number(&arrays[ASK_MS], o->ask_ms);
	array_add(&arrays[LATENCY_MS], p->latency_ms < 0 ? (struct text){0} : text_of(latency));
	array_add(&arrays[MESSAGE_ID], sql_or_null(o->message_id));
	array_add(&arrays[CODE], sql_or_null(o->code));
	array_add(&arrays[SAID], sql_or_null(o->text));
}

static const struct text *put_outcomes(struct batch *b)
{
	struct buffer arrays[ARRAYS];
	struct text *parameters = arena_array(b->arena, ARRAYS + 1, sizeof(*parameters));
	struct parcel *p;
	size_t place = 0;

	b->of = arena_array(b->arena, b->count, sizeof(struct parcel *));
	for (int i = 0; i < ARRAYS; i++)
		arrays[i] = (struct buffer){.arena = b->arena};
	TAILQ_FOREACH(p, &b->parcels, in_list)
	for (size_t i = 0; i < p->message.count; i++) {
		put_outcome(arrays, p, i);
		b->of[place++] = p;
	}
	parameters[0] = text_of(sending.server_name);
	for (int i = 0; i < ARRAYS; i++)
		parameters[i + 1] = array_text(&arrays[i]);
	return parameters;
}

/* --- what comes of it ------------------------------------------------------------------------- */

static void end(struct parcel *p)
{
	struct sender *s = p->sender;

	s->unsure -= p->unsure;
	parcel_free(p);
	sender_rouse(s);
}

static void written(struct batch *b, const struct rows *rows)
{
	int64_t now = clock_now();
	struct parcel *p;

	for (int row = 0; row < rows_count(rows); row++) {
		int64_t place = rows_int64(rows, row, 0) - 1;

		sender_due(b->of[place]->sender, now + rows_int64(rows, row, 1) * CLOCK_MS);
	}
	while ((p = TAILQ_FIRST(&b->parcels))) {
		TAILQ_REMOVE(&b->parcels, p, in_list);
		end(p);
	}
}

static void go_on(void *arg)
{
	loop_timer_stop(&again);
}

static void hold_off(void)
{
	again_at = clock_now() + AGAIN_MS * CLOCK_MS;
	loop_timer_stop(&again);
	again = loop_after(sending.home, AGAIN_MS, go_on, NULL);
}

static void take_back(struct batch *b, const struct status *error)
{
	bool refused = error->code == STATUS_INVALID_ARGUMENT;
	struct parcel *p;

	log_event(LOG_DEBUG, "outcomes of notices not written", LOG_TEXT("reason", error->message));
	hold_off();
	while ((p = TAILQ_LAST(&b->parcels, parcel_list))) {
		TAILQ_REMOVE(&b->parcels, p, in_list);
		if (refused && p->alone && ++p->tries == TRIES) {
			log_event(LOG_WARN, "outcome of a delivery not written",
				LOG_NUMBER("delivery", p->to->position),
				LOG_TEXT("reason", error->message));
			end(p);
			continue;
		}
		p->sender->unsure += !p->unsure;
		p->unsure = true;
		p->alone |= refused;
		TAILQ_INSERT_HEAD(&unwritten, p, in_list);
	}
}

static void answered(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct batch *b = (struct batch *)job;

	if (rows)
		written(b, rows);
	else
		take_back(b, error);
	arena_free(&b->arena);
}

/* --- sending ---------------------------------------------------------------------------------- */

void conclude_parcel(struct parcel *p)
{
	TAILQ_INSERT_TAIL(&unwritten, p, in_list);
}

void concluding_send(void)
{
	static const struct status full = {STATUS_UNAVAILABLE, "the lane is full", NULL};

	for (int i = 0; i < BATCHES; i++) {
		struct batch *b = &batches[i];

		if (b->arena || TAILQ_EMPTY(&unwritten) || clock_now() < again_at)
			continue;
		gather(b);
		b->arena = arena_new(0);
		if (!sending_send(&b->job, &conclude_statement, put_outcomes(b), answered))
			answered(&b->job, NULL, &full);
	}
}

bool concluding_idle(void)
{
	for (int i = 0; i < BATCHES; i++)
		if (batches[i].arena)
			return false;
	return TAILQ_EMPTY(&unwritten);
}

void concluding_stop(void)
{
	for (int i = 0; i < BATCHES; i++)
		arena_free(&batches[i].arena);
	TAILQ_INIT(&unwritten);
	again = NULL;
	again_at = 0;
}
