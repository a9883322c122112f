/* Route: what the handlers of the gateway share. */
#ifndef JUNCTION_SERVER_GATEWAY_ROUTE_H
#define JUNCTION_SERVER_GATEWAY_ROUTE_H

#include "base/metric.h"
#include "server/call.h"

extern struct metric gateway_routes;

/* Whether the call may be answered what only bridges are told. False with c->status set. */
bool route_may_ask(struct call *c);
/* "user:alice", "application:billing", or "": he has not shown who he is. */
char *route_caller(struct arena *a, const struct caller *caller);

#endif
