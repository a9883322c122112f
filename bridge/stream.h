/*
 * Stream: a call whose requests or responses are a stream, between its HTTP connection and the
 * server.
 *
 * What callers see. A server stream answers 200 as soon as the server has begun, in the form that
 * Accept asks for (form.h); each message is plain JSON (64-bit integers as the route's profile has
 * them) or the value of response_body; the final status always comes in-band, whatever ends the
 * stream: the server's going and the bridge's stopping are UNAVAILABLE. A failure before the server
 * has begun is an ordinary refusal. After keepalive_ms of silence something empty is sent. A client
 * stream takes its body as intake.h says and is answered like any other call.
 *
 * Bytes (FORM_BYTES) begin with the first message, which says their Content-Type; a failure before
 * it is an ordinary refusal. There is no in-band place for a later one, nor for something empty: it
 * is logged, and the connection is closed without the end of the body, so that no client takes
 * what came for the whole.
 *
 * Back-pressure: STREAM_HIGH bytes wait for a client or a server that does not take them, and what
 * one more message or piece has; then no more is read from the other side. A stream has no timeout.
 * A client that closes its sending side counts as gone: its call is cancelled within about a
 * second, also where libmicrohttpd misses the end because it came together with the last bytes.
 * (One that goes while it uploads into a full window is found when what it sent has been taken, or
 * by its reset.)
 *
 * All on the thread of the connection, which is one of the rpc's. Two own a stream: the exchange
 * until stream_leave(), the call until it is done.
 */
#ifndef JUNCTION_BRIDGE_STREAM_H
#define JUNCTION_BRIDGE_STREAM_H

#include <sys/types.h>

#include "bridge/form.h"
#include "bridge/rpc_stream.h"

#define STREAM_HIGH (256 * 1024) /* bytes */

struct stream;

/* The HTTP connection. It may be suspended only from within its own callbacks. */
struct stream_connection {
	void (*suspend)(void *arg);
	void (*resume)(void *arg);
	bool (*more)(void *arg); /* more of the body waits to be read, as far as can be seen */
	void *arg;
};

struct stream_options {
	const struct api_method *method;
	const struct api_route *route;
	enum form form;       /* of a server stream */
	bool int64_as_number; /* in its messages */
	int64_t keepalive_ms;
	struct stream_connection connection;
	/* The answer stands: a server stream has begun, or the call has ended. Called once after
	 * stream_await(), within it or later. */
	void (*ready)(void *owner);
	void *owner;
};

struct stream *stream_new(const struct stream_options *options);
/* The exchange has no more to do with it: a call in progress is cancelled. */
void stream_leave(struct stream **s); /* NULL allowed */

/* A serialized request. Before or after stream_start(). */
void stream_put(struct stream *s, struct text message);
void stream_put_end(struct stream *s);
/* metadata: not needed afterwards. */
void stream_start(struct stream *s, struct rpc *rpc, const struct metadata_list *metadata);
/* The call ends without its answer being waited for. */
void stream_cancel(struct stream *s);
/* While the body is read: suspends the connection if too much waits for the server. */
void stream_hold(struct stream *s);
/* The call has ended, whether or not all has been sent. */
bool stream_is_over(const struct stream *s);
/* The connection is suspended, and ready() is to be called. */
void stream_await(struct stream *s);

/* --- the answer, once ready() has been called or stream_is_over() -------------------------- */

/* There is a body to be read; else the call has ended. */
bool stream_has_begun(const struct stream *s);
const struct status *stream_status(const struct stream *s);
struct text stream_details(const struct stream *s);
struct text stream_response(const struct stream *s);     /* of a client stream, serialized */
const char *stream_content_type(const struct stream *s); /* of bytes */

/* STREAM_BROKEN: the connection is to be closed without the end of the body. The values are those
 * of libmicrohttpd's content readers. */
enum { STREAM_LATER = 0, STREAM_END = -1, STREAM_BROKEN = -2 };
/* Bytes of the body: how many, STREAM_END, STREAM_BROKEN, or STREAM_LATER: the connection has been
 * suspended. */
ssize_t stream_take(struct stream *s, char *bytes, size_t room);
size_t stream_taken(const struct stream *s); /* so far */

/* About once a second, until the exchange leaves. gone: the client's end is closed. */
void stream_tick(void *stream, bool gone);

#endif
