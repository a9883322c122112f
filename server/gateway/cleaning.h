/*
 * Cleaning: finds out what changes_add() is told of services: that they have changed, by the
 * registry's feed, and that kept answers of theirs are out of date, by an event whose name matches
 * a pattern of one of their rules, on whatever server it was published. As long as any service has
 * such a rule the log of events is looked at every CLEANING_POLL_MS. While it cannot be read, for
 * want of PostgreSQL, nothing can be published either.
 *
 * All on the thread of the registry's feed.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CLEANING_H
#define JUNCTION_SERVER_GATEWAY_CLEANING_H

#include "server/call.h"
#include "server/registry/index.h"

#define CLEANING_POLL_MS 50

/* As struct feed_listener has it. */
void cleaning_of_registry(void *arg, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced);

/* Once, after lanes_start(). */
void cleaning_start(struct lanes *lanes);
void cleaning_leave(void); /* before the lanes stop */
void cleaning_stop(void);  /* after they have */

#endif
