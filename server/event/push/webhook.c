/* What a receiver sends is shown only cut and cleaned: it may be anything. An HTTP date is compared
 * with this server's clock. */
#include "server/event/push/webhook.h"

#include <sodium.h>
#include <time.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/percent.h"
#include "server/event/seal.h"

enum {
	SHOWN_CODE = 80, /* bytes in a reason */
	SHOWN_MESSAGE = 200,
	RETRY_AFTER_MOST_MS = 86400000,
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

static void sign(struct buffer *b, struct text secret, const struct text *parts, size_t count)
{
	unsigned char hash[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.data, secret.size);
	for (size_t i = 0; i < count; i++)
		crypto_auth_hmacsha256_update(
			&state, (const unsigned char *)parts[i].data, parts[i].size);
	crypto_auth_hmacsha256_final(&state, hash);
	sodium_memzero(&state, sizeof(state));
	buffer_add_text(b, TEXT("v1,"));
	base64_write(b, (struct text){(const char *)hash, sizeof(hash)});
}

struct text webhook_signature(struct arena *a, const struct push_secret *secrets, size_t count,
	int64_t now_ms, struct text id, int64_t seconds, struct text body)
{
	struct text stamp = text_of(arena_printf(a, ".%lld.", (long long)seconds));
	const struct text parts[] = {id, stamp, body};
	struct buffer b = {.arena = a};

	for (size_t i = 0; i < count; i++) {
		if (secrets[i].expires_ms <= now_ms)
			continue;
		if (b.size > 0)
			buffer_add_char(&b, ' ');
		sign(&b, secrets[i].bytes, parts, 3);
	}
	return buffer_text(&b);
}

static struct text write_parent(struct arena *a, struct text trace_id)
{
	struct trace trace;

	trace_begin(&trace, a, &(struct trace_given){0});
	if (trace_id.size == trace.id.size)
		trace.id = trace_id;
	return trace_parent(&trace, a);
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
		(struct fetch_header){TEXT("traceparent"), write_parent(a, event->trace_id)};
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

/* At most so many bytes: blanks for control characters, "?" for what is no UTF-8. */
static struct text clean(struct arena *a, struct text t, size_t most)
{
	struct buffer b = {.arena = a};

	for (size_t at = 0; at < t.size;) {
		size_t length = text_utf8_length(t, at);
		struct text one = text_until(text_from(t, at), length);

		at += length ? length : 1;
		if (length == 0)
			one = TEXT("?");
		else if (text_has_control(one))
			one = TEXT(" ");
		if (b.size + one.size > most)
			break;
		buffer_add_text(&b, one);
	}
	return buffer_text(&b);
}

/* What it may say beside the code. */
static struct text message_of(struct arena *a, const struct json *answer)
{
	struct text message = json_member_text(answer, TEXT("message"), TEXT(""));

	if (message.size == 0)
		message = json_member_text(answer, TEXT("msg"), TEXT(""));
	return clean(a, message, SHOWN_MESSAGE);
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
		TEXT_ARGS(code ? clean(a, code->raw, SHOWN_CODE) : TEXT("")),
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

/* The three forms that HTTP has. */
static bool read_date(const char *date, int64_t *ms)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(date, forms[i], &tm);

		if (end && !*end) {
			*ms = (int64_t)timegm(&tm) * 1000;
			return true;
		}
	}
	return false;
}

static int64_t read_retry_after(struct arena *a, struct text value, int64_t now_ms)
{
	uint64_t seconds;
	int64_t ms;

	value = text_trim(value);
	if (text_to_uint64(value, &seconds))
		return seconds < RETRY_AFTER_MOST_MS / 1000 ? (int64_t)seconds * 1000
							    : RETRY_AFTER_MOST_MS;
	if (!read_date(arena_string(a, value), &ms) || ms <= now_ms)
		return 0;
	return ms - now_ms < RETRY_AFTER_MOST_MS ? ms - now_ms : RETRY_AFTER_MOST_MS;
}

static int64_t retry_after(struct arena *a, const struct fetch_response *response, int64_t now_ms)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (text_equal_nocase(response->headers[i].name, TEXT("retry-after")))
			return read_retry_after(a, response->headers[i].value, now_ms);
	return 0;
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
		outcome.code = clean(
			a, code->type == JSON_STRING ? code->string : code->raw, WEBHOOK_CODE_MAX);
	if (!wrong)
		return outcome;
	outcome.reason = text_of(arena_printf(a, "answered %d%s", response->status, wrong));
	outcome.retry_after_ms = retry_after(a, response, now_ms);
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
	outcome.reason = clean(a, outcome.reason, WEBHOOK_REASON_MAX);
	return outcome;
}

bool webhook_lives(const struct outcome *outcome)
{
	return outcome->status > 0 && outcome->status < 500 && outcome->status != 429 &&
	       outcome->status != 408;
}
