/*
 * libjunction: calls Junction from C.
 *
 * A client is a connection to one server that is made when it is first needed and made again when
 * it breaks. Any number of threads may use one client at a time. Requests are the protobuf-c
 * messages generated from Junction's .proto files (junction/v1/registry.pb-c.h), packed by the
 * library. Memory: a reply lives until junction_reply_free(); everything else that is given out
 * belongs to the library. Out of memory ends the process.
 *
 *   struct junction_error error;
 *   struct junction *j = junction_open(&(struct junction_options){.target = "127.0.0.1:50051"});
 *   Registry__GetServerRequest request = REGISTRY__GET_SERVER_REQUEST__INIT;
 *   request.server_name = "demo";
 *   struct junction_reply *reply = junction_invoke(j, "/junction.v1.Registry/GetServer",
 *           &request.base, &registry__get_server_response__descriptor, &error);
 */
#ifndef JUNCTION_H
#define JUNCTION_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct junction;

struct junction_options {
	const char *target; /* "host:port" or "unix:/path"; NULL is 127.0.0.1:50051 */
	const char *space;  /* namespace: sent as x-namespace; NULL is the server's default */
	int64_t timeout_ms; /* of each call, 1 or more; 0 is 30,000 */
	/* TLS, from PEM files that are read by junction_open(); not for a unix socket. */
	const char *ca;          /* whose certificates the server may have; NULL: no TLS */
	const char *cert, *key;  /* what the client shows, chain and key; NULL: nothing */
	const char *server_name; /* to be in the server's certificate; NULL: the target's host */
};

/* Why a call failed: a gRPC status code (grpc.io/docs/guides/status-codes), never 0. */
struct junction_error {
	int code;
	char message[1024]; /* UTF-8, cut off if longer */
};

struct junction_reply;

/* Never fails: an unreachable server, or a file that cannot be used, shows at the first call. */
struct junction *junction_open(const struct junction_options *options);
/* No call may be in progress. Clears the pointer; NULL allowed. */
void junction_close(struct junction **j);

/* Calls a unary method and waits for its answer. NULL with the reason in error. */
struct junction_reply *junction_invoke(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
	struct junction_error *error);

/* The response, of the type that was asked for. */
const ProtobufCMessage *junction_reply_message(const struct junction_reply *reply);
void junction_reply_free(struct junction_reply **reply); /* NULL allowed; clears the pointer */

#ifdef __cplusplus
}
#endif

#endif
