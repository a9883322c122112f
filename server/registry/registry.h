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

struct registry_options {
	int64_t poll_ms;       /* how often the change log is asked for other servers' writes */
	size_t response_limit; /* bytes of an upstream's answer that Call takes */
};

/* Once, after lanes_start() and before the first call. The snapshot is loaded in the background. */
void registry_start(const struct registry_options *options, struct lanes *lanes);
/* The snapshot has been loaded at least once: reads are answered. Any thread. */
bool registry_ready(void);
/* After the last call has ended and the lanes have stopped. */
void registry_stop(void);

/* The options given at the start. */
const struct registry_options *registry_settings(void);

/* The index to read from. NULL while nothing has been loaded yet, with UNAVAILABLE set in
 * c->status: the step then ends with `return failed(c)`. */
struct index *registry_index(struct call *c);

/* Ends a step after a write: the call goes on with then() once reads on this server see that
 * revision; see feed_visible(). */
enum next registry_visible(struct call *c, int64_t revision, call_step *then);

#endif
