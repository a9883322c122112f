/*
 * Subscribe: events as a stream, of a group's deliveries or of the log itself.
 *
 * subscribe.c looks at the request, registers the group's subscription if need be and hands over
 * to one of the two. Both send by patience.h, so a client that does not read is broken off.
 */
#ifndef JUNCTION_SERVER_EVENT_SUBSCRIBE_H
#define JUNCTION_SERVER_EVENT_SUBSCRIBE_H

#include "junction/v1/event.pb-c.h"
#include "server/call.h"
#include "server/patience.h"

#define SUBSCRIBE_STOPPING "the server is stopping: subscribe elsewhere"
#define SUBSCRIBE_TOO_SLOW "this subscription is read too slowly: resume it"

/* The request is valid, and without a group. */
enum next subscribe_log(struct call *c);
/* Of the subscription of that id, UUID, which this server knows if it is there; in c->arena. */
enum next subscribe_group(struct call *c, struct text subscription);

/* Subscriptions have changed. On the engine's home. */
void subscribe_changed(void);
/* After the engine has stopped and bells have been heard. */
void subscribe_stop(void);

#endif
