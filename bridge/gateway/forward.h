/*
 * Forward: one request to a service, on its way to a node and back, without ever being held whole.
 *
 * The exchange feeds it the body and is told when the reply stands; the listener takes the reply's
 * body piece by piece. What is waited for, in this order: the route (whether the caller may, which
 * nodes), limits, what is kept, a node that takes it, the body, the answer. Back-pressure:
 * FORWARD_HIGH bytes wait for a client or a node that does not take them, and what one more reading
 * brings; then no more is read from the other side.
 *
 * Sent again, to another node or on another connection: what was never sent, whatever its method;
 * what may have arrived only if its method is idempotent (RFC 9110, 9.2.2); and only while the body
 * that was sent is still here (FORWARD_KEPT bytes).
 *
 * All on the thread of the connection's loop.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_FORWARD_H
#define JUNCTION_BRIDGE_GATEWAY_FORWARD_H

#include "bridge/access.h"
#include "bridge/gateway/gateway.h"
#include "bridge/gateway/remote.h"
#include "bridge/request.h"
#include "bridge/stream.h"

#define FORWARD_HIGH (64 * 1024)
#define FORWARD_KEPT (32 * 1024)

/* What stands for the gateway's requests in logs and metrics. */
extern const struct api_method forward_method;

struct forward_request {
	struct arena *arena;
	struct text verb;
	struct text service, path, query;  /* as sent; path: behind the service */
	bool has_query;                    /* a "?" was sent */
	const struct request_header *sent; /* the last one first */
	struct text host, peer;
	const struct metadata_list *metadata;
	bool is_http10, has_body, chunked, expects_continue;
	uint64_t length; /* of a body that is not in chunks */
	bool cors;       /* the front says what is to be said of origins */
	struct access *access;
	struct stream_connection connection;
	struct reply *reply; /* filled when it stands */
	/* The state has changed, from HELD, from WAITING, or, of a connection that is suspended in
	 * the body, to REPLIED. */
	void (*ready)(void *owner);
	void *owner;
};

enum forward_state {
	FORWARD_HELD,    /* the body is not to be read yet */
	FORWARD_BODY,    /* it is */
	FORWARD_WAITING, /* for the answer */
	FORWARD_REPLIED, /* the reply stands; what is left of the body is not wanted */
};

struct forward;

/* Texts of r live as long as the forward. */
struct forward *forward_open(struct gateway_place *p, const struct forward_request *r);
void forward_leave(struct forward **f); /* NULL allowed */
enum forward_state forward_state(const struct forward *f);

/* FORWARD_BODY: a piece, or the end. A piece may suspend the connection; then it is resumed. */
void forward_read(struct forward *f, struct text piece);
void forward_end_body(struct forward *f, const struct upstream_header *trailers, size_t count);

/* FORWARD_REPLIED: the reply is about to be sent. */
void forward_settle(struct forward *f);
/* Bytes of the reply's body; see stream_take(). */
ssize_t forward_take(void *forward, char *bytes, size_t room);
size_t forward_taken(const struct forward *f);
/* About once a second while the connection may be suspended. gone: the client's end is closed. */
void forward_tick(void *forward, bool gone);

/* After a reply of 101 has been sent: the client, and what came from it already. The
 * forward is its own from now on, without its request; close(arg) is called, with the bytes that
 * were carried, when no more is to be. */
void forward_upgrade(struct forward **f, struct remote client, struct text came,
	void (*close)(void *arg, uint64_t to_node, uint64_t to_client), void *arg);
/* All upgraded connections of the place are broken off. */
void forward_end_upgrades(struct gateway_place *p);
/* Whatever is under way at a node is broken off. */
void forward_end_all(struct gateway_place *p);
/* The gateway's, every FORWARD_STEP_MS: what has taken too long. */
#define FORWARD_STEP_MS 100
void forward_sweep(void *place);

#endif
