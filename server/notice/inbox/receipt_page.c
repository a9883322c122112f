/* ShowReceipt, ConfirmReceipt: pages for people, in Chinese and English, without scripts. The
 * form posts to the page's own address; that its browser says so (Origin) is what the bridge asks
 * for, hence the policy for referrers. */
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/notice.pb-c.h"
#include "server/notice/inbox/inbox.h"
#include "server/notice/inbox/receipt.h"
#include "server/notice/template/escape.h"
#include "steps.gen.h"

#define CONFIRMED "<p>已确认收到。<br>Receipt is confirmed.</p>\n"
#define FORM                                                                                               \
	"<form method=\"post\">\n"                                                                         \
	"<p>请确认您已收到此通知。<br>Please confirm that you have received this notice.</p>\n" \
	"<button type=\"submit\">确认收到 / Confirm</button>\n"                                        \
	"</form>\n"

static const struct statement show_receipt = {
	.name = "notice_show_receipt",
	.sql = "SELECT n.title, d.receipt_at IS NOT NULL FROM notice.delivery d "
	       "JOIN notice.notice n ON n.position = d.notice_position "
	       "WHERE d.position = $1::bigint",
	.parameters = 1,
};

static const struct statement take_receipt = {
	.name = "notice_take_receipt",
	.sql = "SELECT r_title, r_receipts, r_namespace, r_user "
	       "FROM notice.take_receipt($1::bigint)",
	.parameters = 1,
};

static enum next reply_page(struct call *c, struct text title, bool confirmed)
{
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;
	struct buffer page = {.arena = c->arena};

	buffer_add_text(&page,
		TEXT("<!DOCTYPE html>\n<html lang=\"zh\">\n<head>\n<meta charset=\"utf-8\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width\">\n"
		     "<meta name=\"referrer\" content=\"same-origin\">\n"
		     "<meta name=\"robots\" content=\"noindex\">\n"
		     "<title>回执 / Receipt</title>\n</head>\n<body>\n<h1>"));
	escape_value(&page, TEMPLATE_HTML, PLACE_TEXT, false, title);
	buffer_add_text(&page, TEXT("</h1>\n"));
	buffer_add_text(&page, confirmed ? TEXT(CONFIRMED) : TEXT(FORM));
	buffer_add_text(&page, TEXT("</body>\n</html>\n"));
	out.content_type = arena_string(c->arena, TEXT("text/html; charset=utf-8"));
	out.data = (ProtobufCBinaryData){page.size, (uint8_t *)page.data};
	return REPLY(c, &out);
}

static enum next fail_unknown(struct call *c)
{
	return fail(c, STATUS_NOT_FOUND, "token: no such receipt, or it is not kept any more");
}

/* The delivery's position as a parameter; NULL: it is no token of ours. */
static const struct text *parameter_of(struct call *c, const char *token)
{
	struct text *parameter = ARENA_NEW(c->arena, struct text);
	int64_t position;

	if (!receipt_read_token(text_of(token), &position))
		return NULL;
	*parameter = text_of(arena_printf(c->arena, "%lld", (long long)position));
	return parameter;
}

static enum next shown(struct call *c, const struct rows *rows)
{
	return rows_count(rows) > 0 ? reply_page(c, rows_text(rows, 0, 0), rows_bool(rows, 0, 1))
				    : fail_unknown(c);
}

enum next notice_show_receipt(struct call *c)
{
	const Notice__ShowReceiptRequest *in = call_request(c, Notice__ShowReceiptRequest);
	const struct text *parameter = parameter_of(c, in->token);

	return parameter ? query(c, &show_receipt, parameter, shown) : fail_unknown(c);
}

static enum next taken(struct call *c, const struct rows *rows)
{
	const struct text user = rows_count(rows) > 0 ? rows_text(rows, 0, 3) : TEXT("");

	if (rows_count(rows) == 0)
		return fail_unknown(c);
	if (rows_int64(rows, 0, 1) > 0)
		receipt_wake();
	if (!rows_null(rows, 0, 3))
		inbox_changed(rows_text(rows, 0, 2), &user, 1);
	return reply_page(c, rows_text(rows, 0, 0), true);
}

enum next notice_confirm_receipt(struct call *c)
{
	const Notice__ConfirmReceiptRequest *in = call_request(c, Notice__ConfirmReceiptRequest);
	const struct text *parameter = parameter_of(c, in->token);

	return parameter ? change(c, &take_receipt, parameter, taken) : fail_unknown(c);
}
