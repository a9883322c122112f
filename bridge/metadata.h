/*
 * Metadata: which HTTP headers go on to the server, by allow-list (contract, section 1). Names are
 * lower case; FATE's own are taken with '_' for '-' and arrive with '-'. Texts live in the arena
 * of the request.
 */
#ifndef JUNCTION_BRIDGE_METADATA_H
#define JUNCTION_BRIDGE_METADATA_H

#include "base/arena.h"

#define METADATA_MAX 34

struct metadata {
	struct text key;   /* lower case, [a-z0-9-_.] */
	struct text value; /* printable ASCII */
};

struct metadata_list {
	struct metadata items[METADATA_MAX];
	size_t count;
};

/* Adds the header if it is on the list and leaves it out if not. Returns NULL, or why the request
 * must be refused: "is repeated", for one. */
const char *metadata_add_header(
	struct metadata_list *list, struct arena *a, struct text name, struct text value);

/* Whether it is there. */
bool metadata_has(const struct metadata_list *list, struct text key);

/* Adds what the bridge itself says; there is always room for METADATA_OWN of them. */
#define METADATA_OWN 7
void metadata_add_own(struct metadata_list *list, struct text key, struct text value);

#endif
