/*
 * Rpc stream: one streaming call to the server.
 *
 * Everything about one call happens on one of the rpc's loops. The functions may be called from
 * callbacks too; callbacks never run inside them. One message is read and one is written at a time:
 * the next is asked for once the callback of the one before has come. From the moment that the call
 * is over, which may be before done() is called, the functions return false and do nothing.
 */
#ifndef JUNCTION_BRIDGE_RPC_STREAM_H
#define JUNCTION_BRIDGE_RPC_STREAM_H

#include "bridge/rpc.h"

struct rpc_flow;

struct rpc_stream {
	const struct api_method *method;
	struct arena *arena; /* used until the stream is not */
	/* The server has begun: its initial metadata came with x-request-id, so what follows is no
	 * refusal. Does not come if the call fails before that. */
	void (*began)(struct rpc_stream *s);
	/* The message that rpc_stream_read() asked for; gone afterwards. Not called at the end. */
	void (*received)(struct rpc_stream *s, struct text message);
	/* After received(): no further message is at hand just now, or enough have come for what is
	 * done once for many. */
	void (*lull)(struct rpc_stream *s);
	/* There is room for the next message. */
	void (*written)(struct rpc_stream *s);
	/* Once; the last touch. */
	void (*done)(struct rpc_stream *s);

	struct status status; /* set at done(), in the arena */
	struct text details;  /* grpc-status-details-bin, or empty */

	struct rpc_flow *flow; /* the runtime's */
};

/* On one of the rpc's loops. metadata: not needed after this returns. False: the bridge is
 * stopping; done() is not called, and the status is set. */
bool rpc_stream_start(struct rpc *rpc, struct rpc_stream *s, const struct metadata_list *metadata);

/* last: nothing follows. */
bool rpc_stream_write(struct rpc_stream *s, struct text message, bool last);
/* No more messages follow, instead of a last one. */
bool rpc_stream_close(struct rpc_stream *s);
bool rpc_stream_read(struct rpc_stream *s);
/* The call ends with that status unless it has one already. message: a literal. */
void rpc_stream_cancel(struct rpc_stream *s, enum status_code code, const char *message);

#endif
