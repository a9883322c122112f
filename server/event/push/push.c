/*
 * A target offers the engine as much room as its pace has. What was offered and has not come is
 * counted, so that it can be taken back when the pace becomes slower; what comes nevertheless is
 * given back.
 *
 * An attempt lives in its lease's arena. It goes to the http lane, is judged there, and lands on
 * the home thread. What it needs of the subscription is copied when it begins: an attempt goes
 * where the subscription pointed to then.
 */
#include "server/event/push/push.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/table.h"
#include "server/event/push/webhook.h"
#include "server/pace.h"
#include "server/registry/registry.h"

enum {
	LEASE_BEYOND_MS = 5000, /* the attempt's timeout */
	HOLD_MS = 1000,         /* of what is given back */
	GONE_MS = 5000,         /* until a target that wants no more is asked again, if it still
				   could not be disabled */
};

struct target {
	struct consumer consumer; /* first */
	struct pace pace;
	int offered;    /* and not taken yet */
	bool counted;   /* among the open breakers */
	unsigned round; /* the last one that found it wanted */
	struct loop_timer *timer;
	int64_t timer_at;
	LIST_ENTRY(target) in_list;
	enum target_kind kind;
	char *address; /* URL, or name of the service */
	char id[64];
};

struct attempt {
	struct fetch_job job; /* first */
	struct lease *lease;
	struct target *target;
	struct text space, name, url; /* of the subscription */
	int64_t begun;
	struct outcome outcome;
};

static struct {
	struct lanes *lanes;
	struct fetch_lane *fetch;
	struct loop *home;
	LIST_HEAD(, target) targets; /* also those that are leaving */
	struct table wanted;         /* by subscription, without these */
	unsigned round;
	atomic_int open_breakers;
} push = {.wanted = {.exact = true}};

static void adjust(struct target *t);

/* --- metrics -------------------------------------------------------------------------------- */

enum { TAKEN, REFUSED, UNANSWERED, GIVEN_BACK, OUTCOMES };

static const char *outcome_name(size_t index)
{
	static const char *const names[] = {"delivered", "refused", "unanswered", "given_back"};

	return names[index];
}

static double open_breakers(size_t index)
{
	return (double)atomic_load(&push.open_breakers);
}

static struct metric pushes = {
	.name = "junction_event_pushes_total",
	.help = "Attempts to push an event by what came of them: the target took it, answered "
		"otherwise, or did not answer; or it was given back without an attempt.",
	.kind = METRIC_COUNTER,
	.labels = {{"outcome", outcome_name, OUTCOMES}},
};
static struct metric latency = {
	.name = "junction_event_push_seconds",
	.help = "How long attempts to push an event took.",
	.kind = METRIC_HISTOGRAM,
};
static struct metric breakers = {
	.name = "junction_event_push_open_breakers",
	.help = "Targets that are left alone for a while, as they do not answer or asked for it.",
	.kind = METRIC_GAUGE,
	.read = open_breakers,
};

/* --- a target that wants no more ------------------------------------------------------------ */

/* Unless it was registered anew meanwhile. */
static const struct statement disable_statement = {
	.name = "event_disable_subscription",
	.sql = "SELECT event.disable_subscription($1::uuid, $2, $3)",
	.parameters = 3,
};

struct disabling {
	struct sql_job job; /* first */
	struct arena *arena;
	struct text space, name;
	struct text parameters[3];
};

static void disabled(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct disabling *d = (struct disabling *)job;
	struct arena *a = d->arena;

	if (!rows)
		log_event(LOG_WARN, "subscription not disabled", LOG_SLICE("namespace", d->space),
			LOG_CUT("subscription", d->name), LOG_TEXT("reason", error->message));
	else if (rows_bool(rows, 0, 0))
		log_event(LOG_WARN, "subscription disabled", LOG_SLICE("namespace", d->space),
			LOG_CUT("subscription", d->name), LOG_SLICE("reason", d->parameters[2]));
	arena_free(&a);
}

static void disable(const struct attempt *attempt)
{
	struct arena *a = arena_new(0);
	struct disabling *d = ARENA_NEW(a, struct disabling);

	d->arena = a;
	d->space = arena_text(a, attempt->space);
	d->name = arena_text(a, attempt->name);
	d->parameters[0] = arena_text(a, attempt->target->consumer.subscription);
	if (attempt->url.size > 0)
		d->parameters[1] = arena_text(a, attempt->url);
	d->parameters[2] = TEXT("its target answered 410 (Gone)");
	d->job = (struct sql_job){
		.statement = &disable_statement,
		.parameters = d->parameters,
		.deadline = clock_now() + GONE_MS * CLOCK_MS,
		.done = disabled,
	};
	if (!lane_change(push.lanes, &d->job))
		arena_free(&a);
}

/* --- how an attempt ends -------------------------------------------------------------------- */

static void give_back(struct lease *lease)
{
	const struct outcome outcome = {
		.state = DELIVERY_WAITING, .hold_ms = HOLD_MS, .latency_ms = -1};

	metric_add(&pushes, GIVEN_BACK, 1);
	lease_conclude(lease, &outcome);
}

static void count(const struct outcome *outcome)
{
	metric_add(&pushes,
		outcome->state == DELIVERY_DELIVERED ? TAKEN
		: outcome->status > 0                ? REFUSED
						     : UNANSWERED,
		1);
	metric_observe(&latency, 0, (int64_t)(outcome->latency_ms * (double)CLOCK_MS));
}

/* How long the target is to be left alone: that of one event is the engine's. */
static int64_t wait_of(const struct outcome *outcome)
{
	if (outcome->status == 410)
		return GONE_MS;
	return outcome->status == 429 || outcome->status == 503 ? outcome->retry_after_ms : 0;
}

static void land(struct loop_task *task)
{
	struct lease *lease = (struct lease *)((char *)task - offsetof(struct lease, task));
	struct attempt *attempt = lease->owner;
	struct target *t = attempt->target;

	count(&attempt->outcome);
	pace_end(&t->pace, clock_now(), webhook_lives(&attempt->outcome),
		wait_of(&attempt->outcome));
	if (attempt->outcome.status == 410)
		disable(attempt);
	adjust(t);
	lease_conclude(lease, &attempt->outcome);
}

/* On the http lane's thread. */
static void answered(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct attempt *attempt = (struct attempt *)job;

	attempt->outcome = webhook_judge(job->arena, response, error, clock_unix_ms());
	attempt->outcome.latency_ms = (double)(clock_now() - attempt->begun) / (double)CLOCK_MS;
	loop_post(push.home, &attempt->lease->task);
}

/* --- how it begins -------------------------------------------------------------------------- */

/* NULL if the service has no node to ask. */
static const char *find_url(struct arena *a, const struct subscription *s, bool *own_host)
{
	if (s->target == TARGET_URL)
		return s->url.data;
	return registry_node_url(a, s->space, s->service, TEXT("/mw/event/notification"), own_host);
}

static bool is_pushed(const struct subscription *s)
{
	return s && s->enabled && (s->target == TARGET_URL || s->target == TARGET_SERVICE);
}

static struct text address_of(const struct subscription *s)
{
	return s->target == TARGET_URL ? s->url : s->service;
}

/* Of one that was elsewhere nothing is known: neither its pace nor whether it answers. */
static bool is_same(const struct target *t, const struct subscription *s)
{
	return t->consumer.queue == s->queue && t->kind == s->target &&
	       text_equal(text_of(t->address), address_of(s));
}

/* False: the lane takes no more. */
static bool submit(struct target *t, struct lease *lease, const struct subscription *s,
	struct text group, const char *url, bool own_host)
{
	struct attempt *attempt = ARENA_NEW(lease->arena, struct attempt);
	struct fetch_request *request =
		webhook_request(lease->arena, s, group, &lease->event, url, clock_unix_ms());

	*attempt = (struct attempt){
		.lease = lease,
		.target = t,
		.space = arena_text(lease->arena, s->space),
		.name = arena_text(lease->arena, s->name),
		.url = arena_text(lease->arena, s->url),
		.begun = clock_now(),
	};
	request->own_host = own_host;
	attempt->job = (struct fetch_job){
		.arena = lease->arena,
		.request = request,
		.deadline = CLOCK_NEVER,
		.done = answered,
	};
	lease->owner = attempt;
	lease->task.run = land;
	return fetch_submit(push.fetch, &attempt->job);
}

static void give_up_sealed(struct lease *lease)
{
	const struct outcome outcome = {
		.state = DELIVERY_FAILED,
		.reason = TEXT("its data is sealed with a key that this server does not have"),
		.latency_ms = -1,
	};

	lease_conclude(lease, &outcome);
}

/* What was begun is under way when this ends, or not counted any more. */
static void begin(struct target *t, struct lease *lease, const struct subscription *s,
	const struct event_queue *queue)
{
	bool own_host = false;
	const char *url = find_url(lease->arena, s, &own_host);

	if (!url) {
		pace_end(&t->pace, clock_now(), false, 0);
		give_back(lease);
	} else if (!lease->event.data.data) {
		pace_undo(&t->pace);
		give_up_sealed(lease);
	} else if (!submit(t, lease, s, queue->group, url, own_host)) {
		pace_undo(&t->pace);
		give_back(lease);
	}
}

static void take(struct consumer *c, struct lease *lease)
{
	struct target *t = (struct target *)c;
	const struct subscriptions *all = subscriptions_hold();
	const struct subscription *s = subscriptions_by_id(all, c->subscription);
	const struct event_queue *queue = subscriptions_queue(all, lease->queue);
	int64_t again;

	t->offered--;
	if (!is_pushed(s) || !is_same(t, s) || !queue ||
		pace_room(&t->pace, clock_now(), &again) == 0) {
		give_back(lease);
	} else {
		pace_begin(&t->pace);
		begin(t, lease, s, queue);
	}
	adjust(t);
	subscriptions_release(&all);
}

/* --- room ----------------------------------------------------------------------------------- */

static void look_again(void *arg)
{
	struct target *t = arg;

	loop_timer_stop(&t->timer);
	adjust(t);
}

/* A timer that comes too early is no harm. */
static void look_again_at(struct target *t, int64_t at)
{
	if (t->timer && t->timer_at <= at)
		return;
	loop_timer_stop(&t->timer);
	t->timer_at = at;
	t->timer = loop_after(
		push.home, (uint64_t)((at - clock_now() + CLOCK_MS - 1) / CLOCK_MS), look_again, t);
}

static void count_breaker(struct target *t, bool open)
{
	atomic_fetch_add(&push.open_breakers, (int)open - (int)t->counted);
	t->counted = open;
}

static bool is_leaving(const struct target *t)
{
	return table_get(&push.wanted, t->consumer.subscription) != t;
}

/* Offers what the pace has, and takes back what it has no more. */
static void adjust(struct target *t)
{
	int64_t again;

	if (is_leaving(t))
		return;
	int room = pace_room(&t->pace, clock_now(), &again);
	int more = room - t->offered;

	count_breaker(t, t->pace.breaker != PACE_CLOSED);
	if (room == 0 && again != CLOCK_NEVER)
		look_again_at(t, again);
	t->offered = room;
	if (more != 0)
		consumer_offer(&t->consumer, more);
}

/* --- targets -------------------------------------------------------------------------------- */

static void forget(struct consumer *c)
{
	struct target *t = (struct target *)c;

	LIST_REMOVE(t, in_list);
	free(t->address);
	free(t);
}

static struct target *join(const struct subscription *s)
{
	struct target *t = check_calloc(1, sizeof *t);

	CHECK(s->id.size < sizeof(t->id));
	memcpy(t->id, s->id.data, s->id.size);
	t->kind = s->target;
	t->address = check_strdup(address_of(s).data);
	t->consumer = (struct consumer){
		.queue = s->queue,
		.subscription = {t->id, s->id.size},
		.lease_ms = s->timeout_ms + LEASE_BEYOND_MS,
		.push = true,
		.take = take,
		.left = forget,
	};
	pace_init(&t->pace, s->concurrency, s->rate, clock_now(),
		(uint64_t)clock_now() ^ (uint64_t)(uintptr_t)t);
	LIST_INSERT_HEAD(&push.targets, t, in_list);
	table_put(&push.wanted, t->consumer.subscription, t);
	consumer_join(&t->consumer);
	return t;
}

static void leave(struct target *t)
{
	table_remove(&push.wanted, t->consumer.subscription);
	count_breaker(t, false);
	loop_timer_stop(&t->timer);
	consumer_leave(&t->consumer);
}

static void keep(const struct subscription *s)
{
	struct target *t = table_get(&push.wanted, s->id);

	if (t && !is_same(t, s)) {
		leave(t);
		t = NULL;
	}
	if (!t)
		t = join(s);
	t->round = push.round;
	t->consumer.lease_ms = s->timeout_ms + LEASE_BEYOND_MS;
	pace_limit(&t->pace, s->concurrency, s->rate);
	adjust(t);
}

void push_changed(void)
{
	const struct subscriptions *all = subscriptions_hold();
	struct target *t, *next;

	if (!all)
		return;
	push.round++;
	for (size_t i = 0; i < subscriptions_count(all); i++) {
		const struct subscription *s = subscriptions_at(all, i);

		if (is_pushed(s) && engine_in_charge(s->queue))
			keep(s);
	}
	for (t = LIST_FIRST(&push.targets); t; t = next) {
		next = LIST_NEXT(t, in_list);
		if (t->round != push.round && !is_leaving(t))
			leave(t);
	}
	subscriptions_release(&all);
}

/* --- life ----------------------------------------------------------------------------------- */

void push_start(struct lanes *lanes, struct fetch_lane *fetch)
{
	push.lanes = lanes;
	push.fetch = fetch;
	push.home = engine_home();
	metric_register(&pushes);
	metric_register(&latency);
	metric_register(&breakers);
}

void push_stop(void)
{
	struct target *t;

	while ((t = LIST_FIRST(&push.targets)))
		forget(&t->consumer);
	table_clear(&push.wanted);
}
