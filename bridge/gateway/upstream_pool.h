/*
 * Upstream pool: the connections to nodes, for upstream.c alone.
 *
 * A connection carries one request at a time, or is kept: then it waits here, and is closed when
 * the node closes it or says something unasked, when it has waited long, or when there are enough
 * others. All on the thread of the loop.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_UPSTREAM_POOL_H
#define JUNCTION_BRIDGE_GATEWAY_UPSTREAM_POOL_H

#include <sys/queue.h>

#include "bridge/gateway/upstream.h"

struct place;

struct connection {
	struct place *place;
	struct wire *wire;
	struct upstream *user;         /* NULL: kept */
	bool used;                     /* it has carried a request before */
	uint64_t kept;                 /* since when, on the time of libuv's loop */
	TAILQ_ENTRY(connection) link;  /* of the kept: in the place, newest first */
	TAILQ_ENTRY(connection) queue; /* and in the pool, oldest first */
};

/* Those whom upstream_tell() is called for at the end of the loop's round. */
TAILQ_HEAD(upstream_queue, upstream);
struct upstream_queue *upstream_pool_due(struct upstream_pool *pool);
struct loop *upstream_pool_loop(const struct upstream_pool *pool);

/* upstream.c's: what happens to a connection in use, which is their argument. */
extern const struct wire_events upstream_wire_events;
/* Takes the first one out of the queue. */
void upstream_tell(struct upstream_queue *queue);

/* One for the user: kept, and open; or one that is being opened, always if fresh. */
struct connection *connection_take(
	struct upstream_pool *pool, struct endpoint *e, bool fresh, struct upstream *user);
/* It has done its work and may serve another. */
void connection_keep(struct connection **c);
void connection_close(struct connection **c); /* NULL allowed */
/* The wire goes to another owner; it is held, and tells nobody. */
struct wire *connection_give(struct connection **c);

#endif
