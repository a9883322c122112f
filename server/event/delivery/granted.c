/*
 * A group may have members that want different events, and which of them wants one is known only
 * when it has been read: it goes to one that does. If only such want it as have no room, or are
 * elsewhere, it is given back, and held for longer each time, so that this costs little.
 */
#include "server/event/delivery/engine_priv.h"
#include "server/event/stored.h"

enum { HOLD_MS = 100, HELD_MOST = 7 }; /* 12.8 s at most */

enum { GRANTED = 1, NUMBER, EVENT_ID = 6, NAME, DATA, KEY = 11, TIME, TRACE_ID };

/* --- the event -------------------------------------------------------------------------------- */

static struct text copy(struct arena *a, const struct rows *rows, int row, int column)
{
	return arena_text(a, rows_text(rows, row, column));
}

static void read_event(
	struct delivered_event *event, struct arena *a, const struct rows *rows, int row)
{
	event->event_id = copy(a, rows, row, EVENT_ID);
	event->name = copy(a, rows, row, NAME);
	event->data = stored_open(a, rows, row, DATA, event->event_id);
	event->key = copy(a, rows, row, KEY);
	event->time_ms = rows_int64(rows, row, TIME);
	event->trace_id = copy(a, rows, row, TRACE_ID);
}

/* --- who gets it ------------------------------------------------------------------------------ */

static bool wants(const struct subscriptions *known, const struct consumer *c,
	const struct delivered_event *event)
{
	const struct subscription *s = subscriptions_by_id(known, c->subscription);

	return s && subscription_wants(s, event->name, event->data);
}

static bool somebody_wants(const struct subscriptions *known, const struct event_queue *q,
	const struct delivered_event *e)
{
	for (size_t i = 0; i < q->member_count; i++)
		if (q->members[i]->enabled && subscription_wants(q->members[i], e->name, e->data))
			return true;
	return false;
}

static struct consumer *another(const struct subscriptions *known, const struct active *a,
	const struct delivered_event *event)
{
	struct consumer *c;

	TAILQ_FOREACH(c, &a->consumers, of_queue)
	if (c->room > 0 && (!c->push || a->in_charge) && wants(known, c, event))
		return c;
	return NULL;
}

/* NULL: it is to be given back. */
static struct consumer *receiver(const struct subscriptions *known, const struct active *a,
	struct consumer *asked, const struct delivered_event *event)
{
	const struct event_queue *q = known ? subscriptions_queue(known, a->id) : NULL;

	if (!q || q->member_count < 2 || wants(known, asked, event))
		return asked;
	struct consumer *c = another(known, a, event);

	if (c || somebody_wants(known, q, event))
		return c;
	return asked;
}

/* --- the lease -------------------------------------------------------------------------------- */

static void hand_over(struct lease *lease, struct consumer *to)
{
	struct consumer *from = lease->consumer;

	if (from != to) {
		from->room++;
		from->leases--;
		to->room--;
		to->leases++;
		lease->consumer = to;
	}
	lease->delivery->held = 0;
	lease->taken = true;
	TAILQ_INSERT_TAIL(&engine.out, lease, in_list);
	to->take(to, lease);
}

static void give_back(struct lease *lease)
{
	struct delivery *d = lease->delivery;
	int64_t hold_ms = HOLD_MS << d->held;

	if (d->held < HELD_MOST)
		d->held++;
	conclude_give_back(lease, hold_ms);
}

/* What somebody has decided since the lease was given is newer than it. */
static bool is_overtaken(const struct delivery *d, int number)
{
	return d->corrected && d->number > number;
}

static void note_lease(struct delivery *d, int number)
{
	if (is_overtaken(d, number))
		return;
	d->number = number;
	d->state = DELIVERY_LEASED;
	d->corrected = d->doubtful = false;
}

static void granted(const struct asked *k, const struct delivery_standing *standing,
	const struct rows *rows, int row, const struct subscriptions *known)
{
	struct arena *arena = arena_new(0);
	struct lease *lease = ARENA_NEW(arena, struct lease);
	struct consumer *to = NULL;

	*lease = (struct lease){
		.consumer = k->consumer,
		.queue = k->active->id,
		.event = {standing->position, standing->number, standing->attempt},
		.arena = arena,
		.active = k->active,
		.delivery = k->delivery,
	};
	read_event(&lease->event, arena, rows, row);
	note_lease(k->delivery, standing->number);
	bool over = engine.leaving || k->consumer->leaving || k->active->paused ||
		    is_overtaken(k->delivery, standing->number);
	if (!over)
		to = receiver(known, k->active, k->consumer, &lease->event);
	if (!to)
		lease->consumer->room++;
	if (to)
		hand_over(lease, to);
	else if (over)
		conclude_give_back(lease, 0);
	else
		give_back(lease);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void land(const struct asked *k, struct delivery_standing *standing)
{
	k->active->busy--;
	queue_land(&k->active->queue, k->delivery, standing, 0, clock_now());
	active_rouse(k->active);
}

static void release(const struct asked *k)
{
	if (k->consumer) {
		k->consumer->room++;
		k->consumer->leases--;
	} else {
		pull_answered(k->pull, NULL);
	}
}

static void pulled(
	const struct asked *k, struct delivery_standing *standing, const struct rows *rows, int row)
{
	struct delivered_event event = {standing->position, standing->number, standing->attempt};

	read_event(&event, k->pull->arena, rows, row);
	pull_granted(k->pull, &event);
	land(k, standing);
	release(k);
}

void granted_row(
	const struct asked *k, const struct rows *rows, int row, const struct subscriptions *known)
{
	struct delivery_standing standing = {
		.queue = k->active->id, .position = k->delivery->position};

	standing_read(rows, row, NUMBER, &standing);
	active_tell_owner(k->delivery, &standing);
	if (rows_bool(rows, row, GRANTED) && k->pull) {
		pulled(k, &standing, rows, row);
	} else if (rows_bool(rows, row, GRANTED)) {
		granted(k, &standing, rows, row, known);
	} else {
		land(k, &standing);
		release(k);
	}
}

void granted_none(const struct asked *k)
{
	const struct delivery_standing gone = {
		.queue = k->active->id,
		.position = k->delivery->position,
		.state = DELIVERY_DEAD,
		.due_ms = INT64_MIN,
	};

	active_tell_owner(k->delivery, &gone);
	k->active->busy--;
	queue_drop(&k->active->queue, k->delivery);
	active_rouse(k->active);
	release(k);
}
