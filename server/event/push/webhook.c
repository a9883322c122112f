/* What a receiver sends is shown only cut and cleaned: it may be anything. */
#include "server/event/push/webhook.h"

#include "base/json.h"
#include "base/percent.h"
#include "server/posting.h"
#include "server/seal.h"

enum {
	SHOWN_CODE = 80, /* bytes in a reason */
	SHOWN_MESSAGE = 200,
};

/* --- the request ---------------------------------------------------------------------------- */

struct text webhook_id(struct arena *a, struct text event_id)
{
	return percent_encode(a, event_id, ".");
}

static void write_data(struct buffer *b, const struct subscription *s, struct text data)
{
	if (!s->push_key) {
		buffer_add_text(b, data);
		return;
	}
	buffer_add_text(b, TEXT("{\"$sealed\":{\"keyId\":"));
	json_write_string(b, s->push_key_id);
	buffer_add_text(b, TEXT(",\"box\":\""));
	buffer_add_text(b, seal_box(b->arena, s->push_key, data));
	buffer_add_text(b, TEXT("\"}}"));
}

struct text webhook_body(
	struct arena *a, const struct subscription *s, const struct delivered_event *event)
{
	struct buffer b = {.arena = a};

	buffer_add_text(&b, TEXT("{\"event\":"));
	json_write_string(&b, event->name);
	buffer_add_text(&b, TEXT(",\"eventId\":"));
	json_write_string(&b, event->event_id);
	buffer_add_text(&b, TEXT(",\"data\":"));
	write_data(&b, s, event->data);
	buffer_add_char(&b, '}');
	return buffer_text(&b);
}

struct text webhook_signature(struct arena *a, const struct push_secret *secrets, size_t count,
	int64_t now_ms, struct text id, int64_t seconds, struct text body)
{
	struct buffer b = {.arena = a};

	for (size_t i = 0; i < count; i++)
		if (secrets[i].expires_ms > now_ms)
			posting_sign(&b, secrets[i].bytes, id, seconds, body);
	return buffer_text(&b);
}

static struct text write_number(struct arena *a, int64_t number)
{
	return text_of(arena_printf(a, "%lld", (long long)number));
}

struct fetch_request *webhook_request(struct arena *a, const struct subscription *s,
	struct text group, const struct delivered_event *event, const char *url, int64_t now_ms)
{
	struct fetch_request *request = ARENA_NEW(a, struct fetch_request);
	struct fetch_header *headers = arena_array(a, 7, sizeof(*headers));
	struct text id = webhook_id(a, event->event_id), body = webhook_body(a, s, event);
	struct text signature =
		webhook_signature(a, s->secrets, s->secret_count, now_ms, id, now_ms / 1000, body);
	size_t count = 0;

	headers[count++] = (struct fetch_header){TEXT("Content-Type"), TEXT("application/json")};
	headers[count++] = (struct fetch_header){TEXT("webhook-id"), id};
	headers[count++] =
		(struct fetch_header){TEXT("webhook-timestamp"), write_number(a, now_ms / 1000)};
	if (signature.size > 0)
		headers[count++] = (struct fetch_header){TEXT("webhook-signature"), signature};
	headers[count++] =
		(struct fetch_header){TEXT("traceparent"), posting_parent(a, event->trace_id)};
	headers[count++] =
		(struct fetch_header){TEXT("junction-group"), percent_encode(a, group, "")};
	headers[count++] =
		(struct fetch_header){TEXT("junction-attempt"), write_number(a, event->attempt)};
	*request = (struct fetch_request){
		.method = "POST",
		.url = arena_string(a, text_of(url)),
		.headers = headers,
		.header_count = count,
		.body = body,
		.connect_timeout_ms = s->timeout_ms,
		.total_timeout_ms = s->timeout_ms,
		.response_limit = WEBHOOK_RESPONSE_MAX,
	};
	return request;
}

/* --- what it said --------------------------------------------------------------------------- */

/* What it may say beside the code. */
static struct text message_of(struct arena *a, const struct json *answer)
{
	struct text message = json_member_text(answer, TEXT("message"), TEXT(""));

	if (message.size == 0)
		message = json_member_text(answer, TEXT("msg"), TEXT(""));
	return posting_quote(a, message, SHOWN_MESSAGE);
}

static bool is_200(const struct json *code)
{
	int64_t number;

	if (!code || code->type == JSON_STRING)
		return code && text_equal(code->string, TEXT("200"));
	return code->type == JSON_NUMBER && json_int64(code, &number) && number == 200;
}

static const char *say_code(struct arena *a, const struct json *answer, const char *before)
{
	const struct json *code = json_member(answer, TEXT("code"));
	struct text message = message_of(a, answer);

	return arena_printf(a, "%s%.*s%s%.*s", code ? before : "",
		TEXT_ARGS(code ? posting_quote(a, code->raw, SHOWN_CODE) : TEXT("")),
		message.size > 0 ? ": " : "", TEXT_ARGS(message));
}

/* --- what it means -------------------------------------------------------------------------- */

/* NULL: it has taken the event. */
static const char *judge_answer(struct arena *a, struct text body, const struct json *answer,
	const struct status *unreadable)
{
	if (body.size == 0)
		return " without a body";
	if (!answer)
		return arena_printf(a, " with something else than JSON: %s", unreadable->message);
	if (answer->type != JSON_OBJECT)
		return " with JSON that is no object";
	if (is_200(json_member(answer, TEXT("code"))))
		return NULL;
	if (!json_member(answer, TEXT("code")))
		return arena_printf(a, " without a code%s", say_code(a, answer, ""));
	return say_code(a, answer, " with code ");
}

static const char *judge(struct arena *a, const struct fetch_response *response,
	const struct json *answer, const struct status *unreadable)
{
	if (response->status >= 200 && response->status <= 299)
		return judge_answer(a, response->body, answer, unreadable);
	if (response->status >= 300 && response->status <= 399)
		return ", and redirects are not followed";
	if (response->status == 410)
		return ": it wants no more events";
	return say_code(a, answer, " with code ");
}

static struct outcome judge_response(
	struct arena *a, const struct fetch_response *response, int64_t now_ms)
{
	struct status unreadable;
	const struct json *answer = json_read(a, response->body, &unreadable);
	const struct json *code = json_member(answer, TEXT("code"));
	const char *wrong = judge(a, response, answer, &unreadable);
	struct outcome outcome = {
		.state = wrong ? DELIVERY_FAILED : DELIVERY_DELIVERED,
		.status = response->status,
	};

	if (code)
		outcome.code = posting_quote(
			a, code->type == JSON_STRING ? code->string : code->raw, WEBHOOK_CODE_MAX);
	if (!wrong)
		return outcome;
	outcome.reason = text_of(arena_printf(a, "answered %d%s", response->status, wrong));
	outcome.retry_after_ms = posting_retry_after(a, response, now_ms);
	return outcome;
}

struct outcome webhook_judge(struct arena *a, const struct fetch_response *response,
	const struct status *error, int64_t now_ms)
{
	struct outcome outcome = {.state = DELIVERY_FAILED};

	if (response)
		outcome = judge_response(a, response, now_ms);
	else
		outcome.reason = text_of(error->message);
	outcome.reason = posting_quote(a, outcome.reason, WEBHOOK_REASON_MAX);
	return outcome;
}

bool webhook_lives(const struct outcome *outcome)
{
	return outcome->status > 0 && outcome->status < 500 && outcome->status != 429 &&
	       outcome->status != 408;
}
