/*
 * Upstream: requests in HTTP/1.1 to the nodes of services, on connections that are kept. Towards
 * them this is the client.
 *
 * One pool for each loop, all on its thread. One request at a time on a connection; which it is
 * sent on is decided when it is started, one that has been kept if there is one (last used, first
 * taken). Callbacks come from the loop, never within the functions; after end(), failed() or
 * upstream_drop() none comes any more. Names are resolved each time that a connection is made, and
 * the egress policy is asked about each address. Answers are read by http_parser, strictly; what
 * it lets pass and a proxy must not (differing lengths, a length beside chunks, bare CR or NUL in
 * values, a status outside of 100-599) is malformed here.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_UPSTREAM_H
#define JUNCTION_BRIDGE_GATEWAY_UPSTREAM_H

#include "base/egress.h"
#include "bridge/gateway/endpoint.h"
#include "bridge/wire.h"

struct upstream_pool;

struct upstream_pool_options {
	struct loop *loop;
	size_t idle_per_endpoint; /* kept connections */
	int64_t idle_ms;          /* how long one is kept */
	/* Who signs for https nodes; NULL: the system's. One that cannot be read is logged, and no
	 * https node is reached. */
	const char *ca_file;
};

struct upstream_pool *upstream_pool_open(const struct upstream_pool_options *options);
/* No request is under way. */
void upstream_pool_close(struct upstream_pool **pool);
/* Which addresses may be connected to, from now on; copied. */
void upstream_pool_allow(struct upstream_pool *pool, const struct egress_policy *policy);

#define UPSTREAM_HEAD_MAX    (64 * 1024) /* bytes of an answer's header, and of its trailers */
#define UPSTREAM_HEADERS_MAX 256

struct upstream_header {
	struct text name, value; /* as sent, without blanks around */
};

struct upstream_head {
	int status; /* 200-599, or 101 */
	struct text reason;
	const struct upstream_header *headers;
	size_t header_count;
	int64_t length; /* bytes of the body, if they are told; -1: they are not. 0 without a body
			 */
};

enum upstream_failure {
	UPSTREAM_NOT_ALLOWED,  /* by the egress policy */
	UPSTREAM_NOT_REACHED,  /* no connection: nothing of the request has left */
	UPSTREAM_STALE,        /* a kept connection that had been closed: nothing has arrived as far
				* as can be known: not a byte of an answer has come */
	UPSTREAM_NOT_ANSWERED, /* broke off before a byte of an answer */
	UPSTREAM_BROKEN_OFF,   /* in its middle */
	UPSTREAM_MALFORMED,    /* no HTTP/1 answer */
	UPSTREAM_CONNECT_TIMEOUT /* the connection took too long */
};

struct upstream;

struct upstream_events {
	/* The connection stands, and the head has been handed to it. */
	void (*sent)(void *owner);
	/* All that waited (upstream_waiting()) has gone: there is room. */
	void (*drained)(void *owner);
	/* 100 Continue. Other interim answers are not told. */
	void (*go_on)(void *owner);
	/* Lives until end() or failed(). */
	void (*head)(void *owner, const struct upstream_head *head);
	void (*body)(void *owner, struct text piece); /* gone afterwards */
	/* The answer is complete; trailers live during the call. The upstream is gone. */
	void (*end)(void *owner, const struct upstream_header *trailers, size_t count);
	/* sentence: without the host, "refused the connection". The upstream is gone. */
	void (*failed)(void *owner, enum upstream_failure failure, const char *sentence);
};

struct upstream_request {
	struct text head; /* request line and headers, with the empty line; copied */
	/* Which answers have no body. */
	bool is_head;
	bool upgrade; /* 101 may be answered */
	/* A body is put; with chunks, each piece is framed as one. */
	bool has_body, chunked;
	bool fresh; /* on no kept connection */
	int64_t connect_timeout_ms;
	const struct upstream_events *events;
	void *owner;
};

/* Holds the endpoint. */
struct upstream *upstream_start(
	struct upstream_pool *pool, struct endpoint *e, const struct upstream_request *request);
/* Gives it up: the connection is closed. */
void upstream_drop(struct upstream **u); /* NULL allowed */

/* A piece of the body: at once or, if there is no connection yet, copied. */
void upstream_put(struct upstream *u, struct text piece);
/* The body is complete. trailers: of chunks, or none. */
void upstream_put_end(struct upstream *u, const struct upstream_header *trailers, size_t count);
/* Bytes that were put and that the socket has not taken. */
size_t upstream_waiting(const struct upstream *u);
/* No more is read, or on again. What has been read already, at most WIRE_PIECE bytes, still comes,
 * and the end with it. */
void upstream_hold(struct upstream *u, bool hold);

/* In head() with 101, where this or upstream_drop() is a must: the connection is the caller's, held
 * (wire_hold()) and telling nobody (wire_give()), with what came behind the head; that and the head
 * live until head() returns. The upstream is gone. */
struct wire *upstream_take_wire(struct upstream **u, struct text *rest);

#endif
