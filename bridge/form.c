/*
 * Form: Accept is read as RFC 9110 says: of the ranges that match a type the most specific one
 * gives its quality; then the type of the highest quality is taken, of several the one that was
 * named the most specifically, of these the first in our own order.
 */
#include "bridge/form.h"

#include "bridge/reply.h"
#include "google/api/httpbody.pb-c.h"

/* --- Accept --------------------------------------------------------------------------------- */

static const struct {
	struct text type;
	enum form form;
	const char *content_type;
} TYPES[] = {
	{{"application/json", 16}, FORM_ARRAY, "application/json; charset=utf-8"},
	{{"application/x-ndjson", 20}, FORM_LINES, "application/x-ndjson"},
	{{"application/jsonl", 17}, FORM_LINES, "application/jsonl"},
	{{"application/jsonlines", 21}, FORM_LINES, "application/jsonlines"},
	{{"text/event-stream", 17}, FORM_EVENTS, "text/event-stream"},
};

struct match {
	int specific; /* 1: any type, 2: any of a kind, 3: named; 0: does not match */
	int quality;  /* 0 to 1000 */
};

static struct text cut(struct text *rest, char separator)
{
	size_t end = text_find(*rest, separator, 0);
	struct text part = text_until(*rest, end);
	*rest = end < rest->size ? text_from(*rest, end + 1) : (struct text){"", 0};
	return text_trim(part);
}

/* "0.8" is 800; what is no quality is 1. */
static int quality_of(struct text t)
{
	int quality = 0, unit = 100;
	if (!t.size || t.data[0] != '0')
		return 1000;
	for (size_t i = 2; i < t.size && unit; i++, unit /= 10)
		if (t.data[i] >= '0' && t.data[i] <= '9')
			quality += (t.data[i] - '0') * unit;
	return quality;
}

static int specific(struct text range, struct text type)
{
	size_t slash = text_find(type, '/', 0);
	if (text_equal(range, TEXT("*/*")))
		return 1;
	if (text_equal_nocase(range, type))
		return 3;
	return range.size == slash + 2 && range.data[slash + 1] == '*' &&
			       text_equal_nocase(
				       text_until(range, slash + 1), text_until(type, slash + 1))
		       ? 2
		       : 0;
}

static struct match match_type(struct text accept, struct text type)
{
	struct match best = {0, 0};
	while (accept.size) {
		struct text parameters = cut(&accept, ',');
		struct match m = {specific(cut(&parameters, ';'), type), 1000};
		while (parameters.size) {
			struct text value = cut(&parameters, ';');
			if (text_equal_nocase(cut(&value, '='), TEXT("q")))
				m.quality = quality_of(value);
		}
		if (m.specific > best.specific)
			best = m;
	}
	return best;
}

enum form form_accepted(struct text accept, const char **content_type)
{
	struct match best = {0, 0};
	size_t chosen = 0;
	for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
		struct match m = match_type(accept, TYPES[i].type);
		if (m.quality > best.quality ||
			(m.quality == best.quality && m.quality && m.specific > best.specific)) {
			best = m;
			chosen = i;
		}
	}
	*content_type = TYPES[chosen].content_type;
	return TYPES[chosen].form;
}

/* --- bytes ---------------------------------------------------------------------------------- */

#define CONTENT_TYPE_MAX 1024

bool form_is_bytes(const struct api_method *method, const struct api_route *route)
{
	return method->output->descriptor == &google__api__http_body__descriptor &&
	       route->response_body == API_BODY_ALL;
}

const char *form_bytes_type(struct arena *a, const char *given)
{
	struct text type = text_of(given);
	bool good = type.size > 0 && type.size <= CONTENT_TYPE_MAX;
	for (size_t i = 0; good && i < type.size; i++)
		good = type.data[i] >= ' ' && type.data[i] < 0x7f;
	return good ? arena_string(a, type) : "application/octet-stream";
}

/* --- writing -------------------------------------------------------------------------------- */

/* JSON has line breaks only between its tokens, where a blank does as well. */
static void join_lines(char *json, size_t size, char line_break)
{
	for (char *c = json; (c = memchr(c, line_break, size - (size_t)(c - json)));)
		*c = ' ';
}

void form_id(struct queue *out, enum form form, const char *id)
{
	if (form != FORM_EVENTS || !id || !*id || strpbrk(id, "\r\n"))
		return;
	queue_add(out, TEXT("id: "));
	queue_add(out, text_of(id));
	queue_add(out, TEXT("\n"));
}

void form_message(struct queue *out, enum form form, bool first, char *json, size_t size)
{
	if (form == FORM_BYTES) {
		queue_add(out, (struct text){json, size});
		return;
	}
	join_lines(json, size, '\n');
	join_lines(json, size, '\r');
	if (form == FORM_EVENTS)
		queue_add(out, TEXT("data: "));
	else if (form == FORM_ARRAY && !first)
		queue_add(out, TEXT(","));
	queue_add(out, (struct text){json, size});
	if (form == FORM_EVENTS)
		queue_add(out, TEXT("\n\n"));
	else if (form == FORM_LINES)
		queue_add(out, TEXT("\n"));
}

void form_status(struct queue *out, enum form form, bool first, struct arena *a,
	const struct status *status, struct text details)
{
	struct buffer json = {.arena = a};
	if (form == FORM_BYTES)
		return;
	if (form != FORM_EVENTS)
		buffer_add_text(&json, TEXT("{\"@status\":"));
	reply_status(&json, status, details);
	if (form != FORM_EVENTS)
		buffer_add_char(&json, '}');
	else
		queue_add(out,
			status->code == STATUS_OK ? TEXT("event: end\n") : TEXT("event: error\n"));
	form_message(out, form, first, json.data, json.size);
	if (form == FORM_ARRAY)
		queue_add(out, TEXT("]"));
}

struct text form_opening(enum form form)
{
	return form == FORM_ARRAY ? TEXT("[") : TEXT("");
}

struct text form_keepalive(enum form form)
{
	return form == FORM_EVENTS ? TEXT(":\n\n") : TEXT("\n");
}
