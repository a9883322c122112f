/* What is subscribed to, as the registry's lists want it (server/registry/event_list.h). */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_EVENT_LISTER_H
#define JUNCTION_SERVER_EVENT_MANAGE_EVENT_LISTER_H

#include "server/registry/event_list.h"

/* An event_lister. */
bool event_lister_list(
	struct call *c, const struct event_subscription **subscriptions, size_t *count);

#endif
