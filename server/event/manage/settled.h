/*
 * Settled: answers of changes, given once this server publishes by them.
 */
#ifndef JUNCTION_SERVER_EVENT_MANAGE_SETTLED_H
#define JUNCTION_SERVER_EVENT_MANAGE_SETTLED_H

#include "server/call.h"

/* Ends a step: replies when this server knows the subscriptions as they are now. message lives in
 * the arena; it takes the place of c->state. */
enum next settled_reply(struct call *c, ProtobufCMessage *message);
#define SETTLED_REPLY(c, message) settled_reply((c), &(message)->base)

#endif
