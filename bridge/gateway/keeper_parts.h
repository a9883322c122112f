/*
 * What keeper.c and the files called like it share. Nobody else includes this.
 *
 * Time is told by a tick that goes up with each question and each message of the stream: what was
 * asked before a message is out of date after it, whenever the answer comes.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_KEEPER_PARTS_H
#define JUNCTION_BRIDGE_GATEWAY_KEEPER_PARTS_H

#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/metric.h"
#include "base/table.h"
#include "bridge/gateway/keeper.h"

#define KEEPER_STALE     CLOCK_SECOND /* how long what has changed is used while it is asked anew */
#define KEEPER_NOT_THERE CLOCK_SECOND /* how long it is kept that there is no such service */
#define KEEPER_KINDS     4

struct kept;
TAILQ_HEAD(kept_list, kept);

/* A service as it is asked for. Goes with the last answer and question about it, unless it has
 * nodes: see keeper_place_release(). */
struct place {
	struct text name;           /* in the table: space, NUL, service */
	struct text space, service; /* of name; service in lower case */
	unsigned references;
	uint64_t changed;         /* tick of the last message about it */
	struct kept_list current; /* answers that have not changed since */
	struct {
		struct node_set *set; /* NULL: none yet */
		uint64_t asked;
		int64_t made;
	} nodes[KEEPER_KINDS];
};

/* What was said, by all routes that it is in. */
struct saying {
	unsigned references;
	struct arena *arena;
	const Registry__RouteResponse *response; /* NULL: the service is not there */
	struct status status;
};

struct kept_route {
	struct route route; /* first */
	struct saying *saying;
};

/* In order of use. */
struct shelf {
	struct kept_list list; /* last used first */
	size_t units, most;
};

/* An answer that is kept. */
struct kept {
	struct text key; /* in the table; of its own, wiped */
	struct place *place;
	struct saying *saying;
	struct route *route; /* NULL: the service is not there */
	struct shelf *shelf;
	size_t units;   /* of memory */
	uint64_t asked; /* tick */
	int64_t expires;
	int64_t outdated; /* since when it may have changed; 0: it has not */
	TAILQ_ENTRY(kept) link;
	TAILQ_ENTRY(kept) current_link; /* while it has not changed */
};

struct watching; /* keeper_watch.c's */

struct keeper {
	struct keeper_options options;
	uint64_t tick;
	uint64_t forgotten; /* tick: answers asked for before do not count */
	uint64_t voided;    /* tick: nor do nodes */
	/* Until when answers may be used; CLOCK_NEVER while the stream stands, 0 before the first
	 * one has. */
	int64_t usable;
	struct table answers, questions, places;
	struct shelf routes, refusals;
	char *key; /* the key at hand; wiped after use */
	size_t key_room;
	struct watching *watching;
	struct loop_timer *reopen;
	int64_t opened;   /* when the stream was last */
	bool told;        /* in the log, that it does not stand */
	unsigned pending; /* questions and streams that have not ended */
	bool closed;      /* gone with the last of them */
};

/* --- keeper_kept.c --------------------------------------------------------------------------- */

/* Held. key: of the place. */
struct place *keeper_place(struct keeper *k, struct text space, struct text service);
void keeper_place_release(struct keeper *k, struct place *p);
/* Something of it has changed. */
void keeper_change(struct keeper *k, struct place *p);
void keeper_forget_nodes(struct place *p);

void saying_release(struct saying **s);
/* nodes: held by the route from now on; NULL allowed. */
struct route *keeper_route(struct saying *s, struct node_set *nodes);

/* Takes the place of what was kept before. route NULL: the service is not there. */
void keeper_keep(struct keeper *k, struct text key, struct place *p, struct saying *s,
	struct route *route, uint64_t asked, int64_t expires, int64_t outdated);
void keeper_drop(struct keeper *k, struct kept *a);
void keeper_used(struct kept *a);
void keeper_drop_all(struct keeper *k);
void keeper_free_places(struct keeper *k);

/* --- keeper_watch.c -------------------------------------------------------------------------- */

void keeper_watch(struct keeper *k);
void keeper_unwatch(struct keeper *k);

/* --- keeper.c -------------------------------------------------------------------------------- */

/* A question or stream has ended. */
void keeper_ended(struct keeper *k);

extern struct metric keeper_kept_metric;

#endif
