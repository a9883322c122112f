/*
 * Rpc end: how a call ended, from what HTTP/2 says about it. Pure; texts live in the call's arena.
 */
#ifndef JUNCTION_BRIDGE_RPC_END_H
#define JUNCTION_BRIDGE_RPC_END_H

#include "base/status.h"

/* What the headers of a response, and its trailers, said. Starts zeroed. */
struct rpc_end {
	int http;        /* :status, 0 if there was none */
	bool grpc;       /* the content type is gRPC's */
	bool begun;      /* x-request-id came with the headers that begin a response */
	bool has_status; /* grpc-status came last */
	enum status_code code;
	struct text message; /* as sent: percent-encoded */
	struct text details; /* grpc-status-details-bin, decoded */
};

void rpc_end_header(
	struct rpc_end *e, struct arena *a, struct text name, struct text value, bool final);
/* Of a response that is complete. */
struct status rpc_end_status(const struct rpc_end *e, struct arena *a);
/* Of one that was broken off with that error code of HTTP/2. */
struct status rpc_end_broken(uint32_t error);

#endif
