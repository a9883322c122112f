/* Snapshots of subscriptions that more than one holds. Between the sources of
 * server/event/subscription/subscriptions.h only. */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTIONS_MAKE_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTIONS_MAKE_H

#include "server/event/subscription/subscriptions.h"

/* One more reference; any thread that has one. */
void subscriptions_share(const struct subscriptions *s);

#endif
