/*
 * All deliveries are in one array by position: what is new comes at its end, and what leaves from
 * elsewhere leaves a gap, until the array is compacted. Ready and later ones are in heaps besides,
 * by position and by time.
 *
 * Of a chain only the head can be ready; place() decides for each where it belongs, and is asked
 * again when it has become the head, or is none any more.
 */
#include "server/event/delivery/queue.h"

#include <limits.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

struct queue_entry {
	int64_t position;
	struct delivery *delivery; /* NULL: a gap */
};

struct chain {
	struct delivery *head, *tail;
	struct text name;
	char bytes[];
};

void queue_init(struct queue *q, size_t window, size_t most)
{
	*q = (struct queue){.window = window, .most = most, .chains = {.exact = true}};
}

bool standing_is_final(const struct delivery_standing *s)
{
	return s->state == DELIVERY_CONFIRMED || s->state == DELIVERY_DEAD ||
	       (s->state == DELIVERY_DELIVERED && s->due_ms == INT64_MIN);
}

/* --- the array -------------------------------------------------------------------------------- */

/* The first entry at or behind that position. */
static size_t lower_bound(const struct queue *q, int64_t position)
{
	size_t low = q->first, high = q->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (q->entries[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct delivery *queue_find(const struct queue *q, int64_t position)
{
	size_t i = lower_bound(q, position);

	return i < q->end && q->entries[i].position == position ? q->entries[i].delivery : NULL;
}

struct delivery *queue_after(const struct queue *q, int64_t position)
{
	for (size_t i = lower_bound(q, position + 1); i < q->end; i++)
		if (q->entries[i].delivery)
			return q->entries[i].delivery;
	return NULL;
}

static void compact(struct queue *q)
{
	size_t kept = 0;

	for (size_t i = q->first; i < q->end; i++)
		if (q->entries[i].delivery)
			q->entries[kept++] = q->entries[i];
	q->first = 0;
	q->end = kept;
}

/* Room for one more entry at the end. */
static void make_room(struct queue *q)
{
	if (q->end < q->room)
		return;
	compact(q);
	if (q->end <= q->room / 2 && q->room)
		return;
	q->room = q->room ? 2 * q->room : 64;
	q->entries = check_realloc(q->entries, q->room * sizeof *q->entries);
}

static void add_entry(struct queue *q, struct delivery *d)
{
	make_room(q);
	size_t i = lower_bound(q, d->position);

	if (i < q->end && q->entries[i].position == d->position) {
		CHECK(!q->entries[i].delivery);
	} else {
		memmove(&q->entries[i + 1], &q->entries[i], (q->end - i) * sizeof *q->entries);
		q->end++;
	}
	q->entries[i] = (struct queue_entry){d->position, d};
	q->count++;
}

static void remove_entry(struct queue *q, const struct delivery *d)
{
	q->entries[lower_bound(q, d->position)].delivery = NULL;
	while (q->first < q->end && !q->entries[q->first].delivery)
		q->first++;
	while (q->first < q->end && !q->entries[q->end - 1].delivery)
		q->end--;
	q->count--;
	if (q->count == 0)
		q->first = q->end = 0;
}

/* --- places ----------------------------------------------------------------------------------- */

bool queue_watches(const struct delivery *d)
{
	return d->place == PLACE_LATER &&
	       (d->state == DELIVERY_LEASED || d->state == DELIVERY_DELIVERED);
}

static void leave_place(struct queue *q, struct delivery *d)
{
	if (d->place == PLACE_READY)
		schedule_remove(&q->ready, &d->item);
	else if (d->place == PLACE_LATER)
		schedule_remove(&q->later, &d->item);
	q->watched -= queue_watches(d);
	d->place = PLACE_BLOCKED;
}

static void make_ready(struct queue *q, struct delivery *d)
{
	if (d->chain && d->chain->head != d)
		return;
	d->place = PLACE_READY;
	d->item.due = d->position;
	schedule_add(&q->ready, &d->item);
}

/* Of one that is in no heap: until: when it may be ready. */
static void place(struct queue *q, struct delivery *d, int64_t until, int64_t now)
{
	d->place = PLACE_BLOCKED;
	if (until <= now) {
		make_ready(q, d);
		return;
	}
	d->place = PLACE_LATER;
	d->item.due = until;
	schedule_add(&q->later, &d->item);
	q->watched += queue_watches(d);
}

static int64_t due_of(const struct delivery_standing *standing, int64_t now)
{
	if (standing->state == DELIVERY_WAITING || standing->due_ms == INT64_MIN)
		return now;
	if (standing->due_ms > (CLOCK_NEVER - now) / CLOCK_MS)
		return CLOCK_NEVER;
	return now + standing->due_ms * CLOCK_MS;
}

/* --- chains ----------------------------------------------------------------------------------- */

static struct chain *chain_of(struct queue *q, struct text key)
{
	struct chain *c = table_get(&q->chains, key);

	if (c)
		return c;
	c = check_malloc(sizeof *c + key.size);
	c->head = c->tail = NULL;
	memcpy(c->bytes, key.data, key.size);
	c->name = (struct text){c->bytes, key.size};
	table_put(&q->chains, c->name, c);
	return c;
}

static void link_behind(struct delivery *d, struct delivery *before)
{
	struct chain *c = d->chain;

	d->before = before;
	d->behind = before ? before->behind : c->head;
	*(before ? &before->behind : &c->head) = d;
	*(d->behind ? &d->behind->before : &c->tail) = d;
}

static void enter_chain(struct queue *q, struct delivery *d, struct text key)
{
	d->chain = chain_of(q, key);
	struct delivery *head = d->chain->head, *before = d->chain->tail;

	if (head && d->position < head->position) {
		before = NULL;
		if (head->place == PLACE_READY)
			leave_place(q, head);
	}
	while (before && before->position > d->position)
		before = before->before;
	link_behind(d, before);
}

static void leave_chain(struct queue *q, struct delivery *d)
{
	struct chain *c = d->chain;

	if (!c)
		return;
	*(d->before ? &d->before->behind : &c->head) = d->behind;
	*(d->behind ? &d->behind->before : &c->tail) = d->before;
	if (!c->head) {
		table_remove(&q->chains, c->name);
		free(c);
	} else if (!d->before && c->head->place == PLACE_BLOCKED) {
		make_ready(q, c->head);
	}
}

/* --- coming and going ------------------------------------------------------------------------- */

static struct delivery *add(
	struct queue *q, int64_t position, struct text key, int number, enum delivery_state state)
{
	struct delivery *d = check_calloc(1, sizeof *d);

	d->position = position;
	d->number = number;
	d->state = (uint8_t)state;
	d->place = PLACE_BLOCKED;
	d->load = q->load;
	add_entry(q, d);
	if (key.size)
		enter_chain(q, d, key);
	return d;
}

static void discard(struct queue *q, struct delivery *d)
{
	leave_place(q, d);
	leave_chain(q, d);
	remove_entry(q, d);
	free(d);
}

void queue_drop(struct queue *q, struct delivery *d)
{
	q->finished++;
	discard(q, d);
}

/* Of one that is not busy and stands so: where it belongs, or out. */
static void settle(struct queue *q, struct delivery *d, const struct delivery_standing *standing,
	int64_t until, int64_t now)
{
	leave_place(q, d);
	d->number = standing->number;
	d->state = (uint8_t)standing->state;
	d->doubtful = false;
	if (standing_is_final(standing))
		queue_drop(q, d);
	else
		place(q, d, until, now);
}

static bool has_room(const struct queue *q)
{
	return q->ready.count < q->window && q->count < q->most;
}

void queue_append(struct queue *q, int64_t position, struct text key)
{
	if (q->loading) {
		q->missed = true;
	} else if (position > q->known && (q->overflow || !has_room(q))) {
		q->overflow = true;
	} else if (position > q->known) {
		q->known = position;
		if (!queue_find(q, position))
			make_ready(q, add(q, position, key, 0, DELIVERY_WAITING));
	}
}

void queue_clear(struct queue *q)
{
	for (size_t i = q->first; i < q->end; i++)
		if (q->entries[i].delivery) {
			leave_chain(q, q->entries[i].delivery);
			q->entries[i].delivery->chain = NULL;
		}
	for (size_t i = q->first; i < q->end; i++)
		free(q->entries[i].delivery);
	free(q->entries);
	schedule_clear(&q->ready);
	schedule_clear(&q->later);
	table_clear(&q->chains);
	queue_init(q, q->window, q->most);
}

/* --- loading ---------------------------------------------------------------------------------- */

bool queue_wants_more(const struct queue *q)
{
	return q->overflow && !q->loading && q->ready.count < (q->window + 1) / 2 &&
	       q->count < q->most;
}

size_t queue_page(const struct queue *q)
{
	return (q->window + 1) / 2;
}

void queue_load_begin(struct queue *q, bool anew)
{
	q->loading = true;
	q->missed = false;
	q->anew = anew;
	if (!anew)
		return;
	q->load++;
	q->before = q->known;
	q->known = 0;
}

void queue_load_put(struct queue *q, int64_t position, struct text key,
	const struct delivery_standing *standing, int64_t now)
{
	struct delivery *d = queue_find(q, position);
	struct delivery_standing as = *standing;

	q->known = position;
	if (d && d->doubtful && as.state == DELIVERY_LEASED)
		as.state = DELIVERY_WAITING;
	if (!d)
		d = add(q, position, key, as.number, as.state);
	else if (key.size && !d->chain)
		enter_chain(q, d, key);
	d->load = q->load;
	if (d->place == PLACE_BUSY)
		return;
	bool doubtful = d->doubtful;
	settle(q, d, &as, due_of(&as, now), now);
	d->doubtful = doubtful;
}

/* What the first page of a whole load has not brought is not open any more, or comes with the next.
 */
static void sweep(struct queue *q)
{
	int64_t position = 0;

	for (struct delivery *d; (d = queue_after(q, position));) {
		position = d->position;
		if (d->load != q->load && d->place != PLACE_BUSY && !d->owner)
			discard(q, d);
	}
}

void queue_load_end(struct queue *q, bool full, int64_t up_to)
{
	q->loading = false;
	q->overflow = full || q->missed;
	if (!full && up_to > q->known)
		q->known = up_to;
	if (q->anew)
		sweep(q);
}

void queue_load_failed(struct queue *q)
{
	q->loading = false;
	q->overflow = true;
	if (q->anew)
		q->known = q->before;
}

/* --- taking ----------------------------------------------------------------------------------- */

static struct delivery *make_busy(struct queue *q, struct delivery *d)
{
	if (d->place != PLACE_LATER)
		d->item.due = 0;
	leave_place(q, d);
	d->place = PLACE_BUSY;
	d->corrected = false;
	return d;
}

struct delivery *queue_take(struct queue *q)
{
	struct schedule_item *item = schedule_due(&q->ready, INT64_MAX);

	return item ? make_busy(q, (struct delivery *)item) : NULL;
}

struct delivery *queue_take_failed(struct queue *q, int64_t after)
{
	for (struct delivery *d = queue_after(q, after); d; d = queue_after(q, d->position))
		if (d->state == DELIVERY_FAILED && d->place != PLACE_BUSY &&
			(!d->chain || d->chain->head == d))
			return make_busy(q, d);
	return NULL;
}

/* The newer standing that came while it was busy. */
void queue_prefer_newer(const struct delivery *d, struct delivery_standing *standing, int64_t now)
{
	if (!d->corrected || d->number <= standing->number)
		return;
	standing->number = d->number;
	standing->state = d->state;
	standing->due_ms = d->item.due == INT64_MIN ? INT64_MIN : (d->item.due - now) / CLOCK_MS;
}

/* What is behind the last one that is known would be taken out of its order: it is loaded again.
 * Unless somebody waits for its end. */
static void discard_if_beyond(struct queue *q, struct delivery *d)
{
	int64_t known = q->loading && q->anew ? q->before : q->known;

	if (d->position > known && (q->overflow || q->loading) && !d->owner)
		discard(q, d);
}

void queue_land(struct queue *q, struct delivery *d, struct delivery_standing *standing,
	int64_t hold_until, int64_t now)
{
	queue_prefer_newer(d, standing, now);
	int64_t until = due_of(standing, now);

	settle(q, d, standing, until > hold_until ? until : hold_until, now);
	if (!standing_is_final(standing))
		discard_if_beyond(q, d);
}

void queue_put_back(struct queue *q, struct delivery *d, bool doubtful, int64_t now)
{
	if (d->corrected) {
		struct delivery_standing as = {.position = d->position, .number = INT_MIN};

		queue_land(q, d, &as, 0, now);
		return;
	}
	leave_place(q, d);
	d->doubtful |= doubtful;
	place(q, d, d->item.due, now);
	discard_if_beyond(q, d);
}

/* --- what happens meanwhile ------------------------------------------------------------------- */

/* Somebody has opened again what was done here. Its key is not known until it is loaded. */
static bool reopen(struct queue *q, const struct delivery_standing *standing, int64_t now)
{
	if (standing_is_final(standing) || (standing->position > q->known && !q->loading))
		return false;
	struct delivery *d =
		add(q, standing->position, TEXT(""), standing->number, standing->state);

	place(q, d, due_of(standing, now), now);
	return true;
}

bool queue_correct(struct queue *q, const struct delivery_standing *standing, int64_t now)
{
	struct delivery *d = queue_find(q, standing->position);

	if (!d)
		return reopen(q, standing, now);
	if (standing->number <= d->number)
		return false;
	if (d->place != PLACE_BUSY) {
		settle(q, d, standing, due_of(standing, now), now);
		return true;
	}
	d->corrected = true;
	d->number = standing->number;
	d->state = (uint8_t)standing->state;
	d->item.due = standing->due_ms == INT64_MIN ? INT64_MIN : due_of(standing, now);
	return true;
}

struct delivery *queue_wake(struct queue *q, int64_t now)
{
	struct delivery *d = (struct delivery *)schedule_due(&q->later, now);

	if (!d)
		return NULL;
	leave_place(q, d);
	make_ready(q, d);
	return d;
}
