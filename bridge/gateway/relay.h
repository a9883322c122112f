/*
 * Relay: bytes both ways between a client and a node, after both have changed the protocol
 * (101), until either closes or nothing has moved for idle_ms.
 *
 * On the thread of one loop. Either side is held up while the other does not take what came. A side
 * that has sent all (its end is closed for writing) is told the other, and the rest is still
 * carried the other way. An idle relay costs little: no buffers.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_RELAY_H
#define JUNCTION_BRIDGE_GATEWAY_RELAY_H

#include "bridge/gateway/remote.h"
#include "bridge/wire.h"

struct loop;
struct relay;

struct relay_options {
	struct loop *loop;
	struct remote client;
	struct wire *wire;                  /* the node's; the relay's from now on */
	struct text from_client, from_node; /* what came already; copied */
	int64_t idle_ms;                    /* 0: no limit */
	/* It has ended, with so many bytes carried; the relay is gone afterwards. Once, never
	 * within relay_open(). */
	void (*ended)(void *owner, uint64_t to_node, uint64_t to_client);
	void *owner;
};

struct relay *relay_open(const struct relay_options *options);
/* ended() is called before this returns. */
void relay_break_off(struct relay *r);

#endif
