/*
 * What the parts of the engine share. All of it belongs to the home thread, except what is atomic.
 *
 *   engine.c    its life, its timer, and what it does before each wait of its loop
 *   active.c    the queues in memory, and their loading
 *   tail.c      the end of the log
 *   take.c      consumers, and leases for them
 *   granted.c   what a lease has brought
 *   conclude.c  what came of leases
 *   pull.c      who asks once
 *   states.c    what others may have changed, and how far queues are
 *   standing.c  how deliveries stand, in rows: engine.h
 */
#ifndef JUNCTION_SERVER_EVENT_DELIVERY_ENGINE_PRIV_H
#define JUNCTION_SERVER_EVENT_DELIVERY_ENGINE_PRIV_H

#include "server/db/array.h"
#include "server/event/delivery/queue.h"
#include "server/event/subscription/subscriptions.h"
#include "server/lane/members.h"

enum {
	BATCH = 500,          /* deliveries in a statement */
	BATCHES = 2,          /* statements of a kind under way */
	STATEMENT_MS = 10000, /* that one may take */
	AGAIN_MS = 200,       /* after one that failed */
};

TAILQ_HEAD(consumer_list, consumer);
TAILQ_HEAD(pull_list, pull_job);
TAILQ_HEAD(active_list, active);
TAILQ_HEAD(lease_list, lease);

struct active {
	int id;
	char name[12]; /* the id: its key in the table */
	struct queue queue;
	struct consumer_list consumers;
	struct pull_list pulls;
	bool paused, in_charge;
	int64_t generation;
	int busy;       /* deliveries that are busy */
	int64_t needed; /* when somebody last needed it */

	bool loaded;    /* has been, once */
	bool anew;      /* is to be loaded as a whole */
	bool void_load; /* the load under way began too early for that */
	struct sql_job load;
	struct arena *load_arena; /* NULL: none is under way */
	int64_t load_up_to;       /* what was applied before it was sent */

	int64_t noted, noted_at; /* low water */
	size_t noted_finished;
	int64_t watched_up_to;

	bool eager; /* may have something to give */
	TAILQ_ENTRY(active) in_all, in_eager;
};

/* How many deliveries of a queue are in memory; tests make it less. */
extern size_t engine_window, engine_most;

struct engine {
	struct engine_options options;
	struct members *members; /* NULL: this server does not push */
	struct table actives;
	struct active_list all, eager;
	struct consumer_list leavers;
	bool leaving;
	int64_t again_at;      /* nothing is sent before */
	int loads;             /* under way */
	struct lease_list out; /* with their consumers */
};

extern struct engine engine;

/* A statement's job on the home thread. False: the lane is full. */
bool engine_send(struct sql_job *job, const struct statement *statement,
	const struct text *parameters,
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error));
/* PostgreSQL is away, or slow: a pause. */
void engine_hold_off(void);
bool engine_may_send(void);

/* --- active.c -------------------------------------------------------------------------------- */

struct active *active_find(int id);
struct active *active_make(int id); /* finds or makes it */
/* It may have something to give: it is asked before the next wait. */
void active_rouse(struct active *a);
/* Loads more if it is to. */
void active_feed(struct active *a);
void active_load_anew(struct active *a);
void active_load_all_anew(void);
/* What its subscriptions say of it, and who is in charge. */
void active_look_up(struct active *a);
/* Frees those that nobody needs any more. */
void active_forget(int64_t now);
void active_free_all(void);
/* Of a delivery whose standing is known, by somebody: its owner is told. */
void active_correct(const struct delivery_standing *standing, int64_t now);
void active_tell_owner(struct delivery *d, const struct delivery_standing *standing);
/* Those whose time has come. */
void active_wake(struct active *a, int64_t now);

/* --- tail.c ----------------------------------------------------------------------------------- */

void tail_start(void);
void tail_stop(void);
bool tail_ready(void);
int64_t tail_position(void);
/* Once this server has heard of all that was committed before; done() on home. */
void tail_wait(struct follow_job *job);
int64_t tail_current_at(void); /* any thread, as the next */
int64_t tail_known(void);

/* --- take.c, granted.c ------------------------------------------------------------------------ */

/* One delivery that PostgreSQL is asked for. */
struct asked {
	struct active *active;
	struct delivery *delivery;
	struct consumer *consumer; /* or */
	struct pull_job *pull;
};

void take_send(void); /* before each wait */
bool take_idle(void); /* nothing is asked for */
void take_stop(void);
/* An answer's row; and: there is none, the event is not kept any more. */
void granted_row(const struct asked *asked, const struct rows *rows, int row,
	const struct subscriptions *known);
void granted_none(const struct asked *asked);
void consumers_bid_farewell(void); /* before each wait */

/* --- conclude.c ------------------------------------------------------------------------------- */

/* By the engine itself: gives a lease back that nobody has got. */
void conclude_give_back(struct lease *lease, int64_t hold_ms);
void conclude_send(void); /* before each wait */
bool conclude_idle(void); /* all is written */
void conclude_start(void);
void conclude_stop(void);

/* --- pull.c ----------------------------------------------------------------------------------- */

/* The pulls of the queue ask for what they still want: adds to the batch. */
size_t pulls_take(struct active *a, struct asked *asked, size_t most);
/* Those of a queue that has nothing more now: what is next for them. */
void pulls_settle(struct active *a);
void pull_granted(struct pull_job *job, const struct delivered_event *event);
void pull_answered(struct pull_job *job, const struct status *error); /* one of its asked ones */
void pulls_fail(struct active *a, const struct status *error);
void pulls_check(struct active *a); /* those that are over */

/* --- states.c --------------------------------------------------------------------------------- */

void states_watch(int64_t now); /* from time to time */
void states_note_low_water(int64_t now);
/* Looks at what others may have changed in that queue, then runs done(arg). */
void states_refresh(struct active *a, void (*done)(void *arg), void *arg);
void states_start(void);
/* All is loaded anew: what was opened up to that row of event.opened is in it. */
void states_begin(int64_t opened);
void states_stop(void);

#endif
