/*
 * A stream of a group has a consumer at the engine. What that is given goes into the outbox, and
 * the stream's steps, on threads of their own, take it out, send it, and conclude it when it has
 * been sent. In flight is all that was given and does not stand as done, failed or given back yet.
 *
 * The consumer is used on the engine's home only; it and the outbox outlive the call, until the
 * engine has forgotten them. Then they are spare: a bell may still be told of.
 *
 * Of what is in flight only so much may be unsent that a slow client costs little memory, and goes
 * to others soon.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/event/delivery/engine.h"
#include "server/event/subscribe.h"
#include "server/event/subscription/subscriptions.h"

enum {
	IN_FLIGHT_DEFAULT = 100,
	UNSENT_MOST = 128,
	UNSENT_BYTES = 1024 * 1024, /* when there is that much, nothing more is asked for */
	LEASE_MS = 60000,
	UNSENT_MS = LEASE_MS / 2, /* what has waited for so long is given back */
	ID_SIZE = 37,
};

/* In the lease's arena. */
struct unsent {
	STAILQ_ENTRY(unsent) next;
	struct lease *lease;
	int64_t since; /* on clock_now() */
};

struct reader {
	struct consumer consumer; /* first */
	char subscription[ID_SIZE];
	struct bell bell;
	atomic_int unsent; /* given and not concluded */
	atomic_size_t unsent_bytes;

	/* Under the lock. */
	STAILQ_HEAD(, unsent) outbox;
	struct call *call; /* NULL: it has ended */

	/* The home's. */
	LIST_ENTRY(reader) others; /* or the lock's, of those that are spare */
	bool enabled, ended;
	int most, in_flight, offered;
	struct loop_task joining, ending;
};

/* A call's. */
struct group_stream {
	struct patience patience;
	struct reader *reader;
	struct lease *sending;
	int64_t sending_since;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(readers, reader) spare = LIST_HEAD_INITIALIZER(spare);
static struct readers readers = LIST_HEAD_INITIALIZER(readers); /* the home's */

/* --- on home: room ---------------------------------------------------------------------------- */

static void offer(struct reader *r)
{
	int room = r->most - r->in_flight;
	int unsent = UNSENT_MOST - atomic_load(&r->unsent);

	if (r->ended)
		return;
	if (room > unsent)
		room = unsent;
	if (room < 0 || !r->enabled || atomic_load(&r->unsent_bytes) >= UNSENT_BYTES)
		room = 0;
	if (room != r->offered)
		consumer_offer(&r->consumer, room - r->offered);
	r->offered = room;
}

static void take(struct consumer *consumer, struct lease *lease)
{
	struct reader *r = (struct reader *)consumer;
	struct unsent *u = ARENA_NEW(lease->arena, struct unsent);

	u->lease = lease;
	u->since = clock_now();
	r->offered--;
	r->in_flight++;
	atomic_fetch_add(&r->unsent, 1);
	atomic_fetch_add(&r->unsent_bytes, lease->event.data.size);
	pthread_mutex_lock(&lock);
	STAILQ_INSERT_TAIL(&r->outbox, u, next);
	pthread_mutex_unlock(&lock);
	bell_ring(call_streams(), &r->bell);
	offer(r);
}

/* Of one that waits for its confirmation there will be more to hear. */
static void stands(struct consumer *consumer, const struct delivery_standing *standing)
{
	struct reader *r = (struct reader *)consumer;

	if (standing->state != DELIVERY_DELIVERED || standing->due_ms == INT64_MIN)
		r->in_flight--;
	offer(r);
}

static void end_without_subscription(struct reader *r)
{
	pthread_mutex_lock(&lock);
	if (r->call)
		call_break_off(r->call, STATUS_ABORTED, "the subscription has been removed");
	pthread_mutex_unlock(&lock);
}

static void look_at_subscription(struct reader *r, const struct subscriptions *known)
{
	const struct subscription *s = subscriptions_by_id(known, text_of(r->subscription));

	if (!s)
		end_without_subscription(r);
	r->enabled = s && s->enabled;
	offer(r);
}

void subscribe_changed(void)
{
	const struct subscriptions *known = subscriptions_hold();
	struct reader *r;

	LIST_FOREACH(r, &readers, others)
	{
		look_at_subscription(r, known);
	}
	subscriptions_release(&known);
}

/* --- on home: beginning and end --------------------------------------------------------------- */

static void join(struct loop_task *task)
{
	struct reader *r = (struct reader *)((char *)task - offsetof(struct reader, joining));
	const struct subscriptions *known = subscriptions_hold();

	LIST_INSERT_HEAD(&readers, r, others);
	consumer_join(&r->consumer);
	look_at_subscription(r, known);
	subscriptions_release(&known);
}

static void conclude(struct reader *r, struct lease *lease, const struct outcome *outcome)
{
	atomic_fetch_sub(&r->unsent, 1);
	atomic_fetch_sub(&r->unsent_bytes, lease->event.data.size);
	lease_conclude(lease, outcome);
}

static void give_back(struct reader *r, struct lease *lease)
{
	conclude(r, lease,
		&(struct outcome){
			.state = DELIVERY_WAITING, .latency_ms = -1, .reason = TEXT("not sent")});
}

static struct unsent *next_unsent(struct reader *r, bool *more)
{
	pthread_mutex_lock(&lock);
	struct unsent *u = STAILQ_FIRST(&r->outbox);
	if (u)
		STAILQ_REMOVE_HEAD(&r->outbox, next);
	*more = !STAILQ_EMPTY(&r->outbox);
	pthread_mutex_unlock(&lock);
	return u;
}

static void end(struct loop_task *task)
{
	struct reader *r = (struct reader *)((char *)task - offsetof(struct reader, ending));
	struct unsent *u;
	bool more;

	r->ended = true;
	while ((u = next_unsent(r, &more)))
		give_back(r, u->lease);
	consumer_leave(&r->consumer);
}

static void left(struct consumer *consumer)
{
	struct reader *r = (struct reader *)consumer;

	LIST_REMOVE(r, others);
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(&spare, r, others);
	pthread_mutex_unlock(&lock);
}

static struct reader *new_reader(void)
{
	pthread_mutex_lock(&lock);
	struct reader *r = LIST_FIRST(&spare);
	if (r)
		LIST_REMOVE(r, others);
	pthread_mutex_unlock(&lock);
	return r ? r : check_calloc(1, sizeof *r);
}

static void free_all(struct readers *list)
{
	struct reader *r;

	while ((r = LIST_FIRST(list))) {
		LIST_REMOVE(r, others);
		free(r);
	}
}

void subscribe_stop(void)
{
	free_all(&readers);
	free_all(&spare);
}

/* --- the stream ------------------------------------------------------------------------------- */

static char *copy(struct call *c, struct text t)
{
	return arena_string(c->turn, t);
}

static enum next sent(struct call *c);

static enum next send_event(struct call *c, const struct delivered_event *event, bool more)
{
	struct group_stream *s = c->state;
	Event__SubscribeResponse out = EVENT__SUBSCRIBE_RESPONSE__INIT;

	out.event = copy(c, event->name);
	out.event_id = copy(c, event->event_id);
	out.data = copy(c, event->data.data ? event->data : TEXT("null"));
	out.key = copy(c, event->key);
	out.time = event->time_ms;
	out.attempt = event->attempt;
	out.trace_id = copy(c, event->trace_id);
	s->sending_since = clock_now();
	return patience_send(&s->patience, &out.base, more, sent);
}

static enum next go_on(struct call *c)
{
	struct group_stream *s = c->state;
	struct reader *r = s->reader;
	uint64_t rung = bell_count(&r->bell);
	struct unsent *u;
	bool more;

	patience_sent(&s->patience);
	if (stream_lane_draining(call_streams()))
		return fail(c, STATUS_UNAVAILABLE, SUBSCRIBE_STOPPING);
	while ((u = next_unsent(r, &more))) {
		if (clock_now() - u->since < UNSENT_MS * CLOCK_MS) {
			s->sending = u->lease;
			return send_event(c, &u->lease->event, more);
		}
		give_back(r, u->lease);
	}
	return stream_wait(c, &r->bell, rung, CLOCK_NEVER, go_on);
}

static enum next sent(struct call *c)
{
	struct group_stream *s = c->state;
	struct lease *lease = s->sending;
	double ms = (double)(clock_now() - s->sending_since) / CLOCK_MS;

	s->sending = NULL;
	conclude(
		s->reader, lease, &(struct outcome){.state = DELIVERY_DELIVERED, .latency_ms = ms});
	return go_on(c);
}

static void leave(struct call *c)
{
	struct group_stream *s = c->state;
	struct reader *r = s->reader;

	patience_end(&s->patience);
	if (s->sending)
		give_back(r, s->sending);
	pthread_mutex_lock(&lock);
	r->call = NULL;
	pthread_mutex_unlock(&lock);
	r->ending.run = end;
	loop_post(engine_home(), &r->ending);
}

static void set_reader(struct reader *r, struct call *c, const struct subscription *subscription)
{
	const Event__SubscribeRequest *in = call_request(c, Event__SubscribeRequest);
	size_t size = subscription->id.size;

	CHECK(size < ID_SIZE);
	memcpy(r->subscription, subscription->id.data, size);
	r->subscription[size] = '\0';
	r->consumer = (struct consumer){
		.queue = subscription->queue,
		.subscription = {r->subscription, size},
		.lease_ms = LEASE_MS,
		.take = take,
		.stands = stands,
		.left = left,
	};
	STAILQ_INIT(&r->outbox);
	r->call = c;
	r->enabled = r->ended = false;
	r->most = in->_max_in_flight_case ? in->max_in_flight : IN_FLIGHT_DEFAULT;
	r->in_flight = r->offered = 0;
	r->joining.run = join;
}

enum next subscribe_group(struct call *c, struct text id)
{
	const struct subscriptions *known = subscriptions_hold();
	const struct subscription *subscription = subscriptions_by_id(known, id);
	struct group_stream *s = ARENA_NEW(c->arena, struct group_stream);

	if (subscription) {
		s->reader = new_reader();
		set_reader(s->reader, c, subscription);
	}
	subscriptions_release(&known);
	if (!s->reader)
		return fail(c, STATUS_ABORTED, "the subscription has been removed");
	c->state = s;
	c->at_end = leave;
	patience_begin(&s->patience, c, SUBSCRIBE_TOO_SLOW, SUBSCRIBE_STOPPING);
	loop_post(engine_home(), &s->reader->joining);
	return go_on(c);
}
