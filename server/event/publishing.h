/*
 * Publishing: one event from its request to its place in the log. Any thread; what is made lives in
 * the arena.
 *
 * An event is read, matched against the subscriptions that this server knows, and appended. If
 * these are not those of its commit ("again"), it is matched and appended once more when they are
 * known.
 */
#ifndef JUNCTION_SERVER_EVENT_PUBLISHING_H
#define JUNCTION_SERVER_EVENT_PUBLISHING_H

#include "junction/v1/event.pb-c.h"
#include "server/event/subscription/subscriptions.h"
#include "server/writes.h"

enum { PUBLISHING_COLUMNS = 17 };

/* How an event is appended. Without a key: the log has one order. */
extern const struct append_log publishing_log;
/* Makes queues of groups that have none: $1: namespaces, $2: groups. */
extern const struct statement publishing_make_queues;

/* An event on its way. Points into the request and what tells of the caller. */
struct publishing {
	struct arena *arena;
	struct text space, name, id, data, key, group; /* key, group: may be empty */
	struct subscriptions_match match;
	struct text columns[PUBLISHING_COLUMNS];
};

/* Checks what was given, and makes the id if none was. False with the status INVALID_ARGUMENT, its
 * field a name of PublishRequest's. */
bool publishing_read(struct arena *a, const struct caller *caller, const Event__PublishRequest *in,
	struct publishing *p, struct status *status);

/* Whether its group has no queue yet: publishing_make_queues, before it can be matched. */
bool publishing_lacks_queue(const struct publishing *p, const struct subscriptions *s);

/* Who gets it. GO: the columns are there. AGAIN: publishing_lacks_queue(), or s is NULL. REFUSED:
 * FAILED_PRECONDITION, it must be sealed and there is no key. */
enum write_step publishing_match(
	struct publishing *p, const struct subscriptions *s, struct status *status);

/* What an append gave: row as in append(). GO: it is in the log, and those who deliver know. AGAIN:
 * nothing was written, the subscriptions have changed. REFUSED: ALREADY_EXISTS, another event has
 * this id, or INTERNAL. */
enum write_step publishing_finish(struct publishing *p, const struct rows *rows, int row,
	Event__PublishResponse *response, struct status *status);

/* Many of one call: an outcome's number is the position. */
extern const struct writes_kind publishing_writes;

/* "user", "application" or the address of who calls, as confirmed_by and holder show it. */
struct text publishing_who(struct arena *a, const struct caller *caller);

/* Once, before the first call. */
void publishing_start(void);

#endif
