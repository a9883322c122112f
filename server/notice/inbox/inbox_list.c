/* ListInbox. A page ends where it is full, or where a message would have no room for what its
 * notices say, which is known before they are read, and again when they have been rendered. */
#include "server/notice/inbox/inbox_priv.h"
#include "server/page.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 50, PAGE_MOST = 1000 };

static const struct statement list_inbox = {
	.name = "notice_list_inbox",
	.sql = "SELECT u.unread, " INBOX_COLUMNS
	       " FROM (SELECT notice.count_unread($1, $2) AS unread OFFSET 0) u "
	       "LEFT JOIN notice.list_inbox($1, $2, $3, $4::bigint, $5::integer) d ON true "
	       "ORDER BY d.position DESC",
	.parameters = 5,
};

struct listing {
	struct content_job job; /* first */
	struct call *call;
	struct text parameters[5];
	struct page page;
	struct inbox_entries entries;
	int64_t unread;
};

static char *token_behind(struct arena *a, int64_t position)
{
	const struct text key = text_of(inbox_position_write(a, position));

	return page_token(a, &key, 1);
}

static void answer(struct listing *l, const struct content *const *contents)
{
	struct call *c = l->call;
	Notice__ListInboxResponse out = NOTICE__LIST_INBOX_RESPONSE__INIT;
	size_t before = arena_used(c->arena);
	bool more = l->entries.cut;
	size_t i;

	out.items = arena_array(c->arena, l->entries.count, sizeof(*out.items));
	for (i = 0; i < l->entries.count && arena_used(c->arena) - before <= PAGE_BYTES; i++)
		if (contents[i])
			out.items[out.n_items++] = inbox_item(
				c->arena, &l->entries.all[i], l->parameters[1], contents[i]);
	out.unread = l->unread;
	if (more || i < l->entries.count)
		out.next_page_token = token_behind(c->arena, l->entries.all[i - 1].position);
	REPLY(c, &out);
}

static void contents_come(
	struct content_job *job, const struct content *const *contents, const struct status *error)
{
	struct listing *l = (struct listing *)job;

	if (contents)
		answer(l, contents);
	else
		fail(l->call, error->code, "%s", error->message);
}

static enum next listed(struct call *c, const struct rows *rows)
{
	struct listing *l = c->state;

	l->unread = rows_int64(rows, 0, 0);
	l->entries = inbox_entries_read(c->arena, rows, 1);
	if ((int64_t)l->entries.count > l->page.most) {
		l->entries.count--;
		l->entries.cut = true;
	}
	l->job = (struct content_job){
		.positions = l->entries.notices,
		.count = l->entries.count,
		.deadline = call_lane_deadline(c),
		.done = contents_come,
	};
	l->call = c;
	content_get(call_lanes(), &l->job);
	return call_parked(c);
}

/* Before what the page begins. */
static bool read_begin(struct call *c, const struct page *page, struct text *before)
{
	int64_t position;

	*before = page->after[0];
	if (before->size > 0)
		return text_to_int64(*before, &position) ||
		       status_field(
			       &c->status, c->arena, "pageToken", "is none of a page of this list");
	*before = text_of(inbox_position_write(c->arena, INT64_MAX));
	return true;
}

enum next notice_list_inbox(struct call *c)
{
	const Notice__ListInboxRequest *in = call_request(c, Notice__ListInboxRequest);
	struct listing *l = ARENA_NEW(c->arena, struct listing);

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, 1, &l->page,
		    &c->status) ||
		!read_begin(c, &l->page, &l->parameters[3]) ||
		!inbox_user(c, in->user, &l->parameters[1]))
		return failed(c);
	l->parameters[0] = c->caller.space;
	l->parameters[2] = in->unread ? TEXT("true") : TEXT("false");
	l->parameters[4] = page_limit(c->arena, &l->page);
	c->state = l;
	return query(c, &list_inbox, l->parameters, listed);
}
