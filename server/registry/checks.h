/*
 * Checks: whether nodes can be reached, asked of them at intervals.
 *
 * Each node is checked by one of the living servers (members.h), so that a server that goes is
 * replaced for its own nodes only. A check is a TCP connection or a GET (probe.h) through an http
 * lane of the checks' own, under the egress policy of all: calls that wait for slow third parties
 * make no node look dead. Intervals are scattered, the number of checks at once is bounded, and
 * what is the most overdue comes first; a node that hangs keeps one place for the length of the
 * timeout.
 *
 * What the results mean is in health.h. A mark that changes goes to PostgreSQL in batches, and
 * comes back by the feed; a result that changes nothing is written nowhere. While PostgreSQL is
 * away the latest marks are kept, and written when it is back. Checks mark nodes and never remove
 * them.
 *
 * All of it on the feed's thread, but for start, leave and free.
 */
#ifndef JUNCTION_SERVER_REGISTRY_CHECKS_H
#define JUNCTION_SERVER_REGISTRY_CHECKS_H

#include "server/lane/fetch.h"
#include "server/lane/sql.h"
#include "server/registry/index.h"

struct checks;

struct checks_options {
	struct lanes *lanes;
	struct fetch_lane *fetch; /* takes at_once jobs at least */
	struct loop *home;
	const char *server_name;
	int64_t interval_ms; /* 0: no checks by this server, which is no member either */
	int64_t timeout_ms;
	int down_after, up_after; /* results in a row */
	int at_once;              /* checks under way at most */
	int64_t member_ms;        /* how often a server says that it lives */
};

/* NULL if there are to be none; the other functions take that. */
struct checks *checks_start(const struct checks_options *options);
/* Ends the checks, and leaves the members so that others take over at once: waits for that, a
 * second at most. The http lane stops after it, and the SQL lanes after that one. */
void checks_leave(struct checks *checks);
/* After the lanes have stopped. */
void checks_free(struct checks **checks);

/* A feed_listener's changed(). */
void checks_changed(void *checks, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced);

#endif
