/*
 * SMS: a provider that speaks HTTP in a form that the channel's settings describe.
 *
 *   {"request":  {"method": "POST", "url": U, "query": {N: V}, "form": {N: V}, "json": J,
 *                 "headers": {N: V}, "sign": S},
 *    "answer":   {"code": P, "text": P, "messageId": P, "success": [C], "throttled": [C],
 *                 "retry": [C], "unknown": [C]},
 *    "question": {"request": as above, "answer": {"code": P, "success": [C], "list": P,
 *                 "match": {P: V}, "state": P, "states": {C: STATE}, "failCode": P}},
 *    "reports":  {"list": P, "deliveryId": P, "messageId": P, "address": P, "state": P,
 *                 "states": {C: STATE}, "code": P, "text": P},
 *    "askMs": 60000, "askSent": true, "absent": "unknown", "pauseMs": 60000, "utcOffsetMinutes": 0}
 *
 * V is a template (template.h), with the names address, text, title, params (JSON text), template
 * (the provider's), deliveryId, noticeId, sender, messageId, nonce, timestamp (seconds),
 * timestampMs, date (yyyymmdd at utcOffsetMinutes) and secret.NAME for each secret; J is any JSON,
 * its texts templates. P is a path in the answer's JSON: names parted by dots, an index in a list.
 * C is a code as text. STATE is one of sent, delivered, failed, unknown. S is one of
 *   {"scheme": "aliyun", "keyId": V, "key": V}: the RPC signature of Aliyun (HMAC-SHA1), which is a
 *       parameter of the form, or of the query if there is none;
 *   {"scheme": "hmac-sha256" or "hmac-sha1", "key": V, "text": V, "encoding": "base64" (default) or
 *       "hex", "in": "query" (default), "form" or "header", "name": N};
 *   {"scheme": "basic", "user": V, "password": V}.
 * request, answer.success and answer.code are required.
 *
 * A message whose answer did not come, or cannot be read, is unknown. With a question it is asked
 * about after askMs; `absent` says how it stands if the provider knows nothing of it: "unknown"
 * (asked again), or "waiting" (it was not sent, and is sent again).
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_SMS_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_SMS_H

#include "server/notice/provider/provider.h"

enum sms_scheme { SMS_UNSIGNED, SMS_ALIYUN, SMS_HMAC_SHA1, SMS_HMAC_SHA256, SMS_BASIC };

enum sms_place { SMS_IN_QUERY, SMS_IN_FORM, SMS_IN_HEADER };

struct sms_sign {
	enum sms_scheme scheme;
	struct text user, key, text, name; /* templates but for name */
	bool hex;
	enum sms_place place;
};

struct sms_request {
	const char *method;
	struct text url;
	const struct json *query, *form, *headers, *json; /* NULL: there are none */
	struct sms_sign sign;
};

struct sms_answer {
	struct text code, text, message_id;                       /* paths; empty: none */
	const struct json *success, *throttled, *retry, *unknown; /* lists of texts, or NULL */
	struct text list, state, fail_code;                       /* of a question */
	const struct json *match, *states;
};

struct sms_reports {
	bool given;
	struct text list, delivery_id, message_id, address, state, code, text;
	const struct json *states;
};

struct sms {
	struct sms_request request, question;
	bool asks, ask_sent, absent_is_waiting;
	struct sms_answer answer, question_answer;
	struct sms_reports reports;
	int64_t ask_ms, pause_ms, utc_offset_minutes;
};

/* Any thread; in the arena; points into settings. False with the status INVALID_ARGUMENT, its field
 * "settings.request.url". */
bool sms_read(struct arena *a, const struct json *settings, const struct json *secrets,
	struct sms *sms, struct status *status);

/* The names that templates may have. */
bool sms_known_name(struct text name);

/* The request; NULL: a template makes too much of what it was given. */
struct fetch_request *sms_compose(struct arena *a, const struct channel *channel,
	const struct sms_request *request, const struct message *message, int64_t now_ms);

/* The value at a path, NULL if there is none. */
const struct json *sms_at(const struct json *value, struct text path);
/* What it says: a text, or the JSON of anything else but null; empty if there is none. */
struct text sms_said(const struct json *value, struct text path);

#endif
