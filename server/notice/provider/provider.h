/*
 * Provider: a kind of channel. Pure functions from a message to the request that carries it, and
 * from the answer to what came of it. Any thread; what they make lives in the arena.
 *
 * Outcomes are read from the provider's own error code, whatever the HTTP status says. What may
 * have arrived though no answer says so is UNKNOWN, never FAILED.
 */
#ifndef JUNCTION_SERVER_NOTICE_PROVIDER_PROVIDER_H
#define JUNCTION_SERVER_NOTICE_PROVIDER_PROVIDER_H

#include "server/lane/fetch.h"
#include "server/notice/channel/channel.h"
#include "server/notice/template/content.h"

/* As notice.state; order of the proto. */
enum notice_state {
	NOTICE_WAITING = 1,
	NOTICE_SENDING,
	NOTICE_SENT,
	NOTICE_DELIVERED,
	NOTICE_READ,
	NOTICE_FAILED,
	NOTICE_UNKNOWN,
	NOTICE_CANCELLED,
};

struct addressee {
	int64_t position; /* the delivery */
	struct text user, address;
	struct text message_id; /* what the provider called it before; empty */
	int attempt;            /* its number, from 1 */
};

/* What one request carries: a text for one recipient, or the same for several. */
struct message {
	const struct content *content;
	struct text language;
	const struct rendered *rendered;
	const struct addressee *to;
	size_t count; /* at least 1, at most the provider's `most` */
	/* Bytes of the content's attachments, in the same order; NULL: the provider carries none.
	 */
	const struct text *attachments;
};

/* What came of a request. Texts in the arena, well-formed UTF-8 without control characters, code at
 * most 64 bytes, text at most 500. */
struct notice_outcome {
	/* SENT, DELIVERED, FAILED (for good), UNKNOWN, or WAITING: to be tried again. */
	enum notice_state state;
	/* Of WAITING: it was the provider's pace, which counts as no failed try. */
	bool throttled;
	/* The whole channel is left alone for so long; 0: it is not. */
	int64_t pause_ms;
	/* The provider is there and works: see pace_end(). */
	bool lives;
	int64_t ask_ms; /* of SENT and UNKNOWN: when it is asked what became of it; 0: never */
	struct text message_id, code, text;
};

/* What a provider reported of a message, unasked. */
struct report {
	struct text message_id, address; /* address: empty if it says none */
	int64_t position;                /* the delivery, if it says our own id; else 0 */
	struct notice_outcome outcome;
};

struct provider {
	const char *name;
	/* Names that may stand in settings and secrets are its own; what it makes of them lives in
	 * the arena and becomes channel.made. False with the status INVALID_ARGUMENT, its field
	 * "settings.url" or "secrets.password". */
	bool (*make)(struct arena *a, const struct json *settings, const struct json *secrets,
		const void **made, struct status *status);
	/* Defaults of PutChannel. */
	int concurrency, quota;
	int64_t timeout_ms;
	bool carries_attachments;
	bool markdown; /* its bodies are Markdown, unless settings say otherwise: see is_markdown */
	bool (*is_markdown)(const struct channel *channel); /* NULL: as `markdown` says */
	/* How many recipients a message may have; 1 if NULL. */
	int (*most)(const struct channel *channel);
	/* NULL with *outcome set: it cannot be sent (FAILED: too long, bad address), or not now
	 * (WAITING: no node of the service is up). Its times are the channel's timeout. */
	struct fetch_request *(*compose)(struct arena *a, const struct channel *channel,
		const struct message *message, int64_t now_ms, struct notice_outcome *outcome);
	/* response NULL: error says why; reached: something of the request may have arrived.
	 * outcomes: message->count of them, all zero; those that are left so become as the first.
	 */
	void (*judge)(struct arena *a, const struct channel *channel, const struct message *message,
		const struct fetch_response *response, const struct status *error, bool reached,
		struct notice_outcome *outcomes);
	/* What became of one; both NULL if it cannot be asked. An outcome of UNKNOWN with ask_ms:
	 * asked again then; WAITING: it was not sent, and is sent again. What was rendered is not
	 * there. */
	struct fetch_request *(*compose_question)(struct arena *a, const struct channel *channel,
		const struct message *message, int64_t now_ms, struct notice_outcome *outcome);
	void (*judge_answer)(struct arena *a, const struct channel *channel,
		const struct message *message, const struct fetch_response *response,
		const struct status *error, struct notice_outcome *outcome);
	/* What it reports by itself; NULL if it does not. False with the status INVALID_ARGUMENT.
	 */
	bool (*read_reports)(struct arena *a, const struct channel *channel, struct text body,
		const struct report **reports, size_t *count, struct status *status);
	/* The receiver tells repetitions by the delivery's id: when an attempt's outcome was lost
	 * (its server died in it), or is UNKNOWN, it is sent again by the channel's schedule; after
	 * its last time it stays unknown. NULL: never. */
	bool (*repeats_safely)(const struct channel *channel);
};

extern const struct provider provider_mail, provider_dingtalk, provider_wechat, provider_sms,
	provider_service;

/* NULL if there is no such kind. */
const struct provider *provider_find(struct text kind);

/* --- for providers ------------------------------------------------------------------------------
 */

/* The outcome of a request that was not answered: WAITING if nothing of it arrived, else UNKNOWN;
 * code "unreached", "timeout", "broken_off", "egress". */
struct notice_outcome provider_unanswered(
	struct arena *a, const struct status *error, bool reached);
/* The outcome of an answer in which the provider says nothing of its own that can be read: WAITING
 * if the status says that it was not processed (408, 429, 503 with Retry-After), FAILED if it was
 * refused (3xx, 4xx), else UNKNOWN; code "http_502". */
struct notice_outcome provider_unread(struct arena *a, const struct fetch_response *response);
/* Well-formed UTF-8 without control characters, cut to so many bytes. In the arena. */
struct text provider_quote(struct arena *a, struct text said, size_t most);
/* The code and the text that an outcome takes, by provider_quote(). */
void provider_say(
	struct arena *a, struct notice_outcome *outcome, struct text code, struct text text);

#endif
