/*
 * Channels: the connections to the server that calls take turns over, for rpc.c and rpc_stream.c.
 *
 * Each has a completion queue and a thread of its own. What C core completes carries a tag whose
 * run() is called there, so that everything about one call happens on one thread, in turn. Calls in
 * progress are listed per channel, so that they can be broken off.
 */
#ifndef JUNCTION_BRIDGE_RPC_CHANNEL_H
#define JUNCTION_BRIDGE_RPC_CHANNEL_H

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bridge/rpc.h"

struct channel;

struct rpc_tag {
	void (*run)(struct rpc_tag *tag, bool success); /* on the channel's thread */
	atomic_bool handed;
};

/* Starts a batch. When it returns, run() may have been called and all be gone. */
void rpc_batch(grpc_call *core, const grpc_op *ops, size_t count, struct rpc_tag *tag);

/* A call in progress. */
struct rpc_link {
	struct rpc_link *next, *previous;
	struct channel *channel;
	grpc_call *core;
	bool stream;
};

struct channel {
	grpc_channel *core;
	grpc_completion_queue *queue;
	void **methods; /* registered handles, by index of the method table */
	pthread_t thread;
	pthread_mutex_t lock; /* guards core, methods, links, stopping and streamless */
	pthread_cond_t empty; /* stopping, and no links */
	struct rpc_link *links;
	bool stopping, streamless;
	struct rpc_stream *dirty; /* have a lull coming; the thread's own */
};

/* Gives the link the channel whose turn it is and a core call there. False once calls, or streams,
 * are refused: no core call then. */
bool rpc_take_off(struct rpc *rpc, struct rpc_link *link, const struct api_method *method,
	gpr_timespec deadline);
/* The call has ended: takes it off the list. Its core call is still to be given back. */
void rpc_land(struct rpc_link *link);

/* Tells the channel's dirty streams of their lull; on its thread. */
void rpc_stream_lull(struct channel *channel);

/* --- what C core takes and gives ------------------------------------------------------------ */

grpc_slice rpc_slice(struct text t);
struct text rpc_text(const grpc_slice *slice);
size_t rpc_fill_metadata(grpc_metadata *out, const struct metadata_list *list);
void rpc_empty_metadata(grpc_metadata *metadata, size_t count);
grpc_byte_buffer *rpc_payload(struct text message);
/* How a call ended; texts in the arena. details: grpc-status-details-bin, or empty. */
struct status rpc_status(struct arena *a, grpc_status_code code, const grpc_slice *message);
struct text rpc_details(struct arena *a, const grpc_metadata_array *trailing);

#endif
