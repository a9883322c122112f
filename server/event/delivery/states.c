/*
 * What others have leased, and what waits for its confirmation, may change without this server: so
 * many of each queue are looked at in turn, by one statement at a time, which also tells what was
 * done and has been opened again (event.opened). Who pulls has those of its queue looked at by a
 * statement of its own.
 *
 * Low water is noted for a queue when it has moved on by enough, or long ago, and by one server:
 * the one that pushes, or if nobody does, whoever takes.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/event/delivery/engine_priv.h"
#include "server/lane/errand.h"

enum {
	OF_QUEUE = 1000, /* that are looked at of one queue at a time */
	OF_ALL = 5000,
	NOTE_AFTER = 10000, /* deliveries */
};

#define NOTE_AGAIN (30 * CLOCK_SECOND)

static const struct statement states_statement = {
	.name = "event_states",
	.sql = "SELECT r_place, r_number, r_state, r_attempt, r_due_ms, NULL, NULL, NULL "
	       "FROM event.states($1::integer[], $2::bigint[]) UNION ALL "
	       "SELECT 0, r_number, r_state, r_attempt, r_due_ms, r_queue_id, r_position, r_opened "
	       "FROM event.opened_after($3::bigint)",
	.parameters = 3,
};

static const struct statement low_water_statement = {
	.name = "event_set_low_water",
	.sql = "SELECT event.set_low_water(i.queue, i.position, i.generation, $4::bigint) "
	       "FROM (SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) "
	       "AS u (queue, position, generation) ORDER BY u.queue) AS i",
	.parameters = 4,
};

struct look {
	struct sql_job job; /* first */
	struct arena *arena;
	struct text parameters[3];
	struct buffer queues, positions;
	struct {
		int queue;
		int64_t position;
	} * asked;
	size_t count;
	void (*done)(void *arg);
	void *arg;
	LIST_ENTRY(look) in_list;
};

static struct {
	LIST_HEAD(, look) looks; /* under way */
	bool watching;
	int64_t opened; /* up to which row of event.opened all is known */
	struct errand noting;
} states;

/* --- looking again ---------------------------------------------------------------------------- */

static struct look *look_begin(size_t most)
{
	struct arena *a = arena_new(0);
	struct look *k = ARENA_NEW(a, struct look);

	k->arena = k->queues.arena = k->positions.arena = a;
	k->asked = arena_array(a, most, sizeof *k->asked);
	return k;
}

/* Those of the queue whose turn it is. */
static void look_at(struct look *k, struct active *a, size_t most)
{
	size_t seen = 0;
	const struct delivery *d = queue_after(&a->queue, a->watched_up_to);

	for (; d && most && seen < a->queue.count;
		seen++, d = queue_after(&a->queue, d->position)) {
		a->watched_up_to = d->position;
		if (!queue_watches(d))
			continue;
		array_add_number(&k->queues, a->id);
		array_add_number(&k->positions, d->position);
		k->asked[k->count].queue = a->id;
		k->asked[k->count++].position = d->position;
		most--;
	}
	if (!d)
		a->watched_up_to = 0;
}

static void look_end(struct look *k)
{
	void (*done)(void *arg) = k->done;
	void *arg = k->arg;
	struct arena *a = k->arena;

	arena_free(&a);
	done(arg);
}

/* Of one that was asked for, or of one that has been opened again. */
static void read_row(
	const struct look *k, const struct rows *rows, int row, struct delivery_standing *standing)
{
	size_t place = (size_t)rows_int64(rows, row, 0);

	standing_read(rows, row, 1, standing);
	if (place > 0) {
		standing->queue = k->asked[place - 1].queue;
		standing->position = k->asked[place - 1].position;
		return;
	}
	standing->queue = (int)rows_int64(rows, row, 5);
	standing->position = rows_int64(rows, row, 6);
	if (rows_int64(rows, row, 7) > states.opened)
		states.opened = rows_int64(rows, row, 7);
}

static void looked(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct look *k = (struct look *)job;
	int64_t now = clock_now();

	LIST_REMOVE(k, in_list);
	for (int row = 0; row < rows_count(rows); row++) {
		struct delivery_standing standing;

		read_row(k, rows, row, &standing);
		active_correct(&standing, now);
	}
	look_end(k);
}

static void look_send(struct look *k, void (*done)(void *arg), void *arg)
{
	k->done = done;
	k->arg = arg;
	k->parameters[0] = array_text(&k->queues);
	k->parameters[1] = array_text(&k->positions);
	k->parameters[2] = text_of(arena_printf(k->arena, "%lld", (long long)states.opened));
	LIST_INSERT_HEAD(&states.looks, k, in_list);
	if (engine_send(&k->job, &states_statement, k->parameters, looked))
		return;
	LIST_REMOVE(k, in_list);
	look_end(k);
}

static void watched(void *arg)
{
	states.watching = false;
}

void states_watch(int64_t now)
{
	struct active *a;
	struct look *k;

	if (states.watching || !engine_may_send() || TAILQ_EMPTY(&engine.all))
		return;
	k = look_begin(OF_ALL);
	TAILQ_FOREACH(a, &engine.all, in_all)
	if (a->queue.watched)
		look_at(k, a, OF_ALL - k->count < OF_QUEUE ? OF_ALL - k->count : OF_QUEUE);
	states.watching = true;
	look_send(k, watched, NULL);
}

void states_refresh(struct active *a, void (*done)(void *arg), void *arg)
{
	struct look *k = look_begin(OF_QUEUE);

	a->watched_up_to = 0;
	if (a->queue.watched)
		look_at(k, a, OF_QUEUE);
	look_send(k, done, arg);
}

/* --- low water -------------------------------------------------------------------------------- */

static bool is_pushed(const struct subscriptions *known, int id)
{
	const struct event_queue *q = subscriptions_queue(known, id);

	for (size_t i = 0; q && i < q->member_count; i++)
		if (q->members[i]->target == TARGET_URL || q->members[i]->target == TARGET_SERVICE)
			return true;
	return false;
}

static int64_t low_water(const struct active *a)
{
	const struct queue *q = &a->queue;

	return q->count ? queue_after(q, 0)->position - 1 : q->known;
}

static bool is_to_note(const struct active *a, const struct subscriptions *known, int64_t now)
{
	if (!a->loaded || a->anew || a->queue.loading || low_water(a) == a->noted)
		return false;
	if (a->queue.finished - a->noted_finished < NOTE_AFTER && now - a->noted_at < NOTE_AGAIN)
		return false;
	return a->in_charge || !is_pushed(known, a->id);
}

void states_note_low_water(int64_t now)
{
	const struct subscriptions *known = subscriptions_hold();
	size_t count = 0;
	struct active *a;

	if (!known || !engine_may_send() || !errand_begin(&states.noting)) {
		subscriptions_release(&known);
		return;
	}
	struct arena *arena = states.noting.arena;
	struct buffer queues = {.arena = arena}, positions = {.arena = arena};
	struct buffer generations = {.arena = arena};

	TAILQ_FOREACH(a, &engine.all, in_all)
	{
		if (count == BATCH || !is_to_note(a, known, now))
			continue;
		a->noted = low_water(a);
		a->noted_at = now;
		a->noted_finished = a->queue.finished;
		array_add_number(&queues, a->id);
		array_add_number(&positions, a->noted);
		array_add_number(&generations, a->generation);
		count++;
	}
	subscriptions_release(&known);
	if (!count) {
		errand_end(&states.noting);
		return;
	}
	struct text *parameters = arena_array(arena, 4, sizeof *parameters);

	parameters[0] = array_text(&queues);
	parameters[1] = array_text(&positions);
	parameters[2] = array_text(&generations);
	parameters[3] = text_of(arena_printf(arena, "%lld", (long long)states.opened));
	errand_send(&states.noting, &low_water_statement, parameters);
}

/* --- life ------------------------------------------------------------------------------------- */

void states_begin(int64_t opened)
{
	states.opened = opened;
}

void states_start(void)
{
	states.noting = (struct errand){.lanes = engine.options.lanes, .home = engine.options.home};
}

void states_stop(void)
{
	struct look *k;

	while ((k = LIST_FIRST(&states.looks))) {
		LIST_REMOVE(k, in_list);
		arena_free(&(struct arena *){k->arena});
	}
	errand_end(&states.noting);
	states.watching = false;
}
