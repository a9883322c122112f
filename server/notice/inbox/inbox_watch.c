/*
 * WatchInbox. The inbox is read page by page behind the cursor, which is the position of a delivery
 * in decimal, and each notice is rendered when it is its turn. With a page comes how many are
 * unread at that moment; if no notice came with another number, the number goes alone. After the
 * last page the stream waits at its bell, whose count was taken before the page was asked for. A
 * stream that waits holds no page.
 */
#include "server/notice/inbox/inbox_priv.h"
#include "server/patience.h"
#include "steps.gen.h"

enum { ROWS_EACH = 100 };
#define TOO_SLOW  "this inbox is read too slowly: resume it"
#define STOPPING  "the server is stopping: watch the inbox elsewhere"
#define NO_CURSOR "is no cursor that WatchInbox has sent"

static const struct statement begin_watch = {
	.name = "notice_begin_watch",
	.sql = "SELECT notice.count_unread($1, $2), notice.inbox_head($1, $2), "
	       "(SELECT last_value FROM notice.last_position)",
	.parameters = 2,
};

static const struct statement follow_inbox = {
	.name = "notice_follow_inbox",
	.sql = "SELECT u.unread, " INBOX_COLUMNS
	       " FROM (SELECT notice.count_unread($1, $2) AS unread OFFSET 0) u "
	       "LEFT JOIN notice.follow_inbox($1, $2, $3::bigint, $4::integer) d ON true "
	       "ORDER BY d.position",
	.parameters = 4,
};

struct watch {
	struct content_job job; /* first */
	struct patience patience;
	struct call *call;
	struct text space, user;
	int64_t cursor;
	int64_t unread, told; /* now, and as the client knows it */
	struct bell *bell;
	uint64_t rung; /* when the page was asked for */

	struct arena *page; /* NULL: there is none */
	struct inbox_entries entries;
	const struct content **contents; /* held; NULL: it is not kept any more */
	size_t next;
	bool more; /* there may be another page */
};

static void drop_page(struct watch *w)
{
	for (size_t i = 0; w->contents && i < w->entries.count; i++)
		content_release(&w->contents[i]);
	w->contents = NULL;
	w->entries.count = 0;
	arena_free(&w->page);
}

static void leave(struct call *c)
{
	struct watch *w = c->state;

	patience_end(&w->patience);
	drop_page(w);
}

static enum next send_next(struct call *c);

/* --- a page ----------------------------------------------------------------------------------- */

static void contents_come(
	struct content_job *job, const struct content *const *contents, const struct status *error)
{
	struct watch *w = (struct watch *)job;

	if (!contents) {
		fail(w->call, error->code, "%s", error->message);
		return;
	}
	w->contents = arena_array(w->page, w->entries.count, sizeof(*w->contents));
	for (size_t i = 0; i < w->entries.count; i++)
		if (contents[i])
			w->contents[i] = content_share(contents[i]);
	send_next(w->call);
}

static enum next page_read(struct call *c, const struct rows *rows)
{
	struct watch *w = c->state;

	w->unread = rows_int64(rows, 0, 0);
	w->page = arena_new(0);
	w->entries = inbox_entries_read(w->page, rows, 1);
	w->more = w->entries.cut || w->entries.count == ROWS_EACH;
	w->next = 0;
	if (w->entries.count == 0)
		return send_next(c);
	w->job = (struct content_job){
		.positions = w->entries.notices,
		.count = w->entries.count,
		.deadline = call_lane_deadline(c),
		.done = contents_come,
	};
	content_get(call_lanes(), &w->job);
	return call_parked(c);
}

static enum next read_page(struct call *c)
{
	struct watch *w = c->state;
	struct text *parameters;

	if (stream_lane_draining(call_streams()))
		return fail(c, STATUS_UNAVAILABLE, STOPPING);
	call_end_turn(c);
	patience_sent(&w->patience);
	w->rung = bell_count(w->bell);
	parameters = arena_array(c->turn, 4, sizeof(*parameters));
	parameters[0] = w->space;
	parameters[1] = w->user;
	parameters[2] = text_of(inbox_position_write(c->turn, w->cursor));
	parameters[3] = text_of(arena_printf(c->turn, "%d", ROWS_EACH));
	return query(c, &follow_inbox, parameters, page_read);
}

/* --- sending ---------------------------------------------------------------------------------- */

static enum next send_item(struct call *c, Notice__InboxItem *item, bool more, call_step *then)
{
	struct watch *w = c->state;
	Notice__WatchInboxResponse *out = ARENA_NEW(c->turn, Notice__WatchInboxResponse);

	notice__watch_inbox_response__init(out);
	out->item = item;
	out->unread = w->unread;
	out->cursor = inbox_position_write(c->turn, w->cursor);
	w->told = w->unread;
	return patience_send(&w->patience, &out->base, more, then);
}

/* What is there of the page; then the number alone, or the next page, or what comes later. */
static enum next send_next(struct call *c)
{
	struct watch *w = c->state;

	patience_sent(&w->patience);
	while (w->next < w->entries.count) {
		const struct content *content = w->contents[w->next];
		const struct inbox_entry *entry = &w->entries.all[w->next++];

		w->cursor = entry->position;
		if (content)
			return send_item(c, inbox_item(c->turn, entry, w->user, content),
				w->next < w->entries.count, send_next);
	}
	drop_page(w);
	if (w->more)
		return read_page(c);
	if (w->told != w->unread)
		return send_item(c, NULL, false, read_page);
	return stream_wait(c, w->bell, w->rung, CLOCK_NEVER, read_page);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static enum next begin(struct call *c, const struct rows *rows)
{
	struct watch *w = c->state;

	if (w->cursor > rows_int64(rows, 0, 2))
		return fail_field(c, "after", NO_CURSOR);
	if (w->cursor < 0)
		w->cursor = rows_int64(rows, 0, 1);
	w->unread = rows_int64(rows, 0, 0);
	patience_begin(&w->patience, c, TOO_SLOW, STOPPING);
	c->at_end = leave;
	return send_item(c, NULL, false, read_page);
}

enum next notice_watch_inbox(struct call *c)
{
	const Notice__WatchInboxRequest *in = call_request(c, Notice__WatchInboxRequest);
	struct watch *w = ARENA_NEW(c->arena, struct watch);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	w->cursor = -1;
	if (*in->after && (!text_to_int64(text_of(in->after), &w->cursor) || w->cursor < 0))
		return fail_field(c, "after", NO_CURSOR);
	if (!inbox_user(c, in->user, &w->user))
		return failed(c);
	w->space = c->caller.space;
	w->call = c;
	w->bell = inbox_bell(w->space, w->user);
	c->state = w;
	parameters[0] = w->space;
	parameters[1] = w->user;
	return query(c, &begin_watch, parameters, begin);
}
