/*
 * Channel: once a round, before the loop waits, it looks what became of its connections, gives
 * waiting calls to the one that is ready, does what flows have gathered, and writes.
 *
 * Connecting is never tried more often than RECONNECT_MS, and after failures up to
 * RECONNECT_MAX_MS apart. Meanwhile calls fail at once, since nobody knows for how long; but while
 * a connection that the server retired in good order is being replaced, they wait.
 *
 * One timer serves all deadlines: it is set for the earliest there has been and, when it comes,
 * looks for the next one. Calls with the same timeout, as nearly all have, cost it nothing.
 */
#include "bridge/rpc_channel.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define RECONNECT_MS     100
#define RECONNECT_MAX_MS 500

#define UNREACHABLE      "the Junction server cannot be reached"
#define STOPPING         "the bridge is stopping"

/* --- flows ---------------------------------------------------------------------------------- */

static void remove_flow(struct rpc_flow *f)
{
	TAILQ_REMOVE(f->waiting ? &f->channel->waiting : &f->channel->active, f, link);
	f->waiting = false;
}

void channel_make_busy(struct rpc_flow *f)
{
	if (f->busy || f->over)
		return;
	f->busy = true;
	TAILQ_INSERT_TAIL(&f->channel->busy, f, busy_link);
}

static void make_idle(struct rpc_flow *f)
{
	if (f->busy)
		TAILQ_REMOVE(&f->channel->busy, f, busy_link);
	f->busy = false;
}

void channel_make_wait(struct rpc_flow *f)
{
	remove_flow(f);
	f->waiting = true;
	TAILQ_INSERT_TAIL(&f->channel->waiting, f, link);
}

void channel_end_flow(struct rpc_flow *f)
{
	make_idle(f);
	remove_flow(f);
	TAILQ_INSERT_TAIL(&f->channel->ended, f, link);
}

static void request(struct channel *ch, struct rpc_flow *f)
{
	remove_flow(f);
	TAILQ_INSERT_TAIL(&ch->active, f, link);
	rpc_flow_request(f, ch->current);
}

/* --- deadlines ------------------------------------------------------------------------------ */

static int64_t deadline_of(const struct rpc_flow *f)
{
	return f->timeout_ms ? f->started + f->timeout_ms * CLOCK_MS : INT64_MAX;
}

static int64_t expire(struct rpc_flows *flows, int64_t now)
{
	int64_t earliest = INT64_MAX;
	struct rpc_flow *next;
	for (struct rpc_flow *f = TAILQ_FIRST(flows); f; f = next) {
		int64_t deadline = deadline_of(f);
		next = TAILQ_NEXT(f, link);
		if (deadline <= now)
			rpc_flow_finish(
				f, STATUS_DEADLINE_EXCEEDED, "the server did not answer in time");
		else if (deadline < earliest)
			earliest = deadline;
	}
	return earliest;
}

static void look_at_deadlines(void *arg);

static void set_deadline(struct channel *ch, int64_t deadline)
{
	if (deadline >= ch->deadline)
		return;
	int64_t wait = deadline - clock_now();
	ch->deadline = deadline;
	loop_timer_stop(&ch->deadline_timer);
	ch->deadline_timer = loop_after(ch->loop,
		wait > 0 ? (uint64_t)((wait + CLOCK_MS - 1) / CLOCK_MS) : 0, look_at_deadlines, ch);
}

static void look_at_deadlines(void *arg)
{
	struct channel *ch = arg;
	int64_t now = clock_now();
	int64_t active = expire(&ch->active, now), waiting = expire(&ch->waiting, now);
	ch->deadline = INT64_MAX;
	set_deadline(ch, active < waiting ? active : waiting);
}

/* --- connections ---------------------------------------------------------------------------- */

static void dial(void *arg)
{
	struct channel *ch = arg;
	struct connection_link *link = check_calloc(1, sizeof(*link));
	loop_timer_stop(&ch->redial);
	ch->dialled = clock_now();
	ch->current = link->http2 = http2_open(ch->loop, &(struct http2_options){
								 .target = ch->options.target,
								 .authority = ch->options.authority,
								 .tls = ch->tls,
								 .name = ch->options.name,
							 });
	TAILQ_INSERT_TAIL(&ch->connections, link, link);
}

static void dial_soon(struct channel *ch)
{
	int64_t wait = ch->dialled + ch->backoff_ms * CLOCK_MS - clock_now();
	ch->current = NULL;
	if (ch->stopping || ch->redial)
		return;
	if (wait <= 0)
		dial(ch);
	else
		ch->redial = loop_after(
			ch->loop, (uint64_t)((wait + CLOCK_MS - 1) / CLOCK_MS), dial, ch);
}

static void fail_waiting(struct channel *ch)
{
	struct rpc_flow *f;
	while ((f = TAILQ_FIRST(&ch->waiting)))
		rpc_flow_finish(f, STATUS_UNAVAILABLE, UNREACHABLE);
}

/* The connection in use is lost, or was not made. */
static void lose_current(struct channel *ch)
{
	bool opened = atomic_load_explicit(&ch->connected, memory_order_relaxed);
	if (opened || !ch->failed)
		log_event(LOG_WARN,
			opened ? "connection to the server lost" : "cannot connect to the server",
			LOG_TEXT("server", ch->options.target),
			LOG_TEXT("reason", http2_reason(ch->current)));
	if (!opened)
		ch->backoff_ms = ch->backoff_ms * 2 < RECONNECT_MAX_MS ? ch->backoff_ms * 2
								       : RECONNECT_MAX_MS;
	atomic_store(&ch->connected, false);
	atomic_store(&ch->failed, true);
	dial_soon(ch);
}

static void give_waiting(struct channel *ch)
{
	struct rpc_flow *f;
	if (ch->failed)
		log_event(LOG_INFO, "connected to the server",
			LOG_TEXT("server", ch->options.target));
	atomic_store_explicit(&ch->failed, false, memory_order_relaxed);
	ch->backoff_ms = RECONNECT_MS;
	atomic_store_explicit(&ch->connected, true, memory_order_relaxed);
	while (http2_state(ch->current) == HTTP2_READY && (f = TAILQ_FIRST(&ch->waiting)))
		request(ch, f);
}

static void drop_connection(struct channel *ch, struct connection_link *link)
{
	TAILQ_REMOVE(&ch->connections, link, link);
	http2_close(&link->http2);
	free(link);
}

static void look_at_connection(struct channel *ch, struct connection_link *link)
{
	enum http2_state state = http2_state(link->http2);
	bool current = link->http2 == ch->current;
	if (current && state == HTTP2_READY)
		give_waiting(ch);
	else if (current && state == HTTP2_GOING)
		dial_soon(ch);
	else if (current && state == HTTP2_GONE && http2_is_retired(link->http2))
		dial_soon(ch);
	else if (current && state == HTTP2_GONE)
		lose_current(ch);
	if (state == HTTP2_GONE)
		drop_connection(ch, link);
}

static void look_at_connections(struct channel *ch)
{
	struct connection_link *next;
	for (struct connection_link *link = TAILQ_FIRST(&ch->connections); link; link = next) {
		next = TAILQ_NEXT(link, link);
		look_at_connection(ch, link);
	}
	if (ch->failed)
		fail_waiting(ch);
}

/* --- a round -------------------------------------------------------------------------------- */

static void work(struct channel *ch)
{
	struct rpc_flow *f;
	while ((f = TAILQ_FIRST(&ch->busy))) {
		make_idle(f);
		rpc_flow_work(f);
	}
}

static void end_flows(struct channel *ch)
{
	struct rpc_flow *f;
	while ((f = TAILQ_FIRST(&ch->ended))) {
		TAILQ_REMOVE(&ch->ended, f, link);
		rpc_flow_clear(f);
		f->events->done(f);
	}
}

static bool has_work(const struct channel *ch)
{
	return !TAILQ_EMPTY(&ch->busy) || !TAILQ_EMPTY(&ch->ended);
}

static bool end_round(void *arg)
{
	struct channel *ch = arg;
	look_at_connections(ch);
	bool worked = has_work(ch);
	work(ch);
	end_flows(ch);
	struct connection_link *link;
	TAILQ_FOREACH(link, &ch->connections, link)
	http2_flush(link->http2);
	/* What was written has made room for more. */
	return worked || has_work(ch);
}

bool channel_start_flow(struct channel *ch, struct rpc_flow *f)
{
	if (ch->stopping || (ch->streamless && f->endless))
		return false;
	f->channel = ch;
	f->started = clock_now();
	f->waiting = true;
	TAILQ_INSERT_TAIL(&ch->waiting, f, link);
	if (f->timeout_ms)
		set_deadline(ch, deadline_of(f));
	if (ch->current && http2_state(ch->current) == HTTP2_READY)
		request(ch, f);
	else if (ch->failed)
		rpc_flow_finish(f, STATUS_UNAVAILABLE, UNREACHABLE);
	return true;
}

/* --- life ----------------------------------------------------------------------------------- */

void channel_open(
	struct channel *ch, struct loop *loop, const struct channel_options *options, SSL_CTX *tls)
{
	ch->options = *options;
	ch->loop = loop;
	ch->tls = tls;
	ch->backoff_ms = RECONNECT_MS;
	ch->deadline = INT64_MAX;
	TAILQ_INIT(&ch->connections);
	TAILQ_INIT(&ch->active);
	TAILQ_INIT(&ch->waiting);
	TAILQ_INIT(&ch->ended);
	TAILQ_INIT(&ch->busy);
	loop_before_wait(loop, end_round, ch);
	dial(ch);
}

void channel_use_tls(struct channel *ch, SSL_CTX *tls)
{
	SSL_CTX_free(ch->tls);
	ch->tls = tls;
	if (ch->current)
		http2_retire(ch->current);
}

static void stop_flows(struct rpc_flows *flows, bool streams_only)
{
	struct rpc_flow *next;
	for (struct rpc_flow *f = TAILQ_FIRST(flows); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->endless || !streams_only)
			rpc_flow_finish(f, STATUS_UNAVAILABLE, STOPPING);
	}
}

void channel_stop(struct channel *ch, bool streams_only)
{
	struct connection_link *link;
	ch->streamless = true;
	ch->stopping |= !streams_only;
	stop_flows(&ch->active, streams_only);
	stop_flows(&ch->waiting, streams_only);
	if (streams_only)
		return;
	end_flows(ch);
	loop_timer_stop(&ch->redial);
	loop_timer_stop(&ch->deadline_timer);
	TAILQ_FOREACH(link, &ch->connections, link)
	http2_flush(link->http2);
	while ((link = TAILQ_FIRST(&ch->connections)))
		drop_connection(ch, link);
	ch->current = NULL;
}

void channel_close(struct channel *ch)
{
	loop_forget_wait(ch->loop, ch);
	SSL_CTX_free(ch->tls);
}
