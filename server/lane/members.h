/*
 * Members: which servers share a duty, and which of them is in charge of a thing.
 *
 * Each server renews its row in a table of the duty's, and reads who else has done so lately. Of
 * those, the one that comes out highest when thing and server are hashed together is in charge
 * (rendezvous hashing): all servers find the same one, and when a server goes, only its own things
 * move. While PostgreSQL is away the last list stands.
 *
 * On the home thread, but for start and free.
 */
#ifndef JUNCTION_SERVER_LANE_MEMBERS_H
#define JUNCTION_SERVER_LANE_MEMBERS_H

#include "base/loop.h"
#include "server/lane/sql.h"

/* Renewals that may be missed until a server counts as gone. */
#define MEMBERS_MISSES 5

struct members;

struct members_options {
	/* $1: the server's name, $2: milliseconds after which one that was not renewed is gone;
	 * gives the names of those that live, in order. */
	const struct statement *renew;
	const struct statement *leave; /* $1: the server's name */
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

/* Whether this server is in charge of the thing of that hash; of none until it is a member. */
bool members_mine(const struct members *members, uint64_t thing);

/* --- the same on all machines --------------------------------------------------------------- */

uint64_t members_hash(struct text name);
/* The place of the member in charge; of equal ones the first. count: at least 1. */
size_t members_choose(const uint64_t *members, size_t count, uint64_t thing);

#endif
