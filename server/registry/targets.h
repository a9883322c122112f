/*
 * Targets: the nodes that can be checked, by their key and by their service.
 *
 * A target is the node at one address with one kind of check: one that moves is another target. It
 * is counted by references: the table's, and one for each who has work under way with it; it is
 * gone when it is out of the table. One thread.
 */
#ifndef JUNCTION_SERVER_REGISTRY_TARGETS_H
#define JUNCTION_SERVER_REGISTRY_TARGETS_H

#include <sys/queue.h>

#include "base/table.h"
#include "server/registry/health.h"
#include "server/registry/schedule.h"

struct target_group; /* the targets of a service */

struct target {
	struct text key; /* "namespace NUL service NUL node NUL", and each of the three */
	struct text space, service_key, node_key;
	uint64_t hash; /* members_hash() of the key */
	struct address address;
	struct text check_path; /* of an HTTP check; else "" */
	bool configured;        /* see struct node */
	struct health health;
	char *reason; /* why the last check failed, or NULL */

	/* The checks'. */
	struct checks *checks;
	struct schedule_item due; /* while a check is under way: when it began */
	bool mine;                /* this server is in charge */
	bool scheduled;           /* due is in the schedule */
	bool probing;             /* a check is under way */
	bool unwritten;           /* in the list of those whose mark is to be written */
	bool writing;             /* its mark is being written */
	struct target *next_unwritten;

	int references;
	bool gone;
	unsigned load; /* the table's, when it was last put */
	struct target_group *group;
	LIST_ENTRY(target) in_group;
};

/* Starts as {.removed = f, .arg = x} with table and groups {.exact = true}. */
struct targets {
	void (*removed)(void *arg, struct target *t); /* it has just gone */
	void *arg;
	struct table table, groups;
	unsigned load;
};

/* The target of a node that can be checked, with what the node says of its health; *made: it was
 * not there. NULL if the node is not to be checked: then there is none any more. */
struct target *targets_put(struct targets *s, struct text space, struct text service_key,
	const struct node *node, bool *made);
void targets_remove(
	struct targets *s, struct text space, struct text service_key, struct text node_key);
void targets_remove_service(struct targets *s, struct text space, struct text service_key);
/* All that is put from here on is the whole: targets_end_load() removes the others. */
void targets_begin_load(struct targets *s);
void targets_end_load(struct targets *s);
void targets_clear(struct targets *s);

void target_hold(struct target *t);
void target_release(struct target *t);

#endif
