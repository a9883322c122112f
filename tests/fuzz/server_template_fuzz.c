/* The last line is a value, or JSON with parameters; the lines before it are a template. Whatever
 * it makes is bounded; and a value is never anything but a value, wherever it stands. */
#include "base/check.h"
#include "server/notice/template/template.h"

static const struct template *compile(struct arena *a, struct text text)
{
	struct status status = {0};
	const struct template *t = template_compile(a, text, "body", &status);

	CHECK(!t == (status.code == STATUS_INVALID_ARGUMENT));
	return t;
}

/* data NULL: it became too large. */
static struct text render(struct arena *a, const struct template *t, const struct json *params,
	enum template_escape escape)
{
	const struct template_builtin title = {TEXT("title"), TEXT("<t> *&\n"), false};
	const struct template_values values = {params, &title, 1};
	struct buffer out = {.arena = a};
	struct status status = {0};

	if (template_render(t, &values, escape, &out, &status)) {
		CHECK(out.size <= TEMPLATE_RENDERED_MAX);
		CHECK(text_utf8_error(buffer_text(&out)) == out.size);
		return arena_text(a, buffer_text(&out));
	}
	CHECK(status.code == STATUS_RESOURCE_EXHAUSTED);
	return (struct text){0};
}

/* --- what a value becomes --------------------------------------------------------------------- */

/* What stands for the value between two texts. */
static struct text written(struct arena *a, const char *before, const char *after,
	const struct json *params, enum template_escape escape)
{
	const struct template *t = compile(a, text_of(arena_printf(a, "%s{{v}}%s", before, after)));
	struct text all = render(a, t, params, escape);

	CHECK(text_starts(all, text_of(before)));
	all = text_from(all, strlen(before));
	CHECK(text_equal(text_from(all, all.size - strlen(after)), text_of(after)));
	return text_until(all, all.size - strlen(after));
}

static struct text without_nul(struct arena *a, struct text value)
{
	struct buffer out = {.arena = a};

	for (size_t i = 0; i < value.size; i++)
		if (value.data[i])
			buffer_add_char(&out, value.data[i]);
		else
			buffer_add_text(&out, TEXT("\xef\xbf\xbd"));
	return buffer_text(&out);
}

static struct text read_html(struct arena *a, struct text html)
{
	static const struct {
		struct text entity;
		char stands_for;
	} entities[] = {{TEXT("&amp;"), '&'}, {TEXT("&lt;"), '<'}, {TEXT("&gt;"), '>'},
		{TEXT("&quot;"), '"'}, {TEXT("&#39;"), '\''}};
	struct buffer out = {.arena = a};

	for (size_t at = 0; at < html.size; at++) {
		size_t i = 0;

		CHECK(!html.data[at] || !strchr("<>\"'", html.data[at]));
		if (html.data[at] != '&') {
			buffer_add_char(&out, html.data[at]);
			continue;
		}
		while (!text_starts(text_from(html, at), entities[i].entity))
			CHECK(++i < 5);
		buffer_add_char(&out, entities[i].stands_for);
		at += entities[i].entity.size - 1;
	}
	return buffer_text(&out);
}

/* As browsers read it: without control characters and blanks before it, and without line breaks. */
static void check_address(struct arena *a, struct text address)
{
	struct buffer read = {.arena = a};
	size_t scheme = 0;

	for (size_t i = 0; i < address.size; i++)
		if ((read.size > 0 || (unsigned char)address.data[i] > ' ') &&
			(!address.data[i] || !strchr("\t\r\n", address.data[i])))
			buffer_add_char(&read, address.data[i]);
	struct text t = arena_lower(a, buffer_text(&read));
	while (scheme < t.size &&
		((t.data[scheme] >= 'a' && t.data[scheme] <= 'z') ||
			(scheme > 0 && t.data[scheme] && strchr("0123456789+-.", t.data[scheme]))))
		scheme++;
	if (scheme == 0 || scheme == t.size || t.data[scheme] != ':')
		return;
	t = text_until(t, scheme);
	CHECK(text_equal(t, TEXT("http")) || text_equal(t, TEXT("https")) ||
		text_equal(t, TEXT("mailto")) || text_equal(t, TEXT("tel")));
}

static void check_header(struct text line)
{
	CHECK(!text_has_control(line));
	for (size_t i = 0; i + 2 < line.size; i++)
		CHECK(memcmp(line.data + i, "\xe2\x80\xa8", 3) != 0 &&
			memcmp(line.data + i, "\xe2\x80\xa9", 3) != 0);
}

static struct text read_markdown(struct arena *a, struct text markdown)
{
	struct buffer out = {.arena = a};

	for (size_t i = 0; i < markdown.size; i++) {
		char c = markdown.data[i];

		CHECK(c == '\\' || !c || !strchr("`*_[]()<>@~|&", c));
		CHECK(c != ':' || !text_starts(text_from(markdown, i), TEXT("://")));
		CHECK(c != '#' || i > 0);
		if (c == '\\')
			CHECK(++i < markdown.size);
		buffer_add_char(&out, markdown.data[i]);
	}
	return buffer_text(&out);
}

static void check_value(struct arena *a, struct text value)
{
	struct buffer json = {.arena = a};
	struct status status = {0};
	const struct json *params;

	buffer_add_text(&json, TEXT("{\"v\":"));
	json_write_string(&json, value);
	buffer_add_char(&json, '}');
	params = json_read(a, buffer_text(&json), &status);
	CHECK(params);
	value = without_nul(a, value);
	CHECK(text_equal(written(a, "", "", params, TEMPLATE_PLAIN), value));
	check_header(written(a, "Subject: ", "!", params, TEMPLATE_HEADER));
	CHECK(text_equal(
		read_html(a, written(a, "<p title=\"", "\">", params, TEMPLATE_HTML)), value));
	check_address(a, read_html(a, written(a, "<a href='", "'>", params, TEMPLATE_HTML)));
	CHECK(text_equal(read_markdown(a, written(a, "", " .", params, TEMPLATE_MARKDOWN)), value));
	struct text link = written(a, "[x](", ")", params, TEMPLATE_MARKDOWN);
	for (size_t i = 0; i < link.size; i++)
		CHECK(link.data[i] > ' ' && !strchr("\\`*_[]()<>@~|\"", link.data[i]));
}

/* ---------------------------------------------------------------------------------------------- */

static const struct json *read_params(struct arena *a, struct text text)
{
	struct status status = {0};
	const struct json *params = json_read(a, text, &status);

	return params && params->type == JSON_OBJECT ? params : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input = {size ? (const char *)data : "", size};
	size_t last = input.size;

	if (text_utf8_error(input) < input.size)
		return 0;
	while (last > 0 && input.data[last - 1] != '\n')
		last--;
	struct arena *a = arena_new(0);
	struct text value = text_from(input, last);
	const struct template *t = compile(a, text_until(input, last));
	for (int escape = TEMPLATE_PLAIN; t && escape <= TEMPLATE_MARKDOWN; escape++)
		render(a, t, read_params(a, value), (enum template_escape)escape);
	if (value.size < 10000)
		check_value(a, value);
	arena_free(&a);
	return 0;
}
