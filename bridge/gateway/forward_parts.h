/*
 * What forward.c and the files called like it share. Nobody else includes this.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_FORWARD_PARTS_H
#define JUNCTION_BRIDGE_GATEWAY_FORWARD_PARTS_H

#include "base/check.h"
#include "base/clock.h"
#include "bridge/gateway/cache_key.h"
#include "bridge/gateway/forward.h"
#include "bridge/gateway/head.h"
#include "bridge/gateway/relay.h"

struct forward {
	struct gateway_place *place;
	struct forward_request request;
	struct forward *next, **back; /* of the place */
	unsigned step;                /* the next one of forward.c's */
	bool waiting;                 /* for what a step has asked */
	bool held, told_held;         /* HELD; and the owner knows it */
	bool replied;
	bool suspended; /* the connection is, in the body or the reply */
	bool awaited;   /* ready() is to be called when the reply stands */

	/* --- the route --- */
	struct route_ask ask;
	struct text service; /* decoded */
	struct route *route; /* NULL: not yet */
	struct text upgrade; /* the protocol asked for; empty: none */

	/* --- limits --- */
	struct limit_question question;
	size_t limit;       /* index of the next one */
	struct text client; /* address; empty: not yet looked at */
	const Registry__RouteLimit *told;
	struct limit_verdict verdict; /* of told */

	/* --- what is kept --- */
	struct cache_question flight;
	bool fetches; /* and so must put or give up */
	const struct cached *found;
	int64_t keep_ms; /* the answer is copied for the cache; 0: it is not */
	struct buffer copy;
	const struct reply_header *cache_headers;

	/* --- the node --- */
	struct balance_tried tried;
	const struct node_choice *node; /* begun; NULL: none */
	enum endpoint_outcome outcome;
	struct upstream *upstream;
	unsigned repetitions;
	bool fresh;     /* on no kept connection */
	bool continues; /* 100 is waited for */
	bool was_sent;
	int64_t deadline;    /* on clock_now() */
	struct text failure; /* of the last node */

	/* --- the body --- */
	struct buffer kept;
	bool lost; /* it is not all here any more */
	bool body_done;
	uint64_t body; /* bytes so far */

	/* --- the answer --- */
	bool answered; /* its head is here */
	struct upstream_head head;
	const struct reply_header *trailers; /* NULL: none, or not yet */
	struct buffer pending;               /* bytes from at on */
	size_t at;
	size_t taken;
	bool upstream_held;
	bool complete, broken;
	struct wire *wire; /* of 101 */
	struct text rest;
	struct relay *relay;
	void (*close)(void *arg, uint64_t to_node, uint64_t to_client);
	void *close_arg;
};

static inline const Registry__RouteRule *forward_rule(const struct forward *f)
{
	return f->route->said->rule;
}

/* --- forward.c ------------------------------------------------------------------------------- */

/* Goes on after something has been waited for. */
void forward_go(struct forward *f);
/* The reply stands. */
void forward_reply(struct forward *f);

/* --- forward_refusal.c ------------------------------------------------------------------------ */

/* The reply is {"name","message","code","type"}, as moleculer-web says it. */
void forward_refuse(struct forward *f, int http, enum status_code code, const char *message);
void forward_refuse_status(struct forward *f, const struct status *status);

/* --- forward_limit.c -------------------------------------------------------------------------- */

void forward_limit_address(struct forward *f); /* what counts by address */
void forward_limit_caller(struct forward *f);  /* the others */
/* What the limits have to say, before the headers of the answer. */
size_t forward_limit_headers(
	const struct forward *f, struct reply_header *out); /* room for LIMIT_HEADERS + 1 */

/* --- forward_cache.c -------------------------------------------------------------------------- */

void forward_look(struct forward *f);  /* for an answer that is kept */
void forward_judge(struct forward *f); /* the answer's head is here: will it be kept? */
void forward_copy(struct forward *f, struct text piece);
void forward_keep(struct forward *f);    /* the answer is complete */
void forward_give_up(struct forward *f); /* it will not be kept */

/* --- forward_send.c --------------------------------------------------------------------------- */

void forward_send(struct forward *f); /* to a node */
void forward_drop(struct forward *f); /* what is under way at a node */
/* Puts the headers in front of those that stand. */
void forward_add_headers(struct forward *f, const struct reply_header *headers);
/* What the bridge says of itself on a node's answer, whose headers stand: limits, and what browsers
 * may do with a page. */
void forward_add_own(struct forward *f);

#endif
