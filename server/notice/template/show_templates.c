/* GetTemplate, ListTemplates, DeleteTemplate. */
#include "server/notice/template/template_message.h"
#include "server/page.h"
#include "steps.gen.h"

enum { PAGE_USUAL = 20, PAGE_MOST = 100, KEY_PARTS = 2 };

static const struct statement get_template = {
	.name = "notice_get_template",
	.sql = "SELECT " TEMPLATE_COLUMNS " FROM notice.find_template($1, $2, $3::integer) AS t",
	.parameters = 3,
};

static const struct statement list_templates = {
	.name = "notice_list_templates",
	.sql = "SELECT " TEMPLATE_COLUMNS
	       " FROM notice.list_templates($1, $2, $3, $4::integer, $5::bigint, $6::bigint) AS t",
	.parameters = 6,
};

static const struct statement delete_template = {
	.name = "notice_delete_template",
	.sql = "SELECT notice.delete_template($1, $2)",
	.parameters = 2,
};

/* --- GetTemplate ------------------------------------------------------------------------------ */

static enum next got(struct call *c, const struct rows *rows)
{
	Notice__GetTemplateResponse out = NOTICE__GET_TEMPLATE_RESPONSE__INIT;

	out.template_ = template_message(c, rows, 0);
	return REPLY(c, &out);
}

enum next notice_get_template(struct call *c)
{
	const Notice__GetTemplateRequest *in = call_request(c, Notice__GetTemplateRequest);
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (!template_id_holds(c, in->template_) ||
		!template_version_read(c, in->version, &parameters[2]))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->template_);
	return query(c, &get_template, parameters, got);
}

/* --- ListTemplates ---------------------------------------------------------------------------- */

static enum next listed(struct call *c, const struct rows *rows)
{
	const struct page *page = c->state;
	Notice__ListTemplatesResponse out = NOTICE__LIST_TEMPLATES_RESPONSE__INIT;
	int count = page_rows(page, rows, TEMPLATE_COLUMN_COUNT);

	out.templates = arena_array(c->arena, (size_t)count, sizeof(*out.templates));
	for (int i = 0; i < count; i++)
		out.templates[out.n_templates++] = template_message(c, rows, i);
	if (count < rows_count(rows)) {
		const Notice__Template *last = out.templates[count - 1];
		const struct text key[KEY_PARTS] = {text_of(last->template_),
			text_of(arena_printf(c->arena, "%d", last->version))};
		out.next_page_token = page_token(c->arena, key, KEY_PARTS);
	}
	return REPLY(c, &out);
}

static bool read_begin(struct call *c, struct text after, struct text *below)
{
	int64_t version;

	*below = after.size > 0 ? after : text_of(arena_printf(c->arena, "%d", INT32_MAX));
	return (text_to_int64(*below, &version) && version > 0 && version <= INT32_MAX) ||
	       status_field(&c->status, c->arena, "pageToken", "is none of a page of this list");
}

enum next notice_list_templates(struct call *c)
{
	const Notice__ListTemplatesRequest *in = call_request(c, Notice__ListTemplatesRequest);
	struct text *parameters = arena_array(c->arena, 6, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!page_read(c->arena, in->page_size, PAGE_USUAL, PAGE_MOST, in->page_token, KEY_PARTS,
		    page, &c->status) ||
		!read_begin(c, page->after[1], &parameters[3]))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->template_);
	parameters[2] = page->after[0];
	parameters[4] = page_limit(c->arena, page);
	parameters[5] = text_of(arena_printf(c->arena, "%d", PAGE_BYTES));
	c->state = page;
	return search(c, &list_templates, parameters, listed);
}

/* --- DeleteTemplate --------------------------------------------------------------------------- */

static enum next deleted(struct call *c, const struct rows *rows)
{
	Notice__DeleteTemplateResponse out = NOTICE__DELETE_TEMPLATE_RESPONSE__INIT;

	return REPLY(c, &out);
}

enum next notice_delete_template(struct call *c)
{
	const Notice__DeleteTemplateRequest *in = call_request(c, Notice__DeleteTemplateRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	if (!template_id_holds(c, in->template_))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->template_);
	return change(c, &delete_template, parameters, deleted);
}
