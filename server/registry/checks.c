/*
 * A target of this server's is in the schedule, or a probe of it is under way, and never both. A
 * timer starts what is due; where a probe lands the next one starts, so that places do not wait for
 * the timer. Marks that are to be written form a list; one statement of a batch is under way at a
 * time, and what it could not write goes back into the list.
 */
#include "server/registry/checks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/db/array.h"
#include "server/lane/errand.h"
#include "server/lane/members.h"
#include "server/registry/probe.h"
#include "server/registry/targets.h"

#define TICK_MS     50
#define BATCH       1000
#define WRITE_AGAIN CLOCK_SECOND /* after a statement that failed */
#define SOON_MS     1000         /* within which a single node is checked first */
#define LEAVE_LIMIT CLOCK_SECOND

struct checks {
	struct checks_options options;
	struct health_rules rules;
	struct members *members;
	struct targets targets;
	struct schedule schedule;
	int under_way;
	uint64_t random;
	struct loop_task starting, leaving;
	bool left;

	struct errand writing;
	struct target *batch[BATCH];
	size_t batch_count;
	struct target *unwritten;
	int64_t write_after;

	pthread_mutex_t lock; /* guards away */
	pthread_cond_t changed;
	bool away; /* this server is no member any more */
};

static const struct statement set_health_statement = {
	.name = "registry_set_health",
	.sql = "SELECT registry.set_health($1::text[], $2::text[], $3::text[], $4::text[], "
	       "$5::integer[], $6::text[], $7::text[], $8::boolean[], $9)",
	.parameters = 9,
};

static const struct statement renew_member = {
	.name = "registry_renew_member",
	.sql = "SELECT registry.renew_member($1, $2 * interval '1 millisecond')",
	.parameters = 2,
};

static const struct statement leave_member = {
	.name = "registry_leave_member",
	.sql = "SELECT registry.leave_member($1)",
	.parameters = 1,
};

/* --- when ----------------------------------------------------------------------------------- */

/* From 0 to below a limit, evenly enough to scatter things (xorshift). */
static int64_t scatter(struct checks *c, int64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (int64_t)(c->random % (uint64_t)(below > 0 ? below : 1));
}

/* When a check begun at that time is followed by the next: an interval later, a tenth more or
 * less. */
static int64_t next_due(struct checks *c, int64_t begun)
{
	int64_t interval = c->options.interval_ms * CLOCK_MS;

	return begun + interval - interval / 10 + scatter(c, interval / 5);
}

static void set_due(struct checks *c, struct target *t, int64_t due)
{
	t->due.due = due;
	t->scheduled = true;
	schedule_add(&c->schedule, &t->due);
}

static void unschedule(struct checks *c, struct target *t)
{
	if (t->scheduled)
		schedule_remove(&c->schedule, &t->due);
	t->scheduled = false;
}

/* --- writing marks -------------------------------------------------------------------------- */

static void note_unwritten(struct checks *c, struct target *t)
{
	if (t->unwritten)
		return;
	t->unwritten = true;
	target_hold(t);
	t->next_unwritten = c->unwritten;
	c->unwritten = t;
}

static int by_key(const void *a, const void *b)
{
	return text_compare((*(struct target *const *)a)->key, (*(struct target *const *)b)->key);
}

/* Those that have gone, or are another server's by now, are left out. Sorted: rows are locked in
 * one order by all servers. */
static void take_batch(struct checks *c)
{
	c->batch_count = 0;
	while (c->unwritten && c->batch_count < BATCH) {
		struct target *t = c->unwritten;

		c->unwritten = t->next_unwritten;
		t->unwritten = false;
		if (t->gone || !t->mine) {
			target_release(t);
			continue;
		}
		t->writing = true;
		c->batch[c->batch_count++] = t;
	}
	if (c->batch_count)
		qsort(c->batch, c->batch_count, sizeof c->batch[0], by_key);
}

static struct text reason_of(struct arena *a, const struct target *t)
{
	const char *reason = t->reason ? t->reason : "";

	if (t->health.marked != NODE_FAILING)
		return TEXT("");
	return text_of(t->health.flapping
			       ? arena_printf(a, "flapping; the last failure: %s", reason)
			       : reason);
}

static const struct text *put_marks(struct checks *c)
{
	enum { ARRAYS = 8 };
	struct arena *a = c->writing.arena;
	struct buffer arrays[ARRAYS];
	struct text *parameters = arena_array(a, ARRAYS + 1, sizeof *parameters);

	for (int i = 0; i < ARRAYS; i++)
		arrays[i] = (struct buffer){.arena = a};
	for (size_t i = 0; i < c->batch_count; i++) {
		const struct target *t = c->batch[i];

		array_add(&arrays[0], t->space);
		array_add(&arrays[1], t->service_key);
		array_add(&arrays[2], t->node_key);
		array_add(&arrays[3], t->address.host);
		array_add_number(&arrays[4], t->address.port);
		array_add(&arrays[5],
			t->health.marked == NODE_PASSING ? TEXT("passing") : TEXT("failing"));
		array_add(&arrays[6], reason_of(a, t));
		array_add(&arrays[7], t->health.flapping ? TEXT("true") : TEXT("false"));
	}
	for (int i = 0; i < ARRAYS; i++)
		parameters[i] = array_text(&arrays[i]);
	parameters[ARRAYS] = text_of(c->options.server_name);
	return parameters;
}

static void write_marks(struct checks *c)
{
	if (!c->unwritten || clock_now() < c->write_after || !errand_begin(&c->writing))
		return;
	take_batch(c);
	if (c->batch_count)
		errand_send(&c->writing, &set_health_statement, put_marks(c));
	else
		errand_end(&c->writing);
}

static void wrote(struct errand *errand)
{
	struct checks *c = (struct checks *)((char *)errand - offsetof(struct checks, writing));

	if (errand->failed)
		c->write_after = clock_now() + WRITE_AGAIN;
	for (size_t i = 0; i < c->batch_count; i++) {
		struct target *t = c->batch[i];

		t->writing = false;
		if (errand->failed)
			note_unwritten(c, t);
		target_release(t);
	}
	c->batch_count = 0;
}

/* --- checking ------------------------------------------------------------------------------- */

static void start_due(struct checks *c);

static void take_result(struct checks *c, struct target *t, const struct probe *p)
{
	if (!p->passed) {
		free(t->reason);
		t->reason = check_strdup(p->reason);
	}
	if (health_take(&t->health, &c->rules, p->passed, clock_now()))
		note_unwritten(c, t);
}

static void landed(struct probe *p)
{
	struct target *t = p->arg;
	struct checks *c = t->checks;

	t->probing = false;
	c->under_way--;
	if (!c->left && !t->gone && t->mine) {
		take_result(c, t, p);
		set_due(c, t, next_due(c, t->due.due));
	}
	probe_free(p);
	target_release(t);
	start_due(c);
}

static void start_probe(struct checks *c, struct target *t, int64_t now)
{
	const struct probe_target target = {
		t->address, t->check_path, t->configured, c->options.timeout_ms};

	unschedule(c, t);
	if (!probe_start(c->options.fetch, c->options.home, &target, landed, t)) {
		set_due(c, t, now + TICK_MS * CLOCK_MS);
		return;
	}
	t->due.due = now;
	t->probing = true;
	target_hold(t);
	c->under_way++;
}

static void start_due(struct checks *c)
{
	int64_t now = clock_now();
	struct schedule_item *item;

	while (!c->left && c->under_way < c->options.at_once &&
		(item = schedule_due(&c->schedule, now)))
		start_probe(c, (struct target *)((char *)item - offsetof(struct target, due)), now);
}

static void tick(void *arg)
{
	struct checks *c = arg;

	start_due(c);
	write_marks(c);
}

/* --- who is in charge ----------------------------------------------------------------------- */

/* Within an interval, so that many are not checked at once. */
static void members_changed(void *arg)
{
	struct checks *c = arg;
	struct table_cursor cursor = {0};
	struct target *t;

	while ((t = table_next(&c->targets.table, &cursor))) {
		bool mine = members_mine(c->members, t->hash);

		if (mine == t->mine)
			continue;
		t->mine = mine;
		health_begin(&t->health, t->health.marked, t->health.flapping);
		if (!mine)
			unschedule(c, t);
		else if (!t->probing)
			set_due(c, t, clock_now() + scatter(c, c->options.interval_ms * CLOCK_MS));
	}
}

/* --- what the feed says --------------------------------------------------------------------- */

static void put_node(struct checks *c, const struct index_change *change, const struct node *node,
	int64_t within_ms)
{
	bool made;
	struct target *t =
		targets_put(&c->targets, change->space, change->service_key, node, &made);

	if (!made)
		return;
	t->checks = c;
	t->mine = members_mine(c->members, t->hash);
	if (t->mine)
		set_due(c, t, clock_now() + scatter(c, within_ms * CLOCK_MS));
}

/* A service comes with its own node, or without one. */
static void put_service(struct checks *c, const struct index_change *change, int64_t within_ms)
{
	if (change->service->node_count)
		put_node(c, change, change->service->nodes[0], within_ms);
	else
		targets_remove(&c->targets, change->space, change->service_key, TEXT(""));
}

static void take_change(struct checks *c, const struct index_change *change, int64_t within_ms)
{
	switch (change->kind) {
	case INDEX_PUT_SERVICE:
		put_service(c, change, within_ms);
		break;
	case INDEX_DELETE_SERVICE:
		targets_remove_service(&c->targets, change->space, change->service_key);
		break;
	case INDEX_PUT_NODE:
		put_node(c, change, change->node, within_ms);
		break;
	case INDEX_DELETE_NODE:
	case INDEX_EXPIRE_NODE:
		targets_remove(&c->targets, change->space, change->service_key, change->key);
		break;
	default:
		break;
	}
}

void checks_changed(void *checks, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced)
{
	struct checks *c = checks;

	if (!c)
		return;
	int64_t interval = c->options.interval_ms;
	int64_t within_ms = replaced || interval < SOON_MS ? interval : SOON_MS;

	if (replaced)
		targets_begin_load(&c->targets);
	for (size_t i = 0; i < count; i++)
		take_change(c, &changes[i], within_ms);
	if (replaced)
		targets_end_load(&c->targets);
}

static void removed(void *arg, struct target *t)
{
	unschedule(arg, t);
}

/* --- life ----------------------------------------------------------------------------------- */

static void start(struct loop_task *task)
{
	struct checks *c = (struct checks *)((char *)task - offsetof(struct checks, starting));

	loop_every(c->options.home, TICK_MS, tick, c);
}

static void went_away(void *arg)
{
	struct checks *c = arg;

	pthread_mutex_lock(&c->lock);
	c->away = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void leave(struct loop_task *task)
{
	struct checks *c = (struct checks *)((char *)task - offsetof(struct checks, leaving));

	c->left = true;
	members_leave(c->members);
}

static void init_lock(struct checks *c)
{
	pthread_condattr_t attributes;

	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	CHECK(pthread_cond_init(&c->changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
}

struct checks *checks_start(const struct checks_options *options)
{
	struct checks *c;

	if (options->interval_ms == 0)
		return NULL;
	c = check_calloc(1, sizeof *c);
	c->options = *options;
	c->rules = (struct health_rules){
		.down_after = options->down_after,
		.up_after = options->up_after,
		.window = HEALTH_FLAP_WINDOW * options->interval_ms * CLOCK_MS,
	};
	c->targets = (struct targets){
		.removed = removed, .arg = c, .table = {.exact = true}, .groups = {.exact = true}};
	c->random = (members_hash(text_of(options->server_name)) ^ (uint64_t)clock_now()) | 1;
	c->writing =
		(struct errand){.lanes = options->lanes, .home = options->home, .landed = wrote};
	init_lock(c);
	c->members = members_start(&(struct members_options){
		.renew = &renew_member,
		.leave = &leave_member,
		.lanes = options->lanes,
		.home = options->home,
		.name = options->server_name,
		.renew_ms = options->member_ms,
		.changed = members_changed,
		.left = went_away,
		.arg = c,
	});
	c->starting.run = start;
	loop_post(options->home, &c->starting);
	return c;
}

void checks_leave(struct checks *c)
{
	int64_t until = clock_now() + LEAVE_LIMIT;
	const struct timespec limit = {until / CLOCK_SECOND, until % CLOCK_SECOND};

	if (!c)
		return;
	c->leaving.run = leave;
	loop_post(c->options.home, &c->leaving);
	pthread_mutex_lock(&c->lock);
	while (!c->away && pthread_cond_timedwait(&c->changed, &c->lock, &limit) == 0)
		;
	pthread_mutex_unlock(&c->lock);
}

void checks_free(struct checks **checks)
{
	struct checks *c = *checks;

	if (!c)
		return;
	for (size_t i = 0; i < c->batch_count; i++)
		target_release(c->batch[i]);
	for (struct target *t = c->unwritten, *next; t; t = next) {
		next = t->next_unwritten;
		target_release(t);
	}
	errand_end(&c->writing);
	targets_clear(&c->targets);
	schedule_clear(&c->schedule);
	members_free(&c->members);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
	*checks = NULL;
}
