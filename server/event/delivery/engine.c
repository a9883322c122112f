/*
 * What a round of the loop has brought is acted on once, before the loop waits again: outcomes are
 * written, deliveries asked for. A timer does what only time brings.
 */
#include "server/event/delivery/engine_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/metric.h"

enum {
	TICK_MS = 20,
	WATCH_EVERY = 250 / TICK_MS, /* ticks */
	NOTE_EVERY = 1000 / TICK_MS,
};

struct engine engine;

static struct {
	void (*charge_changed)(void);
	struct loop_task starting, leaving;
	unsigned ticks;
	_Atomic int64_t active_queues, deliveries, leases;
	atomic_bool ready;

	pthread_mutex_t lock; /* guards away */
	pthread_cond_t changed;
	bool members_left, away;
} life = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct statement renew_member = {
	.name = "event_renew_member",
	.sql = "SELECT event.renew_member($1, $2 * interval '1 millisecond')",
	.parameters = 2,
};

static const struct statement leave_member = {
	.name = "event_leave_member",
	.sql = "SELECT event.leave_member($1)",
	.parameters = 1,
};

/* --- metrics ---------------------------------------------------------------------------------- */

static double read_active(size_t index)
{
	return (double)atomic_load(&life.active_queues);
}

static double read_deliveries(size_t index)
{
	return (double)atomic_load(&life.deliveries);
}

static double read_leases(size_t index)
{
	return (double)atomic_load(&life.leases);
}

static double read_lag(size_t index)
{
	return atomic_load(&life.ready)
		       ? (double)(clock_now() - tail_current_at()) / (double)CLOCK_SECOND
		       : 0;
}

static struct metric metrics[] = {
	{
		.name = "junction_event_queues_active",
		.help = "Queues of events that are in memory.",
		.kind = METRIC_GAUGE,
		.read = read_active,
	},
	{
		.name = "junction_event_deliveries_known",
		.help = "Open deliveries that are in memory.",
		.kind = METRIC_GAUGE,
		.read = read_deliveries,
	},
	{
		.name = "junction_event_leases",
		.help = "Deliveries that are asked for, or taken and not concluded.",
		.kind = METRIC_GAUGE,
		.read = read_leases,
	},
	{
		.name = "junction_event_position_lag_seconds",
		.help = "How long ago the log of events was last known up to its end.",
		.kind = METRIC_GAUGE,
		.read = read_lag,
	},
};

static void count(void)
{
	int64_t queues = 0, deliveries = 0, busy = 0;
	struct active *a;

	TAILQ_FOREACH(a, &engine.all, in_all)
	{
		queues++;
		deliveries += (int64_t)a->queue.count;
		busy += a->busy;
	}
	atomic_store(&life.active_queues, queues);
	atomic_store(&life.deliveries, deliveries);
	atomic_store(&life.leases, busy);
}

struct engine_gauges engine_gauges(void)
{
	return (struct engine_gauges){
		.active_queues = atomic_load(&life.active_queues),
		.deliveries = atomic_load(&life.deliveries),
		.leases = atomic_load(&life.leases),
		.position = atomic_load(&life.ready) ? tail_known() : 0,
	};
}

/* --- sending ---------------------------------------------------------------------------------- */

bool engine_send(struct sql_job *job, const struct statement *statement,
	const struct text *parameters,
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error))
{
	*job = (struct sql_job){
		.statement = statement,
		.parameters = parameters,
		.deadline = clock_now() + STATEMENT_MS * CLOCK_MS,
		.done = done,
	};
	return lane_change(engine.options.lanes, job);
}

void engine_hold_off(void)
{
	engine.again_at = clock_now() + AGAIN_MS * CLOCK_MS;
}

bool engine_may_send(void)
{
	return !engine.again_at || clock_now() >= engine.again_at;
}

static void connected(void *arg, int thread)
{
	if (loop_current() == engine.options.home)
		engine.again_at = 0;
}

/* --- each round ------------------------------------------------------------------------------- */

static void report_end(void)
{
	if (!life.members_left || !take_idle() || !conclude_idle() || !TAILQ_EMPTY(&engine.out))
		return;
	pthread_mutex_lock(&life.lock);
	life.away = true;
	pthread_cond_signal(&life.changed);
	pthread_mutex_unlock(&life.lock);
}

static bool before_wait(void *arg)
{
	conclude_send();
	take_send();
	consumers_bid_farewell();
	if (engine.leaving)
		report_end();
	return false;
}

static void tick(void *arg)
{
	int64_t now = clock_now();
	struct active *a;

	TAILQ_FOREACH(a, &engine.all, in_all)
	{
		active_wake(a, now);
		active_feed(a);
		pulls_check(a);
	}
	atomic_store(&life.ready, tail_ready());
	count();
	life.ticks++;
	if (life.ticks % WATCH_EVERY == 0)
		states_watch(now);
	if (life.ticks % NOTE_EVERY == 0) {
		states_note_low_water(now);
		active_forget(now);
	}
}

/* --- what changes around it ------------------------------------------------------------------- */

bool engine_in_charge(int queue)
{
	char name[12];
	int size = snprintf(name, sizeof name, "%d", queue);

	return engine.members &&
	       members_mine(engine.members, members_hash((struct text){name, (size_t)size}));
}

void engine_subscriptions_changed(void)
{
	struct active *a;

	TAILQ_FOREACH(a, &engine.all, in_all)
	active_look_up(a);
}

static void members_changed(void *arg)
{
	engine_subscriptions_changed();
	if (life.charge_changed)
		life.charge_changed();
}

void engine_on_charge(void (*changed)(void))
{
	life.charge_changed = changed;
}

struct stands {
	struct loop_task task; /* first */
	struct delivery_standing standing;
};

static void take_standing(struct loop_task *task)
{
	struct stands *s = (struct stands *)task;

	active_correct(&s->standing, clock_now());
	free(s);
}

void engine_stands(const struct delivery_standing *standing)
{
	struct stands *s = check_malloc(sizeof *s);

	*s = (struct stands){.task.run = take_standing, .standing = *standing};
	loop_post(engine.options.home, &s->task);
}

/* --- life ------------------------------------------------------------------------------------- */

static void members_gone(void *arg)
{
	life.members_left = true;
}

static void start(struct loop_task *task)
{
	loop_before_wait(engine.options.home, before_wait, NULL);
	loop_every(engine.options.home, TICK_MS, tick, NULL);
}

static void init_condition(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	CHECK(pthread_cond_init(&life.changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
}

static struct members *join_members(void)
{
	const struct engine_options *o = &engine.options;

	if (!o->member_ms)
		return NULL;
	return members_start(&(struct members_options){
		.renew = &renew_member,
		.leave = &leave_member,
		.lanes = o->lanes,
		.home = o->home,
		.name = o->server_name,
		.renew_ms = o->member_ms,
		.changed = members_changed,
		.left = members_gone,
	});
}

void engine_start(const struct engine_options *options)
{
	engine = (struct engine){.options = *options, .actives = {.exact = true}};
	TAILQ_INIT(&engine.all);
	TAILQ_INIT(&engine.eager);
	TAILQ_INIT(&engine.leavers);
	TAILQ_INIT(&engine.out);
	life.ticks = 0;
	life.members_left = life.away = false;
	atomic_store(&life.ready, false);
	init_condition();
	for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
		metric_register(&metrics[i]);
	conclude_start();
	states_start();
	tail_start();
	lanes_on_connect(options->lanes, connected, NULL);
	engine.members = join_members();
	life.starting.run = start;
	loop_post(options->home, &life.starting);
}

bool engine_ready(void)
{
	return atomic_load(&life.ready);
}

struct loop *engine_home(void)
{
	return engine.options.home;
}

static void leave(struct loop_task *task)
{
	static const struct status stopping = {STATUS_UNAVAILABLE, "the server is stopping", NULL};
	struct active *a;

	engine.leaving = true;
	TAILQ_FOREACH(a, &engine.all, in_all)
	pulls_fail(a, &stopping);
	if (engine.members)
		members_leave(engine.members);
	else
		life.members_left = true;
}

void engine_leave(int64_t until)
{
	const struct timespec limit = {until / CLOCK_SECOND, until % CLOCK_SECOND};

	life.leaving.run = leave;
	loop_post(engine.options.home, &life.leaving);
	pthread_mutex_lock(&life.lock);
	while (!life.away && pthread_cond_timedwait(&life.changed, &life.lock, &limit) == 0)
		;
	pthread_mutex_unlock(&life.lock);
}

void engine_stop(void)
{
	atomic_store(&life.ready, false);
	take_stop();
	conclude_stop();
	states_stop();
	active_free_all();
	tail_stop();
	members_free(&engine.members);
	pthread_cond_destroy(&life.changed);
}
