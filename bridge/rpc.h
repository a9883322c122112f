/*
 * Rpc: unary calls to the server, asynchronous; for streams see rpc_stream.h.
 *
 * The bridge's worker threads are here: each has a loop with a connection to the server of its own,
 * and the listener serves its clients on the same loops, so that a request never leaves its thread.
 * A call that finds no connection fails UNAVAILABLE as soon as connecting has failed; reconnecting
 * is tried again at least twice a second.
 */
#ifndef JUNCTION_BRIDGE_RPC_H
#define JUNCTION_BRIDGE_RPC_H

#include "base/status.h"
#include "bridge/metadata.h"
#include "proto/runtime/api.h"

struct loop;
struct rpc;

/* Files in PEM form, which may be replaced at any time. */
struct rpc_tls_options {
	const char *ca;          /* whose certificates a server may have; NULL: no TLS */
	const char *cert, *key;  /* what the bridge shows the server; NULL: nothing */
	const char *server_name; /* to be in the server's certificate; NULL: the target's host */
};

struct rpc_options {
	const char *target; /* "unix:/run/x.sock", "127.0.0.1:50051" */
	int threads;
	struct rpc_tls_options tls;
};

/* NULL if the files of TLS cannot be used (logged). */
struct rpc *rpc_new(const struct rpc_options *options);
/* Reads the files of TLS again if they have changed, or in any case if now. With new ones it
 * connects anew; calls in progress go on where they are. Main thread. */
void rpc_refresh_tls(struct rpc *rpc, bool now);
/* Each thread has its connection. Any thread. */
bool rpc_connected(const struct rpc *rpc);
/* A thread has no connection and refuses calls: the server was lost, or could not be reached, and
 * is not back yet. Any thread. */
bool rpc_failing(const struct rpc *rpc);
/* Breaks off the streams in progress (UNAVAILABLE) and refuses new ones. */
void rpc_stop_streams(struct rpc *rpc);
/* Breaks off the calls in progress and waits until each has ended; new ones are refused from now
 * on. Not from one of the loops, like all but rpc_start(). */
void rpc_stop(struct rpc *rpc);
/* After rpc_stop(), when nobody starts calls any more. Ends the threads. */
void rpc_free(struct rpc **rpc);

/* One call. Embedded in what it is for; it and what it points to stay until done() is called. */
struct rpc_call {
	const struct api_method *method;
	struct arena *arena; /* nobody else's until done() */
	struct text request; /* serialized */
	const struct metadata_list *metadata;
	int64_t timeout_ms;
	void (*done)(struct rpc_call *call); /* on a loop's thread, once; the last touch */

	struct status status; /* set at done(), in the arena, like all that follows */
	struct text response; /* serialized; of OK */
	struct text details;  /* grpc-status-details-bin, or empty */
};

/* Any thread. On one of the loops, the call stays there. done() may run before this returns. */
void rpc_start(struct rpc *rpc, struct rpc_call *call);

/* --- the threads ------------------------------------------------------------------------------ */

int rpc_threads(const struct rpc *rpc);
struct loop *rpc_loop(const struct rpc *rpc, int index);

/* For rpc_stream.c: the channel of the present thread, NULL if it is none of the loops'. */
struct channel;
struct channel *rpc_channel(struct rpc *rpc);

#endif
