#include "server/notice/template/template_message.h"

#include "base/check.h"
#include "base/table.h"
#include "server/notice/channel/channel_message.h"
#include "server/notice/directory/names.h"

enum { ID_BYTES = 255, TEXT_BYTES = 256 * 1024, PROVIDER_BYTES = 255 };

enum column { ID, VERSION, CHANNEL, REQUIRED, VARIANTS, CREATED, DELETED };

/* --- shown ------------------------------------------------------------------------------------ */

static void show_variants(struct call *c, Notice__Template *out, struct text json)
{
	struct variants v;
	struct status status = {0};

	CHECK(variants_read(c->arena, arena_text(c->arena, json), &v, &status));
	out->variants = arena_array(c->arena, v.count, sizeof(*out->variants));
	for (size_t i = 0; i < v.count; i++) {
		Notice__TemplateVariant *variant = ARENA_NEW(c->arena, Notice__TemplateVariant);

		notice__template_variant__init(variant);
		variant->channel = arena_string(c->arena, v.list[i].channel);
		variant->language = arena_string(c->arena, v.list[i].language);
		variant->subject = arena_string(c->arena, v.list[i].subject);
		variant->body = arena_string(c->arena, v.list[i].body);
		variant->html = arena_string(c->arena, v.list[i].html);
		variant->provider_template = arena_string(c->arena, v.list[i].provider_template);
		out->variants[out->n_variants++] = variant;
	}
}

static void show_required(struct call *c, Notice__Template *out, struct text json)
{
	struct status status = {0};
	const struct json *list = json_read(c->arena, arena_text(c->arena, json), &status);

	CHECK(list);
	out->required = arena_array(c->arena, list->count, sizeof(*out->required));
	for (const struct json *item = list->first; item; item = item->next)
		out->required[out->n_required++] = arena_string(c->arena, item->string);
}

Notice__Template *template_message(struct call *c, const struct rows *rows, int row)
{
	Notice__Template *out = ARENA_NEW(c->arena, Notice__Template);

	notice__template__init(out);
	out->template_ = arena_string(c->arena, rows_text(rows, row, ID));
	out->version = (int32_t)rows_int64(rows, row, VERSION);
	out->channel = arena_string(c->arena, rows_text(rows, row, CHANNEL));
	show_required(c, out, rows_text(rows, row, REQUIRED));
	show_variants(c, out, rows_text(rows, row, VARIANTS));
	out->created_at = rows_int64(rows, row, CREATED);
	out->deleted = rows_bool(rows, row, DELETED);
	return out;
}

/* --- given ------------------------------------------------------------------------------------ */

bool template_version_read(struct call *c, int32_t version, struct text *parameter)
{
	*parameter = text_of(arena_printf(c->arena, "%d", version));
	return version >= 0 || status_field(&c->status, c->arena, "version", "must be 1 or more");
}

bool template_id_holds(struct call *c, const char *id)
{
	struct text text = text_of(id);

	return (text.size >= 1 && text.size <= ID_BYTES && !text_has_control(text)) ||
	       status_field(&c->status, c->arena, "template",
		       "must have 1 to %d bytes without control characters", ID_BYTES);
}

struct taking {
	struct call *c;
	struct table seen; /* channels and languages */
	size_t index;
	size_t bytes; /* of all */
};

__attribute__((format(printf, 3, 4))) static bool refuse(
	const struct taking *t, const char *field, const char *format, ...)
{
	struct arena *a = t->c->arena;
	va_list args;

	va_start(args, format);
	const char *rule = arena_vprintf(a, format, args);
	va_end(args);
	return status_field(
		&t->c->status, a, arena_printf(a, "variants[%zu].%s", t->index, field), "%s", rule);
}

static bool line_holds(const struct taking *t, const char *field, struct text line, size_t most)
{
	return (line.size <= most && !text_has_control(line)) ||
	       refuse(t, field, "must have at most %zu bytes without control characters", most);
}

static bool text_holds(struct taking *t, const char *field, struct text text)
{
	t->bytes += text.size;
	return text.size <= TEXT_BYTES ||
	       refuse(t, field, "must have at most %d bytes", TEXT_BYTES);
}

static bool target_holds(struct taking *t, const struct variant *v)
{
	struct text key = arena_lower(t->c->arena, v->language);

	if (v->channel.size > 0 && !channel_is_name(v->channel))
		return refuse(t, "channel", "is no name of a channel");
	if (!directory_is_language(v->language))
		return refuse(t, "language", "must be at most %d letters, digits and \"-\"",
			DIRECTORY_LANGUAGE_BYTES);
	key = text_of(arena_printf(t->c->arena, "%.*s,%s", TEXT_ARGS(v->channel), key.data));
	if (table_get(&t->seen, key))
		return refuse(t, "channel", "has been there before with that language");
	table_put(&t->seen, key, t);
	return true;
}

static bool variant_holds(struct taking *t, const struct variant *v)
{
	return target_holds(t, v) && line_holds(t, "subject", v->subject, SUBJECT_MAX) &&
	       text_holds(t, "body", v->body) && text_holds(t, "html", v->html) &&
	       line_holds(t, "provider_template", v->provider_template, PROVIDER_BYTES);
}

static bool take_all(struct taking *t, Notice__TemplateVariant *const *given, struct variants *v)
{
	for (; t->index < v->count; t->index++) {
		const Notice__TemplateVariant *in = given[t->index];

		v->list[t->index] = (struct variant){
			.channel = text_of(in->channel),
			.language = text_of(in->language),
			.subject = text_of(in->subject),
			.body = text_of(in->body),
			.html = text_of(in->html),
			.provider_template = text_of(in->provider_template),
		};
		if (!variant_holds(t, &v->list[t->index]))
			return false;
	}
	return t->bytes <= VARIANTS_BYTES ||
	       status_field(&t->c->status, t->c->arena, "variants",
		       "must have at most %d bytes together", VARIANTS_BYTES);
}

bool template_variants_take(struct call *c, Notice__TemplateVariant *const *given, size_t count,
	struct variants *variants)
{
	struct taking t = {.c = c, .seen = {.exact = true}};

	if (count == 0 || count > VARIANTS_MAX)
		return status_field(
			&c->status, c->arena, "variants", "must be 1 to %d", VARIANTS_MAX);
	variants->list = arena_array(c->arena, count, sizeof(*variants->list));
	variants->count = count;
	bool good = take_all(&t, given, variants);
	table_clear(&t.seen);
	return good && variants_compile(c->arena, variants, &c->status);
}
