#include "server/notice/manage/shown.h"

#include "base/json.h"

enum {
	NOTICE_ID,
	TIME,
	SENDER,
	TITLE,
	MESSAGE,
	PARAMS,
	TEMPLATE,
	TEMPLATE_VERSION,
	CHANNELS,
	GROUPS,
	ATTACHMENTS,
	REPLY,
	DELIVERIES,
	SPREAD,
	USER,
	APPLICATION,
	TRACE_ID
};

/* As notice.state; order of the proto. */
static const char *const words[] = {
	"", "waiting", "sending", "sent", "delivered", "read", "failed", "unknown", "cancelled"};

enum { PAGE_USUAL = 100, PAGE_MOST = 1000 };

enum { WORDS = sizeof(words) / sizeof(words[0]) };

char *shown_string(struct call *c, const struct rows *rows, int row, int column)
{
	return arena_string(c->arena, rows_text(rows, row, column));
}

/* Of a JSON list. */
static char **strings_at(
	struct call *c, const struct rows *rows, int row, int column, size_t *count)
{
	struct status ignored;
	const struct json *list =
		json_read(c->arena, arena_text(c->arena, rows_text(rows, row, column)), &ignored);
	char **strings = arena_array(c->arena, list->count, sizeof(*strings));

	*count = 0;
	for (const struct json *i = list->first; i; i = i->next)
		strings[(*count)++] = arena_string(c->arena, i->string);
	return strings;
}

Notice__NoticeInfo *shown_notice(struct call *c, const struct rows *rows, int row)
{
	Notice__NoticeInfo *n = ARENA_NEW(c->arena, Notice__NoticeInfo);

	notice__notice_info__init(n);
	n->notice_id = shown_string(c, rows, row, NOTICE_ID);
	n->time = rows_int64(rows, row, TIME);
	n->sender = shown_string(c, rows, row, SENDER);
	n->title = shown_string(c, rows, row, TITLE);
	n->message = shown_string(c, rows, row, MESSAGE);
	n->params = shown_string(c, rows, row, PARAMS);
	n->template_ = shown_string(c, rows, row, TEMPLATE);
	n->template_version = (int32_t)rows_int64(rows, row, TEMPLATE_VERSION);
	n->channels = strings_at(c, rows, row, CHANNELS, &n->n_channels);
	n->groups = strings_at(c, rows, row, GROUPS, &n->n_groups);
	n->attachments = strings_at(c, rows, row, ATTACHMENTS, &n->n_attachments);
	n->reply = rows_bool(rows, row, REPLY);
	n->deliveries = rows_int64(rows, row, DELIVERIES);
	n->spread = rows_int64(rows, row, SPREAD);
	n->user = shown_string(c, rows, row, USER);
	n->application = shown_string(c, rows, row, APPLICATION);
	n->trace_id = shown_string(c, rows, row, TRACE_ID);
	return n;
}

Notice__NoticeState shown_state(const struct rows *rows, int row, int column)
{
	struct text word = rows_text(rows, row, column);

	for (int i = 1; i < WORDS; i++)
		if (text_equal(word, text_of(words[i])))
			return (Notice__NoticeState)i;
	return NOTICE__NOTICE_STATE__NOTICE_STATE_UNSPECIFIED;
}

bool shown_read_state(
	struct call *c, const char *field, Notice__NoticeState given, struct text *word)
{
	*word = (struct text){0};
	if ((unsigned)given >= WORDS)
		return status_field(&c->status, c->arena, field, "is not known");
	if (given)
		*word = text_of(words[given]);
	return true;
}

bool shown_read_page(struct call *c, int32_t size, const char *token, int64_t before,
	struct page *page, struct text *position)
{
	int64_t number;

	if (!page_read(c->arena, size, PAGE_USUAL, PAGE_MOST, token, 1, page, &c->status))
		return false;
	*position = *token ? page->after[0] : shown_number(c, before);
	return text_to_int64(*position, &number) ||
	       status_field(&c->status, c->arena, "pageToken", "is none of a page of this list");
}

struct text shown_number(struct call *c, int64_t number)
{
	return text_of(arena_printf(c->arena, "%lld", (long long)number));
}
