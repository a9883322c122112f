/*
 * Balance: which node a request goes to.
 *
 * A set of nodes is what the server said at one time: immutable but for its counters, shared by all
 * requests that were routed meanwhile, on the thread of one loop (the endpoints in it are shared by
 * all).
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_BALANCE_H
#define JUNCTION_BRIDGE_GATEWAY_BALANCE_H

#include "bridge/gateway/endpoint.h"

struct node_choice {
	struct endpoint *endpoint; /* held by the set */
	const char *name;
	const char *base; /* set before the path; of GraphQL the whole path */
	unsigned weight;
};

struct node_set; /* counted by references, of one loop */

/* Copies. before: the set of the same service and kind that it replaces, whose place in the round
 * and whose count of requests and repetitions it takes over; NULL: none. */
struct node_set *node_set_new(const Registry__RouteNodes *nodes, const struct node_set *before);
struct node_set *node_set_hold(struct node_set *set);
void node_set_release(struct node_set **set); /* NULL allowed */
const char *node_set_revision(const struct node_set *set);
const char *node_set_reason(const struct node_set *set); /* why it is empty */
size_t node_set_count(const struct node_set *set);
const struct node_choice *node_set_node(const struct node_set *set, size_t index);

#define BALANCE_TRIED_MAX 8

/* Those that a request has been to. */
struct balance_tried {
	const struct endpoint *endpoints[BALANCE_TRIED_MAX];
	size_t count;
};

/* Round robin: in every round each node that is taken has exactly its weight of turns, evenly
 * spread. Least outstanding: of all up to 16 nodes, beyond that of two that are drawn by weight.
 * Hash: the node with the highest hash of its address and the header, by weight (rendezvous), so
 * that only what went to a node that is gone goes elsewhere. Weight 0: only if no other is taken.
 *
 * The next node by the rule, begun (endpoint_begin) for this request, which ends it; not one of the
 * tried. header: the value that ROUTE_BALANCE_HASH hashes, data NULL: there is none. Of nodes that
 * are all left alone the one whose time to be tried comes first is taken, so that a service is
 * never given up because of its past; NULL if all have been tried, or there is none. */
const struct node_choice *balance_pick(struct node_set *set, const Registry__RouteRule *rule,
	struct text header, const struct balance_tried *tried, int64_t now);

/* Repeating costs: a service may be asked again for at most a fifth of its requests, and ten in ten
 * seconds besides. Of the set's service on this loop. */
void balance_count(struct node_set *set, int64_t now);      /* a request, not a repetition */
bool balance_may_repeat(struct node_set *set, int64_t now); /* counts the repetition */

#endif
