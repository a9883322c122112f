#include "server/api_reader/inspect.h"

#include "base/json.h"
#include "server/registry/third_party.h"

static enum verdict refuse(struct inspector *i, struct status *status, const char *what)
{
	status_set(status, i->arena, STATUS_UNKNOWN, "%s answered %s", i->who, what);
	return VERDICT_REFUSED;
}

/* "Text/HTML ; charset=x" is "Text/HTML". */
static struct text media_type(const char *content_type)
{
	struct text whole = text_of(content_type);

	return text_trim(text_until(whole, text_find(whole, ';', 0)));
}

static bool ends_nocase(struct text t, struct text end)
{
	return t.size >= end.size && text_equal_nocase(text_from(t, t.size - end.size), end);
}

bool inspector_begin(struct inspector *i, struct arena *a, const char *who,
	const char *content_type, struct status *status)
{
	struct text type = media_type(content_type);

	*i = (struct inspector){.arena = a, .who = who, .held = {.arena = a}};
	i->json = text_equal_nocase(type, TEXT("application/json")) ||
		  text_equal_nocase(type, TEXT("text/json")) || ends_nocase(type, TEXT("+json"));
	if (!text_equal_nocase(type, TEXT("text/html")) &&
		!text_equal_nocase(type, TEXT("application/xhtml+xml")))
		return true;
	refuse(i, status,
		"with an HTML page (its Content-Type says so) where the table was expected");
	return false;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *message_of(struct inspector *i, const struct json *document)
{
	static const char *const names[] = {"message", "msg", "retmsg", "error"};
	struct text message = TEXT("");

	for (size_t n = 0; message.size == 0 && n < sizeof(names) / sizeof(names[0]); n++)
		message = json_member_text(document, text_of(names[n]), TEXT(""));
	if (message.size == 0)
		return "it gave no reason";
	return third_party_quote(i->arena, message);
}

static int64_t code_of(const struct json *document)
{
	const struct json *code = json_member(document, TEXT("code"));
	int64_t number = 0;

	if (!code)
		code = json_member(document, TEXT("retcode"));
	if (code && code->type == JSON_NUMBER && json_int64(code, &number))
		return number;
	return 0;
}

static bool tells_of_an_error(const struct json *document)
{
	return json_member(document, TEXT("code")) || json_member(document, TEXT("retcode")) ||
	       json_member(document, TEXT("error"));
}

static enum verdict judge_json(struct inspector *i, struct text whole, struct status *status)
{
	struct status ignored;
	const struct json *document = json_read(i->arena, whole, &ignored);
	int64_t code = code_of(document);

	if (document && tells_of_an_error(document)) {
		status_set(status, i->arena, STATUS_UNKNOWN,
			"%s answered JSON where the table was expected: %s", i->who,
			message_of(i, document));
		status->remote_code = code;
		return VERDICT_REFUSED;
	}
	return i->json ? refuse(i, status, "JSON where the table was expected") : VERDICT_TABLE;
}

/* --- the first bytes -------------------------------------------------------------------------- */

static const struct text byte_order_mark = TEXT("\xef\xbb\xbf"), gzip_mark = TEXT("\x1f\x8b");

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text without_mark(struct text t)
{
	if (text_starts(t, byte_order_mark))
		t = text_from(t, byte_order_mark.size);
	while (t.size > 0 && is_blank(*t.data))
		t = text_from(t, 1);
	return t;
}

/* One of the marks has begun, but for all that is known by now. */
static bool may_become(struct text all, struct text mark)
{
	return all.size < mark.size && text_starts(mark, all);
}

static bool starts_nocase(struct text t, struct text start)
{
	return t.size >= start.size && text_equal_nocase(text_until(t, start.size), start);
}

static enum verdict judge_html(
	struct inspector *i, struct text first, bool end, struct status *status)
{
	static const struct text page = TEXT("<html"), typed = TEXT("<!doctype html");

	if (starts_nocase(first, page) || starts_nocase(first, typed))
		return refuse(i, status, "with an HTML page where the table was expected");
	return end || first.size >= typed.size ? VERDICT_TABLE : VERDICT_UNKNOWN;
}

static enum verdict judge(struct inspector *i, bool end, struct status *status)
{
	struct text all = buffer_text(&i->held);
	struct text first = without_mark(all);
	bool full = all.size > INSPECT_MAX;

	if (i->json)
		return full || end ? judge_json(i, first, status) : VERDICT_UNKNOWN;
	if (text_starts(all, gzip_mark))
		return refuse(i, status, "with gzip, without the Content-Encoding that says so");
	if (!end && (may_become(all, byte_order_mark) || may_become(all, gzip_mark)))
		return VERDICT_UNKNOWN;
	if (first.size > 0 && *first.data == '<')
		return judge_html(i, first, end, status);
	if (full || (first.size > 0 && *first.data != '{'))
		return VERDICT_TABLE;
	if (!end)
		return VERDICT_UNKNOWN;
	return first.size > 0 ? judge_json(i, first, status) : VERDICT_TABLE;
}

enum verdict inspector_look(struct inspector *i, struct text bytes, bool end, struct status *status)
{
	buffer_add_text(&i->held, bytes);
	i->verdict = judge(i, end, status);
	return i->verdict;
}
