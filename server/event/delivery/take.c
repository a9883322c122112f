/*
 * All queues that may have something to give are in the list of the eager ones. A batch takes some
 * from each in turn, for whoever pulls and for its consumers in turn, until it is full or nothing
 * is left; up to BATCHES are under way, and what becomes ready meanwhile is gathered for the next.
 */
#include "base/log.h"
#include "server/event/delivery/engine_priv.h"

enum {
	SHARE = 16,           /* of one queue, until the next one's turn */
	MOST_BYTES = 2 << 20, /* of data in an answer, and one event more */
};

static const struct statement lease_statement = {
	.name = "event_lease",
	.sql = "SELECT r_place, r_granted, r_number, r_state, r_attempt, r_due_ms, r_event_id, "
	       "r_name, "
	       "r_data, event.text_of(r_sealed), r_key_id, r_key, r_time, r_trace_id "
	       "FROM event.lease($1::integer[], $2::bigint[], $3::text[], $4::uuid[], "
	       "$5::bigint[], "
	       "$6::boolean[], $7::bigint)",
	.parameters = 7,
};

struct batch {
	struct sql_job job;  /* first */
	struct arena *arena; /* NULL: it is not under way */
	size_t count;
	struct asked asked[BATCH];
};

static struct batch batches[BATCHES];

/* --- consumers -------------------------------------------------------------------------------- */

void consumer_join(struct consumer *c)
{
	struct active *a = active_make(c->queue);

	c->active = a;
	c->room = c->leases = 0;
	c->leaving = false;
	TAILQ_INSERT_TAIL(&a->consumers, c, of_queue);
}

void consumer_offer(struct consumer *c, int more)
{
	c->room += more;
	if (c->room > 0 && !c->leaving)
		active_rouse(c->active);
}

static void disown(struct active *a, const struct consumer *c)
{
	for (struct delivery *d = queue_after(&a->queue, 0); d;
		d = queue_after(&a->queue, d->position))
		if (d->owner == c)
			d->owner = NULL;
}

void consumer_leave(struct consumer *c)
{
	struct active *a = c->active;

	c->leaving = true;
	if (c->stands)
		disown(a, c);
	TAILQ_REMOVE(&a->consumers, c, of_queue);
	TAILQ_INSERT_TAIL(&engine.leavers, c, of_queue);
	a->needed = clock_now();
}

void consumers_bid_farewell(void)
{
	for (struct consumer *c = TAILQ_FIRST(&engine.leavers), *next; c; c = next) {
		next = TAILQ_NEXT(c, of_queue);
		if (c->leases > 0)
			continue;
		TAILQ_REMOVE(&engine.leavers, c, of_queue);
		c->left(c);
	}
}

/* The next in turn that takes one, or NULL. */
static struct consumer *choose(struct active *a)
{
	struct consumer *c;

	TAILQ_FOREACH(c, &a->consumers, of_queue)
	if (c->room > 0 && (!c->push || a->in_charge))
		break;
	if (!c)
		return NULL;
	TAILQ_REMOVE(&a->consumers, c, of_queue);
	TAILQ_INSERT_TAIL(&a->consumers, c, of_queue);
	return c;
}

/* --- asking ----------------------------------------------------------------------------------- */

static size_t consumers_take(struct active *a, struct asked *asked, size_t most)
{
	size_t count = 0;
	struct consumer *c;

	while (count < most && a->queue.ready.count && (c = choose(a))) {
		c->room--;
		c->leases++;
		asked[count++] = (struct asked){a, queue_take(&a->queue), c, NULL};
	}
	return count;
}

/* True: it may have more. */
static bool ask_queue(struct batch *b, struct active *a)
{
	size_t most = BATCH - b->count < SHARE ? BATCH - b->count : SHARE;
	struct asked *asked = b->asked + b->count;

	if (!a->loaded)
		return false;
	size_t count = a->paused ? 0 : pulls_take(a, asked, most);
	if (!a->paused)
		count += consumers_take(a, asked + count, most - count);
	a->busy += (int)count;
	b->count += count;
	active_feed(a);
	if (count < most)
		pulls_settle(a);
	return count == most;
}

static void gather(struct batch *b)
{
	struct active *a;

	while (b->count < BATCH && (a = TAILQ_FIRST(&engine.eager))) {
		TAILQ_REMOVE(&engine.eager, a, in_eager);
		a->eager = false;
		if (ask_queue(b, a))
			active_rouse(a);
	}
}

static const struct text *put_asked(const struct batch *b)
{
	enum { ARRAYS = 6 };
	struct buffer arrays[ARRAYS];
	struct text *parameters = arena_array(b->arena, ARRAYS + 1, sizeof *parameters);

	for (int i = 0; i < ARRAYS; i++)
		arrays[i] = (struct buffer){.arena = b->arena};
	for (size_t i = 0; i < b->count; i++) {
		const struct asked *k = &b->asked[i];
		const struct consumer *c = k->consumer;
		bool failed = !c && k->pull->failed;

		array_add_number(&arrays[0], k->active->id);
		array_add_number(&arrays[1], k->delivery->position);
		array_add(&arrays[2], c ? text_of(engine.options.server_name) : k->pull->holder);
		array_add(&arrays[3], c ? c->subscription : (struct text){0});
		array_add_number(&arrays[4], c ? c->lease_ms : k->pull->lease_ms);
		array_add(&arrays[5], failed ? TEXT("true") : TEXT("false"));
	}
	for (int i = 0; i < ARRAYS; i++)
		parameters[i] = array_text(&arrays[i]);
	parameters[ARRAYS] = text_of(arena_printf(b->arena, "%d", MOST_BYTES));
	return parameters;
}

/* --- what came -------------------------------------------------------------------------------- */

/* Nobody knows whether it was granted: it is asked for again. */
static void take_back(struct batch *b, const struct status *error)
{
	int64_t now = clock_now();

	for (size_t i = 0; i < b->count; i++) {
		const struct asked *k = &b->asked[i];

		queue_put_back(&k->active->queue, k->delivery, true, now);
		k->active->busy--;
		active_rouse(k->active);
		if (k->consumer) {
			k->consumer->room++;
			k->consumer->leases--;
		} else {
			pull_answered(k->pull, error);
		}
	}
}

static void take_answer(struct batch *b, const struct rows *rows)
{
	const struct subscriptions *known = subscriptions_hold();
	size_t next = 0;

	for (int row = 0; row < rows_count(rows); row++) {
		size_t place = (size_t)rows_int64(rows, row, 0) - 1;

		for (; next < place; next++)
			granted_none(&b->asked[next]);
		granted_row(&b->asked[place], rows, row, known);
		next = place + 1;
	}
	for (; next < b->count; next++)
		granted_none(&b->asked[next]);
	subscriptions_release(&known);
}

static void answered(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct batch *b = (struct batch *)job;

	arena_free(&b->arena);
	if (rows) {
		take_answer(b, rows);
	} else {
		log_event(LOG_DEBUG, "deliveries not taken", LOG_TEXT("reason", error->message));
		engine_hold_off();
		take_back(b, error);
	}
	b->count = 0;
}

/* --- each round ------------------------------------------------------------------------------- */

static void ask(struct batch *b)
{
	static const struct status full = {STATUS_UNAVAILABLE, "the lane is full", NULL};

	b->arena = arena_new(0);
	if (!engine_send(&b->job, &lease_statement, put_asked(b), answered))
		answered(&b->job, NULL, &full);
}

void take_send(void)
{
	for (int i = 0; i < BATCHES; i++) {
		struct batch *b = &batches[i];

		if (b->arena || engine.leaving || !engine_may_send())
			continue;
		gather(b);
		if (b->count)
			ask(b);
	}
}

bool take_idle(void)
{
	for (int i = 0; i < BATCHES; i++)
		if (batches[i].arena)
			return false;
	return true;
}

void take_stop(void)
{
	for (int i = 0; i < BATCHES; i++) {
		arena_free(&batches[i].arena);
		batches[i].count = 0;
	}
}
