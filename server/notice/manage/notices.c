/* GetNotice, ListNotices. A page ends where it is full, by number or by bytes, or where PostgreSQL
 * has looked at enough; then the last row says before what the next one begins. */
#include "server/log_range.h"
#include "server/notice/ids.h"
#include "server/notice/manage/shown.h"
#include "steps.gen.h"

/* --- GetNotice -------------------------------------------------------------------------------- */

enum { CHANNEL = SHOWN_COLUMN_COUNT, STATE, COUNT };

/* A row for each count; one without if there is no delivery. */
static const struct statement get_notice = {
	.name = "notice_get_notice",
	.sql = "SELECT " SHOWN_COLUMNS ", d.channel, d.state, d.count FROM notice.notice AS n "
	       "LEFT JOIN LATERAL (SELECT x.channel, x.state, count(*) FROM notice.delivery AS x "
	       "WHERE x.notice_position = n.position AND x.position > n.position "
	       "GROUP BY x.channel, x.state) AS d ON true "
	       "WHERE n.namespace = $1 AND n.notice_id = $2::uuid ORDER BY d.channel, d.state",
	.parameters = 2,
};

static Notice__NoticeCount *count_of(struct call *c, const struct rows *rows, int row)
{
	Notice__NoticeCount *count = ARENA_NEW(c->arena, Notice__NoticeCount);

	notice__notice_count__init(count);
	count->channel = shown_string(c, rows, row, CHANNEL);
	count->state = shown_state(rows, row, STATE);
	count->count = rows_int64(rows, row, COUNT);
	return count;
}

static enum next got(struct call *c, const struct rows *rows)
{
	Notice__GetNoticeResponse out = NOTICE__GET_NOTICE_RESPONSE__INIT;
	int count = rows_count(rows);

	if (count == 0)
		return fail(c, STATUS_NOT_FOUND, "noticeId: no such notice");
	out.notice = shown_notice(c, rows, 0);
	out.counts = arena_array(c->arena, (size_t)count, sizeof(*out.counts));
	for (int i = 0; i < count && !rows_null(rows, i, CHANNEL); i++)
		out.counts[out.n_counts++] = count_of(c, rows, i);
	return REPLY(c, &out);
}

enum next notice_get_notice(struct call *c)
{
	const Notice__GetNoticeRequest *in = call_request(c, Notice__GetNoticeRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	parameters[0] = c->caller.space;
	if (!ids_read_uuid(c, "noticeId", in->notice_id, &parameters[1]))
		return failed(c);
	return search(c, &get_notice, parameters, got);
}

/* --- ListNotices ------------------------------------------------------------------------------ */

enum { POSITION = SHOWN_COLUMN_COUNT };

static const struct statement list_notices = {
	.name = "notice_list_notices",
	.sql = "SELECT " SHOWN_COLUMNS ", n.position FROM notice.list_notices($1, $2, $3, "
	       "$4::bigint, $5::bigint, $6::integer, $7::bigint, 5000) AS n",
	.parameters = 7,
};

static enum next listed(struct call *c, const struct rows *rows)
{
	Notice__ListNoticesResponse out = NOTICE__LIST_NOTICES_RESPONSE__INIT;
	int last = rows_count(rows) - 1;

	if (last >= 0 && rows_null(rows, last, 0)) {
		const struct text key = rows_text(rows, last, POSITION);
		out.next_page_token = page_token(c->arena, &key, 1);
		last--;
	}
	out.notices = arena_array(c->arena, (size_t)last + 1, sizeof(*out.notices));
	for (int i = 0; i <= last; i++)
		out.notices[out.n_notices++] = shown_notice(c, rows, i);
	return REPLY(c, &out);
}

enum next notice_list_notices(struct call *c)
{
	const Notice__ListNoticesRequest *in = call_request(c, Notice__ListNoticesRequest);
	struct text *parameters = arena_array(c->arena, 7, sizeof(*parameters));
	int64_t behind = in->_end_time_case ? log_range_behind(in->end_time) : INT64_MAX;
	struct page page;

	if (!shown_read_page(c, in->page_size, in->page_token, behind, &page, &parameters[4]))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = sql_or_null(text_of(in->sender));
	parameters[2] = sql_or_null(text_of(in->template_));
	parameters[3] = shown_number(c, in->_begin_time_case ? log_range_from(in->begin_time) : 0);
	parameters[5] = shown_number(c, page.most);
	parameters[6] = shown_number(c, PAGE_BYTES);
	return search(c, &list_notices, parameters, listed);
}
