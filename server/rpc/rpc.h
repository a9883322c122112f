/*
 * The gRPC server: completion queues, calls, replies, health and reflection. The only user of
 * grpc.h in the server.
 *
 * rpc threads decode a request under the guard, run its first step and never wait; the reply may
 * be sent from any thread. Unknown methods are answered UNIMPLEMENTED; calls beyond the admission
 * limit RESOURCE_EXHAUSTED, at once.
 */
#ifndef JUNCTION_SERVER_RPC_RPC_H
#define JUNCTION_SERVER_RPC_RPC_H

#include "server/call.h"

struct rpc;

struct rpc_options {
	const char **listen; /* "127.0.0.1:50051", "[::1]:0", "unix:/path"; NULL-terminated */
	int threads;	     /* completion queues, 1 to 16 */
	int call_limit;	     /* calls in progress at most */
	int64_t default_deadline_ms; /* of a call that has none, and the longest that counts */
	size_t message_limit;	     /* bytes of a request */
	size_t arena_limit;	     /* bytes that one call may use in memory */
};

/* steps[i] is the first step of api_methods[i], NULL if it is not served (reflection, health are
 * built in). Listens when it returns; NULL if it cannot (logged). */
struct rpc *rpc_start(const struct rpc_options *options, call_step *const *steps);
/* The address that listen[i] got: "127.0.0.1:41217". */
const char *rpc_address(const struct rpc *rpc, size_t i);
/* What grpc.health.v1 answers for "" and for each service. Any thread. */
void rpc_set_serving(struct rpc *rpc, bool serving);
/* Accepts no more, waits for the calls in progress up to grace_ms, breaks off the rest. */
void rpc_stop(struct rpc *rpc, int64_t grace_ms);
/* After the lanes have stopped: nothing may finish a call any more. */
void rpc_free(struct rpc **rpc);

#endif
