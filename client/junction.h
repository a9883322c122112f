/*
 * libjunction: calls Junction from C, keeps nodes registered, watches the registry and receives
 * events.
 *
 * A client is a connection to one server that is made when it is first needed and made again when
 * it breaks; a thread of the library's own attends to it. Any number of threads may use one client
 * at a time. Requests are the protobuf-c messages generated from Junction's .proto files
 * (junction/v1/registry.pb-c.h), packed by the library. Memory: a reply lives until
 * junction_reply_free(); everything else that is given out belongs to the library. Out of memory
 * ends the process. Nothing here survives fork(): open the client behind it.
 *
 *   struct junction_error error;
 *   struct junction *j = junction_open(&(struct junction_options){.target = "127.0.0.1:50051"});
 *   Registry__GetServerRequest request = REGISTRY__GET_SERVER_REQUEST__INIT;
 *   request.server_name = "demo";
 *   struct junction_reply *reply = junction_invoke(j, "/junction.v1.Registry/GetServer",
 *           &request.base, &registry__get_server_response__descriptor, &error);
 *
 * Compatibility: what has a name only (struct junction, ..._stream, ..._node, ..._watch,
 * ..._subscription, ..._reply) is made and read by functions, so that it may change. What is
 * written out here, and the generated messages, is part of the soname: a program that was linked
 * against it goes on working with every library of that soname. Structs that the library reads are
 * zeroed by who fills them: 0 and NULL are always the default.
 */
#ifndef JUNCTION_H
#define JUNCTION_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of junction/v1/registry.pb-c.h and junction/v1/event.pb-c.h. */
struct Registry__RegisterNodeRequest;
struct Registry__WatchRequest;
struct Registry__WatchResponse;
struct Event__SubscribeRequest;
struct Event__SubscribeResponse;

struct junction;
struct junction_error;

/* Brings a token: when the first call needs one, before the last one ends, and when the server has
 * refused that (refused). Called by a thread of the library's, one at a time; it must not use that
 * client. The text lives until the next call; *good_ms, how long from now on it is good, is 0 if
 * nothing is said: until it is refused. NULL with the reason in error: what waits for a token fails
 * so. */
typedef const char *junction_token_callback(
	void *context, bool refused, int64_t *good_ms, struct junction_error *error);

struct junction_options {
	const char *target; /* "host:port" or "unix:/path"; NULL is 127.0.0.1:50051 */
	const char *space;  /* namespace: sent as x-namespace; NULL is the server's default */
	int64_t timeout_ms; /* of each call, 1 or more; 0 is 30,000 */
	/* TLS, from PEM files that are read by junction_open(); not for a unix socket. */
	const char *ca;          /* whose certificates the server may have; NULL: no TLS */
	const char *cert, *key;  /* what the client shows, chain and key; NULL: nothing */
	const char *server_name; /* to be in the server's certificate; NULL: the target's host */
	/* Who the client is, in one of four ways; none: nobody. A key is exchanged for a token
	 * before the first call, and the token renewed in time, without a call noticing. When the
	 * server refuses it, a new one is got, and the call made once more if it is unary: nothing
	 * of it was done. */
	const char *token;    /* an access token, shown as it is */
	const char *key_file; /* {"accessKeyId":"...","secret":"..."}, and no rights for others than
				 its owner; read by junction_open() */
	const char *access_key_id, *access_key_secret;
	junction_token_callback *get_token;
	void *get_token_context;
	/* Credentials are refused to be sent in plain text to another machine: without TLS, to what
	 * is neither a unix socket nor loopback. This sends them all the same. */
	bool insecure_credentials;
};

/* Why a call failed: a gRPC status code (grpc.io/docs/guides/status-codes), never 0. */
struct junction_error {
	int code;
	char message[1024]; /* UTF-8, cut off if longer */
};

struct junction_reply;

/* Never fails: an unreachable server, or an option that cannot be used, shows at the first call. */
struct junction *junction_open(const struct junction_options *options);
/* No call may be in progress; streams, nodes and watches end before. Waits for get_token. Clears
 * the pointer; NULL allowed. */
void junction_close(struct junction **j);

/* Calls a unary method and waits for its answer. NULL with the reason in error. */
struct junction_reply *junction_invoke(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
	struct junction_error *error);

/* The response, of the type that was asked for. */
const ProtobufCMessage *junction_reply_message(const struct junction_reply *reply);
void junction_reply_free(struct junction_reply **reply); /* NULL allowed; clears the pointer */

/* --- server streams --------------------------------------------------------------------------
 * A method that answers with many messages. A stream belongs to one thread at a time; only
 * junction_stream_cancel() may be called by any other, as long as the stream is not closed. The
 * next message is asked for when the one before it was taken, so a slow reader slows the server, or
 * is dropped by it. A client's timeout_ms does not end a stream. */

struct junction_stream;

enum junction_next {
	JUNCTION_NEXT_MESSAGE, /* there is one */
	JUNCTION_NEXT_END,     /* there are no more: all is well */
	JUNCTION_NEXT_FAILED,  /* there are no more: the reason is in error */
	JUNCTION_NEXT_WAIT     /* none came in that time; ask again */
};

/* Never fails: what is wrong shows at the first junction_stream_next(). */
struct junction_stream *junction_stream_open(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response);
/* Waits for the next message, timeout_ms at most: 0 looks only, less than 0 waits forever. A reply
 * is the caller's, with MESSAGE only. After END or FAILED it says the same again. */
enum junction_next junction_stream_next(struct junction_stream *stream, int64_t timeout_ms,
	struct junction_reply **reply, struct junction_error *error);
/* What is waited for ends at once, with FAILED and code 1 (CANCELLED), unless all has come. */
void junction_stream_cancel(struct junction_stream *stream);
/* Whether or not it has come to its end. Clears the pointer; NULL allowed. */
void junction_stream_close(struct junction_stream **stream);

/* --- client streams --------------------------------------------------------------------------
 * A method that takes many messages and answers with one. A sink belongs to one thread at a time. A
 * message waits until there is room for it, so a slow server slows its client; a client's
 * timeout_ms does not end it. */

struct junction_sink;

/* Never fails: what is wrong shows at the end. */
struct junction_sink *junction_sink_open(
	struct junction *j, const char *method, const ProtobufCMessageDescriptor *response);
/* Sends a message. False if the server takes no more of them: junction_sink_end() tells why. */
bool junction_sink_put(struct junction_sink *sink, const ProtobufCMessage *message);
/* There are no more: waits for the answer. NULL with the reason in error. Closes the sink, and
 * clears the pointer. */
struct junction_reply *junction_sink_end(struct junction_sink **sink, struct junction_error *error);
/* Cancels what has not been ended. Clears the pointer; NULL allowed. */
void junction_sink_close(struct junction_sink **sink);

/* --- a node that stays registered ------------------------------------------------------------
 * Registers a node and sends its heartbeats, each a third of the lease after the one before, from a
 * thread of its own, until it is stopped. It never gives up: what fails is told and tried again,
 * with growing pauses of random length, 10 seconds or a third of the lease at most, whatever the
 * reason; a node that the server does not know (any more) is registered again, under its name. */

struct junction_node;

enum junction_node_event {
	JUNCTION_NODE_REGISTERED, /* for the first time */
	JUNCTION_NODE_TROUBLED,   /* an attempt failed, the reason is in error; tried again */
	JUNCTION_NODE_LOST,    /* the lease ran out unrenewed, or the server has no such node with a
				  lease */
	JUNCTION_NODE_RESTORED /* after trouble, lost or not: the lease runs again */
};

/* Called by the node's thread, one at a time; the next heartbeat waits for it. It must not stop the
 * node. error is NULL unless TROUBLED. */
typedef void junction_node_callback(void *context, const struct junction_node *node,
	enum junction_node_event event, const struct junction_error *error);

/* The registration is copied. Its node, if empty, becomes "hostname-starttime" of this machine and
 * this moment (microseconds); its lease_ms, if 0, 10,000. The callback may be NULL. */
struct junction_node *junction_node_start(struct junction *j,
	const struct Registry__RegisterNodeRequest *registration, junction_node_callback *callback,
	void *context);
/* The name that it has, as long as it is not stopped. */
const char *junction_node_name(const struct junction_node *node);
/* Ends the thread and deregisters the node, which takes 5 seconds or the client's timeout_ms at
 * most. No callback comes after it. False with the reason in error (NULL allowed) if the server did
 * not say that the node is gone: it goes with its lease. Clears the pointer; NULL allowed. */
bool junction_node_stop(struct junction_node **node, struct junction_error *error);

/* --- a watch that resumes --------------------------------------------------------------------
 * Follows the registry from a thread of its own until it is stopped: all that Watch sends, in order
 * and once, across broken connections and servers that restart. It never gives up; pauses are as
 * for nodes. */

struct junction_watch;

/* Called by the watch's thread, one at a time: the next message waits for them. They must not stop
 * the watch. Any may be NULL. */
struct junction_watch_callbacks {
	/* reset: a snapshot begins with this message, and what was known before is void. The kind
	 * says what the message brings; the cursor, if not empty, is where a later watch may go on.
	 */
	void (*message)(void *context, const struct Registry__WatchResponse *message, bool reset);
	/* The stream ended; it is opened again behind what has come. Not told when it ended with
	 * its token, and there is a new one. */
	void (*troubled)(void *context, const struct junction_error *error);
	void *context;
};

/* The request is copied: its after is where the watch begins. */
struct junction_watch *junction_watch_start(struct junction *j,
	const struct Registry__WatchRequest *request,
	const struct junction_watch_callbacks *callbacks);
/* Waits for a callback that is running. Clears the pointer; NULL allowed. */
void junction_watch_stop(struct junction_watch **watch);

/* --- a subscription that resumes -------------------------------------------------------------
 * Receives events from a thread of its own until it is stopped, across broken connections and
 * servers that restart: all that Event.Subscribe sends; without a group each event once and in
 * order, with a group those of its deliveries that this member gets. It never gives up; pauses are
 * as for nodes. Events are confirmed by Event.Confirm, which the callback may call. */

struct junction_subscription;

/* Called by the subscription's thread, one at a time: the next event waits for them. They must not
 * stop the subscription. Any may be NULL. */
struct junction_subscription_callbacks {
	/* The cursor, if not empty, is where a later subscription without a group may go on; if the
	 * event's name is empty, there is nothing but that. */
	void (*event)(void *context, const struct Event__SubscribeResponse *event);
	/* As that of a watch. */
	void (*troubled)(void *context, const struct junction_error *error);
	void *context;
};

/* The request is copied: its after is where the subscription begins. */
struct junction_subscription *junction_subscription_start(struct junction *j,
	const struct Event__SubscribeRequest *request,
	const struct junction_subscription_callbacks *callbacks);
/* Waits for a callback that is running. Clears the pointer; NULL allowed. */
void junction_subscription_stop(struct junction_subscription **subscription);

#ifdef __cplusplus
}
#endif

#endif
