/*
 * Keeping: has the database make the partitions that are needed next, and drop rows that are older
 * than so many days: at start, every hour, and a minute after it has failed.
 *
 * Lives as long as the service that it serves. Its errand runs on the first lane thread.
 */
#ifndef JUNCTION_SERVER_LANE_KEEPING_H
#define JUNCTION_SERVER_LANE_KEEPING_H

#include "server/lane/errand.h"

struct keeping {
	struct errand errand; /* first */
	const struct statement *statement;
	int days;
	struct loop_task starting;
	struct loop_timer *next;
};

/* statement: its only parameter is the number of days. Once, after lanes_start(). */
void keeping_start(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int days);
/* After the lanes have stopped. */
void keeping_end(struct keeping *k);

#endif
