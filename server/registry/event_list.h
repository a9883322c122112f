/*
 * Event list: what is subscribed to, as ListEvents and $node.events show it. Who subscribes is
 * known by who delivers (server/event); whether a service would be found is known here.
 */
#ifndef JUNCTION_SERVER_REGISTRY_EVENT_LIST_H
#define JUNCTION_SERVER_REGISTRY_EVENT_LIST_H

#include "server/call.h"
#include "server/registry/index.h"

/* A pattern of a subscription. */
struct event_subscription {
	struct text pattern, group;
	struct text service; /* that it is delivered to; empty: to somebody else */
	bool enabled;        /* what comes is delivered */
};

/* Those of the caller's namespace, in the call's arena. False with c->status set. */
typedef bool event_lister(
	struct call *c, const struct event_subscription **subscriptions, size_t *count);
/* Once, before the first call; without one there are none. */
void event_list_use(event_lister *lister);

/* Who handles an event: a node of a service, or this Junction for another target. */
struct event_endpoint {
	struct text node;
	bool available;
};

/* A pattern of a group. */
struct event_entry {
	struct text name, group;
	bool available; /* a delivery would find a receiver now */
	const struct event_endpoint *endpoints;
	size_t endpoint_count;
};

struct event_entries {
	const struct event_entry *items;
	size_t count;
};

/* Ordered by name and group, each once: of the subscriptions whose group or target is the service,
 * or of all (NULL). In the call's arena. False with c->status set. */
bool event_list(struct call *c, const struct service *service, struct event_entries *entries);

#endif
