/*
 * Access: a request in numbers, as a line of the log, and in its trace.
 *
 * Part of an exchange and driven by whoever has that. Counted by the route that it took, never by
 * the path that was sent; the line holds the path without the query, which may hold secrets, and
 * of a URI that takes no credentials its pattern.
 */
#ifndef JUNCTION_BRIDGE_ACCESS_H
#define JUNCTION_BRIDGE_ACCESS_H

#include "base/log.h"
#include "base/trace.h"
#include "bridge/metadata.h"
#include "bridge/rpc.h"

struct access {
	int64_t started; /* on clock_now() */
	struct trace_given given;
	struct trace trace;
	const char *parent, *request_id; /* of the reply; NULL before access_open() */
	struct text verb, path, peer;
	const struct api_method *method; /* NULL: none was reached */
	bool called;                     /* code is how the method ended */
	enum status_code code;
	const char *message; /* why it was refused, or NULL */
	int http;            /* 0: there was no reply */
	size_t bytes_in, bytes_out;
	bool broken_off; /* before the reply was sent */
};

/* Before the first request. rpc stays for as long as metrics are asked for. */
void access_start(const struct rpc *rpc);

/* There is a request; given is filled by trace_add() from now on. */
void access_begin(struct access *x);
/* The headers are there: settles the trace, and adds it to what the server is told. */
void access_open(struct access *x, struct arena *a, struct metadata_list *metadata);
/* How the method ended; the message lives until access_end(). */
void access_called(struct access *x, enum status_code code, const char *message);
/* Once; all that is known is set. */
void access_end(const struct access *x, enum log_access wanted);

/* Connections: 1 that came, -1 that went; or one that was refused. Any thread. */
void access_connection(int change);
enum access_refusal { ACCESS_CONNECTIONS, ACCESS_CONNECTIONS_OF_CALLER };
void access_refused(enum access_refusal why);

#endif
