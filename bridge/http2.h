/*
 * Http2: one HTTP/2 connection to the server, as a client. The only user of nghttp2; knows nothing
 * of gRPC.
 *
 * Belongs to a loop, on whose thread all of it happens. What arrives is told to the streams as it
 * comes; what is to be sent gathers until http2_flush(), once a round. What became of the
 * connection is to be looked at: there is no callback for it. A stream may call any function about
 * itself from its callbacks, but none about the connection.
 */
#ifndef JUNCTION_BRIDGE_HTTP2_H
#define JUNCTION_BRIDGE_HTTP2_H

#include <openssl/types.h>
#include <sys/queue.h>

#include "base/loop.h"
#include "base/text.h"

/* Bytes of a stream that arrive before any of them have been consumed. */
#define HTTP2_WINDOW (256 * 1024)

struct http2;
struct http2_stream;

struct http2_options {
	const char *target;    /* see wire.h; outlives the connection */
	const char *authority; /* what requests are addressed to; outlives it too */
	SSL_CTX *tls;          /* NULL: none */
	const char *name;      /* to be in the server's certificate */
};

struct http2_events {
	/* A header of the response or, if final, of what ends it. */
	void (*header)(struct http2_stream *s, struct text name, struct text value, bool final);
	/* The headers that begin the response are complete; it may go on. */
	void (*begun)(struct http2_stream *s);
	/* Bytes of the body. They count against the window until http2_consume(). */
	void (*data)(struct http2_stream *s, struct text bytes);
	/* The response is complete. */
	void (*ended)(struct http2_stream *s);
	/* Bytes to be sent: how many, at most room. 0 without *last: none now, see http2_resume().
	 */
	size_t (*read)(struct http2_stream *s, char *bytes, size_t room, bool *last);
	/* The stream is gone, before the response was complete. error: HTTP/2's, or HTTP2_LOST. */
	void (*broken)(struct http2_stream *s, uint32_t error);
};
enum { HTTP2_NO_ERROR = 0, HTTP2_REFUSED = 7, HTTP2_CANCEL = 8, HTTP2_LOST = -1 };

/* Embedded in what it is for, zeroed but for events; stays until ended() or broken() has been
 * called or http2_leave() has. */
struct http2_stream {
	const struct http2_events *events;
	/* The connection's. */
	struct http2 *connection; /* NULL: none */
	int32_t id;
	bool sent;  /* the request's head has gone out */
	bool whole; /* all of its body has */
	TAILQ_ENTRY(http2_stream) link;
};

struct http2_header {
	struct text name, value;
	bool changing; /* its value is another one each time */
};

/* Starts to connect. */
struct http2 *http2_open(struct loop *loop, const struct http2_options *options);
/* Breaks the streams that are open. */
void http2_close(struct http2 **c);

enum http2_state {
	HTTP2_OPENING,
	HTTP2_READY,
	HTTP2_GOING, /* takes no more requests; HTTP2_GONE once its streams have ended */
	HTTP2_GONE,  /* lost, or never opened */
};
enum http2_state http2_state(const struct http2 *c);
const char *http2_reason(const struct http2 *c); /* why it was lost, for the log */

/* Takes no more requests from now on. */
void http2_retire(struct http2 *c);
/* It was told so, or the server said it: it was not lost out of the blue. */
bool http2_is_retired(const struct http2 *c);
/* Writes what has gathered. */
void http2_flush(struct http2 *c);

/* A POST of the connection, which is ready. Its headers are not needed afterwards. */
void http2_request(struct http2 *c, struct http2_stream *s, const char *path,
	const struct http2_header *headers, size_t count);
/* There is something to be read again. */
void http2_resume(struct http2_stream *s);
void http2_consume(struct http2_stream *s, size_t size);
/* The stream is not needed any more: what is open of it is reset. No callback any more. */
void http2_leave(struct http2_stream *s);

#endif
