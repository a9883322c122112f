/*
 * Health: what a row of check results says of a node. Pure: knows no clock, no socket.
 *
 * A mark changes after so many results in a row. One that has changed more than HEALTH_FLAPS times
 * within the window is flapping: the node is marked as failing, and nothing changes any more, until
 * it has passed HEALTH_CALM times in a row.
 */
#ifndef JUNCTION_SERVER_REGISTRY_HEALTH_H
#define JUNCTION_SERVER_REGISTRY_HEALTH_H

#include "server/registry/index.h"

#define HEALTH_FLAPS       4
#define HEALTH_FLAP_WINDOW 20 /* intervals between checks */
#define HEALTH_CALM        5

struct health_rules {
	int down_after, up_after; /* results in a row */
	int64_t window;           /* HEALTH_FLAP_WINDOW intervals, on the clock of the results */
};

struct health {
	enum node_health marked;
	bool flapping; /* then failing, too */

	bool passed; /* the last result, of which there were run alike */
	int run;
	int64_t changes[HEALTH_FLAPS]; /* when the mark changed, the latest first */
	int change_count;
};

/* What is known of a node that has not been checked here yet. */
void health_begin(struct health *h, enum node_health marked, bool flapping);
/* Takes a result. True if the mark, or whether it is flapping, has changed. */
bool health_take(struct health *h, const struct health_rules *rules, bool passed, int64_t now);

#endif
