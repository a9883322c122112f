#include "server/notice/inbox/inbox_priv.h"
#include "server/notice/inbox/receipt.h"
#include "server/page.h"

enum { POSITION, NOTICE, TIME, LANGUAGE, READ, READ_AT, SIZE };

struct inbox_entries inbox_entries_read(struct arena *a, const struct rows *rows, int column)
{
	size_t count = rows_null(rows, 0, column + POSITION) ? 0 : (size_t)rows_count(rows);
	struct inbox_entry *all = arena_array(a, count, sizeof(*all));
	int64_t *notices = arena_array(a, count, sizeof(*notices));
	int64_t bytes = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		int row = (int)i;

		bytes += rows_int64(rows, row, column + SIZE);
		if (i > 0 && bytes > PAGE_BYTES)
			break;
		all[i] = (struct inbox_entry){
			.position = rows_int64(rows, row, column + POSITION),
			.time = rows_int64(rows, row, column + TIME),
			.read_at = rows_int64(rows, row, column + READ_AT),
			.language = arena_text(a, rows_text(rows, row, column + LANGUAGE)),
			.read = rows_bool(rows, row, column + READ),
		};
		notices[i] = rows_int64(rows, row, column + NOTICE);
	}
	return (struct inbox_entries){all, notices, i, i < count};
}

/* One that becomes too large is shown as it was sent. */
static void say(struct arena *a, const struct inbox_entry *entry, struct text user,
	const struct content *content, Notice__InboxItem *item)
{
	const struct content_target target = {
		.channel = TEXT("site"),
		.language = entry->language,
		.user = user,
		.receipt = receipt_link(a, entry->position),
	};
	struct status status = {.message = ""};
	struct rendered rendered;

	if (!content_render(content, a, &target, &rendered, &status))
		rendered = (struct rendered){.subject = content->title, .body = content->message};
	item->title = arena_string(a, rendered.subject);
	item->message = arena_string(a, rendered.body);
	item->html = arena_string(a, rendered.html);
}

static Notice__AttachmentInfo *attachment(struct arena *a, const struct content_attachment *from)
{
	Notice__AttachmentInfo *info = ARENA_NEW(a, Notice__AttachmentInfo);

	notice__attachment_info__init(info);
	info->attachment_id = arena_string(a, from->id);
	info->name = arena_string(a, from->name);
	info->content_type = arena_string(a, from->content_type);
	info->size = from->size;
	return info;
}

char *inbox_position_write(struct arena *a, int64_t position)
{
	return arena_printf(a, "%lld", (long long)position);
}

Notice__InboxItem *inbox_item(struct arena *a, const struct inbox_entry *entry, struct text user,
	const struct content *content)
{
	Notice__InboxItem *item = ARENA_NEW(a, Notice__InboxItem);

	notice__inbox_item__init(item);
	item->delivery_id = inbox_position_write(a, entry->position);
	item->notice_id = arena_string(a, content->notice_id);
	item->time = entry->time;
	item->sender = arena_string(a, content->sender);
	say(a, entry, user, content, item);
	item->attachments = arena_array(a, content->attachment_count, sizeof(*item->attachments));
	for (size_t i = 0; i < content->attachment_count; i++)
		item->attachments[item->n_attachments++] = attachment(a, &content->attachments[i]);
	item->read = entry->read;
	item->read_at = entry->read_at;
	item->reply = content->reply;
	return item;
}
