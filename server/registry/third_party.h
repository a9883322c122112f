/*
 * Third party: a registered service of a server, as ApiReader and the hooks ask it (document 001,
 * section 3), and its answer.
 *
 * It is asked as FATE Flow's own client asks: by the registered method, without the registered
 * params and headers, with a body even on GET, once; redirects are not followed. Everything lives
 * in the call's arena.
 */
#ifndef JUNCTION_SERVER_REGISTRY_THIRD_PARTY_H
#define JUNCTION_SERVER_REGISTRY_THIRD_PARTY_H

#include "base/json.h"
#include "server/call.h"

struct third_party {
	const char *name;            /* "server.service", for sentences */
	struct text server, service; /* as registered; of the server the full name */
	const char *method;
	const char *url;
	bool own_host;      /* a configuration file names its address */
	struct text data;   /* JSON object, as registered */
	int64_t timeout_ms; /* in all; of a stream until it answers, and then its longest silence */
};

/* False with c->status set: NOT_FOUND (no such server, or it has no such service), UNAVAILABLE (no
 * node of it is up, or the registry is not loaded yet), FAILED_PRECONDITION (a loop of Junctions).
 */
bool third_party_find(struct call *c, struct text space, struct text server, struct text service,
	struct third_party *found);

/* Whether the caller may reach it. False with c->status set. */
bool third_party_may(struct call *c, const struct third_party *t);

/* Method, URL, timeouts, and as headers the trace, the hop count and, if it is given, the
 * Content-Type. response_limit is 1 MiB, the rest is the caller's. */
void third_party_request(struct call *c, const struct third_party *t, const char *content_type,
	struct fetch_request *request);

/*
 * What an answer says: HTTP 200 exactly, a JSON object, and its "code" the integer 0 (not "0", not
 * false); message is its "msg" or "message", of which 500 bytes are kept. NULL with c->status set:
 * UNKNOWN if it is none of that; if code is another number, `refusal` with that message and
 * status.remote_code. code_optional: a missing code (or null) counts as 0.
 */
const struct json *third_party_answer(struct call *c, const struct third_party *t,
	const struct fetch_response *response, enum status_code refusal, bool code_optional);

/* What it says, as a sentence of ours may carry it: at most 500 bytes of well-formed UTF-8. */
const char *third_party_quote(struct arena *a, struct text said);

#endif
