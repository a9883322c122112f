/*
 * Posting: what those share who POST to receivers of others, events and notices alike: signatures
 * of Standard Webhooks, the trace, and what an answer may say. Pure functions; what they make lives
 * in the arena. Any thread.
 */
#ifndef JUNCTION_SERVER_POSTING_H
#define JUNCTION_SERVER_POSTING_H

#include "server/lane/fetch.h"

enum { POSTING_SECRET_LEAST = 24, POSTING_SECRET_MOST = 64 }; /* bytes */

/* The bytes of "whsec_" and base64 of so many; false if it is something else. */
bool posting_read_secret(struct arena *a, struct text given, struct text *bytes);

/* Appends "v1," and base64 of HMAC-SHA256 of "id.seconds.body", after a blank if the buffer is not
 * empty. */
void posting_sign(
	struct buffer *b, struct text secret, struct text id, int64_t seconds, struct text body);

/* traceparent of a new span of that trace; of a new trace if the id is none. */
struct text posting_parent(struct arena *a, struct text trace_id);

/* Retry-After in milliseconds, a day at most; 0: there is none, or none that can be read. A date is
 * compared with now_ms. */
int64_t posting_retry_after(struct arena *a, const struct fetch_response *response, int64_t now_ms);

/* What somebody said, as it can be shown: well-formed UTF-8 of at most so many bytes, blanks for
 * control characters, "?" for what is no UTF-8. */
struct text posting_quote(struct arena *a, struct text said, size_t most);

#endif
