/* PutAttachment: the content is stored as it comes. */
#include "junction/v1/notice.pb-c.h"
#include "server/notice/attachment/store.h"
#include "steps.gen.h"

static enum next put(struct call *c)
{
	const struct attachment_store *s = c->state;
	Notice__PutAttachmentResponse out = NOTICE__PUT_ATTACHMENT_RESPONSE__INIT;
	Notice__AttachmentInfo info = NOTICE__ATTACHMENT_INFO__INIT;

	info.attachment_id = (char *)s->id;
	info.name = arena_string(c->arena, s->name);
	info.content_type = arena_string(c->arena, s->content_type);
	info.size = s->size;
	out.attachment = &info;
	return REPLY(c, &out);
}

static bool same_or_absent(const char *given, struct text first)
{
	return !*given || text_equal(text_of(given), first);
}

/* What the first message has said may be said again, and not otherwise. */
static bool check_message(struct call *c, const struct attachment_store *s)
{
	const Notice__PutAttachmentRequest *in = call_request(c, Notice__PutAttachmentRequest);
	const char *wrong = NULL;

	if (!same_or_absent(in->name, s->name))
		wrong = "name";
	else if (!same_or_absent(in->content_type, s->content_type))
		wrong = "contentType";
	return !wrong ||
	       status_field(&c->status, c->arena, wrong, "must be as in the first message");
}

static enum next received(struct call *c);

static enum next receive(struct call *c)
{
	return stream_receive(c, received);
}

static enum next store_content(struct call *c)
{
	const Notice__PutAttachmentRequest *in = call_request(c, Notice__PutAttachmentRequest);

	return store_put(
		c, (struct text){(const char *)in->content.data, in->content.len}, receive);
}

static enum next received(struct call *c)
{
	if (!c->request)
		return store_complete(c, put);
	return check_message(c, c->state) ? store_content(c) : failed(c);
}

static bool read_first(struct call *c, struct attachment_store *s)
{
	const Notice__PutAttachmentRequest *in = call_request(c, Notice__PutAttachmentRequest);

	if (!in || !*in->name)
		return status_field(
			&c->status, c->arena, "name", "is required in the first message");
	/* The message itself is gone with the next one. */
	s->name = arena_text(c->arena, text_of(in->name));
	s->content_type = arena_text(
		c->arena, text_of(*in->content_type ? in->content_type : ATTACHMENT_TYPE));
	if (!store_name_holds(s->name))
		return status_field(&c->status, c->arena, "name",
			"must be at most 255 bytes without control characters and slashes");
	if (!store_content_type_holds(s->content_type))
		return status_field(&c->status, c->arena, "contentType",
			"must be at most 255 bytes of visible ASCII and blanks");
	return true;
}

static enum next first(struct call *c)
{
	struct attachment_store *s = ARENA_NEW(c->arena, struct attachment_store);

	store_begin(c, s, "content");
	c->state = s;
	return read_first(c, s) ? store_content(c) : failed(c);
}

enum next notice_put_attachment(struct call *c)
{
	return stream_receive(c, first);
}
