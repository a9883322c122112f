/*
 * Table: a hash table from names to pointers. Names belong to what is stored. Not locked; out of
 * memory aborts.
 */
#ifndef JUNCTION_BASE_TABLE_H
#define JUNCTION_BASE_TABLE_H

#include <stddef.h>

#include "base/text.h"

struct table_entry;

/* Starts as {0} or {.exact = true}. */
struct table {
	bool exact; /* else names are compared without regard to the case of ASCII letters */
	struct table_entry **buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count;
};

void *table_get(const struct table *t, struct text name); /* NULL if there is none */
/* name must live as long as the value; an equal name is replaced with its value. */
void table_put(struct table *t, struct text name, void *value);
void table_remove(struct table *t, struct text name);
/* The entries in no order: value after value until it returns NULL. */
struct table_cursor {
	size_t bucket;
	struct table_entry *entry;
};
void *table_next(const struct table *t, struct table_cursor *cursor);
void table_clear(struct table *t); /* empties it; the values are not freed */

/* The same for names that differ only in the case of ASCII letters, and another in each process:
 * for tables of other kinds. Any thread. */
uint64_t table_hash(struct text name);

#endif
