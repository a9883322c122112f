/*
 * Form: how a stream of messages is written into one HTTP body, for the client's Accept.
 *
 * - a JSON array (application/json, and whenever nothing else is asked for):
 *   [message,message,...,{"@status":{...}}]
 * - a message a line (application/x-ndjson, application/jsonl, application/jsonlines), the last
 *   line being {"@status":{...}}
 * - server-sent events (text/event-stream): `data: message`, and at last `event: end`, or
 *   `event: error` if the status is not OK, with the status as its data
 *
 * The status is google.rpc.Status as JSON. No field's JSON name begins with '@'. What keeps a
 * silent connection alive is a line feed between elements, an empty line, or a comment. Any thread.
 */
#ifndef JUNCTION_BRIDGE_FORM_H
#define JUNCTION_BRIDGE_FORM_H

#include "base/status.h"
#include "bridge/queue.h"

enum form { FORM_ARRAY, FORM_LINES, FORM_EVENTS };

/* accept: the header's value, empty if there is none. *content_type is set too. */
enum form form_accepted(struct text accept, const char **content_type);

/* first: no message has been written before. json: changed in place, line breaks become blanks. */
void form_message(struct queue *out, enum form form, bool first, char *json, size_t size);
/* a: for passing use. */
void form_status(struct queue *out, enum form form, bool first, struct arena *a,
	const struct status *status, struct text details);
struct text form_opening(enum form form);
struct text form_keepalive(enum form form);

#endif
