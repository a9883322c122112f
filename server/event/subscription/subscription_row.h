/*
 * Rows of event.load() as subscriptions and queues. Between the sources of
 * server/event/subscription/subscriptions.h only. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTION_ROW_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTION_ROW_H

#include "base/status.h"
#include "server/event/subscription/subscriptions.h"

/* Where what is read lives, and what is for the reading only. */
struct row_arenas {
	struct arena *kept, *reading;
};

/* NULL with the reason if the row cannot be read; a queue has no members yet. */
struct event_queue *row_queue(
	const struct row_arenas *arenas, struct text value, struct status *status);
struct subscription *row_subscription(
	const struct row_arenas *arenas, struct text value, struct status *status);
/* Of one that will not be used any more. */
void row_wipe_secrets(const struct subscription *s);

#endif
