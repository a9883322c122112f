/*
 * Push: delivers to the targets of subscriptions by HTTP: URLs, and nodes of services.
 *
 * Each subscription with such a target is a consumer of its queue while this server is in charge of
 * it and it is enabled. How many attempts are under way, how many begin in a second, and whether
 * the target is left alone for a while (breaker) is the subscription's own (pace.h): a target that
 * is slow or dead holds up nobody else, and burns no attempts while it is left alone. All of that
 * begins anew when the subscription points elsewhere, or was disabled in between.
 *
 * On the engine's home thread, but for what says otherwise.
 */
#ifndef JUNCTION_SERVER_EVENT_PUSH_PUSH_H
#define JUNCTION_SERVER_EVENT_PUSH_PUSH_H

#include "server/call.h"

/* Once, after engine_start(). */
void push_start(struct lanes *lanes, struct fetch_lane *fetch);
/* Subscriptions, or what this server is in charge of, have changed. */
void push_changed(void);
/* After the lanes have stopped. */
void push_stop(void);

#endif
