/*
 * Rpc flow: one call to the server, unary or with streams, over a stream of HTTP/2: gRPC's framing
 * of messages, back-pressure both ways, and what the call comes to. rpc.c and rpc_stream.c are made
 * of it.
 *
 * Lives on its channel's loop, from rpc_flow_start() until done(). Callbacks come from the loop,
 * never from within a function that is called here.
 */
#ifndef JUNCTION_BRIDGE_RPC_FLOW_H
#define JUNCTION_BRIDGE_RPC_FLOW_H

#include "bridge/http2.h"
#include "bridge/queue.h"
#include "bridge/rpc.h"
#include "bridge/rpc_end.h"

struct channel;
struct rpc_flow;

struct rpc_flow_events {
	void (*begun)(struct rpc_flow *f); /* NULL allowed; see rpc_stream.h */
	/* A message, gone afterwards. The next one is not given before it is wanted again. */
	void (*message)(struct rpc_flow *f, struct text message);
	void (*lull)(struct rpc_flow *f);     /* NULL allowed: after message() */
	void (*writable)(struct rpc_flow *f); /* NULL allowed: there is room for another message */
	/* The call has ended: status stands, and so does end.details. The last touch. */
	void (*done)(struct rpc_flow *f);
};

/* Zeroed but for the first part. */
struct rpc_flow {
	struct http2_stream stream; /* first */
	const struct rpc_flow_events *events;
	const struct api_method *method;
	struct arena *arena;
	const struct metadata_list *metadata; /* NULL: none; stays until done() */
	int64_t timeout_ms;                   /* 0: none */
	bool endless;                         /* a stream: ended by rpc_stop_streams() */
	bool wanted;                          /* a message is; cleared before it is given */

	struct channel *channel;
	int64_t started;
	bool waiting; /* for a connection */
	bool retried; /* after the server refused it */
	bool once;    /* cannot be made again: answered in part, or not all of it was kept */
	bool ended;   /* it is complete, but for messages that nobody wanted yet */
	bool over;    /* status stands */
	struct rpc_end end;
	struct status status;
	struct queue in; /* of messages that are not complete, or not wanted yet */
	size_t held;     /* bytes that have not been consumed */
	struct queue out;
	size_t sent;                /* of out: kept while the call may have to be made again */
	bool closed;                /* nothing is added to out any more */
	bool writing;               /* writable() is to be called */
	bool gave;                  /* lull() is */
	bool busy;                  /* in the channel's list of those with something to do */
	TAILQ_ENTRY(rpc_flow) link; /* in progress, waiting, or ended */
	TAILQ_ENTRY(rpc_flow) busy_link;
};

/* Adds a message to be sent, or the end. */
void rpc_flow_send(struct rpc_flow *f, struct text message);
void rpc_flow_close(struct rpc_flow *f);
/* Wants a message. */
void rpc_flow_read(struct rpc_flow *f);
/* The call ends with that status unless it has one. message: a literal, or in the arena. */
void rpc_flow_finish(struct rpc_flow *f, enum status_code code, const char *message);

/* --- for the channel -------------------------------------------------------------------------- */

/* Makes the call over that connection. */
void rpc_flow_request(struct rpc_flow *f, struct http2 *connection);
/* Does what it is busy with. */
void rpc_flow_work(struct rpc_flow *f);
/* Frees what it holds; before done(). */
void rpc_flow_clear(struct rpc_flow *f);

#endif
