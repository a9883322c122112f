/*
 * A lease becomes due when a quarter more than its length has passed since the last heartbeat that
 * is known here; the schedule is put right only when that time has come. What is due is asked for
 * in PostgreSQL, which expires it or says how much is left. A node that has expired goes from here
 * when the feed says so.
 *
 * What PostgreSQL could not be told while it was away is written before anything is asked: nothing
 * is due for a while after it has come back, so that the other servers can do the same. It may also
 * just stand still, and then do all at once what was asked meanwhile: so it is told what its clock
 * should say by what it said a moment before.
 *
 * The home thread's timer writes and asks, one statement of each at a time. The lock is held for
 * the length of a lookup, or to put a statement together.
 */
#include "server/registry/lease.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/db/array.h"
#include "server/lane/errand.h"
#include "server/registry/lease_set.h"

#define TICK_MS      50
#define FORGET_EVERY (60 * CLOCK_SECOND)
#define BATCH        2000
#define ASK_AGAIN    CLOCK_SECOND /* of one that has expired, until the feed says so */
#define FRESH_LEAST  (2 * CLOCK_SECOND)
#define MOMENT       (CLOCK_SECOND / 2)
#define GONE         INT64_MAX

/* Leases that a statement is about. */
struct about {
	struct errand errand; /* first */
	struct leases *leases;
	struct lease *items[BATCH];
	size_t count;
	/* Of heartbeats, when they came; of those asked for, the milliseconds that are left, or
	 * GONE. */
	int64_t times[BATCH];
	int64_t sent;
	int64_t clock; /* of PostgreSQL, milliseconds since 1970 */
};

struct leases {
	struct leases_options options;
	pthread_mutex_t lock; /* guards the set and the list */
	struct lease_set set;
	struct lease *unwritten, **unwritten_end;

	/* The home thread's. */
	struct about writing, asking;
	struct errand forgetting;
	int64_t forgotten;
	int64_t away;         /* when PostgreSQL was last away, or what it holds was unknown */
	int64_t heard, clock; /* when PostgreSQL last said what its clock says, and what */
	struct loop_task starting;
};

static const struct statement renew_statement = {
	.name = "registry_renew_leases",
	.sql = "SELECT registry.renew_leases($1::text[], $2::text[], $3::text[], $4::integer[])",
	.parameters = 4,
};

static const struct statement expire_statement = {
	.name = "registry_expire_nodes",
	.sql = "SELECT r_position, r_left, r_now FROM "
	       "registry.expire_nodes($1::text[], $2::text[], $3::text[], $4, $5::bigint)",
	.parameters = 5,
};

static const struct statement forget_statement = {
	.name = "registry_forget_nodes",
	.sql = "SELECT registry.forget_nodes($1 * interval '1 millisecond')",
	.parameters = 1,
};

static int64_t due_of(const struct leases *l, const struct lease *lease)
{
	int64_t half = lease->length / 2;
	int64_t fresh = l->away + (half > FRESH_LEAST ? half : FRESH_LEAST);
	int64_t due = lease->renewed + lease->length + lease->length / 4;

	return due > fresh ? due : fresh;
}

/* --- heartbeats ----------------------------------------------------------------------------- */

/* An eighth, so that with the time until it is written it is a quarter at most. */
static void note_unwritten(struct leases *l, struct lease *lease)
{
	if (lease->unwritten || lease->gone || lease->renewed - lease->written < lease->length / 8)
		return;
	lease->unwritten = true;
	lease->references++;
	lease->next = NULL;
	*l->unwritten_end = lease;
	l->unwritten_end = &lease->next;
}

static struct lease *take_unwritten(struct leases *l)
{
	struct lease *lease = l->unwritten;

	if (!lease)
		return NULL;
	l->unwritten = lease->next;
	if (!l->unwritten)
		l->unwritten_end = &l->unwritten;
	return lease;
}

bool leases_renew(struct leases *l, struct text space, struct text service_key,
	struct text node_key, int64_t *lease_ms)
{
	pthread_mutex_lock(&l->lock);
	struct lease *lease = lease_set_find(&l->set, space, service_key, node_key);
	if (lease) {
		lease->renewed = clock_now();
		*lease_ms = lease->length / CLOCK_MS;
		note_unwritten(l, lease);
	}
	pthread_mutex_unlock(&l->lock);
	return lease != NULL;
}

/* --- what the feed says --------------------------------------------------------------------- */

/* Whatever came before is not surely written: the first heartbeat always is. */
static void forget_written(struct lease *lease)
{
	lease->written = lease->renewed - lease->length;
}

/* One that is new here is as fresh as its registration, or if it was loaded, due. */
static void add(struct leases *l, const struct index_change *c, int64_t length, bool loaded)
{
	struct lease *lease = lease_set_add(&l->set, c->space, c->service_key, c->key);

	if (!lease)
		return;
	lease->load = l->set.load;
	lease->length = length;
	lease->renewed = clock_now() - (loaded ? length + length / 4 : 0);
	forget_written(lease);
	lease_set_due(&l->set, lease, due_of(l, lease));
}

static void put_node(struct leases *l, const struct index_change *c, bool loaded)
{
	struct lease *lease = lease_set_find(&l->set, c->space, c->service_key, c->key);
	int64_t length = c->node->lease_ms * CLOCK_MS;

	if (!lease || length == 0) {
		if (lease)
			lease_set_drop(&l->set, lease);
		else if (length)
			add(l, c, length, loaded);
		return;
	}
	lease->load = l->set.load;
	if (lease->length != length) {
		lease->length = length;
		if (!lease->asked)
			lease_set_due(&l->set, lease, due_of(l, lease));
	}
	if (loaded) {
		forget_written(lease);
		note_unwritten(l, lease);
	}
}

static void apply(struct leases *l, const struct index_change *c, bool loaded)
{
	struct lease *lease;

	switch (c->kind) {
	case INDEX_PUT_NODE:
		put_node(l, c, loaded);
		break;
	case INDEX_DELETE_NODE:
	case INDEX_EXPIRE_NODE:
		lease = lease_set_find(&l->set, c->space, c->service_key, c->key);
		if (lease)
			lease_set_drop(&l->set, lease);
		break;
	case INDEX_DELETE_SERVICE:
		lease_set_drop_service(&l->set, c->space, c->service_key);
		break;
	default:
		break;
	}
}

void leases_changed(void *leases, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced)
{
	struct leases *l = leases;

	pthread_mutex_lock(&l->lock);
	if (replaced) {
		l->away = clock_now();
		l->set.load++;
	}
	for (const struct index_change *c = changes; c < changes + count; c++)
		apply(l, c, replaced);
	if (replaced)
		lease_set_drop_old(&l->set);
	pthread_mutex_unlock(&l->lock);
}

/* --- errands to PostgreSQL ------------------------------------------------------------------ */

/* The arrays of keys that both statements begin with. */
static struct text *put_keys(struct about *about)
{
	struct text *parameters = arena_array(about->errand.arena, 5, sizeof *parameters);
	struct buffer arrays[3];

	for (int i = 0; i < 3; i++)
		arrays[i] = (struct buffer){.arena = about->errand.arena};
	for (size_t i = 0; i < about->count; i++) {
		array_add(&arrays[0], about->items[i]->space);
		array_add(&arrays[1], about->items[i]->service_key);
		array_add(&arrays[2], about->items[i]->node_key);
	}
	for (int i = 0; i < 3; i++)
		parameters[i] = array_text(&arrays[i]);
	return parameters;
}

/* --- writing heartbeats --------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct lease *x = *(struct lease *const *)a, *y = *(struct lease *const *)b;

	return text_compare(
		(struct text){x->name, x->name_size}, (struct text){y->name, y->name_size});
}

/* Rows are locked in one order by all servers. */
static void sort(struct about *about)
{
	if (about->count)
		qsort(about->items, about->count, sizeof about->items[0], by_key);
}

static struct text *put_heartbeats(struct about *about)
{
	struct buffer ages = {.arena = about->errand.arena};
	struct text *parameters = put_keys(about);
	int64_t now = clock_now();

	for (size_t i = 0; i < about->count; i++) {
		about->times[i] = about->items[i]->renewed;
		array_add_number(&ages, (now - about->times[i]) / CLOCK_MS);
	}
	parameters[3] = array_text(&ages);
	return parameters;
}

static void write_heartbeats(struct leases *l)
{
	struct about *about = &l->writing;
	struct text *parameters = NULL;
	struct lease *lease;

	if (!errand_begin(&about->errand))
		return;
	about->count = 0;
	pthread_mutex_lock(&l->lock);
	while (about->count < BATCH && (lease = take_unwritten(l)))
		about->items[about->count++] = lease;
	sort(about);
	if (about->count)
		parameters = put_heartbeats(about);
	pthread_mutex_unlock(&l->lock);
	if (parameters)
		errand_send(&about->errand, &renew_statement, parameters);
	else
		errand_end(&about->errand);
}

static void wrote(struct errand *errand)
{
	struct about *about = (struct about *)errand;
	struct leases *l = about->leases;

	if (errand->failed)
		l->away = clock_now();
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < about->count; i++) {
		struct lease *lease = about->items[i];
		lease->unwritten = false;
		if (!errand->failed)
			lease->written = about->times[i];
		note_unwritten(l, lease);
		lease_release(lease);
	}
	pthread_mutex_unlock(&l->lock);
}

/* --- asking for those that are due ---------------------------------------------------------- */

static void take_due(struct leases *l, struct about *about)
{
	int64_t now = clock_now();
	struct lease *lease;

	while (about->count < BATCH && (lease = lease_set_take_due(&l->set, now))) {
		if (due_of(l, lease) > now) {
			lease_set_due(&l->set, lease, due_of(l, lease));
			continue;
		}
		lease->references++;
		about->items[about->count++] = lease;
	}
	sort(about);
}

/* NULL if PostgreSQL has not answered just before: then it only says what its clock says. */
static struct text expected_clock(const struct leases *l, struct about *about)
{
	int64_t passed = about->sent - l->heard;

	if (l->heard == 0 || passed > MOMENT)
		return (struct text){0};
	return text_of(arena_printf(
		about->errand.arena, "%lld", (long long)(l->clock + passed / CLOCK_MS)));
}

static void ask_for_due(struct leases *l)
{
	struct about *about = &l->asking;
	struct text *parameters = NULL;

	if (!errand_begin(&about->errand))
		return;
	about->count = 0;
	pthread_mutex_lock(&l->lock);
	take_due(l, about);
	if (about->count) {
		parameters = put_keys(about);
		parameters[3] = text_of(l->options.server_name);
		about->sent = clock_now();
		parameters[4] = expected_clock(l, about);
	}
	pthread_mutex_unlock(&l->lock);
	if (parameters)
		errand_send(&about->errand, &expire_statement, parameters);
	else
		errand_end(&about->errand);
}

static void read_left(struct errand *errand, const struct rows *rows)
{
	struct about *about = (struct about *)errand;

	for (size_t i = 0; i < about->count; i++)
		about->times[i] = GONE;
	for (int row = 0; row < rows_count(rows); row++) {
		int64_t position = rows_int64(rows, row, 0);
		CHECK(position >= 1 && position <= (int64_t)about->count);
		if (!rows_null(rows, row, 1))
			about->times[position - 1] = rows_int64(rows, row, 1);
		about->clock = rows_int64(rows, row, 2);
	}
}

/* When to ask again. One that has expired waits here for the feed to say so. */
static int64_t due_after(const struct leases *l, const struct about *about, size_t i, int64_t now)
{
	if (about->errand.failed || (about->times[i] <= 0 && about->times[i] != GONE))
		return due_of(l, about->items[i]);
	return now + (about->times[i] == GONE ? ASK_AGAIN : about->times[i] * CLOCK_MS);
}

static void answered(struct errand *errand)
{
	struct about *about = (struct about *)errand;
	struct leases *l = about->leases;
	int64_t now = clock_now();

	if (errand->failed || now - about->sent > MOMENT)
		l->away = now;
	if (!errand->failed) {
		l->heard = now;
		l->clock = about->clock;
	}
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < about->count; i++) {
		struct lease *lease = about->items[i];
		if (!lease->gone)
			lease_set_due(&l->set, lease, due_after(l, about, i, now));
		lease_release(lease);
	}
	pthread_mutex_unlock(&l->lock);
}

/* --- forgetting those that have expired ----------------------------------------------------- */

/* A tenth late at most, or a second. */
static int64_t forget_every(const struct leases *l)
{
	int64_t tenth = l->options.forget_after_ms * CLOCK_MS / 10;

	if (tenth < CLOCK_SECOND)
		return CLOCK_SECOND;
	return tenth < FORGET_EVERY ? tenth : FORGET_EVERY;
}

static void forget_old(struct leases *l)
{
	struct errand *e = &l->forgetting;
	struct text *parameters;

	if (clock_now() - l->forgotten < forget_every(l) || !errand_begin(e))
		return;
	l->forgotten = clock_now();
	parameters = ARENA_NEW(e->arena, struct text);
	*parameters =
		text_of(arena_printf(e->arena, "%lld", (long long)l->options.forget_after_ms));
	errand_send(e, &forget_statement, parameters);
}

/* --- life ----------------------------------------------------------------------------------- */

static void tick(void *arg)
{
	struct leases *l = arg;

	if (!lanes_ready(l->options.lanes)) {
		l->away = clock_now();
		return;
	}
	write_heartbeats(l);
	ask_for_due(l);
	forget_old(l);
}

static void start(struct loop_task *task)
{
	struct leases *l = (struct leases *)((char *)task - offsetof(struct leases, starting));

	loop_every(l->options.home, TICK_MS, tick, l);
}

struct leases *leases_start(const struct leases_options *options)
{
	struct leases *l = check_calloc(1, sizeof *l);
	const struct errand errand = {.lanes = options->lanes, .home = options->home};

	l->options = *options;
	l->set.leases.exact = l->set.services.exact = true;
	l->unwritten_end = &l->unwritten;
	l->writing.leases = l->asking.leases = l;
	l->writing.errand = l->asking.errand = l->forgetting = errand;
	l->writing.errand.landed = wrote;
	l->asking.errand.read = read_left;
	l->asking.errand.landed = answered;
	l->forgotten = l->away = clock_now();
	CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
	l->starting.run = start;
	loop_post(options->home, &l->starting);
	return l;
}

/* What was under way when the lanes stopped will not land any more. */
static void give_up(struct about *about)
{
	for (size_t i = 0; about->errand.busy && i < about->count; i++)
		lease_release(about->items[i]);
	errand_end(&about->errand);
}

void leases_free(struct leases **leases)
{
	struct leases *l = *leases;
	struct lease *lease;

	if (!l)
		return;
	while ((lease = take_unwritten(l)))
		lease_release(lease);
	give_up(&l->writing);
	give_up(&l->asking);
	errand_end(&l->forgetting);
	lease_set_clear(&l->set);
	pthread_mutex_destroy(&l->lock);
	free(l);
	*leases = NULL;
}
