/* A statement on a connection of its own, for commands. Blocks, any thread. */
#ifndef JUNCTION_SERVER_DB_ONCE_H
#define JUNCTION_SERVER_DB_ONCE_H

#include "base/status.h"
#include "server/db/statement.h"

/* In a transaction of its own, in a database whose schema is this program's. False with the status
 * UNAVAILABLE, or INTERNAL if PostgreSQL refuses it. */
bool db_once(const char *url, const struct statement *s, const struct text *parameters,
	struct arena *a, struct status *status);

#endif
