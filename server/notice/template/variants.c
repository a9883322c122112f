#include "server/notice/template/variants.h"

#include "base/clock.h"
#include "base/table.h"

enum builtin { SENDER, TITLE, MESSAGE, USER, NOTICE_ID, TIME, RECEIPT, BUILTINS };

static const struct text builtin_names[BUILTINS] = {
	[SENDER] = TEXT("sender"),
	[TITLE] = TEXT("title"),
	[MESSAGE] = TEXT("message"),
	[USER] = TEXT("user"),
	[NOTICE_ID] = TEXT("noticeId"),
	[TIME] = TEXT("time"),
	[RECEIPT] = TEXT("receipt"),
};

static bool is_builtin(struct text name)
{
	for (int i = 0; i < BUILTINS; i++)
		if (text_equal(name, builtin_names[i]))
			return true;
	return false;
}

/* --- making ----------------------------------------------------------------------------------- */

static const struct template *compile(struct arena *a, struct text given, struct text usual,
	size_t index, const char *name, struct status *status)
{
	const char *field = arena_printf(a, "variants[%zu].%s", index, name);

	return template_compile(a, given.size > 0 ? given : usual, field, status);
}

static bool compile_variant(struct arena *a, struct variant *v, size_t index, struct status *status)
{
	v->made_subject = compile(a, v->subject, TEXT("{{title}}"), index, "subject", status);
	if (!v->made_subject)
		return false;
	v->made_body = compile(a, v->body, TEXT("{{message}}"), index, "body", status);
	if (!v->made_body)
		return false;
	if (v->html.size > 0)
		v->made_html = compile(a, v->html, TEXT(""), index, "html", status);
	return v->html.size == 0 || v->made_html;
}

bool variants_compile(struct arena *a, struct variants *v, struct status *status)
{
	for (size_t i = 0; i < v->count; i++)
		if (!compile_variant(a, &v->list[i], i, status))
			return false;
	return true;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

/* The texts of a variant and their members. */
static const struct {
	struct text name;
	size_t offset;
} members[] = {
	{TEXT("channel"), offsetof(struct variant, channel)},
	{TEXT("language"), offsetof(struct variant, language)},
	{TEXT("subject"), offsetof(struct variant, subject)},
	{TEXT("body"), offsetof(struct variant, body)},
	{TEXT("html"), offsetof(struct variant, html)},
	{TEXT("provider_template"), offsetof(struct variant, provider_template)},
};

enum { MEMBERS = sizeof(members) / sizeof(*members) };

static void write_variant(struct buffer *json, const struct variant *v)
{
	buffer_add_char(json, '{');
	for (size_t i = 0; i < MEMBERS; i++) {
		const struct text *text =
			(const struct text *)((const char *)v + members[i].offset);

		if (text->size > 0) {
			json_write_name(json, members[i].name);
			json_write_string(json, *text);
		}
	}
	buffer_add_char(json, '}');
}

void variants_write(struct buffer *json, const struct variants *v)
{
	buffer_add_char(json, '[');
	for (size_t i = 0; i < v->count; i++) {
		json_write_comma(json);
		write_variant(json, &v->list[i]);
	}
	buffer_add_char(json, ']');
}

bool variants_read(
	struct arena *a, struct text json, struct variants *variants, struct status *status)
{
	const struct json *list = json_read(a, json, status);
	size_t count = list && list->type == JSON_ARRAY ? list->count : 0;
	struct variant *made = arena_array(a, count, sizeof(*made)), *next = made;

	if (!list)
		return false;
	if (count == 0)
		return status_set(status, a, STATUS_INTERNAL, "a template has no variants");
	for (const struct json *item = list->first; item; item = item->next, next++)
		for (size_t i = 0; i < MEMBERS; i++)
			*(struct text *)((char *)next + members[i].offset) =
				json_member_text(item, members[i].name, TEXT(""));
	*variants = (struct variants){made, count};
	return true;
}

/* --- picking ---------------------------------------------------------------------------------- */

/* Whether a language is the other, or a more general form of it. */
static bool is_part_of(struct text language, struct text of)
{
	return text_equal_nocase(language, text_until(of, language.size)) &&
	       (of.size == language.size || of.data[language.size] == '-');
}

enum { FIT_OTHER, FIT_NARROWER, FIT_ANY, FIT_PART };

static size_t fit_of_language(struct text has, struct text wanted)
{
	if (has.size == 0)
		return FIT_ANY;
	if (is_part_of(has, wanted))
		return FIT_PART + has.size;
	return wanted.size > 0 && is_part_of(wanted, has) ? FIT_NARROWER : FIT_OTHER;
}

static int fit_of_channel(struct text has, struct text wanted)
{
	if (has.size == 0)
		return FIT_ANY;
	return text_equal(has, wanted) ? FIT_PART : FIT_OTHER;
}

const struct variant *variants_pick(
	const struct variants *v, struct text channel, struct text language)
{
	const struct variant *best = v->list;

	for (size_t i = 1; i < v->count; i++) {
		const struct variant *other = &v->list[i];
		int better = fit_of_channel(other->channel, channel) -
			     fit_of_channel(best->channel, channel);

		if (better > 0 ||
			(better == 0 && fit_of_language(other->language, language) >
						fit_of_language(best->language, language)))
			best = other;
	}
	return best;
}

/* --- names ------------------------------------------------------------------------------------ */

static size_t templates_of(const struct variant *v, const struct template *templates[3])
{
	templates[0] = v->made_subject;
	templates[1] = v->made_body;
	templates[2] = v->made_html;
	return v->made_html ? 3 : 2;
}

bool variants_have(const struct variants *v, struct text name)
{
	const struct template *templates[3];

	for (size_t i = 0; i < v->count; i++)
		for (size_t left = templates_of(&v->list[i], templates); left > 0; left--)
			if (template_has(templates[left - 1], name))
				return true;
	return false;
}

struct needing {
	struct table seen;
	struct text *list;
	size_t count;
};

static void need(struct needing *n, struct text name)
{
	if (table_get(&n->seen, name))
		return;
	n->list[n->count++] = name;
	table_put(&n->seen, name, n);
}

static void need_those_of(struct needing *n, const struct template *t)
{
	size_t count;
	const struct text *names = template_required(t, &count);

	for (size_t i = 0; i < count; i++)
		if (!is_builtin(names[i]))
			need(n, names[i]);
}

/* How many that are at most. */
static size_t count_required(const struct variants *v)
{
	const struct template *templates[3];
	size_t count, sum = 0;

	for (size_t i = 0; i < v->count; i++)
		for (size_t left = templates_of(&v->list[i], templates); left > 0; left--) {
			template_required(templates[left - 1], &count);
			sum += count;
		}
	return sum;
}

const struct text *variants_needed(struct arena *a, const struct variants *v,
	const struct text *required, size_t required_count, size_t *count)
{
	struct needing n = {.seen = {.exact = true}};
	const struct template *templates[3];

	n.list = arena_array(a, required_count + count_required(v), sizeof(*n.list));
	for (size_t i = 0; i < required_count; i++)
		need(&n, required[i]);
	for (size_t i = 0; i < v->count; i++) {
		size_t texts = templates_of(&v->list[i], templates);
		for (size_t k = 0; k < texts; k++)
			need_those_of(&n, templates[k]);
	}
	table_clear(&n.seen);
	*count = n.count;
	return n.list;
}

/* --- rendering -------------------------------------------------------------------------------- */

static bool render(const struct template *t, const struct template_values *values,
	enum template_escape escape, struct arena *a, struct text *rendered, struct status *status)
{
	struct buffer out = {.arena = a};

	if (!template_render(t, values, escape, &out, status))
		return false;
	*rendered = arena_text(a, buffer_text(&out));
	return true;
}

static struct text cut(struct text t, size_t most)
{
	if (t.size <= most)
		return t;
	while (((unsigned char)t.data[most] & 0xc0) == 0x80)
		most--;
	return text_until(t, most);
}

/* ISO 8601, in whole seconds. */
static struct text iso_time(struct arena *a, int64_t unix_ms)
{
	struct text iso = text_of(clock_iso(a, unix_ms));

	return text_of(arena_printf(a, "%.*sZ", (int)text_find(iso, '.', 0), iso.data));
}

bool variant_render(const struct variant *v, struct arena *a, const struct json *params,
	const struct variant_facts *facts, bool markdown, struct rendered *rendered,
	struct status *status)
{
	const struct text facts_by_name[BUILTINS] = {
		[SENDER] = facts->sender,
		[TITLE] = facts->title,
		[MESSAGE] = facts->message,
		[USER] = facts->user,
		[NOTICE_ID] = facts->notice_id,
		[TIME] = iso_time(a, facts->time_ms),
		[RECEIPT] = facts->receipt,
	};
	struct template_builtin builtins[BUILTINS];
	const struct template_values values = {params, builtins, BUILTINS};

	for (int i = 0; i < BUILTINS; i++)
		builtins[i] =
			(struct template_builtin){builtin_names[i], facts_by_name[i], i == RECEIPT};
	*rendered = (struct rendered){
		.provider_template = v->provider_template,
		.params = params ? params->raw : TEXT("{}"),
	};
	if (!render(v->made_subject, &values, TEMPLATE_HEADER, a, &rendered->subject, status) ||
		!render(v->made_body, &values, markdown ? TEMPLATE_MARKDOWN : TEMPLATE_PLAIN, a,
			&rendered->body, status))
		return false;
	rendered->subject = cut(rendered->subject, SUBJECT_MAX);
	return !v->made_html ||
	       render(v->made_html, &values, TEMPLATE_HTML, a, &rendered->html, status);
}
