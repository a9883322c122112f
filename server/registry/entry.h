/*
 * Entries of the index: services and actions as blocks of their own, counted by references.
 *
 * An entry is filled by one thread before any other sees it, and then never changes; whoever holds
 * a reference reads it. Used by index.c only.
 */
#ifndef JUNCTION_SERVER_REGISTRY_ENTRY_H
#define JUNCTION_SERVER_REGISTRY_ENTRY_H

#include <stdatomic.h>

#include "server/registry/index.h"

struct service_entry {
	struct service service; /* first: a service points at its entry */
	atomic_int references;
	const struct action **actions; /* what service.actions points to */
	size_t room;
	uint64_t batch; /* the batch that made it: until that is visible it may be changed */
};

/* A copy with one reference; its actions are those of from, a reference more to each. */
struct service_entry *service_entry_new(const struct service *service, const struct service *from);
void service_entry_hold(struct service_entry *entry);

/* Before others see the entry. The action is copied. */
void service_entry_put_action(struct service_entry *entry, const struct action *action);
void service_entry_remove_action(struct service_entry *entry, struct text key);

#endif
