/*
 * Link: one connection to PostgreSQL in pipeline mode on a loop.
 *
 * Items are sent in groups; link_sync() ends a group and flushes it. Groups may follow each other
 * before the first is answered. A group is one transaction for PostgreSQL: an error undoes what its
 * other items wrote, and those behind it are not executed.
 * Statements with a name are prepared on first use, in the same group; a failure of that is the
 * item's own.
 * Ownership: statements without a name and parameters are copied when sent; an item belongs to the
 * link until its done().
 * Threads: the loop's only. done() and the owner's functions are called from the loop, never from
 * within link_send() or link_sync(). done() does not send: after each burst of answers room() or
 * lost() is called, which may.
 */
#ifndef JUNCTION_SERVER_DB_LINK_H
#define JUNCTION_SERVER_DB_LINK_H

#include <libpq-fe.h>
#include <uv.h>

#include "server/db/statement.h"

struct link;

enum link_outcome {
	LINK_ROWS,  /* rows is set */
	LINK_ERROR, /* error is set; nothing was written */
	LINK_AGAIN, /* by no fault of its own nothing was written; it may be sent again. error is
		       set if there was one (the statement's preparation was out of date) */
	LINK_LOST,  /* the connection broke before the answer: what was written is unknown */
};

struct link_result {
	enum link_outcome outcome;
	const struct rows *rows;
	const PGresult *error;
	bool unprepared; /* the error is the preparation's: all of this statement would fail */
};

struct link_item {
	const struct statement *statement;
	/* It writes: its result counts, and is given, only once the group has been committed. */
	bool commits;
	/* Result valid during the call. */
	void (*done)(struct link_item *item, const struct link_result *result);
	/* The link's. */
	struct link_item *next;
	PGresult *held;
	struct link_result result;
};

struct link_owner {
	void (*room)(void *arg); /* answers have come in */
	/* The connection broke and the link is gone; its items have been given LINK_LOST or, if
	 * their group had not been ended, LINK_AGAIN. */
	void (*lost)(void *arg, const char *reason);
	void *arg;
};

/* Takes the connection over. */
struct link *link_open(uv_loop_t *loop, PGconn *conn, const struct link_owner *owner);
/* Items without answer are forgotten: no done(). Not from within done() or the owner's functions.
 */
void link_close(struct link **link);

void link_send(struct link *l, struct link_item *item, const struct text *parameters);
void link_sync(struct link *l);
/* Nobody waits for an answer any more: lets PostgreSQL see its client's end of the connection,
 * which it looks for while it works if db_settings.read_only is set. Nothing can be sent after
 * this; what is answered until the link is lost is given as ever. */
void link_hang_up(struct link *l);

#endif
