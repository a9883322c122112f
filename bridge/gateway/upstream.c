/*
 * Upstream: what is to be written gathers only until the connection stands and, on a kept one, at
 * most until the end of the round, so that the head and the first of the body leave in one piece.
 *
 * The owner may drop the upstream within any of its callbacks: it is freed when the last of them
 * has returned.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/loop.h"
#include "bridge/gateway/upstream_answer.h"
#include "bridge/gateway/upstream_pool.h"

struct upstream {
	struct upstream_pool *pool;
	struct connection *connection; /* NULL: gone */
	const struct upstream_events *events;
	void *owner;
	bool has_body, chunked;
	bool put_all;
	bool open;   /* the connection stands, and the head has left */
	bool queued; /* in the pool's queue */
	bool lent;   /* one of the owner's callbacks runs */
	bool held;
	struct loop_timer *timer; /* until the connection stands */
	char *early;              /* what has gathered */
	size_t early_size, early_room;
	struct text rest; /* in head(), behind it */
	struct answer answer;
	TAILQ_ENTRY(upstream) due;
};

/* --- the end of it ---------------------------------------------------------------------------- */

static void leave_queue(struct upstream *u)
{
	if (u->queued)
		TAILQ_REMOVE(upstream_pool_due(u->pool), u, due);
	u->queued = false;
}

/* It has no connection any more. */
static void let_go(struct upstream *u)
{
	leave_queue(u);
	loop_timer_stop(&u->timer);
	free(u->early);
	u->early = NULL;
	u->early_size = 0;
}

/* Between these two the owner may be called. */
static void lend(struct upstream *u)
{
	u->lent = true;
}

static void take_back(struct upstream *u)
{
	u->lent = false;
	if (u->connection)
		return;
	answer_clear(&u->answer);
	free(u);
}

void upstream_drop(struct upstream **upstream)
{
	struct upstream *u = *upstream;
	*upstream = NULL;
	if (!u || !u->connection)
		return;
	connection_close(&u->connection);
	let_go(u);
	if (!u->lent)
		take_back(u);
}

struct wire *upstream_take_wire(struct upstream **upstream, struct text *rest)
{
	struct upstream *u = *upstream;
	*upstream = NULL;
	CHECK(u->lent && u->answer.head.status == 101);
	*rest = u->rest;
	struct wire *w = connection_give(&u->connection);
	let_go(u);
	return w;
}

static void fail(struct upstream *u, enum upstream_failure failure, const char *sentence)
{
	connection_close(&u->connection);
	let_go(u);
	u->events->failed(u->owner, failure, sentence);
}

/* clean: nothing stands between this answer and the next request. */
static void finish(struct upstream *u, bool clean)
{
	if (clean && u->answer.keep && (u->put_all || !u->has_body)) {
		if (u->held)
			wire_hold(u->connection->wire, false);
		connection_keep(&u->connection);
	} else {
		connection_close(&u->connection);
	}
	let_go(u);
	u->events->end(u->owner, u->answer.trailers.headers, u->answer.trailers.header_count);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void gather(struct upstream *u, struct text bytes)
{
	if (bytes.size > u->early_room - u->early_size) {
		u->early_room = 2 * (u->early_size + bytes.size);
		u->early = check_realloc(u->early, u->early_room);
	}
	memcpy(u->early + u->early_size, bytes.data, bytes.size);
	u->early_size += bytes.size;
}

/* What has gathered, and then those. */
static void write_all(struct upstream *u, const struct text *parts, size_t count)
{
	struct text all[4] = {{u->early, u->early_size}};
	for (size_t i = 0; i < count; i++)
		all[i + 1] = parts[i];
	if (u->early_size)
		wire_write_all(u->connection->wire, all, count + 1);
	else if (count)
		wire_write_all(u->connection->wire, parts, count);
	free(u->early);
	u->early = NULL;
	u->early_size = u->early_room = 0;
}

static void put_parts(struct upstream *u, const struct text *parts, size_t count)
{
	if (wire_state(u->connection->wire) == WIRE_OPEN) {
		write_all(u, parts, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		gather(u, parts[i]);
}

void upstream_put(struct upstream *u, struct text piece)
{
	char size[24];
	if (!piece.size)
		return;
	if (!u->chunked) {
		put_parts(u, &piece, 1);
		return;
	}
	int length = snprintf(size, sizeof(size), "%zx\r\n", piece.size);
	put_parts(u, (struct text[]){{size, (size_t)length}, piece, TEXT("\r\n")}, 3);
}

void upstream_put_end(struct upstream *u, const struct upstream_header *trailers, size_t count)
{
	u->put_all = true;
	if (!u->chunked)
		return;
	gather(u, TEXT("0\r\n"));
	for (size_t i = 0; i < count; i++) {
		gather(u, trailers[i].name);
		gather(u, TEXT(": "));
		gather(u, trailers[i].value);
		gather(u, TEXT("\r\n"));
	}
	gather(u, TEXT("\r\n"));
	put_parts(u, NULL, 0);
}

size_t upstream_waiting(const struct upstream *u)
{
	return u->early_size + wire_waiting(u->connection->wire);
}

void upstream_hold(struct upstream *u, bool hold)
{
	if (u->held == hold)
		return;
	u->held = hold;
	wire_hold(u->connection->wire, hold);
}

/* --- what the wire tells ---------------------------------------------------------------------- */

/* The connection stands. */
static void begin(struct upstream *u)
{
	bool waited = u->early_size > 0;
	u->open = true;
	loop_timer_stop(&u->timer);
	write_all(u, NULL, 0);
	u->events->sent(u->owner);
	if (u->connection && waited && u->has_body && !upstream_waiting(u))
		u->events->drained(u->owner);
}

void upstream_tell(struct upstream_queue *queue)
{
	struct upstream *u = TAILQ_FIRST(queue);
	leave_queue(u);
	lend(u);
	begin(u);
	take_back(u);
}

static void on_opened(void *connection)
{
	struct upstream *u = ((struct connection *)connection)->user;
	lend(u);
	begin(u);
	take_back(u);
}

static void on_drained(void *connection)
{
	struct upstream *u = ((struct connection *)connection)->user;
	lend(u);
	u->events->drained(u->owner);
	take_back(u);
}

/* False: nothing is left to be looked at. */
static bool handle(struct upstream *u, enum answer_event event, struct text left, struct text piece)
{
	switch (event) {
	case ANSWER_MORE:
		return false;
	case ANSWER_GO_ON:
		u->events->go_on(u->owner);
		break;
	case ANSWER_HEAD:
		u->rest = left;
		u->events->head(u->owner, &u->answer.head);
		CHECK(!u->connection || u->answer.head.status != 101);
		break;
	case ANSWER_BODY:
		u->events->body(u->owner, piece);
		break;
	case ANSWER_END:
		finish(u, !left.size);
		break;
	case ANSWER_BROKEN:
		fail(u, UPSTREAM_MALFORMED, u->answer.error);
		break;
	}
	return u->connection != NULL;
}

static void on_received(void *connection, struct text left)
{
	struct upstream *u = ((struct connection *)connection)->user;
	struct text piece = {0};
	enum answer_event event;
	lend(u);
	do
		event = answer_pull(&u->answer, &left, &piece);
	while (handle(u, event, left, piece));
	take_back(u);
}

static void fail_unopened(struct upstream *u)
{
	char sentence[192];
	const struct wire *w = u->connection->wire;
	bool refused = wire_is_refused(w);
	snprintf(sentence, sizeof(sentence), "%s: %s",
		refused ? "must not be connected to" : "cannot be reached", wire_reason(w));
	fail(u, refused ? UPSTREAM_NOT_ALLOWED : UPSTREAM_NOT_REACHED, sentence);
}

/* No more comes of the answer. */
static void fail_open(struct upstream *u)
{
	if (u->answer.begun)
		fail(u, UPSTREAM_BROKEN_OFF, "broke off its answer");
	else
		fail(u, u->connection->used ? UPSTREAM_STALE : UPSTREAM_NOT_ANSWERED,
			"closed the connection without an answer");
}

static void on_ended(void *connection)
{
	struct upstream *u = ((struct connection *)connection)->user;
	lend(u);
	if (answer_close(&u->answer))
		finish(u, false);
	else
		fail_open(u);
	take_back(u);
}

static void on_lost(void *connection)
{
	struct upstream *u = ((struct connection *)connection)->user;
	lend(u);
	if (u->open || u->connection->used)
		fail_open(u);
	else
		fail_unopened(u);
	take_back(u);
}

const struct wire_events upstream_wire_events = {
	.opened = on_opened,
	.received = on_received,
	.drained = on_drained,
	.ended = on_ended,
	.lost = on_lost,
};

/* --- the start -------------------------------------------------------------------------------- */

static void on_timer(void *arg)
{
	struct upstream *u = arg;
	lend(u);
	fail(u, UPSTREAM_CONNECT_TIMEOUT, "was not connected to in time");
	take_back(u);
}

struct upstream *upstream_start(
	struct upstream_pool *pool, struct endpoint *e, const struct upstream_request *request)
{
	struct upstream *u = check_calloc(1, sizeof(*u));
	u->pool = pool;
	u->events = request->events;
	u->owner = request->owner;
	u->has_body = request->has_body;
	u->chunked = request->chunked;
	u->answer.is_head = request->is_head;
	u->answer.upgrade = request->upgrade;
	u->connection = connection_take(pool, e, request->fresh, u);
	if (u->connection->used && !u->has_body)
		wire_write(u->connection->wire, request->head);
	else
		gather(u, request->head);
	if (u->connection->used) {
		u->queued = true;
		TAILQ_INSERT_TAIL(upstream_pool_due(pool), u, due);
	} else if (request->connect_timeout_ms) {
		u->timer = loop_after(upstream_pool_loop(pool),
			(uint64_t)request->connect_timeout_ms, on_timer, u);
	}
	return u;
}
