/* Rows over a result of libpq. For server/db and server/lane only; everybody else reads rows by the
 * functions in statement.h. */
#ifndef JUNCTION_SERVER_DB_ROWS_H
#define JUNCTION_SERVER_DB_ROWS_H

#include <libpq-fe.h>

#include "server/db/statement.h"

struct rows {
	const PGresult *result; /* not owned */
};

#endif
