/*
 * What came of a lease waits in a list until a statement has written it; what a statement could not
 * write goes back to the front, so that nothing is lost while PostgreSQL is away. One that
 * PostgreSQL refuses is tried alone from then on, holds up no other, and is given up when that
 * has failed too often: its lease then runs out.
 */
#include "base/log.h"
#include "base/metric.h"
#include "server/event/delivery/engine_priv.h"

enum {
	TRIES = 20,
	AT_ONCE = 3, /* of them */
	REASON_MAX = 1000,
};

static const struct statement conclude_statement = {
	.name = "event_conclude",
	.sql = "SELECT r_place, r_number, r_state, r_attempt, r_due_ms FROM event.conclude("
	       "$1::integer[], $2::bigint[], $3::integer[], $4::event.state[], $5::text[], "
	       "$6::uuid[], $7::integer[], $8::bigint[], $9::integer[], $10::text[], "
	       "$11::double precision[], $12::text[])",
	.parameters = 12,
};

struct batch {
	struct sql_job job;  /* first */
	struct arena *arena; /* NULL: it is not under way */
	size_t count;
	struct lease *leases[BATCH];
};

static struct batch batches[BATCHES];
static struct lease_list unwritten = TAILQ_HEAD_INITIALIZER(unwritten);

static const char *outcome_name(size_t index)
{
	return delivery_state_word((enum delivery_state)index + DELIVERY_WAITING);
}

static struct metric attempts = {
	.name = "junction_event_attempts_total",
	.help = "Attempts to deliver events by what came of them; waiting: given back.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, DELIVERY_DEAD}},
};

/* --- the end of a lease ----------------------------------------------------------------------- */

static void free_lease(struct lease *lease)
{
	struct arena *arena = lease->arena;

	arena_free(&arena);
}

/* Whether somebody will be told when it stands otherwise. */
static bool is_awaited(const struct lease *lease, const struct delivery_standing *standing)
{
	return standing->state == DELIVERY_DELIVERED && !standing_is_final(standing) &&
	       lease->consumer->stands && !lease->consumer->leaving && lease->taken;
}

static void tell(const struct lease *lease, const struct delivery_standing *standing)
{
	struct consumer *c = lease->consumer;

	if (c->stands && !c->leaving && lease->taken)
		c->stands(c, standing);
}

static void end(struct lease *lease)
{
	lease->active->busy--;
	lease->consumer->leases--;
	active_rouse(lease->active);
	free_lease(lease);
}

static void written(struct lease *lease, struct delivery_standing *standing)
{
	struct consumer *c = lease->consumer;
	int64_t now = clock_now();
	const struct outcome *o = lease->outcome;

	queue_prefer_newer(lease->delivery, standing, now);
	metric_add(&attempts,
		(o->state == DELIVERY_FAILED ? standing->state : o->state) - DELIVERY_WAITING, 1);
	lease->delivery->owner = is_awaited(lease, standing) ? c : NULL;
	queue_land(&lease->active->queue, lease->delivery, standing,
		o->hold_ms ? now + o->hold_ms * CLOCK_MS : 0, now);
	tell(lease, standing);
	end(lease);
}

static void give_up(struct lease *lease)
{
	struct delivery_standing standing = {
		.position = lease->event.position,
		.number = lease->event.number,
		.state = DELIVERY_LEASED,
		.attempt = lease->event.attempt,
		.due_ms = lease->consumer->lease_ms,
	};

	log_event(LOG_WARN, "outcome of a delivery not written",
		LOG_SLICE("event", lease->event.event_id), LOG_NUMBER("queue", lease->queue));
	queue_land(&lease->active->queue, lease->delivery, &standing, 0, clock_now());
	tell(lease, &standing);
	end(lease);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void gather(struct batch *b)
{
	int64_t now = clock_now();

	for (struct lease *l = TAILQ_FIRST(&unwritten), *next; l && b->count < BATCH; l = next) {
		next = TAILQ_NEXT(l, in_list);
		if (l->again_at > now || (l->alone && b->count))
			continue;
		TAILQ_REMOVE(&unwritten, l, in_list);
		b->leases[b->count++] = l;
		if (l->alone)
			return;
	}
}

static void add_number_or_null(struct buffer *array, bool given, int64_t number)
{
	if (given)
		array_add_number(array, number);
	else
		array_add(array, (struct text){0});
}

static const struct text *put_outcomes(struct batch *b)
{
	enum { ARRAYS = 12 };
	struct buffer arrays[ARRAYS];
	struct text *parameters = arena_array(b->arena, ARRAYS, sizeof *parameters);

	for (int i = 0; i < ARRAYS; i++)
		arrays[i] = (struct buffer){.arena = b->arena};
	for (size_t i = 0; i < b->count; i++) {
		const struct lease *l = b->leases[i];
		const struct outcome *o = l->outcome;
		const char *latency = arena_printf(b->arena, "%.3f", o->latency_ms);

		array_add_number(&arrays[0], l->queue);
		array_add_number(&arrays[1], l->event.position);
		array_add_number(&arrays[2], l->event.number);
		array_add(&arrays[3], text_of(delivery_state_word(o->state)));
		array_add(&arrays[4], text_of(engine.options.server_name));
		array_add(&arrays[5], l->consumer->subscription);
		array_add_number(&arrays[6], l->event.attempt);
		add_number_or_null(&arrays[7], o->retry_after_ms > 0, o->retry_after_ms);
		add_number_or_null(&arrays[8], o->status > 0, o->status);
		array_add(&arrays[9], o->code);
		array_add(&arrays[10], o->latency_ms < 0 ? (struct text){0} : text_of(latency));
		array_add(&arrays[11], o->reason);
	}
	for (int i = 0; i < ARRAYS; i++)
		parameters[i] = array_text(&arrays[i]);
	return parameters;
}

static void try_again(struct lease *lease)
{
	if (++lease->tries > AT_ONCE)
		lease->again_at = clock_now() + AGAIN_MS * CLOCK_MS;
	if (lease->tries == TRIES)
		give_up(lease);
	else
		TAILQ_INSERT_HEAD(&unwritten, lease, in_list);
}

/* Those without a row: somebody else wrote at the same time, or all of it is gone. */
static void take_answer(struct batch *b, const struct rows *rows)
{
	for (int row = 0; row < rows_count(rows); row++) {
		size_t place = (size_t)rows_int64(rows, row, 0) - 1;
		struct lease *lease = b->leases[place];
		struct delivery_standing standing = {
			.queue = lease->queue, .position = lease->event.position};

		standing_read(rows, row, 1, &standing);
		b->leases[place] = NULL;
		written(lease, &standing);
	}
	for (size_t i = b->count; i > 0; i--)
		if (b->leases[i - 1])
			try_again(b->leases[i - 1]);
}

static void take_back(struct batch *b, const struct status *error)
{
	bool refused = error->code == STATUS_INVALID_ARGUMENT;

	log_event(LOG_DEBUG, "outcomes not written", LOG_TEXT("reason", error->message));
	if (!refused)
		engine_hold_off();
	for (size_t i = b->count; i > 0; i--) {
		struct lease *lease = b->leases[i - 1];

		if (refused && lease->alone) {
			try_again(lease);
			continue;
		}
		lease->alone |= refused;
		TAILQ_INSERT_HEAD(&unwritten, lease, in_list);
	}
}

static void answered(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct batch *b = (struct batch *)job;

	arena_free(&b->arena);
	if (rows)
		take_answer(b, rows);
	else
		take_back(b, error);
	b->count = 0;
}

void conclude_send(void)
{
	static const struct status full = {STATUS_UNAVAILABLE, "the lane is full", NULL};

	for (int i = 0; i < BATCHES; i++) {
		struct batch *b = &batches[i];

		if (b->arena || TAILQ_EMPTY(&unwritten) || !engine_may_send())
			continue;
		gather(b);
		if (!b->count)
			return;
		b->arena = arena_new(0);
		if (!engine_send(&b->job, &conclude_statement, put_outcomes(b), answered))
			answered(&b->job, NULL, &full);
	}
}

/* --- coming in -------------------------------------------------------------------------------- */

static void concluded(struct loop_task *task)
{
	struct lease *lease = (struct lease *)((char *)task - offsetof(struct lease, task));

	TAILQ_REMOVE(&engine.out, lease, in_list);
	TAILQ_INSERT_TAIL(&unwritten, lease, in_list);
}

/* A copy of what PostgreSQL takes: whole characters, no NUL. NULL if it is empty. */
static struct text clean(struct arena *a, struct text t)
{
	t = text_until(t, REASON_MAX);
	t = text_until(t, text_find(t, '\0', 0));
	t = text_until(t, text_utf8_error(t));
	return t.size ? arena_text(a, t) : (struct text){0};
}

static void set_outcome(struct lease *lease, const struct outcome *outcome)
{
	lease->outcome = ARENA_NEW(lease->arena, struct outcome);
	*lease->outcome = *outcome;
	lease->outcome->code = clean(lease->arena, outcome->code);
	lease->outcome->reason = clean(lease->arena, outcome->reason);
}

void lease_conclude(struct lease *lease, const struct outcome *outcome)
{
	set_outcome(lease, outcome);
	lease->task.run = concluded;
	loop_post(engine.options.home, &lease->task);
}

void conclude_give_back(struct lease *lease, int64_t hold_ms)
{
	const struct outcome outcome = {
		.state = DELIVERY_WAITING, .hold_ms = hold_ms, .latency_ms = -1};

	set_outcome(lease, &outcome);
	TAILQ_INSERT_TAIL(&unwritten, lease, in_list);
}

/* --- life ------------------------------------------------------------------------------------- */

bool conclude_idle(void)
{
	for (int i = 0; i < BATCHES; i++)
		if (batches[i].arena)
			return false;
	return TAILQ_EMPTY(&unwritten);
}

void conclude_start(void)
{
	metric_register(&attempts);
}

void conclude_stop(void)
{
	struct lease *lease;

	for (int i = 0; i < BATCHES; i++) {
		for (size_t k = 0; batches[i].arena && k < batches[i].count; k++)
			free_lease(batches[i].leases[k]);
		arena_free(&batches[i].arena);
		batches[i].count = 0;
	}
	while ((lease = TAILQ_FIRST(&unwritten))) {
		TAILQ_REMOVE(&unwritten, lease, in_list);
		free_lease(lease);
	}
	while ((lease = TAILQ_FIRST(&engine.out))) {
		TAILQ_REMOVE(&engine.out, lease, in_list);
		free_lease(lease);
	}
}
