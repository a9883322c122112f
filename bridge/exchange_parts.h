/*
 * What exchange.c and exchange_stream.c share. Nobody else includes this.
 */
#ifndef JUNCTION_BRIDGE_EXCHANGE_PARTS_H
#define JUNCTION_BRIDGE_EXCHANGE_PARTS_H

#include "bridge/exchange.h"
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
	const struct request_header *wanted; /* headers that fields of requests are taken from */
	struct stream *stream;               /* of a call with a stream, else NULL */
	const char *stream_type;
	struct intake intake; /* of a client stream */
	struct reply reply;
	struct access access;
};

void exchange_enter(struct exchange *x, enum exchange_stage stage);
/* The reply is that refusal. */
void exchange_refuse(struct exchange *x, const struct status *status);
/* The reply stands; what is small is read first. */
void exchange_refuse_early(struct exchange *x);
/* Reads and forgets. False: it has become too much. */
bool exchange_drain(struct exchange *x, size_t size);
/* The reply to a call that has ended. */
void exchange_reply_call(
	struct exchange *x, struct status status, struct text response, struct text details);
/* The exchange may be gone once it has replied. */
void exchange_wake(struct exchange *x);

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

#endif
