/* GetAttachment: part by part, each read when the one before has been sent. */
#include "google/api/httpbody.pb-c.h"
#include "junction/v1/notice.pb-c.h"
#include "server/notice/attachment/attachment.h"
#include "server/notice/attachment/parts.h"
#include "server/notice/ids.h"
#include "server/notice/inbox/inbox.h"
#include "steps.gen.h"

enum { CONTENT_TYPE, SIZE, IN_INBOX };

static const struct statement find_attachment = {
	.name = "notice_find_attachment",
	.sql = "SELECT a.content_type, a.size, EXISTS (SELECT FROM notice.delivery d "
	       "JOIN notice.notice n ON n.position = d.notice_position "
	       "WHERE d.position = $3::bigint AND d.namespace = $1 AND d.user_name = $4 "
	       "AND d.channel = 'site' AND NOT d.hidden AND a.id = ANY (n.attachments)) "
	       "FROM notice.attachment a WHERE a.namespace = $1 AND a.id = $2::uuid",
	.parameters = 4,
};

struct getting {
	int64_t left; /* bytes that have not been sent */
	int number;   /* of the part that was read last */
	struct text parameters[4];
};

static enum next next_part(struct call *c);

static enum next send_part(struct call *c, const struct rows *rows)
{
	struct getting *g = c->state;
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;
	struct text bytes;

	if (!part_read(c->turn, rows, &bytes) || (int64_t)bytes.size > g->left)
		return fail(c, STATUS_NOT_FOUND, "attachmentId: it has gone meanwhile");
	g->left -= (int64_t)bytes.size;
	out.data = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
	return STREAM_SEND(c, &out, false, next_part);
}

static enum next next_part(struct call *c)
{
	struct getting *g = c->state;

	if (g->left == 0)
		return stream_end(c);
	g->parameters[0] = text_of(call_request(c, Notice__GetAttachmentRequest)->attachment_id);
	g->parameters[1] = text_of(arena_printf(c->turn, "%d", ++g->number));
	return query(c, &part_statement, g->parameters, send_part);
}

static enum next found(struct call *c, const struct rows *rows)
{
	struct getting *g = c->state;
	Google__Api__HttpBody out = GOOGLE__API__HTTP_BODY__INIT;
	bool there = rows_count(rows) > 0;

	if (!(there && rows_bool(rows, 0, IN_INBOX)) &&
		!call_may(c, TEXT("notice"), TEXT("GetAttachment"), TEXT("ADMIN")))
		return failed(c);
	if (!there)
		return fail(c, STATUS_NOT_FOUND, "attachmentId: no such attachment");
	g->left = rows_int64(rows, 0, SIZE);
	out.content_type = arena_string(c->arena, rows_text(rows, 0, CONTENT_TYPE));
	return STREAM_SEND(c, &out, g->left > 0, next_part);
}

enum next notice_get_attachment(struct call *c)
{
	const Notice__GetAttachmentRequest *in = call_request(c, Notice__GetAttachmentRequest);
	struct getting *g = ARENA_NEW(c->arena, struct getting);

	g->parameters[0] = c->caller.space;
	if (!ids_read_uuid(c, "attachmentId", in->attachment_id, &g->parameters[1]))
		return failed(c);
	if (*in->delivery_id &&
		(!ids_read_position(c, "deliveryId", in->delivery_id, &g->parameters[2]) ||
			!inbox_user(c, in->user, &g->parameters[3])))
		return failed(c);
	c->state = g;
	return query(c, &find_attachment, g->parameters, found);
}
