/* Reading and rendering. A content is one arena: its texts, the trees of its parameters and its
 * template's variants, and itself. */
#include "server/notice/template/content.h"

#include "base/check.h"
#include "base/log.h"
#include "server/notice/template/content_priv.h"

enum column {
	POSITION,
	NOTICE_ID,
	TIME,
	SPACE,
	SENDER,
	TITLE,
	MESSAGE,
	TEMPLATE,
	PARAMS,
	VARIANTS,
	REPLY,
	PERSONAL,
	TRACE_ID,
	ATTACHMENTS,
};

const struct content *content_share(const struct content *c)
{
	struct kept *kept = (struct kept *)c;

	CHECK(atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed) > 0);
	return c;
}

void content_release(const struct content **c)
{
	struct kept *kept = (struct kept *)*c;
	struct arena *arena = kept ? kept->arena : NULL;

	*c = NULL;
	if (kept && atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) == 1)
		arena_free(&arena);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Empty for SQL NULL. */
static struct text text_at(struct arena *a, const struct rows *rows, int row, enum column column)
{
	return arena_text(a, rows_text(rows, row, (int)column));
}

static bool read_params(struct kept *k, const struct rows *rows, int row, struct status *status)
{
	if (rows_null(rows, row, PARAMS))
		return true;
	k->content.params = json_read(k->arena, text_at(k->arena, rows, row, PARAMS), status);
	return k->content.params;
}

static bool read_variants(struct kept *k, const struct rows *rows, int row, struct status *status)
{
	return rows_null(rows, row, TEMPLATE) ||
	       (variants_read(
			k->arena, text_at(k->arena, rows, row, VARIANTS), &k->variants, status) &&
		       variants_compile(k->arena, &k->variants, status));
}

static struct text member_text(struct arena *a, const struct json *item, struct text name)
{
	return arena_text(a, json_member_text(item, name, TEXT("")));
}

static bool read_attachments(
	struct kept *k, const struct rows *rows, int row, struct status *status)
{
	struct content_attachment *next;

	if (rows_null(rows, row, ATTACHMENTS))
		return true;
	const struct json *list =
		json_read(k->arena, text_at(k->arena, rows, row, ATTACHMENTS), status);
	if (!list)
		return false;
	next = arena_array(k->arena, list->count, sizeof(*next));
	k->content.attachments = next;
	k->content.attachment_count = list->count;
	for (const struct json *item = list->first; item; item = item->next, next++) {
		next->id = member_text(k->arena, item, TEXT("id"));
		next->name = member_text(k->arena, item, TEXT("name"));
		next->content_type = member_text(k->arena, item, TEXT("content_type"));
		CHECK(json_int64(json_member(item, TEXT("size")), &next->size));
	}
	return true;
}

static struct kept *kept_new(const struct rows *rows, int row)
{
	struct arena *a = arena_new(0);
	struct kept *k = ARENA_NEW(a, struct kept);

	k->arena = a;
	atomic_init(&k->references, 1);
	k->content = (struct content){
		.position = rows_int64(rows, row, POSITION),
		.time_ms = rows_int64(rows, row, TIME),
		.notice_id = text_at(a, rows, row, NOTICE_ID),
		.space = text_at(a, rows, row, SPACE),
		.sender = text_at(a, rows, row, SENDER),
		.title = text_at(a, rows, row, TITLE),
		.message = text_at(a, rows, row, MESSAGE),
		.template_id = text_at(a, rows, row, TEMPLATE),
		.reply = rows_bool(rows, row, REPLY),
		.personal = rows_bool(rows, row, PERSONAL),
		.trace_id = text_at(a, rows, row, TRACE_ID),
	};
	return k;
}

const struct content *content_read(const struct rows *rows, int row)
{
	struct kept *k = kept_new(rows, row);
	const struct content *c = &k->content;
	struct status status = {0};

	if (read_params(k, rows, row, &status) && read_variants(k, rows, row, &status) &&
		read_attachments(k, rows, row, &status))
		return c;
	log_event(LOG_ERROR, "a notice cannot be read", LOG_TEXT("notice", c->notice_id.data),
		LOG_TEXT("reason", status.message));
	content_release(&c);
	return NULL;
}

/* --- rendering -------------------------------------------------------------------------------- */

bool content_render(const struct content *c, struct arena *a, const struct content_target *target,
	struct rendered *rendered, struct status *status)
{
	const struct kept *k = (const struct kept *)c;
	const struct variant_facts facts = {
		.sender = c->sender,
		.title = c->title,
		.message = c->message,
		.user = target->user,
		.notice_id = c->notice_id,
		.time_ms = c->time_ms,
		.receipt = target->receipt,
	};

	if (k->variants.count > 0)
		return variant_render(
			variants_pick(&k->variants, target->channel, target->language), a,
			c->params, &facts, target->markdown, rendered, status);
	*rendered = (struct rendered){
		.subject = c->title,
		.body = c->message,
		.params = c->params ? c->params->raw : TEXT("{}"),
	};
	return true;
}
