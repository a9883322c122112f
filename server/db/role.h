/* The cluster's roles junction_app and junction_reader. Blocks. */
#ifndef JUNCTION_SERVER_DB_ROLE_H
#define JUNCTION_SERVER_DB_ROLE_H

#include <libpq-fe.h>

#include "base/status.h"

/* Creates them, if they are missing, and grants them to the user of server_url (NULL: of
 * owner_url). owner is a connection by owner_url. */
bool role_ensure(PGconn *owner, const char *owner_url, const char *server_url, struct arena *a,
	struct status *status);

#endif
