/*
 * Request: the message that a matched route, its query, its body and its headers stand for. Any
 * thread; the message lives in the arena and points into path, query and body.
 */
#ifndef JUNCTION_BRIDGE_REQUEST_H
#define JUNCTION_BRIDGE_REQUEST_H

#include "base/status.h"
#include "bridge/route.h"

/*
 * What the path binds wins over the body, the body over the query. A body that takes the whole
 * message leaves nothing to the query. Parameters that are no field are ignored on documented
 * routes and refused on native ones; so are members of the body, which may also be refused by the
 * method's own rule.
 *
 * query: as sent, without '?'. body: JSON, or empty for an empty object.
 * NULL with status set on refusal.
 */
ProtobufCMessage *request_message(struct arena *a, const struct route_match *match,
	struct text query, struct text body, struct status *status);

/* A header as sent, without blanks around its value. Content-Length is in none of these lists: it
 * may stand for a field, or not (see intake.h). */
struct request_header {
	const struct request_header *next;
	struct text name, value;
};

/* Sets the fields that are taken from headers, over what has been set: those whose header is in the
 * list. False with status set, which names the header: a value that the field does not take, or a
 * header that is repeated. */
bool request_add_headers(struct arena *a, const struct api_method *method,
	const struct request_header *headers, ProtobufCMessage *message, struct status *status);

/* Of a stream whose messages are all alike. False with status set, which names the header: one of
 * the list that a field is taken from elsewhere. */
bool request_refuse_headers(struct arena *a, const struct api_method *method,
	const struct request_header *headers, struct status *status);

#endif
