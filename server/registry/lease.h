/*
 * Leases: who lives, by heartbeats.
 *
 * A heartbeat is answered from memory. It is written to PostgreSQL in batches, and only if what is
 * written there is older than an eighth of the lease, so that it is there before a quarter is over.
 * A node is given that quarter on top of its lease: none goes early because a heartbeat was not
 * written, and a server that is killed takes none along. A node whose lease seems to have run out
 * is asked for in PostgreSQL, which knows the heartbeats that other servers took, and expires there
 * or not; any server does that for any node, so it does not matter which of them lives.
 *
 * A server that has just started, or that PostgreSQL was away from, expires nothing for half of
 * each lease, and 2 s at least: nodes that could not renew theirs meanwhile have time to do so, and
 * the other servers to write what they know. While PostgreSQL is away heartbeats are still
 * answered, and no node goes.
 *
 * Fed on the feed's thread (feed_listener), asked by any thread.
 */
#ifndef JUNCTION_SERVER_REGISTRY_LEASE_H
#define JUNCTION_SERVER_REGISTRY_LEASE_H

#include "server/call.h"
#include "server/registry/index.h"

struct leases;

struct leases_options {
	struct lanes *lanes;
	struct loop *home;       /* the feed's thread */
	const char *server_name; /* author of expiries in the log */
	int64_t forget_after_ms; /* how long the row of an expired node stays */
};

struct leases *leases_start(const struct leases_options *options);
/* After the lanes have stopped. */
void leases_free(struct leases **leases);

/* A feed_listener's changed(). */
void leases_changed(void *leases, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced);

/* Renews the lease of a node: its length in *lease_ms. False: no such node with a lease is known
 * here. Any thread. */
bool leases_renew(struct leases *leases, struct text space, struct text service_key,
	struct text node_key, int64_t *lease_ms);

#endif
