/* What a receiver sends is shown only cut and cleaned: it may be anything. */
#include "server/posting.h"

#include <time.h>

#include "base/base64.h"
#include "base/trace.h"
#include "server/hmac.h"

enum { RETRY_AFTER_MOST_MS = 86400000 };

bool posting_read_secret(struct arena *a, struct text given, struct text *bytes)
{
	struct text prefix = TEXT("whsec_");

	return text_starts(given, prefix) && base64_read(a, text_from(given, prefix.size), bytes) &&
	       bytes->size >= POSTING_SECRET_LEAST && bytes->size <= POSTING_SECRET_MOST;
}

void posting_sign(
	struct buffer *b, struct text secret, struct text id, int64_t seconds, struct text body)
{
	struct buffer said = {.arena = b->arena};

	buffer_add_text(&said, id);
	buffer_printf(&said, ".%lld.", (long long)seconds);
	buffer_add_text(&said, body);
	if (b->size > 0)
		buffer_add_char(b, ' ');
	buffer_add_text(b, TEXT("v1,"));
	buffer_add_text(b, hmac_base64(b->arena, HMAC_SHA256, secret, buffer_text(&said)));
}

struct text posting_parent(struct arena *a, struct text trace_id)
{
	struct trace trace;

	trace_begin(&trace, a, &(struct trace_given){0});
	if (trace_id.size == trace.id.size)
		trace.id = trace_id;
	return trace_parent(&trace, a);
}

/* --- Retry-After ---------------------------------------------------------------------------- */

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

int64_t posting_retry_after(struct arena *a, const struct fetch_response *response, int64_t now_ms)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (text_equal_nocase(response->headers[i].name, TEXT("retry-after")))
			return read_retry_after(a, response->headers[i].value, now_ms);
	return 0;
}

/* --- showing -------------------------------------------------------------------------------- */

struct text posting_quote(struct arena *a, struct text said, size_t most)
{
	struct buffer b = {.arena = a};

	for (size_t at = 0; at < said.size;) {
		size_t length = text_utf8_length(said, at);
		struct text one = text_until(text_from(said, at), length);

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
