/*
 * Webhook: the request of a push, as document 003 ("异步事件通知") and Standard Webhooks have it,
 * and what its answer means. Pure functions; what they make lives in the arena. Any thread.
 */
#ifndef JUNCTION_SERVER_EVENT_PUSH_WEBHOOK_H
#define JUNCTION_SERVER_EVENT_PUSH_WEBHOOK_H

#include "server/event/delivery/engine.h"
#include "server/event/subscription/subscriptions.h"
#include "server/lane/fetch.h"

enum { WEBHOOK_RESPONSE_MAX = 64 * 1024, WEBHOOK_REASON_MAX = 500, WEBHOOK_CODE_MAX = 64 };

/* webhook-id of an event: its id, percent-encoded where it has a "." (which parts what is signed:
 * Standard Webhooks forbids it), a "%", or what is not visible ASCII. */
struct text webhook_id(struct arena *a, struct text event_id);

/* {"event":…,"eventId":…,"data":…}: the data byte for byte, or sealed to the subscription's key. */
struct text webhook_body(
	struct arena *a, const struct subscription *s, const struct delivered_event *event);

/* "v1," and base64 of HMAC-SHA256 of "id.timestamp.body" for each secret that counts at now_ms,
 * parted by blanks. seconds: the timestamp. */
struct text webhook_signature(struct arena *a, const struct push_secret *secrets, size_t count,
	int64_t now_ms, struct text id, int64_t seconds, struct text body);

/* The POST of an attempt to that URL, body and headers included: Content-Type, webhook-id,
 * webhook-timestamp, webhook-signature (if a secret counts), traceparent (the publication's trace),
 * junction-group (percent-encoded like the id, but for "."), junction-attempt. Times are the
 * subscription's. Refers to the arena alone. */
struct fetch_request *webhook_request(struct arena *a, const struct subscription *s,
	struct text group, const struct delivered_event *event, const char *url, int64_t now_ms);

/* What came: error of the lane, or the answer (then error is not looked at). DELIVERED: status 2xx
 * and a JSON object whose code is "200" or 200; else FAILED. Code and reason are well-formed UTF-8
 * without control characters, whatever the receiver sent. latency_ms is left to the caller. */
struct outcome webhook_judge(struct arena *a, const struct fetch_response *response,
	const struct status *error, int64_t now_ms);

/* Whether a target that answered so can be asked for the next event: see pace_end(). */
bool webhook_lives(const struct outcome *outcome);

#endif
