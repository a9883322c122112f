/*
 * The own parties' key pairs, made in the background at start.
 *
 * Each own party gets one if it has none, or if its newest is of another algorithm than the
 * configuration says. PostgreSQL decides who makes it: of several servers that start at once, one
 * key pair is kept and the others are dropped. While PostgreSQL is away it is tried again.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_PARTY_OWN_H
#define JUNCTION_SERVER_AUTH_HOOK_PARTY_OWN_H

#include "server/lane/sql.h"

/* Once, after party_start(). */
void party_own_start(struct lanes *lanes);
/* After the lanes have stopped. */
void party_own_stop(void);

#endif
