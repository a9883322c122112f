/*
 * Lease set: the leases that this server knows, by name, by service and by the time when they are
 * due. Part of lease.c, whose lock guards it.
 *
 * A lease is counted by references: one is the set's, the others are of those who have it in hand
 * while it may leave the set.
 */
#ifndef JUNCTION_SERVER_REGISTRY_LEASE_SET_H
#define JUNCTION_SERVER_REGISTRY_LEASE_SET_H

#include <stdbool.h>

#include "base/table.h"
#include "server/registry/schedule.h"

struct lease {
	struct schedule_item expiry; /* first */
	struct text space, service_key, node_key;
	int64_t length;  /* nanoseconds */
	int64_t renewed; /* the last heartbeat that is known here, on clock_now() */
	int64_t written; /* the last one that PostgreSQL is known to have */
	bool unwritten;  /* in the list of those to be written, or just being written */
	bool asked;      /* of PostgreSQL, not answered yet; not in the schedule */
	bool gone;       /* out of the set */
	int references;
	unsigned load;                /* lease_set.load when it was put last */
	struct lease *next;           /* to be written after it */
	struct lease **link, *sister; /* among those of its service */
	size_t name_size;
	char name[]; /* namespace NUL service NUL node */
};

/* Starts as {.leases.exact = true, .services.exact = true}. */
struct lease_set {
	struct table leases, services;
	struct schedule expiries;
	unsigned load;
};

/* NULL if there is none. */
struct lease *lease_set_find(
	const struct lease_set *set, struct text space, struct text service, struct text node);
/* Not in the schedule yet; NULL if the names are too long for any node. */
struct lease *lease_set_add(
	struct lease_set *set, struct text space, struct text service, struct text node);
/* Puts it into the schedule, or moves it there. */
void lease_set_due(struct lease_set *set, struct lease *lease, int64_t due);
/* The next one that is due, out of the schedule; NULL if there is none. */
struct lease *lease_set_take_due(struct lease_set *set, int64_t now);
void lease_set_drop(struct lease_set *set, struct lease *lease);
void lease_set_drop_service(struct lease_set *set, struct text space, struct text service);
/* Those that were put before the present load. */
void lease_set_drop_old(struct lease_set *set);
void lease_set_clear(struct lease_set *set);

void lease_release(struct lease *lease);

#endif
