/* ListNoticeDeliveries, ListAttempts. Pages as those of ListNotices. */
#include <stdlib.h>

#include "server/notice/ids.h"
#include "server/notice/manage/shown.h"
#include "steps.gen.h"

/* --- ListNoticeDeliveries --------------------------------------------------------------------- */

enum {
	POSITION,
	NOTICE_ID,
	USER,
	CHANNEL,
	ADDRESS,
	STATE,
	ATTEMPTS,
	AT,
	DUE,
	MESSAGE_ID,
	CODE,
	TEXT_,
	TIME
};

static const struct statement list_deliveries = {
	.name = "notice_list_deliveries",
	.sql = "SELECT d.position, n.notice_id, d.user_name, d.channel, d.address, d.state, "
	       "d.attempts, event.milliseconds(d.at), event.milliseconds(d.due), d.message_id, "
	       "d.code, d.text, event.milliseconds(n.time) "
	       "FROM notice.list_deliveries($1, $2::uuid, $3, $4, $5::notice.state, $6, "
	       "$7::bigint, $8::integer, 5000) AS d "
	       "LEFT JOIN LATERAL (SELECT x.notice_id, x.time FROM notice.notice AS x "
	       "WHERE x.position = d.notice_position OFFSET 0) AS n ON true",
	.parameters = 8,
};

static Notice__NoticeDelivery *delivery_of(struct call *c, const struct rows *rows, int row)
{
	Notice__NoticeDelivery *d = ARENA_NEW(c->arena, Notice__NoticeDelivery);

	notice__notice_delivery__init(d);
	d->delivery_id = shown_string(c, rows, row, POSITION);
	d->notice_id = shown_string(c, rows, row, NOTICE_ID);
	d->user = shown_string(c, rows, row, USER);
	d->channel = shown_string(c, rows, row, CHANNEL);
	d->address = shown_string(c, rows, row, ADDRESS);
	d->state = shown_state(rows, row, STATE);
	d->attempts = (int32_t)rows_int64(rows, row, ATTEMPTS);
	d->at = rows_int64(rows, row, AT);
	d->due = rows_int64(rows, row, DUE);
	d->message_id = shown_string(c, rows, row, MESSAGE_ID);
	d->code = shown_string(c, rows, row, CODE);
	d->text = shown_string(c, rows, row, TEXT_);
	d->time = rows_int64(rows, row, TIME);
	return d;
}

static enum next deliveries_listed(struct call *c, const struct rows *rows)
{
	Notice__ListNoticeDeliveriesResponse out = NOTICE__LIST_NOTICE_DELIVERIES_RESPONSE__INIT;
	int last = rows_count(rows) - 1;

	if (last >= 0 && rows_null(rows, last, USER)) {
		const struct text key = rows_text(rows, last, POSITION);
		out.next_page_token = page_token(c->arena, &key, 1);
		last--;
	}
	out.deliveries = arena_array(c->arena, (size_t)last + 1, sizeof(*out.deliveries));
	for (int i = 0; i <= last; i++)
		out.deliveries[out.n_deliveries++] = delivery_of(c, rows, i);
	return REPLY(c, &out);
}

enum next notice_list_notice_deliveries(struct call *c)
{
	const Notice__ListNoticeDeliveriesRequest *in =
		call_request(c, Notice__ListNoticeDeliveriesRequest);
	struct text *parameters = arena_array(c->arena, 8, sizeof(*parameters));
	struct page page;

	if (*in->notice_id && !ids_read_uuid(c, "noticeId", in->notice_id, &parameters[1]))
		return failed(c);
	if (!shown_read_state(c, "state", in->state, &parameters[4]) ||
		!shown_read_page(
			c, in->page_size, in->page_token, INT64_MAX, &page, &parameters[6]))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[2] = sql_or_null(text_of(in->user));
	parameters[3] = sql_or_null(text_of(in->channel));
	parameters[5] = sql_or_null(text_of(in->code));
	parameters[7] = shown_number(c, page.most);
	return search(c, &list_deliveries, parameters, deliveries_listed);
}

/* --- ListAttempts ----------------------------------------------------------------------------- */

enum { A_NUMBER, A_AT, A_SERVER, A_STATE, A_LATENCY, A_MESSAGE_ID, A_CODE, A_TEXT, A_ASKED };

/* One row without a number if there is the delivery, but no attempt. */
static const struct statement list_attempts = {
	.name = "notice_list_attempts",
	.sql = "SELECT a.number, event.milliseconds(a.at), a.node, a.state, a.latency_ms, "
	       "a.message_id, a.code, a.text, a.asked FROM notice.delivery AS d "
	       "LEFT JOIN notice.attempt AS a ON a.position = d.position "
	       "AND a.position = $2::bigint "
	       "WHERE d.namespace = $1 AND d.position = $2::bigint ORDER BY a.number",
	.parameters = 2,
};

static Notice__NoticeAttempt *attempt_of(struct call *c, const struct rows *rows, int row)
{
	Notice__NoticeAttempt *a = ARENA_NEW(c->arena, Notice__NoticeAttempt);

	notice__notice_attempt__init(a);
	a->number = (int32_t)rows_int64(rows, row, A_NUMBER);
	a->at = rows_int64(rows, row, A_AT);
	a->server = shown_string(c, rows, row, A_SERVER);
	a->state = shown_state(rows, row, A_STATE);
	if (!rows_null(rows, row, A_LATENCY))
		a->latency_ms = strtod(rows_text(rows, row, A_LATENCY).data, NULL);
	a->message_id = shown_string(c, rows, row, A_MESSAGE_ID);
	a->code = shown_string(c, rows, row, A_CODE);
	a->text = shown_string(c, rows, row, A_TEXT);
	a->asked = rows_bool(rows, row, A_ASKED);
	return a;
}

static enum next attempts_listed(struct call *c, const struct rows *rows)
{
	Notice__ListAttemptsResponse out = NOTICE__LIST_ATTEMPTS_RESPONSE__INIT;
	int count = rows_count(rows);

	if (count == 0)
		return fail(c, STATUS_NOT_FOUND, "deliveryId: no such delivery");
	out.attempts = arena_array(c->arena, (size_t)count, sizeof(*out.attempts));
	for (int i = 0; i < count && !rows_null(rows, i, A_NUMBER); i++)
		out.attempts[out.n_attempts++] = attempt_of(c, rows, i);
	return REPLY(c, &out);
}

enum next notice_list_attempts(struct call *c)
{
	const Notice__ListAttemptsRequest *in = call_request(c, Notice__ListAttemptsRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	parameters[0] = c->caller.space;
	if (!ids_read_position(c, "deliveryId", in->delivery_id, &parameters[1]))
		return failed(c);
	return search(c, &list_attempts, parameters, attempts_listed);
}
