/*
 * Entries of the index: services, nodes and actions as blocks of their own, counted by references.
 *
 * An entry is filled by one thread before any other sees it, and then never changes; whoever holds
 * a reference reads it. Used by index.c only.
 */
#ifndef JUNCTION_SERVER_REGISTRY_ENTRY_H
#define JUNCTION_SERVER_REGISTRY_ENTRY_H

#include <stdatomic.h>

#include "server/registry/index.h"

/* Parts of one kind, each starting with its key. */
struct list {
	const void **items;
	size_t count, room;
};

struct service_entry {
	struct service service; /* first: a service points at its entry */
	atomic_int references;
	struct list nodes, actions; /* what the service points to, each ordered by key */
	struct turn *turn;          /* of the weighted round robin, shared by all its versions */
	uint64_t batch; /* the batch that made it: until that is visible it may be changed */
};

/* A copy with one reference. Its actions, its nodes but for its own one, and its turn are those of
 * from (NULL: there are none); its own node is service->nodes[0], if there is one. */
struct service_entry *service_entry_new(
	const struct service *service, const struct service_entry *from);
/* A copy with one reference that has all parts of from. */
struct service_entry *service_entry_copy(const struct service_entry *from);
void service_entry_hold(struct service_entry *entry);

/* Before others see the entry. Parts are copied. */
void service_entry_put_action(struct service_entry *entry, const struct action *action);
void service_entry_put_node(struct service_entry *entry, const struct node *node);
void service_entry_remove_action(struct service_entry *entry, struct text key);
void service_entry_remove_node(struct service_entry *entry, struct text key);

/* How often one of that kind has been asked for, from 0; one more each time. again: counted apart.
 * Any thread. */
unsigned service_entry_turn(const struct service *service, enum node_kind kind, bool again);

#endif
