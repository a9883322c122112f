/* The rows of the change log as changes of the index. */
#ifndef JUNCTION_SERVER_REGISTRY_CHANGE_ROWS_H
#define JUNCTION_SERVER_REGISTRY_CHANGE_ROWS_H

#include "base/arena.h"
#include "server/db/statement.h"
#include "server/registry/index.h"

/* Of the rows from first on, in the arena; with copies of all texts, which end in NUL, so that they
 * outlive the rows. A row that is none (somebody else wrote it) is logged and left out. */
struct index_change *change_rows_read(
	const struct rows *rows, int first, struct arena *a, size_t *count);

#endif
