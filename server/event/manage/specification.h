/*
 * Specification: what a subscription says, from its request to what event.put_subscription() takes.
 * Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_SPECIFICATION_H
#define JUNCTION_SERVER_EVENT_MANAGE_SPECIFICATION_H

#include "junction/v1/event.pb-c.h"
#include "server/call.h"

enum { SPECIFICATION_NAME_MAX = 255 };

/* Whether the request keeps all rules, but for that of its secret; else c->status says why not. */
bool specification_holds(struct call *c, const Event__RegisterSubscriptionRequest *in);
/* Of a name that subscribers choose, 1 to 255 bytes. */
bool specification_name_holds(struct call *c, const char *field, const char *name);
/* Where its events go, by what is given if the request does not say. */
Event__SubscriptionTarget specification_target(const Event__RegisterSubscriptionRequest *in);

/* Appends it as a JSON object. secret: bytes as PostgreSQL reads them; fresh: it was made. */
void specification_write(struct buffer *json, const struct caller *caller,
	const Event__RegisterSubscriptionRequest *in, struct text origin, struct text secret,
	bool fresh);
/* The same for one pattern of a service's configuration, named after both. secret: a fresh one, or
 * data NULL: it is added later. */
void specification_write_configured(struct buffer *json, const struct caller *caller, char *service,
	char *pattern, struct text secret);

#endif
