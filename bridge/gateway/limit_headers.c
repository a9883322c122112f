/*
 * Headers of limits. The draft counts in whole seconds: rounded up, so that who waits for them
 * never comes too early.
 */
#include "base/clock.h"
#include "bridge/gateway/limit.h"

static int64_t round_up(int64_t ns, int64_t unit)
{
	return (ns + unit - 1) / unit;
}

/* A string of RFC 9651: ASCII; bytes that it cannot hold as %XX. */
static struct text quote(struct arena *a, const char *name)
{
	struct buffer b = {.arena = a};
	buffer_add_char(&b, '"');
	for (; *name; name++) {
		if (*name < ' ' || *name > '~') {
			buffer_printf(&b, "%%%02X", (unsigned char)*name);
			continue;
		}
		if (*name == '"' || *name == '\\')
			buffer_add_char(&b, '\\');
		buffer_add_char(&b, *name);
	}
	buffer_add_char(&b, '"');
	return buffer_text(&b);
}

size_t limit_headers(struct arena *a, const char *name, const struct limit_rate *rate,
	const struct limit_verdict *verdict, int64_t unix_ms,
	struct limit_header out[LIMIT_HEADERS])
{
	struct text policy = quote(a, name);
	int64_t until = verdict->remaining ? verdict->reset_ns : verdict->retry_ns;
	out[0] = (struct limit_header){
		"X-Rate-Limit-Limit", arena_printf(a, "%lld", (long long)rate->limit)};
	out[1] = (struct limit_header){
		"X-Rate-Limit-Remaining", arena_printf(a, "%lld", (long long)verdict->remaining)};
	out[2] = (struct limit_header){"X-Rate-Limit-Reset",
		arena_printf(a, "%lld", (long long)(unix_ms + round_up(until, CLOCK_MS)))};
	out[3] = (struct limit_header){"RateLimit-Policy",
		arena_printf(a, "%.*s;q=%lld;w=%lld", TEXT_ARGS(policy), (long long)rate->limit,
			(long long)round_up(rate->window_ms, 1000))};
	out[4] = (struct limit_header){"RateLimit",
		arena_printf(a, "%.*s;r=%lld;t=%lld", TEXT_ARGS(policy),
			(long long)verdict->remaining, (long long)round_up(until, CLOCK_SECOND))};
	return LIMIT_HEADERS;
}

const char *limit_retry_after(struct arena *a, const struct limit_verdict *verdict)
{
	int64_t seconds = round_up(verdict->retry_ns, CLOCK_SECOND);
	return arena_printf(a, "%lld", (long long)(seconds > 1 ? seconds : 1));
}
