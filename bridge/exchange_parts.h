/*
 * What exchange.c and the files called like it share. Nobody else includes this.
 */
#ifndef JUNCTION_BRIDGE_EXCHANGE_PARTS_H
#define JUNCTION_BRIDGE_EXCHANGE_PARTS_H

#include "bridge/exchange.h"
#include "bridge/gateway/forward.h"
#include "bridge/intake.h"
#include "bridge/uri.h"

struct exchange {
	struct rpc_call call; /* first: exchange_of() */
	struct bridge *bridge;
	struct arena *arena, *reply_arena;
	struct stream_connection connection;
	enum exchange_stage stage;
	struct uri uri;
	const char *target_error; /* sentence, or NULL */
	enum api_profile profile;
	bool head;
	bool refused; /* reply stands, the body is only drained */
	size_t drained;
	int64_t drain_until; /* on clock_now(), of a client stream */
	struct buffer body;
	struct front_headers headers;
	struct front_cors cors;
	struct route_match match;
	struct text accept;
	struct text last_event_id;
	struct text content_type;
	const struct request_header *sent; /* headers, the last one first */
	struct stream *stream;             /* of a call with a stream, else NULL */
	const char *stream_type;
	struct intake intake;             /* of a client stream */
	struct forward *forward;          /* of a request to a service, else NULL */
	struct upstream_header *trailers; /* of such a request */
	size_t trailer_count;
	struct rpc_call admission; /* its arena is NULL until it is sought */
	struct reply reply;
	struct access access;
};

void exchange_enter(struct exchange *x, enum exchange_stage stage);
/* The reply is that refusal. */
void exchange_refuse(struct exchange *x, const struct status *status);
/* The request is not what HTTP asks for. */
void exchange_refuse_front(struct exchange *x, int http, const char *reason);
/* 204 with what the URI takes. */
void exchange_answer_options(struct exchange *x, const char *allow);
/* The reply stands; what is small is read first. */
void exchange_refuse_early(struct exchange *x);
/* Reads and forgets. False: it has become too much. */
bool exchange_drain(struct exchange *x, size_t size);
/* The reply to a call that has ended. */
void exchange_reply_call(
	struct exchange *x, struct status status, struct text response, struct text details);
/* Makes the call. */
void exchange_call(struct exchange *x);
/* The exchange may be gone once it has replied. */
void exchange_wake(struct exchange *x);

/* --- exchange_admission.c ------------------------------------------------------------------- */

/* Shows who makes it by FATE Flow's key headers. */
bool exchange_shows_key(const struct exchange *x);
/* Shows nothing, was refused for that, and may be let in nevertheless. */
bool exchange_may_be_admitted(const struct exchange *x);
/* Asks the server who makes the request; then it is called as that, or the refusal stands. */
void exchange_seek_admission(struct exchange *x);

/* --- exchange_stream.c ---------------------------------------------------------------------- */

void exchange_make_stream(struct exchange *x);
/* Takes Last-Event-ID, if it is given, into the method's field for it. */
bool exchange_resume(struct exchange *x, ProtobufCMessage *message, struct status *status);
/* The reply to HEAD: what a server stream would begin with, without a call. */
void exchange_answer_head(struct exchange *x);
/* Of a client stream, in place of what exchange.h says about any other. */
void exchange_open_intake(struct exchange *x);
bool exchange_read_stream(struct exchange *x, struct text piece);
bool exchange_end_intake(struct exchange *x); /* false: the reply stands */

/* --- exchange_forward.c ---------------------------------------------------------------------- */

/* True: the request is the gateway's, on its way to a service or refused. One to a service that is
 * Junction's own gets the path behind it, and goes on as any other. */
bool exchange_claim(struct exchange *x, struct text verb);
bool exchange_read_forward(struct exchange *x, struct text piece);
bool exchange_end_forward(struct exchange *x); /* false: the reply stands */

#endif
