/*
 * Members: which servers live, and which of them is in charge of a node.
 *
 * Each server renews its row in registry.member, and reads who else has done so lately. Of those,
 * the one that comes out highest when node and server are hashed together is in charge (rendezvous
 * hashing): all servers find the same one, and when a server goes, only its own nodes move. While
 * PostgreSQL is away the last list stands.
 *
 * On the home thread, but for start and free.
 */
#ifndef JUNCTION_SERVER_REGISTRY_MEMBERS_H
#define JUNCTION_SERVER_REGISTRY_MEMBERS_H

#include "base/loop.h"
#include "server/lane/sql.h"

/* Renewals that may be missed until a server counts as gone. */
#define MEMBERS_MISSES 5

struct members;

struct members_options {
	struct lanes *lanes;
	struct loop *home;
	const char *name; /* this server's */
	int64_t renew_ms;
	void (*changed)(void *arg); /* others are in charge now */
	void (*left)(void *arg);    /* members_leave() is over */
	void *arg;
};

struct members *members_start(const struct members_options *options);
/* Says that this server is about to end: the others need not wait until it is missed. */
void members_leave(struct members *members);
/* After the lanes have stopped. */
void members_free(struct members **members);

/* Whether this server is in charge of the node of that hash; of none until it is a member. */
bool members_mine(const struct members *members, uint64_t node);

/* --- the same on all machines --------------------------------------------------------------- */

uint64_t members_hash(struct text name);
/* The place of the member in charge; of equal ones the first. count: at least 1. */
size_t members_choose(const uint64_t *members, size_t count, uint64_t node);

#endif
