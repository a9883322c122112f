/*
 * The first administrator: a user "administrator" with the role administrator and a one-time
 * password, which is printed once on standard output and stands nowhere else.
 *
 * Made in the background at the first start of a server in a database, unless there are users
 * already; of several servers that start at once one makes it. While PostgreSQL is away it is tried
 * again.
 */
#ifndef JUNCTION_SERVER_AUTH_SESSION_ADMINISTRATOR_H
#define JUNCTION_SERVER_AUTH_SESSION_ADMINISTRATOR_H

#include "server/lane/sql.h"

/* Once, after lanes_start(). */
void administrator_start(struct lanes *lanes);
/* It is there, and its password printed if it was made here. Any thread. */
bool administrator_ready(void);
/* After the lanes have stopped. */
void administrator_stop(void);

/* The command: makes it again, with a new password, whatever has become of it. token_seconds: that
 * a token of its may be good. Blocks. */
bool administrator_reset(
	const char *database_url, int64_t token_seconds, struct arena *a, struct status *status);

#endif
