/*
 * Subscriptions: who gets which events, in memory.
 *
 * What is held is immutable and counted by references: it stays as it was until it is released,
 * whatever is registered meanwhile. Texts end in NUL and live as long as it is held.
 *
 * It is loaded from PostgreSQL (event.load) as a whole whenever event.revision has risen: at once
 * when a call waits for it, and every poll_ms for what other servers change. An event whose groups
 * were decided before that changed, and which is committed after it, is not published (event.append
 * says "stale"), so memory that is behind loses nothing.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTIONS_H
#define JUNCTION_SERVER_EVENT_SUBSCRIPTION_SUBSCRIPTIONS_H

#include "base/arena.h"
#include "server/call.h"

struct subscriptions;
struct condition;

enum target_kind { TARGET_PULL, TARGET_STREAM, TARGET_URL, TARGET_SERVICE };

struct push_secret {
	struct text bytes;
	int64_t expires_ms; /* since 1970; INT64_MAX: the current one */
};

struct subscription {
	struct text id, space, name;
	int queue;
	const struct text *patterns;
	size_t pattern_count;
	const struct condition *conditions; /* condition.h; NULL: none */
	size_t condition_count;
	enum target_kind target;
	struct text url, service; /* by target, else empty */
	bool explicit;            /* confirm mode */
	int64_t ack_window_ms, timeout_ms;
	int concurrency;
	double rate; /* 0: no limit */
	bool encrypt_stored;
	const unsigned char *push_key; /* SEAL_PUBLIC_KEY bytes, or NULL */
	struct text push_key_id;
	bool enabled;
	struct text origin;
	const struct push_secret *secrets; /* newest first */
	size_t secret_count;
};

struct event_queue {
	int id;
	struct text space, group, member; /* member: id of the subscription that is a broadcast */
	bool paused;
	int64_t generation; /* rises when deliveries were opened again */
	const struct subscription *const *members;
	size_t member_count;
};

/* --- reading: any thread -------------------------------------------------------------------- */

/* What is known now; NULL before the first load. To be released. */
const struct subscriptions *subscriptions_hold(void);
void subscriptions_release(const struct subscriptions **s); /* NULL allowed; clears the pointer */
int64_t subscriptions_revision(const struct subscriptions *s);

/* NULL if there is none. */
const struct event_queue *subscriptions_queue(const struct subscriptions *s, int id);
/* The queue of a group itself, not of a member. */
const struct event_queue *subscriptions_group(
	const struct subscriptions *s, struct text space, struct text group);
const struct subscription *subscriptions_by_id(const struct subscriptions *s, struct text id);
const struct subscription *subscriptions_by_name(
	const struct subscriptions *s, struct text space, struct text name);
/* All of them, in no order. */
size_t subscriptions_count(const struct subscriptions *s);
const struct subscription *subscriptions_at(const struct subscriptions *s, size_t index);
size_t subscriptions_queue_count(const struct subscriptions *s);
const struct event_queue *subscriptions_queue_at(const struct subscriptions *s, size_t index);

/* Who gets an event. */
struct subscriptions_match {
	const int *queues; /* in the arena, each once, ascending */
	size_t count;
	bool encrypt_stored; /* one of them wants it */
};

/* By the patterns and conditions of those that are there, enabled or not. data: read only where
 * conditions ask for it; what json_read() refuses, as where names repeat, meets none. Costs what
 * the levels of the name and the matches do, not what there is: but for patterns with a wildcard
 * within a level or "**", which are looked at one by one within their fixed beginning. */
struct subscriptions_match subscriptions_match(const struct subscriptions *s, struct arena *a,
	struct text space, struct text name, struct text data);
/* Whether this one wants it. */
bool subscription_wants(
	const struct subscription *subscription, struct text name, struct text data);

/* Ends a step: the call goes on with then() once this server knows all subscriptions that were
 * committed, by any server, before now. Fails with UNAVAILABLE when the call is over before. */
enum next subscriptions_current(struct call *c, call_step *then);
/* The same for a revision that event.append has asked for; 0: all that was committed. For those who
 * are no step: job.done() on the home thread. */
void subscriptions_wait(struct follow_job *job);

/* --- its life --------------------------------------------------------------------------------- */

/* Once, after lanes_start(). home: a lane thread's loop. changed: on home, after each load. */
void subscriptions_start(
	struct lanes *lanes, struct loop *home, int64_t poll_ms, void (*changed)(void));
bool subscriptions_ready(void); /* the first load is there; any thread */
/* After the lanes have stopped. */
void subscriptions_stop(void);

/* --- making one: tests and the bench, too ----------------------------------------------------- */

/* A row of event.load(). */
struct subscriptions_row {
	struct text kind, value; /* "queue" or "subscription", JSON */
};

/* What cannot be read is logged and left out. To be released. */
const struct subscriptions *subscriptions_make(
	const struct subscriptions_row *rows, size_t count, int64_t revision);

#endif
