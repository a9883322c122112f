/*
 * Reply: the one place that knows the shapes in which URIs answer (contract, section 1). A
 * response message or a refusal goes in, HTTP status, headers and JSON come out. Any thread; all
 * texts live in the arena.
 */
#ifndef JUNCTION_BRIDGE_REPLY_H
#define JUNCTION_BRIDGE_REPLY_H

#include "base/status.h"
#include "proto/runtime/api.h"

struct reply {
	int http; /* status */
	struct text body;
	const char *content_type; /* NULL: JSON */
	const char *allow;        /* of 405, else NULL */
	const char *challenge;    /* WWW-Authenticate, or NULL */
	const char *retry_after;  /* seconds, or NULL */
	bool close;               /* the connection, after this reply */
};

/* A success. */
void reply_message(struct reply *r, struct arena *a, const struct api_method *method,
	const struct api_route *route, const ProtobufCMessage *message);

/* A refusal in a gRPC code. details: a serialized google.rpc.Status (grpc-status-details-bin), or
 * empty; shown on native routes. */
void reply_refusal(struct reply *r, struct arena *a, enum api_profile profile,
	const struct status *status, struct text details);

/* A refusal before any method was reached, with that HTTP status whatever the profile says. */
void reply_front(
	struct reply *r, struct arena *a, enum api_profile profile, int http, const char *reason);

/* 405, or what stands for it in the profile. */
void reply_wrong_verb(
	struct reply *r, struct arena *a, enum api_profile profile, const char *allow);

/* A success that has no message: {} in the profile's envelope. */
void reply_empty(struct reply *r, struct arena *a, enum api_profile profile);

int reply_http_status(enum status_code code);

#endif
