/*
 * Reply: the one place that knows the shapes in which URIs answer (contract, section 1). A
 * response message or a refusal goes in, HTTP status, headers and JSON come out. Any thread; all
 * texts live in the arena.
 */
#ifndef JUNCTION_BRIDGE_REPLY_H
#define JUNCTION_BRIDGE_REPLY_H

#include <sys/types.h>

#include "base/status.h"
#include "proto/runtime/api.h"

struct reply_header {
	const char *name, *value;
};

struct stream;

/* Where a reply's body comes from, piece by piece: how many bytes, or as stream_take() says. */
struct reply_source {
	ssize_t (*take)(void *arg, char *bytes, size_t room);
	void *arg;
	uint64_t size;                       /* REPLY_UNKNOWN: it is not known */
	const struct reply_header *trailers; /* set by the time of its end; NULL: none */
};
#define REPLY_UNKNOWN UINT64_MAX

struct reply {
	int http; /* status */
	struct text body;
	struct stream *stream;              /* where the body comes from instead, or NULL */
	bool endless;                       /* no stream, but the headers of one, for HEAD */
	struct reply_source *source;        /* the same of what is no stream of ours, or NULL */
	bool foreign;                       /* a node's: it has the headers that it has */
	bool upgrade;                       /* 101: the socket is taken over */
	const char *content_type;           /* NULL: JSON */
	const char *allow;                  /* of 405 and OPTIONS, else NULL */
	const char *const *challenges;      /* WWW-Authenticate, up to NULL; or NULL */
	const char *retry_after;            /* seconds, or NULL */
	const struct reply_header *headers; /* more, up to one without a name; or NULL */
	bool close;                         /* the connection, after this reply */
};

/* A success: JSON, or the bytes of a google.api.HttpBody, which live as long as the message. A
 * refusal in INTERNAL if the message has no JSON. */
void reply_message(struct reply *r, struct arena *a, const struct api_method *method,
	const struct api_route *route, const ProtobufCMessage *message);

/* A refusal in a gRPC code. details: a serialized google.rpc.Status (grpc-status-details-bin), or
 * empty; shown on native routes, and the code of its ErrorInfo on those of hooks and of readers. */
void reply_refusal(struct reply *r, struct arena *a, enum api_profile profile,
	const struct status *status, struct text details);

/* A refusal before any method was reached, with that HTTP status whatever the profile says. */
void reply_front(
	struct reply *r, struct arena *a, enum api_profile profile, int http, const char *reason);

/* A refusal of the gateway's with that HTTP status. */
void reply_gateway(struct reply *r, struct arena *a, int http, const char *reason);

/* 405, or what stands for it in the profile. */
void reply_wrong_verb(
	struct reply *r, struct arena *a, enum api_profile profile, const char *allow);

/* 204: what the URI takes. */
void reply_options(struct reply *r, const char *allow);

/* A success that has no message: {} in the profile's envelope. */
void reply_empty(struct reply *r, struct arena *a, enum api_profile profile);

int reply_http_status(enum status_code code);

/* google.rpc.Status as JSON: how a stream ended, and what a native route refuses with. */
void reply_status(struct buffer *out, const struct status *status, struct text details);
bool reply_int64_as_number(enum api_profile profile);

#endif
