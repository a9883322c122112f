/*
 * Head: what of a request's header goes on to a node, and of its answer's to the client (RFC 9110,
 * 7.6): hop-by-hop headers end here, X-Forwarded-* and Via say where the request came from, what
 * starts with Junction- is Junction's own. Pure; texts live in the arena.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_HEAD_H
#define JUNCTION_BRIDGE_GATEWAY_HEAD_H

#include "base/trace.h"
#include "bridge/gateway/upstream.h"
#include "bridge/reply.h"
#include "bridge/request.h"

struct head_request {
	struct text verb, path, query;     /* path: behind the service, as sent */
	bool has_query;                    /* a "?" was sent */
	const struct request_header *sent; /* the last one first */
	struct text host;                  /* as sent */
	struct text peer;                  /* "10.1.2.3:4711" */
	bool trusted;                      /* the peer is a proxy that is believed */
	bool tls;                          /* it came by https */
	struct text upgrade;               /* the protocol asked for; empty: none */
	bool open;                         /* Authorization is the service's */
	const char *identity;              /* Junction-Identity; "": none */
	const struct trace *trace;
	uint64_t hops;                     /* that it has passed before */
	bool has_body, chunked, continues; /* continues: Expect: 100-continue goes on */
	uint64_t length;
};

/* NULL, or why the header must not be passed on: it holds a control character. */
const char *head_check(const struct request_header *sent);
/* NULL, or why the path must not be: an escape that is broken or stands for NUL, or a segment . or
 * .., however it is encoded: a node would leave what the caller may reach. */
const char *head_check_path(struct arena *a, struct text path);
/* node, prefix: where it goes. */
struct text head_make(struct arena *a, const struct head_request *r, const struct endpoint *node,
	const char *prefix);

/* Whether a trailer of the name goes on: it says nothing of framing, routing, authorization or the
 * content's form, and Connection does not name it. */
bool head_may_trail(const struct request_header *sent, struct text name);

/* The address that a request is counted by: that of the peer, or of the last one in
 * X-Forwarded-For that is no trusted proxy if the peer is one; IPv6 as its /64. */
struct gateway;
struct text head_client(struct arena *a, const struct gateway *g, struct text peer,
	const struct request_header *sent);

/* What of an answer's headers goes to the client, up to one without a name. cors: those about
 * origins are the front's. */
const struct reply_header *head_answer(struct arena *a, const struct upstream_header *headers,
	size_t count, bool upgraded, bool cors);
bool head_is_about_origins(struct text name);
/* Trailers likewise, and only those that head_may_trail(). */
const struct reply_header *head_trailers(
	struct arena *a, const struct upstream_header *headers, size_t count);
/* All of the name as one list, in their order; data NULL: there is none. In the arena. */
struct text head_list(struct arena *a, const struct request_header *sent, struct text name);
/* The first header of the name; data NULL: there is none. */
struct text head_find(const struct request_header *sent, struct text name);

#endif
