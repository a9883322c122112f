/*
 * The gRPC server: completion queues, calls, replies, health and reflection. The only user of
 * grpc.h in the server.
 *
 * rpc threads decode a request under the guard, run its first step and never wait; the reply may
 * be sent from any thread. Unknown methods are answered UNIMPLEMENTED; calls beyond the admission
 * limit RESOURCE_EXHAUSTED, at once.
 *
 * One thread opens, starts, drains, stops and frees, in this order; what may be called from
 * elsewhere says so.
 */
#ifndef JUNCTION_SERVER_RPC_RPC_H
#define JUNCTION_SERVER_RPC_RPC_H

#include "base/log.h"
#include "server/call.h"
#include "server/rpc/tls.h"

struct rpc;

struct rpc_options {
	const char **listen; /* "127.0.0.1:50051", "[::1]:0", "unix:/path"; NULL-terminated */
	int threads;         /* completion queues, 1 to 16 */
	int call_limit;      /* calls in progress at most */
	/* Of a call that has none, and the longest that counts; of a stream, what one wait in a
	 * lane may take. */
	int64_t default_deadline_ms;
	size_t message_limit;       /* bytes of a request */
	size_t metadata_limit;      /* bytes of a call's metadata; four times as many, and its
				       connection is closed */
	size_t arena_limit;         /* bytes that one call may use in memory */
	enum log_access access_log; /* of which calls a line is logged */
	int64_t connection_age_ms;  /* when a client is told to connect anew */
	int64_t keepalive_ms;       /* of silence, until a client is asked whether it is there */
	int64_t ping_interval_ms;   /* how often a client may ask that */
	struct tls_options tls;     /* of all but unix sockets; cert NULL: none */
};

/* Binds all addresses; calls wait until rpc_start(). NULL if it cannot (logged). A socket file
 * that nobody listens at is replaced; the new one is its owner's alone (0600). */
struct rpc *rpc_open(const struct rpc_options *options);
/* The address that listen[i] got: "127.0.0.1:41217", "unix:/path". */
const char *rpc_address(const struct rpc *rpc, size_t i);

/* Serves from now on. steps[i] is the first step of api_methods[i], NULL if it is not served
 * (reflection, health are built in). */
void rpc_start(struct rpc *rpc, call_step *const *steps);
/* What grpc.health.v1 answers for "" and for each service. Any thread. */
void rpc_set_serving(struct rpc *rpc, bool serving);
/* As tls_refresh(), if there is TLS. */
void rpc_refresh_tls(struct rpc *rpc, bool now);

/* Accepts no more and waits up to ms for the calls in progress: true once none is left. May be
 * called again. */
bool rpc_drain(struct rpc *rpc, int64_t ms);
/* After rpc_drain(): breaks off the calls that are left. They are cancelled and end as soon as
 * whoever has them notices. */
void rpc_stop(struct rpc *rpc);
/* After the lanes have stopped: waits until each call has been finished, by whoever had it. */
void rpc_free(struct rpc **rpc);

#endif
