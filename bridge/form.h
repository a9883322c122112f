/*
 * Form: how a stream of messages is written into one HTTP body, for the client's Accept.
 *
 * - a JSON array (application/json, and whenever nothing else is asked for):
 *   [message,message,...,{"@status":{...}}]
 * - a message a line (application/x-ndjson, application/jsonl, application/jsonlines), the last
 *   line being {"@status":{...}}
 * - server-sent events (text/event-stream): `id: its id` for a message that has one and `data:
 *   message`, and at last `event: end`, or
 *   `event: error` if the status is not OK, with the status as its data
 *
 * Messages of type google.api.HttpBody are no JSON, whatever Accept says: the bytes of each follow
 * those of the one before, with the Content-Type of the first one, and nothing else. There is no
 * place for a status: stream.h says how a failure shows.
 *
 * The status is google.rpc.Status as JSON. No field's JSON name begins with '@'. What keeps a
 * silent connection alive is a line feed between elements, an empty line, or a comment. Any thread.
 */
#ifndef JUNCTION_BRIDGE_FORM_H
#define JUNCTION_BRIDGE_FORM_H

#include "base/status.h"
#include "bridge/queue.h"
#include "proto/runtime/api.h"

enum form { FORM_ARRAY, FORM_LINES, FORM_EVENTS, FORM_BYTES };

/* accept: the header's value, empty if there is none. *content_type is set too. */
enum form form_accepted(struct text accept, const char **content_type);

/* Whether the answer is the bytes of a google.api.HttpBody, or of many. */
bool form_is_bytes(const struct api_method *method, const struct api_route *route);
/* What is given, if it can be a header's value; else that of any bytes. */
const char *form_bytes_type(struct arena *a, const char *given);

/* The id of the event that follows: nothing if it is empty or NULL, if it is no line (the client
 * could not send it back), or in the other forms. */
void form_id(struct queue *out, enum form form, const char *id);
/* first: no message has been written before. json: changed in place, line breaks become blanks. */
void form_message(struct queue *out, enum form form, bool first, char *json, size_t size);
/* a: for passing use. */
void form_status(struct queue *out, enum form form, bool first, struct arena *a,
	const struct status *status, struct text details);
struct text form_opening(enum form form);
struct text form_keepalive(enum form form);

#endif
