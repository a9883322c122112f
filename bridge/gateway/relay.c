/*
 * Relay: what comes is handed on from a block of the thread; only what the other side does not take
 * at once waits in memory, and as long as it does nothing more is read. Towards the node that is
 * the wire's, towards the client it is here. Each direction ends for itself; the relay does when
 * both have, or when either side is lost and what waits for the other has gone. Idle ones are found
 * by a look at all of the thread, now and then.
 */
#include "bridge/gateway/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/loop.h"

enum { LOOK_MS = 500 };

struct relay {
	uv_poll_t poll; /* first */
	int polled;     /* what it is asked for */
	struct remote client;
	struct wire *wire;
	char *pending; /* for the client, from at to size; NULL: none */
	size_t at, size;
	bool client_ended, node_ended; /* sends no more */
	bool client_lost, node_lost;   /* takes no more either */
	uint64_t idle_ms, moved;       /* on the time of libuv's loop */
	uint64_t to_node, to_client;
	void (*ended)(void *owner, uint64_t to_node, uint64_t to_client);
	void *owner;
	LIST_ENTRY(relay) others;
};

static _Thread_local LIST_HEAD(, relay) relays;
static _Thread_local struct loop_timer *timer;
static _Thread_local char block[WIRE_PIECE];

/* --- the end ---------------------------------------------------------------------------------- */

static void free_relay(uv_handle_t *poll)
{
	free(poll);
}

void relay_break_off(struct relay *r)
{
	LIST_REMOVE(r, others);
	if (LIST_EMPTY(&relays))
		loop_timer_stop(&timer);
	wire_close(&r->wire);
	free(r->pending);
	uv_close((uv_handle_t *)&r->poll, free_relay);
	r->ended(r->owner, r->to_node, r->to_client);
}

static void look(void *arg)
{
	struct relay *next;
	(void)arg;
	for (struct relay *r = LIST_FIRST(&relays); r; r = next) {
		next = LIST_NEXT(r, others);
		if (r->idle_ms && uv_now(r->poll.loop) - r->moved >= r->idle_ms)
			relay_break_off(r);
	}
}

/* --- what is waited for ----------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static bool waits_for_node(const struct relay *r)
{
	return !r->node_lost && wire_waiting(r->wire) > 0;
}

static bool is_over(const struct relay *r)
{
	bool to_client = r->client_lost || (r->node_ended && !r->pending);
	bool to_node = r->node_lost || (r->client_ended && !waits_for_node(r));
	return to_client && to_node;
}

/* After everything that may have changed something: the last touch of a callback. */
static void go_on(struct relay *r)
{
	if (is_over(r)) {
		relay_break_off(r);
		return;
	}
	bool reads = !r->client_ended && !r->node_lost && !waits_for_node(r);
	int events = (reads ? UV_READABLE : 0) | (r->pending ? UV_WRITABLE : 0);
	if (events == r->polled)
		return;
	r->polled = events;
	if (events)
		CHECK(!uv_poll_start(&r->poll, events, on_poll));
	else
		uv_poll_stop(&r->poll);
}

static void moved(struct relay *r)
{
	r->moved = uv_now(r->poll.loop);
}

/* --- to the client ---------------------------------------------------------------------------- */

static void drop_pending(struct relay *r)
{
	free(r->pending);
	r->pending = NULL;
	r->at = r->size = 0;
}

/* What the node sends is thrown away from now on; what the client has sent is still delivered. */
static void lose_client(struct relay *r)
{
	r->client_lost = r->client_ended = true;
	drop_pending(r);
	wire_hold(r->wire, false);
}

/* How much the client has taken. */
static size_t send_some(struct relay *r, const char *bytes, size_t size)
{
	ssize_t sent = remote_write(&r->client, bytes, size);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		lose_client(r);
	if (sent <= 0)
		return 0;
	r->to_client += (uint64_t)sent;
	moved(r);
	return (size_t)sent;
}

static void keep(struct relay *r, struct text bytes)
{
	r->pending = check_realloc(r->pending, r->size + bytes.size);
	memcpy(r->pending + r->size, bytes.data, bytes.size);
	r->size += bytes.size;
	wire_hold(r->wire, true);
}

static void send_pending(struct relay *r)
{
	size_t sent = send_some(r, r->pending + r->at, r->size - r->at);
	r->at += sent;
	if (r->client_lost || r->at < r->size)
		return;
	drop_pending(r);
	wire_hold(r->wire, false);
}

/* --- to the node ------------------------------------------------------------------------------ */

static void read_client(struct relay *r)
{
	ssize_t size = remote_read(&r->client, block, sizeof(block));
	if (size > 0) {
		r->to_node += (uint64_t)size;
		moved(r);
		wire_write(r->wire, (struct text){block, (size_t)size});
	} else if (size == 0) {
		r->client_ended = true;
		wire_shutdown(r->wire);
	} else if (errno != EAGAIN && errno != EINTR) {
		lose_client(r);
	}
}

/* With an error libuv has stopped it: reading or writing finds that error. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct relay *r = (struct relay *)poll;
	int able = status < 0 ? r->polled : events & r->polled;
	if (status < 0)
		r->polled = 0;
	if ((able & UV_WRITABLE) && r->pending)
		send_pending(r);
	if ((able & UV_READABLE) && !r->client_ended)
		read_client(r);
	go_on(r);
}

/* --- the wire --------------------------------------------------------------------------------- */

static void on_received(void *arg, struct text bytes)
{
	struct relay *r = arg;
	size_t sent = 0;
	moved(r);
	if (!r->pending && !r->client_lost)
		sent = send_some(r, bytes.data, bytes.size);
	if (sent < bytes.size && !r->client_lost)
		keep(r, text_from(bytes, sent));
	go_on(r);
}

static void on_drained(void *arg)
{
	moved(arg);
	go_on(arg);
}

/* Never while the wire is held: nothing waits for the client. */
static void on_ended(void *arg)
{
	struct relay *r = arg;
	r->node_ended = true;
	remote_end(&r->client);
	go_on(r);
}

static void on_lost(void *arg)
{
	struct relay *r = arg;
	r->node_ended = r->node_lost = true;
	go_on(r);
}

static const struct wire_events events_of_wire = {
	.received = on_received,
	.drained = on_drained,
	.ended = on_ended,
	.lost = on_lost,
};

/* --- the beginning ---------------------------------------------------------------------------- */

struct relay *relay_open(const struct relay_options *options)
{
	struct relay *r = check_calloc(1, sizeof(*r));
	r->client = options->client;
	r->wire = options->wire;
	r->idle_ms = (uint64_t)options->idle_ms;
	r->ended = options->ended;
	r->owner = options->owner;
	CHECK(!uv_poll_init(loop_uv(options->loop), &r->poll, r->client.fd));
	if (LIST_EMPTY(&relays))
		timer = loop_every(options->loop, LOOK_MS, look, NULL);
	LIST_INSERT_HEAD(&relays, r, others);
	uv_update_time(r->poll.loop);
	moved(r);
	wire_give(r->wire, &events_of_wire, r);
	r->node_ended = r->node_lost = wire_state(r->wire) == WIRE_LOST;
	r->to_node = options->from_client.size;
	wire_write(r->wire, options->from_client);
	if (options->from_node.size)
		keep(r, options->from_node);
	else
		wire_hold(r->wire, false);
	/* The rest is found there, never within this. */
	r->polled = UV_WRITABLE;
	CHECK(!uv_poll_start(&r->poll, r->polled, on_poll));
	return r;
}
