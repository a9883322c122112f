/*
 * $node: Junction's own service, as Moleculer's: its actions list what the registry holds.
 *
 * Its description is here (list.c shows it among the others); node_service.c calls its actions.
 */
#ifndef JUNCTION_SERVER_REGISTRY_NODE_SERVICE_H
#define JUNCTION_SERVER_REGISTRY_NODE_SERVICE_H

#include "server/call.h"

#define NODE_SERVICE_NAME "$node"

/* "$node" or its alias "$Nodes", any case. */
bool node_service_named(struct text name);
/* Short names of its actions, by name; NULL-terminated. */
extern const char *const node_service_actions[];

/* Ends a step: answers Call for one of them. action: short ("list") or full ("$node.list") name.
 * Its parameters are the members of the JSON objects param and body, body's first. */
enum next node_service_call(
	struct call *c, struct text action, struct text param, struct text body);

/* "hostname-starttime" of this server, starttime in ms since 1970-01-01 UTC. Constant. */
struct text node_service_node(void);

#endif
