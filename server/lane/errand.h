/*
 * Errand: a statement that the server sends on its own behalf, one at a time of each kind.
 *
 * Begun, sent and landed on the home thread; read() runs on the lane's thread in between, while the
 * errand belongs to nobody else.
 */
#ifndef JUNCTION_SERVER_LANE_ERRAND_H
#define JUNCTION_SERVER_LANE_ERRAND_H

#include "base/loop.h"
#include "server/lane/sql.h"

/* Embedded in whom it serves; the first four are set once. */
struct errand {
	struct lanes *lanes;
	struct loop *home;
	/* Takes what is wanted out of the rows, or NULL. */
	void (*read)(struct errand *e, const struct rows *rows);
	/* It is over, and may be begun again when this returns; or NULL. */
	void (*landed)(struct errand *e);

	bool busy;
	bool failed;         /* when it has landed: whether it may have done nothing */
	struct status error; /* why it has failed; in the arena */
	struct arena *arena; /* from errand_begin() to the end of landed() */
	struct sql_job job;
	struct loop_task landing;
};

/* False if it is busy. */
bool errand_begin(struct errand *e);
/* Parameters live in its arena. */
void errand_send(
	struct errand *e, const struct statement *statement, const struct text *parameters);
/* Of one that will not be sent, and after the lanes have stopped. */
void errand_end(struct errand *e);

#endif
