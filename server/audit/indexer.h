/*
 * Indexer: has the database index audit records behind the writes, all the time.
 *
 * Every server does; one of them is at it at a time. A record is found before it is indexed, too:
 * who searches looks through those that are not. Its errand runs on the first lane thread.
 */
#ifndef JUNCTION_SERVER_AUDIT_INDEXER_H
#define JUNCTION_SERVER_AUDIT_INDEXER_H

#include "server/lane/sql.h"

/* Once, after lanes_start(). */
void indexer_start(struct lanes *lanes);
/* After the lanes have stopped. */
void indexer_stop(void);

#endif
