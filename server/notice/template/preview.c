/* PreviewTemplate. */
#include "server/notice/channel/channel.h"
#include "server/notice/channel/channel_message.h"
#include "server/notice/directory/names.h"
#include "server/notice/notice.h"
#include "server/notice/provider/provider.h"
#include "server/notice/template/template_message.h"
#include "server/registry/call_shape.h"
#include "steps.gen.h"

enum { PARAMS_MOST = 64 * 1024, NAME_MOST = 255, TITLE_MOST = 1000, MESSAGE_MOST = 256 * 1024 };

static const struct statement find_template = {
	.name = "notice_preview_template",
	.sql = "SELECT t.variants, to_json(t.needed) "
	       "FROM notice.find_template($1, $2, $3::integer) AS t",
	.parameters = 3,
};

struct preview {
	const struct json *params;
	struct variants variants;
};

/* --- what is asked for ------------------------------------------------------------------------ */

static bool text_holds(struct call *c, const char *field, const char *given, size_t most, bool line)
{
	struct text text = text_of(given);

	if (text.size > most)
		return status_field(
			&c->status, c->arena, field, "must have at most %zu bytes", most);
	return !line || !text_has_control(text) ||
	       status_field(&c->status, c->arena, field, "must not hold control characters");
}

static bool facts_hold(struct call *c, const Notice__PreviewTemplateRequest *in)
{
	if (*in->channel && !channel_name_holds(c, in->channel))
		return false;
	if (!directory_is_language(text_of(in->language)))
		return status_field(&c->status, c->arena, "language",
			"must be at most %d letters, digits and \"-\"", DIRECTORY_LANGUAGE_BYTES);
	return text_holds(c, "user", in->user, NAME_MOST, true) &&
	       text_holds(c, "sender", in->sender, NAME_MOST, true) &&
	       text_holds(c, "title", in->title, TITLE_MOST, true) &&
	       text_holds(c, "message", in->message, MESSAGE_MOST, false) &&
	       text_holds(c, "params", in->params, PARAMS_MOST, false);
}

/* Whether bodies are Markdown there: as its settings say, or its name. */
static bool is_markdown(struct text space, struct text name)
{
	const struct channels *all = channels_hold();
	const struct provider *provider = provider_find(name);
	bool markdown = provider && provider->markdown;

	for (size_t i = 0; all && i < channels_count(all); i++) {
		const struct channel *channel = channels_at(all, i);

		if (text_equal(channel->space, space) && text_equal(channel->name, name))
			markdown = channel->provider->is_markdown && !channel->fault
					   ? channel->provider->is_markdown(channel)
					   : channel->provider->markdown;
	}
	channels_release(&all);
	return markdown;
}

/* --- what it makes of it ---------------------------------------------------------------------- */

static bool is_given(
	struct call *c, const struct preview *p, struct text name, const char *template)
{
	if (json_member(p->params, name))
		return true;
	return *template ? status_field(&c->status, c->arena, "params",
				   "\"%.*s\" is missing, template \"%s\" needs it", TEXT_ARGS(name),
				   template)
			 : status_field(&c->status, c->arena, "params",
				   "\"%.*s\" is missing, the variants need it", TEXT_ARGS(name));
}

static struct text given_or(const char *given, struct text usual)
{
	return *given ? text_of(given) : usual;
}

static enum next show(struct call *c, const struct preview *p)
{
	const Notice__PreviewTemplateRequest *in = call_request(c, Notice__PreviewTemplateRequest);
	Notice__PreviewTemplateResponse out = NOTICE__PREVIEW_TEMPLATE_RESPONSE__INIT;
	const char *public_url = notice_settings()->public_url;
	struct text channel = given_or(in->channel, TEXT("site"));
	const struct variant_facts facts = {
		.sender = given_or(in->sender, TEXT("sender")),
		.title = given_or(in->title, TEXT("title")),
		.message = given_or(in->message, TEXT("message")),
		.user = given_or(in->user, TEXT("user")),
		.notice_id = TEXT("00000000-0000-0000-0000-000000000000"),
		.time_ms = clock_unix_ms(),
		.receipt = public_url ? text_of(arena_printf(c->arena,
						"%s/v1/notice/receipt/preview", public_url))
				      : TEXT(""),
	};
	struct rendered rendered;

	if (!variant_render(variants_pick(&p->variants, channel, text_of(in->language)), c->arena,
		    p->params, &facts, is_markdown(c->caller.space, channel), &rendered,
		    &c->status))
		return failed(c);
	out.subject = arena_string(c->arena, rendered.subject);
	out.body = arena_string(c->arena, rendered.body);
	out.html = arena_string(c->arena, rendered.html);
	return REPLY(c, &out);
}

static enum next found(struct call *c, const struct rows *rows)
{
	const Notice__PreviewTemplateRequest *in = call_request(c, Notice__PreviewTemplateRequest);
	struct preview *p = c->state;
	struct arena *a = c->arena;
	const struct json *needed;

	if (!variants_read(a, arena_text(a, rows_text(rows, 0, 0)), &p->variants, &c->status) ||
		!variants_compile(a, &p->variants, &c->status))
		return failed(c);
	needed = json_read(a, arena_text(a, rows_text(rows, 0, 1)), &c->status);
	if (!needed)
		return failed(c);
	for (const struct json *name = needed->first; name; name = name->next)
		if (!is_given(c, p, name->string, in->template_))
			return failed(c);
	return show(c, p);
}

static enum next preview_stored(struct call *c, const Notice__PreviewTemplateRequest *in)
{
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));

	if (in->n_variants > 0)
		return fail_field(c, "variants", "not beside template");
	if (!template_id_holds(c, in->template_) ||
		!template_version_read(c, in->version, &parameters[2]))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->template_);
	return query(c, &find_template, parameters, found);
}

static enum next preview_given(
	struct call *c, const Notice__PreviewTemplateRequest *in, struct preview *p)
{
	const struct text *needed;
	size_t count;

	if (!template_variants_take(c, in->variants, in->n_variants, &p->variants))
		return failed(c);
	needed = variants_needed(c->arena, &p->variants, NULL, 0, &count);
	for (size_t i = 0; i < count; i++)
		if (!is_given(c, p, needed[i], ""))
			return failed(c);
	return show(c, p);
}

enum next notice_preview_template(struct call *c)
{
	const Notice__PreviewTemplateRequest *in = call_request(c, Notice__PreviewTemplateRequest);
	struct preview *p = ARENA_NEW(c->arena, struct preview);

	c->state = p;
	if (!facts_hold(c, in) ||
		!call_object(c->arena, "params", text_of(in->params), &p->params, &c->status))
		return failed(c);
	return *in->template_ ? preview_stored(c, in) : preview_given(c, in, p);
}
