/*
 * Known extensions: those of this host that are registered, as they were last read in PostgreSQL.
 *
 * Reads may come back in another order than they were sent: each takes a ticket before it is sent,
 * and one that is older than what is known already is left. So what a read brings that was sent
 * after a change was committed is never undone by an earlier one.
 *
 * Any thread. A list holds references: an extension lives until the last one is released.
 */
#ifndef JUNCTION_SERVER_EXTENSION_KNOWN_H
#define JUNCTION_SERVER_EXTENSION_KNOWN_H

#include <stdatomic.h>

#include "base/text.h"

#define EXTENSIONS_MAX 10 /* of a host */

/* A row of registry.extension of this host. */
struct known_row {
	struct text name;
	int port;
	int pid;               /* 0: nobody knows */
	bool own;              /* it registered with this server */
	int64_t registered_us; /* since 1970-01-01 UTC */
};

struct extension {
	struct known_row row; /* constant, its name too */
	char address[24];     /* "127.0.0.1:8081" */
	int under_way;        /* invocations; for the http lane's thread alone */

	/* The module's own. */
	atomic_int references;
};

struct extension_list {
	struct extension *items[EXTENSIONS_MAX]; /* by name */
	size_t count;
};

uint64_t known_ticket(void);
/* All that are registered, by name; what is the same as before stays the same extension. */
void known_put(uint64_t ticket, const struct known_row *rows, size_t count);
/* Whether they have been read at all. */
bool known_loaded(void);

void known_list(struct extension_list *list);
void known_release(struct extension_list *list);
void extension_release(struct extension *e);
size_t known_count(void);

/* As at the start. */
void known_forget(void);

#endif
