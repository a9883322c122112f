/* Which statements a connection has prepared. One thread. */
#ifndef JUNCTION_SERVER_DB_PREPARED_H
#define JUNCTION_SERVER_DB_PREPARED_H

#include "server/db/statement.h"

#define PREPARED_SLOTS 1024

enum prepared_state {
	PREPARED_NOT,
	PREPARED_SENT,  /* or done */
	PREPARED_STALE, /* there is one of that name, of no more use */
};

struct prepared {
	const struct statement *statement;
	enum prepared_state state;
	/* Counts the preparations: what is heard of an earlier one says nothing about the last. */
	unsigned serial;
};

struct prepared_set {
	struct prepared slots[PREPARED_SLOTS];
	int used;
};

/* The statement's entry, which stays where it is. */
struct prepared *prepared_find(struct prepared_set *set, const struct statement *s);
/* The preparation of that serial is in this state; nothing if there has been a later one. */
void prepared_mark(struct prepared *p, unsigned serial, enum prepared_state state);

#endif
