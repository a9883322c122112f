/*
 * Engine: finds deliveries that are due, takes them in PostgreSQL (event.lease), hands them to
 * consumers, and writes what came of them (event.conclude).
 *
 * How a delivery moves. PostgreSQL alone knows how it stands; each arrow is a row that is added to
 * event.transition, numbered from 1, by the function behind it:
 *
 *   waiting ----- lease ----> leased        a subscription here, or who pulls, has it until due
 *   leased ------ conclude -> delivered     done (confirm mode auto), or waits for its confirmation
 *                          -> failed        to be tried again when due, by the subscription's
 * schedule
 *                          -> dead          there is no further try, or it is of no use
 *                          -> confirmed
 *                          -> waiting       given back, as if it had not been taken
 *   leased, delivered, failed ----- lease -> leased, or dead after its last attempt: once it is due
 *   any ------- confirm ----> confirmed, failed, dead     by a caller, at any server
 *   any ------- replay -----> waiting                     the queue's generation rises
 *
 * What the engine has in memory is a hint. A queue is active while it has consumers, and for a
 * minute after it was pulled from: then its open deliveries, up to a window of the oldest ones, are
 * there (queue.h). They are loaded once (event.load_queue), and then follow the log: what this
 * server publishes it is told at once (engine_published), what others publish is read every poll_ms
 * (tail.h). If the window is full, what is new is not added: it is loaded when there is room. All
 * is loaded anew whenever the connection to PostgreSQL has come up, and a queue when its generation
 * has risen.
 *
 * Once in each round of its loop the engine asks for what is ready and has somebody to take it, all
 * queues in turn, in one statement of up to 500; and writes what was concluded in another. Who asks
 * is told how each delivery stands: one that somebody else has, or that is done, was a stale hint,
 * and costs nothing but the question. So two servers may work on the same queue; only pushing is
 * done by one at a time, the one in charge (members.h), because a target's pace is kept in one
 * place. What others have leased, what waits for its confirmation, and what was done and has been
 * refused since (event.opened), is looked at again every 250 ms. A server that dies holds its
 * leases until they are due.
 *
 * Of the deliveries with one key only the oldest open one is asked for.
 *
 * A conclusion is kept until PostgreSQL has taken it, however long that is away; conclude may be
 * repeated. A lease whose answer was lost is asked for again by the same subscription, and granted
 * again.
 *
 * All of it lives on one lane thread, its home, except what says otherwise.
 */
#ifndef JUNCTION_SERVER_EVENT_DELIVERY_ENGINE_H
#define JUNCTION_SERVER_EVENT_DELIVERY_ENGINE_H

#include <sys/queue.h>

#include "base/arena.h"
#include "server/call.h"

struct active; /* a queue that is active here */
struct delivery;

/* In the order of the proto. */
enum delivery_state {
	DELIVERY_WAITING = 1,
	DELIVERY_LEASED,
	DELIVERY_DELIVERED,
	DELIVERY_CONFIRMED,
	DELIVERY_FAILED,
	DELIVERY_DEAD,
};

/* How a delivery stands, as PostgreSQL says. */
struct delivery_standing {
	int queue;
	int64_t position;
	int number; /* of its last transition; 0: none */
	enum delivery_state state;
	int attempt;
	int64_t due_ms; /* from now; INT64_MIN: nothing happens by itself */
};

/* "waiting" and so on, as PostgreSQL has them; 0 if it is none. */
enum delivery_state delivery_state_read(struct text word);
const char *delivery_state_word(enum delivery_state state);
/* What four columns from that one on say: number, state, attempt, milliseconds until due. Queue and
 * position stay as they are. */
void standing_read(
	const struct rows *rows, int row, int column, struct delivery_standing *standing);

/* An event that a consumer, or who pulls, has been given. */
struct delivered_event {
	int64_t position;
	int number, attempt;
	struct text event_id, name, key, trace_id;
	/* As published; data NULL: it is sealed, and cannot be opened here. */
	struct text data;
	int64_t time_ms; /* receipt, since 1970 */
};

/* --- consumers ---------------------------------------------------------------------------------
 */

struct lease {
	struct consumer *consumer; /* who got it */
	int queue;
	struct delivered_event event; /* in the arena */
	struct arena *arena;          /* the consumer may use it, too */
	struct loop_task task;        /* the consumer's until it concludes */
	void *owner;                  /* the consumer's */
	/* The engine's. */
	TAILQ_ENTRY(lease) in_list; /* of those that are out, or of those to be written */
	struct active *active;
	struct outcome *outcome;
	struct delivery *delivery;
	bool taken; /* the consumer has got it */
	int tries;  /* to write it */
	int64_t again_at;
	bool alone; /* in a statement of its own */
};

/* Takes deliveries of one queue. Its first part is set before consumer_join(). */
struct consumer {
	int queue;
	struct text subscription; /* UUID; lives as long as it */
	int64_t lease_ms;         /* how long it may take for one */
	bool push;                /* only while this server is in charge of the queue */
	/* The lease is its own until it concludes it, at once or later. Not from within
	 * consumer_join() or consumer_offer(). */
	void (*take)(struct consumer *c, struct lease *lease);
	/* NULL, or is told when what it concluded is written, how the delivery stands then; and of
	 * one that is delivered and waits for its confirmation, when it stands otherwise: waiting,
	 * if it was not confirmed in time. */
	void (*stands)(struct consumer *c, const struct delivery_standing *standing);
	/* After consumer_leave(), not from within it: the engine has forgotten it, and all its
	 * leases are concluded and written. */
	void (*left)(struct consumer *c);

	/* The engine's. */
	int room;   /* how many more it takes */
	int leases; /* that are asked for, given, or being concluded */
	bool leaving;
	struct active *active;
	TAILQ_ENTRY(consumer) of_queue;
};

/* Takes nothing until it offers room. */
void consumer_join(struct consumer *c);
/* It takes so many more; negative: fewer (what is under way comes nevertheless). Each lease takes
 * one, whatever comes of it: to go on it offers again. */
void consumer_offer(struct consumer *c, int more);
/* It takes nothing more: leases that come now are given back for it. */
void consumer_leave(struct consumer *c);

/* What came of a lease. Texts are copied. */
struct outcome {
	/* DELIVERED, CONFIRMED, FAILED (the subscription's schedule says what is next), DEAD, or
	 * WAITING: given back as if it had not been taken. */
	enum delivery_state state;
	int64_t retry_after_ms; /* of FAILED: not before; 0: as scheduled */
	int64_t hold_ms;        /* of WAITING: not offered again on this server for so long */
	int status;             /* HTTP status; 0: none */
	struct text code, reason;
	double latency_ms; /* negative: there was no attempt */
};

/* Any thread. The lease is the engine's again. It is written as soon as PostgreSQL takes it,
 * however long that is away. */
void lease_conclude(struct lease *lease, const struct outcome *outcome);

/* --- pulling -----------------------------------------------------------------------------------
 */

/* Who asks for the oldest deliveries of a queue, once. */
struct pull_job {
	int queue;
	int most;    /* 1 to 100 */
	bool failed; /* only those whose last attempt failed, due or not */
	int64_t lease_ms;
	struct text holder;  /* who pulls, for the transition; live until done() */
	struct arena *arena; /* of the events */
	int64_t deadline;
	const atomic_bool *cancelled;
	/* On home, once. error NULL: the events, oldest first, in the arena; none: there were none,
	 * on any server, when it was asked. */
	void (*done)(struct pull_job *job, const struct delivered_event *events, size_t count,
		const struct status *error);
	/* The engine's. */
	struct loop_task task;
	TAILQ_ENTRY(pull_job) in_queue;
	struct follow_job follow;
	struct active *active;
	bool refreshing, current; /* whether this server has heard of all */
	int asked;                /* under way */
	size_t count, bytes;
	struct delivered_event *events;
	const struct status *error;
};

/* Any thread. */
void engine_pull(struct pull_job *job);

/* --- what others tell it: any thread ------------------------------------------------------------
 */

/* An event that this server has published: its position and that of the one before it in the log.
 */
void engine_published(
	int64_t position, int64_t previous, const int *queues, size_t count, struct text key);
/* Somebody (Confirm) has changed how a delivery stands. */
void engine_stands(const struct delivery_standing *standing);

/* --- its life -----------------------------------------------------------------------------------
 */

struct engine_options {
	struct lanes *lanes;
	struct loop *home;
	const char *server_name; /* holder of the leases */
	int64_t poll_ms, member_ms;
};

void engine_start(const struct engine_options *options);
bool engine_ready(void); /* it knows where the log ends; any thread */
/* Whether this server is in charge of pushing that queue now. Home. */
bool engine_in_charge(int queue);
/* Queues that are paused, or were opened again, have changed. Home; after each load of
 * subscriptions. */
void engine_subscriptions_changed(void);
/* Runs on home when this server is in charge of other queues than before. Before engine_start(). */
void engine_on_charge(void (*changed)(void));
struct loop *engine_home(void);
/* Rings whenever the position up to which the log is known has moved: who reads the log itself
 * looks again. Any thread. */
struct bell *engine_bell(void);

/* How it is: for metrics. Any thread. */
struct engine_gauges {
	int64_t active_queues, deliveries, leases; /* in memory; taken and not concluded */
	int64_t position;                          /* up to which the log is known */
};
struct engine_gauges engine_gauges(void);

/* Nothing more is taken. Waits until what is taken is concluded, at most until then (on
 * clock_now()); leaves the members. Not on home. */
void engine_leave(int64_t until);
/* After the lanes have stopped. */
void engine_stop(void);

#endif
