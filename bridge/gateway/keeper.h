/*
 * Keeper: what the server has said about routes, kept until it says otherwise.
 *
 * One for each loop, on its thread alone, with a stream (Registry.WatchRoutes) that tells what is
 * not so any more. What depends on the caller is kept by its credentials, service, method and path,
 * bounded, what was used the longest ago makes way; until keep_ms, or until the stream says so.
 * When the stream breaks, what was kept may be used for grace_ms more, unless it ends before; after
 * that the server is asked each time until the stream stands again, and then all is forgotten that
 * was said before. What is said to have changed of a service is asked for anew with the next
 * request; by what was known a request is carried until the answer has come, for a second at most.
 * What is said about callers counts for every request that comes after it. Requests with the same
 * question at the same time ask once. That there is no such service is kept for a second.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_KEEPER_H
#define JUNCTION_BRIDGE_GATEWAY_KEEPER_H

#include "bridge/gateway/balance.h"
#include "bridge/rpc.h"

struct keeper;

struct keeper_options {
	struct rpc *rpc;
	struct loop *loop;
	int64_t grace_ms;
	int64_t timeout_ms; /* of a question */
	size_t most;        /* answers kept, of 4 KiB; a longer one counts as several */
	/* Kept answers of nodes are out of date: rule "" is all of the service, service "" all of
	 * all services (what was said about some may have been missed). */
	void (*clean)(void *arg, struct text space, struct text service, struct text rule);
	void *arg;
};

/* On the loop's thread, all of them. */
struct keeper *keeper_open(const struct keeper_options *options);
void keeper_close(struct keeper **k); /* nobody waits for an answer any more */

/* What the server has said: immutable; counted by references of this loop. */
struct route {
	const Registry__RouteResponse *said; /* its nodes are not to be looked at */
	struct node_set *nodes;              /* as of now; never NULL if refusal_code is 0 */
	unsigned references;
};
void route_hold(struct route *r);
void route_release(struct route **r); /* NULL allowed */

struct route_question {
	struct text space;   /* x-namespace, or "default" */
	struct text service; /* as in the path, decoded */
	struct text method, path;
	bool upgrade;
	/* What goes with the call: authorization, junction-exposed and what else there is. */
	const struct metadata_list *metadata;
};

/* Embedded in who asks. Texts of the question live until done(). */
struct route_ask {
	struct route_question question;
	/* route: held for the asker; NULL with the status: NOT_FOUND, UNAVAILABLE, ... Never within
	 * keeper_ask(). */
	void (*done)(struct route_ask *ask, struct route *route, const struct status *status);
	struct route_ask *next, **back; /* the keeper's */
};

/* What is kept, held for the asker; or NULL: done() will be called, unless keeper_forget() is. */
struct route *keeper_ask(struct keeper *k, struct route_ask *ask);
/* done() will not be called any more. */
void keeper_forget(struct keeper *k, struct route_ask *ask);

#endif
