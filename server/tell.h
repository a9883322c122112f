/*
 * Tell: events that the server itself publishes. Who has something to tell makes a told_event; the
 * event service publishes it (server/event/tell.h); main binds the two.
 */
#ifndef JUNCTION_SERVER_TELL_H
#define JUNCTION_SERVER_TELL_H

#include "base/status.h"

struct told_event {
	/* As those of PublishRequest. With the same id told again it is published once. Live until
	 * done(). */
	struct text space, name, event_id, data;
	struct text trace_id; /* may be empty */
	/* Once, on any thread. error NULL: it is published, now or before. Else it may have been:
	 * UNAVAILABLE, or what is wrong with it. */
	void (*done)(struct told_event *event, const struct status *error);
};

/* Any thread. */
typedef void tell_event(struct told_event *event);

#endif
