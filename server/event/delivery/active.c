/*
 * An active queue is in a table by its id. It is loaded page by page, one page at a time; what was
 * published meanwhile it only notes, and asks for a further page.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/event/delivery/engine_priv.h"

enum { LOADS = 2, NEEDED_FOR = 60 };

size_t engine_window = 4096, engine_most = 131072;

static const struct statement load_statement = {
	.name = "event_load_queue",
	.sql = "SELECT r_position, r_key, r_number, r_state, r_attempt, r_due_ms "
	       "FROM event.load_queue($1::integer, $2::bigint, $3::integer)",
	.parameters = 3,
};

/* --- loading ---------------------------------------------------------------------------------- */

static void put_rows(struct active *a, const struct rows *rows)
{
	int64_t now = clock_now();

	for (int row = 0; row < rows_count(rows); row++) {
		struct delivery_standing standing;

		standing_read(rows, row, 2, &standing);
		queue_load_put(&a->queue, rows_int64(rows, row, 0), rows_text(rows, row, 1),
			&standing, now);
	}
	queue_load_end(&a->queue, (size_t)rows_count(rows) == queue_page(&a->queue), a->load_up_to);
}

static void loaded(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct active *a = (struct active *)((char *)job - offsetof(struct active, load));

	arena_free(&a->load_arena);
	engine.loads--;
	if (rows && !a->void_load) {
		put_rows(a, rows);
		a->anew = false;
		a->loaded = true;
	} else {
		queue_load_failed(&a->queue);
		a->anew |= a->queue.anew;
	}
	if (error) {
		log_event(LOG_DEBUG, "queue not loaded", LOG_NUMBER("queue", a->id),
			LOG_TEXT("reason", error->message));
		engine_hold_off();
		pulls_fail(a, error);
	}
	a->void_load = false;
	active_rouse(a);
	active_feed(a);
}

void active_feed(struct active *a)
{
	struct queue *q = &a->queue;

	if (a->load_arena || !(a->anew || queue_wants_more(q)) || engine.loads == LOADS ||
		!engine_may_send() || !tail_ready())
		return;
	queue_load_begin(q, a->anew);
	a->load_up_to = tail_position();
	a->load_arena = arena_new(0);
	struct text *parameters = arena_array(a->load_arena, 3, sizeof *parameters);

	parameters[0] = text_of(a->name);
	if (q->known)
		parameters[1] = text_of(arena_printf(a->load_arena, "%lld", (long long)q->known));
	parameters[2] = text_of(arena_printf(a->load_arena, "%zu", queue_page(q)));
	engine.loads++;
	if (!engine_send(&a->load, &load_statement, parameters, loaded)) {
		engine.loads--;
		arena_free(&a->load_arena);
		queue_load_failed(q);
	}
}

void active_load_anew(struct active *a)
{
	a->anew = true;
	a->void_load = a->load_arena != NULL;
	active_feed(a);
}

void active_load_all_anew(void)
{
	struct active *a;

	TAILQ_FOREACH(a, &engine.all, in_all)
	active_load_anew(a);
}

/* Of whom the subscriptions do not tell yet nobody has paused. */
void active_look_up(struct active *a)
{
	const struct subscriptions *known = subscriptions_hold();
	const struct event_queue *q = known ? subscriptions_queue(known, a->id) : NULL;

	a->in_charge = engine_in_charge(a->id);
	a->paused = q && q->paused;
	if (q && q->generation != a->generation) {
		a->generation = q->generation;
		active_load_anew(a);
	}
	active_rouse(a);
	subscriptions_release(&known);
}

/* --- the table -------------------------------------------------------------------------------- */

struct active *active_find(int id)
{
	char name[12];
	int size = snprintf(name, sizeof name, "%d", id);

	return table_get(&engine.actives, (struct text){name, (size_t)size});
}

struct active *active_make(int id)
{
	struct active *a = active_find(id);

	if (a)
		return a;
	a = check_calloc(1, sizeof *a);
	a->id = id;
	snprintf(a->name, sizeof a->name, "%d", id);
	queue_init(&a->queue, engine_window, engine_most);
	TAILQ_INIT(&a->consumers);
	TAILQ_INIT(&a->pulls);
	a->noted_at = a->needed = clock_now();
	a->anew = true;
	table_put(&engine.actives, text_of(a->name), a);
	TAILQ_INSERT_TAIL(&engine.all, a, in_all);
	active_look_up(a);
	active_feed(a);
	return a;
}

static void forget(struct active *a)
{
	if (a->eager)
		TAILQ_REMOVE(&engine.eager, a, in_eager);
	TAILQ_REMOVE(&engine.all, a, in_all);
	table_remove(&engine.actives, text_of(a->name));
	arena_free(&a->load_arena);
	queue_clear(&a->queue);
	free(a);
}

void active_forget(int64_t now)
{
	for (struct active *a = TAILQ_FIRST(&engine.all), *next; a; a = next) {
		next = TAILQ_NEXT(a, in_all);
		if (!TAILQ_EMPTY(&a->consumers) || !TAILQ_EMPTY(&a->pulls) || a->busy ||
			a->load_arena)
			continue;
		if (now - a->needed >= NEEDED_FOR * CLOCK_SECOND)
			forget(a);
	}
}

void active_free_all(void)
{
	while (!TAILQ_EMPTY(&engine.all))
		forget(TAILQ_FIRST(&engine.all));
	table_clear(&engine.actives);
}

void active_rouse(struct active *a)
{
	if (a->eager)
		return;
	a->eager = true;
	TAILQ_INSERT_TAIL(&engine.eager, a, in_eager);
}

/* --- what happens to deliveries --------------------------------------------------------------- */

void active_tell_owner(struct delivery *d, const struct delivery_standing *standing)
{
	struct consumer *owner = d->owner;

	d->owner = NULL;
	if (owner)
		owner->stands(owner, standing);
}

void active_correct(const struct delivery_standing *standing, int64_t now)
{
	struct active *a = active_find(standing->queue);
	struct delivery *d = a ? queue_find(&a->queue, standing->position) : NULL;
	struct consumer *owner = d ? d->owner : NULL;

	if (!a)
		return;
	if (owner && standing->number > d->number)
		d->owner = NULL;
	else
		owner = NULL;
	if (queue_correct(&a->queue, standing, now))
		active_rouse(a);
	if (owner)
		owner->stands(owner, standing);
}

void active_wake(struct active *a, int64_t now)
{
	for (struct delivery *d; (d = queue_wake(&a->queue, now));) {
		const struct delivery_standing standing = {
			.queue = a->id,
			.position = d->position,
			.number = d->number,
			.state = DELIVERY_WAITING,
			.due_ms = INT64_MIN,
		};

		active_tell_owner(d, &standing);
		active_rouse(a);
	}
}
