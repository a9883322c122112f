/*
 * Listener: HTTP/1.1 in, HTTP/1.1 out. The only user of libmicrohttpd.
 *
 * What the acceptor takes goes to a daemon on one of the rpc's loops, and stays on that thread. A
 * request becomes an exchange; while it waits for the server its connection is suspended. One
 * thread, none of the loops', opens, drains and closes.
 */
#ifndef JUNCTION_BRIDGE_LISTENER_H
#define JUNCTION_BRIDGE_LISTENER_H

#include "bridge/exchange.h"
#include "bridge/watch.h"

struct listener;

struct listener_options {
	const char *const *addresses;     /* "127.0.0.1:3000", "[::1]:0", ":80"; NULL-terminated */
	int connection_limit;             /* in all */
	int connection_limit_per_address; /* of one caller; 0 is none */
	int idle_timeout;                 /* seconds without progress, after which it is closed */
	struct watch_options watch;       /* what is too slow */
};

/* Speaks TLS if tls_is_open(). NULL if an address cannot be listened at (logged). bridge outlives
 * the listener. */
struct listener *listener_open(const struct listener_options *options, struct bridge *bridge);
/* The address that addresses[i] got: "127.0.0.1:41217". */
const char *listener_address(const struct listener *l, size_t i);

/* Accepts no more and waits up to ms for the exchanges in progress: true once none is left. */
bool listener_drain(struct listener *l, int64_t ms);
/* After rpc_stop(): no exchange may be waiting for the server any more. */
void listener_close(struct listener **l);

#endif
