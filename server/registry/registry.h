/*
 * The Registry service: what its handlers share, its start and its end.
 *
 * Writes go through registry_store.h to PostgreSQL; reads are answered from the index in memory,
 * which the feed keeps equal to the change log. The handlers registry_<method> are the first steps
 * named in the generated table of steps.
 */
#ifndef JUNCTION_SERVER_REGISTRY_REGISTRY_H
#define JUNCTION_SERVER_REGISTRY_REGISTRY_H

#include "server/call.h"
#include "server/registry/index.h"
#include "server/registry/lease.h"
#include "server/registry/recent.h"

struct registry_options {
	int64_t poll_ms;         /* how often the change log is asked for other servers' writes */
	size_t request_limit;    /* bytes of a body that Call and CallStream send on */
	size_t response_limit;   /* bytes of an upstream's answer that Call takes */
	int protect_percent;     /* see index.h */
	int history_days;        /* how long the change log is kept */
	int64_t forget_after_ms; /* how long the row of an expired node stays */
	int64_t check_interval_ms, check_timeout_ms; /* interval 0: no checks by this server */
	int check_down_after, check_up_after, checks_at_once;
	int64_t watch_patience_ms; /* how long a stream's client may leave a message unread */
	/* NULL, or told of changes as struct feed_listener says, on the feed's thread. */
	void (*changed)(void *arg, const struct index_change *changes, size_t count,
		int64_t revision, bool replaced);
};

/* Once, after lanes_start() and before the first call. The snapshot is loaded in the background.
 * checks: an http lane for the checks of nodes alone. */
void registry_start(
	const struct registry_options *options, struct lanes *lanes, struct fetch_lane *checks);
/* The snapshot has been loaded at least once: reads are answered. Any thread. */
bool registry_ready(void);
/* Reads see that revision of the change log. Any thread. */
bool registry_has(int64_t revision);
/* What this server did for others is theirs from now on. Then the checks' lane stops, and after it
 * the others. */
void registry_leave(void);
/* After the last call has ended and the lanes have stopped. */
void registry_stop(void);

/* The options given at the start. */
const struct registry_options *registry_settings(void);

/* The index to read from. NULL while nothing has been loaded yet, with UNAVAILABLE set in
 * c->status: the step then ends with `return failed(c)`. */
struct index *registry_index(struct call *c);
/* The same for who has no call. Any thread. */
struct index *registry_loaded_index(void);

/* The URL of that path at a node of a service, the nodes in turn, those of HTTP first; NULL if none
 * is up. *own_host: a configuration file names its address. In the arena. Any thread. */
const char *registry_node_url(
	struct arena *a, struct text space, struct text service, struct text path, bool *own_host);

/* For heartbeats. Any thread. */
struct leases *registry_leases(void);
/* For those who watch. Any thread. */
struct recent *registry_recent(void);

/* Ends a step after a write: the call goes on with then() once reads on this server see that
 * revision; see feed_visible(). */
enum next registry_visible(struct call *c, int64_t revision, call_step *then);

#endif
