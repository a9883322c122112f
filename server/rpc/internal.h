/*
 * What the parts of server/rpc share: tags, queues, calls.
 *
 * Each rpc thread waits on one completion queue and runs the tags that come out of it. A call
 * lives on the queue that accepted it and is dropped on that queue's thread. Its references are:
 * one for whoever has to finish it (handed on to the batch that sends the status), one for each
 * other batch in flight, and one for the rpc thread while the first step runs.
 */
#ifndef JUNCTION_SERVER_RPC_INTERNAL_H
#define JUNCTION_SERVER_RPC_INTERNAL_H

#include <grpc/grpc.h>
#include <pthread.h>

#include "server/rpc/rpc.h"

/* What goes through a completion queue; embedded in what it is about. */
struct tag {
	void (*run)(struct tag *tag, bool ok); /* on the queue's thread */
};

#define TAG_OWNER(tag, type, member) ((type *)((char *)(tag)-offsetof(type, member)))

/* ThreadSanitizer does not see into grpc: it is told that a tag carries what was written before
 * it was given away. */
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define TAG_GIVE(tag) __tsan_release(tag)
#define TAG_TAKE(tag) __tsan_acquire(tag)
#else
#define TAG_GIVE(tag) ((void)(tag))
#define TAG_TAKE(tag) ((void)(tag))
#endif

struct queue {
	struct rpc *rpc;
	grpc_completion_queue *cq;
	pthread_t thread;
};

struct rpc {
	struct rpc_options options;
	char **addresses; /* as many as options.listen */
	grpc_server *server;
	struct tls *tls; /* NULL: none */
	struct queue *queues;
	call_step **steps;     /* by method, the built-in ones filled in */
	const char **services; /* what is served, NULL-terminated */
	struct reflection *reflection;
	struct slot *slots;
	size_t slot_count;

	atomic_bool serving;
	struct bell serving_changed;
	atomic_bool stopping;
	atomic_int calls; /* in progress */
	atomic_int armed; /* slots that wait for a call */

	struct tag down_tag;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* down, or calls or armed reached 0 while stopping */
	bool down;
};

struct rpc_call {
	struct call base;
	struct queue *queue;
	grpc_call *call;
	struct text path; /* "/junction.v1.Registry/GetServer" */
	atomic_int refs;
	atomic_int broken; /* the code with which it has been broken off, or OK */
	const char *broken_message;
	atomic_bool watched;        /* RECV_CLOSE_ON_SERVER has been asked for */
	bool begun;                 /* initial metadata has been sent */
	int cancelled;              /* written by grpc */
	int64_t started;            /* on clock_now() */
	size_t bytes_in, bytes_out; /* of messages */
	call_step *after;           /* the step that follows initial metadata */
	grpc_byte_buffer *message;  /* the one that is being sent or received */
	struct tag closed;
	struct tag batch; /* of the one batch that steps wait for, or of the status */
};

static inline struct rpc_call *rpc_call_of(struct call *c)
{
	return (struct rpc_call *)c;
}

/* --- rpc.c ------------------------------------------------------------------------------------ */

/* Counts a call or an armed slot down; the last one wakes who waits for it. rpc threads. */
void rpc_leave(struct rpc *rpc, atomic_int *count);

/* --- slot.c: waiting for calls ---------------------------------------------------------------- */

/* Before the server starts: tells grpc which methods there are. */
void slots_register(struct rpc *rpc);
/* After it has started. */
void slots_arm(struct rpc *rpc);
void slots_free(struct rpc *rpc);

/* --- call.c: one call ------------------------------------------------------------------------- */

/* Takes the grpc call over. */
struct rpc_call *rpc_call_new(struct queue *q, grpc_call *call, const struct api_method *method,
	struct text path, gpr_timespec deadline);
/* Runs the first step, or fails the call with the status it already has. request may be NULL. */
void rpc_call_begin(struct rpc_call *c, call_step *step, grpc_byte_buffer *request);
void rpc_call_hold(struct rpc_call *c);
void rpc_call_drop(struct rpc_call *c);
/* Starts a batch that a reference belongs to. */
void rpc_call_batch(struct rpc_call *c, const grpc_op *ops, size_t count, struct tag *tag);
/* Makes op send initial metadata that names the call; *id, if any, is unref'd after the start. */
void rpc_call_greet(struct rpc_call *c, grpc_op *op, grpc_metadata *id);
/* Unpacks the message into the arena; the buffer is not needed afterwards. */
bool rpc_call_decode(struct rpc_call *c, struct arena *a, grpc_byte_buffer *message);
/* A copy of the bytes, as what is sent. */
grpc_byte_buffer *rpc_buffer(struct text bytes);

/* --- observe.c: what is counted and logged ---------------------------------------------------- */

/* Before the server starts. */
void rpc_observe_start(struct rpc *rpc);
void rpc_observe_stop(void);
void rpc_observe_received(struct rpc_call *c, size_t bytes);
void rpc_observe_sent(struct rpc_call *c, size_t bytes);
/* Once, with the status set and nothing of it sent. */
void rpc_observe_end(struct rpc_call *c);

/* --- caller.c: who calls ---------------------------------------------------------------------- */

/* Fills c->base.caller and c->base.given. False with the status set: refused. */
bool rpc_read_caller(struct rpc_call *c, const grpc_metadata_array *metadata);

/* --- stream.c: as struct call_transport says -------------------------------------------------- */

void rpc_stream_begin(struct call *c, call_step *then);
void rpc_stream_send(struct call *c, const ProtobufCMessage *message, bool more);
void rpc_stream_receive(struct call *c);

/* --- health.c, reflection.c ------------------------------------------------------------------- */

call_step health_check, health_list, health_watch, reflection_info;
/* Over api_descriptor_set; aborts if that is broken. */
struct reflection *reflection_new(void);
void reflection_free(struct reflection **r);

/* --- socket.c --------------------------------------------------------------------------------- */

/* Makes way for a listener at the path: removes a socket that nobody listens at. False (logged) if
 * there is something else. */
bool socket_clear(const char *path);

#endif
