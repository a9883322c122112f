/*
 * Keeping: a statement that the server has the database carry out again and again: partitions that
 * are needed next are made and old ones dropped, rows that have expired are removed.
 *
 * Lives as long as the service that it serves. Its errand runs on the first lane thread, at start
 * and then as the two functions say; a minute after it has failed.
 */
#ifndef JUNCTION_SERVER_LANE_KEEPING_H
#define JUNCTION_SERVER_LANE_KEEPING_H

#include "server/lane/errand.h"

struct keeping {
	struct errand errand; /* first */
	const struct statement *statement;
	int number;
	bool in_steps, full; /* full: the last step did all that one may do */
	struct loop_task starting;
	struct loop_timer *next;
};

/* Each once, after lanes_start(). */

/* Every hour. The statement's only parameter is the number of days that rows are kept. */
void keeping_start(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int days);
/* Every minute, and at once as long as there is more to do. The statement's only parameter is what
 * a step may do at most; it gives how much it did. */
void keeping_start_steps(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int most);
/* After the lanes have stopped. */
void keeping_end(struct keeping *k);

#endif
