/* Templates: what they may say, and what they make of parameters. */
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notice/template/template.h"

struct trial {
	const char *template, *params, *wanted;
};

static const struct template_builtin builtins[] = {
	{TEXT("title"), TEXT("{{name}} & <co>"), false},
	{TEXT("receipt"), TEXT("https://j.example/v1/notice/receipt/a_b-c"), true},
	{TEXT("empty"), TEXT(""), false},
};

static const struct template *compile(struct arena *a, const char *text)
{
	struct status status = {0};
	const struct template *t = template_compile(a, text_of(text), "body", &status);

	if (!t)
		fail_msg("%s: %s", text, status.message);
	return t;
}

static bool render(struct arena *a, const char *template, struct text params,
	enum template_escape escape, struct text *rendered, struct status *status)
{
	struct buffer out = {.arena = a};
	struct template_values values = {.builtins = builtins, .builtin_count = 3};

	values.params = json_read(a, params, status);
	assert_non_null(values.params);
	if (!template_render(compile(a, template), &values, escape, &out, status))
		return false;
	*rendered = arena_text(a, buffer_text(&out));
	return true;
}

static void assert_renders(const struct trial *trials, size_t count, enum template_escape escape)
{
	for (size_t i = 0; i < count; i++) {
		struct arena *a = arena_new(0);
		struct status status = {0};
		struct text got;

		assert_true(render(
			a, trials[i].template, text_of(trials[i].params), escape, &got, &status));
		if (!text_equal(got, text_of(trials[i].wanted)))
			fail_msg("%s of %s is \"%s\", not \"%s\"", trials[i].template,
				trials[i].params, got.data, trials[i].wanted);
		arena_free(&a);
	}
}

#define ASSERT_RENDERS(trials, escape)                                                             \
	assert_renders((trials), sizeof(trials) / sizeof(*(trials)), (escape))

/* --- the language ----------------------------------------------------------------------------- */

static void values_stand_where_their_names_are(void **state)
{
	static const struct trial trials[] = {
		{"", "{}", ""},
		{"as it is { } }} {", "{}", "as it is { } }} {"},
		{"Hello {{name}}!", "{\"name\":\"\xe6\x9d\x8e\"}", "Hello \xe6\x9d\x8e!"},
		{"{{ name }}{{\nname\t}}", "{\"name\":\"x\"}", "xx"},
		{"{{a}}{{b}}{{c}}{{d}}", "{\"a\":1.50,\"b\":true,\"c\":false,\"d\":-1e3}",
			"1.50truefalse-1e3"},
		{"[{{a}}{{b}}]", "{\"a\":null}", "[]"},
		{"{{a}} {{b}}", "{\"a\":{\"x\": [1,\"y\"]},\"b\":[1, 2]}",
			"{\"x\": [1,\"y\"]} [1, 2]"},
		{"{{a.b.c}}{{a.x.c}}{{a.b.c.d}}{{b.c}}", "{\"a\":{\"b\":{\"c\":7}}}", "7"},
		{"{{A-1_b}}", "{\"A-1_b\":\"x\"}", "x"},
		{"a{{! nothing }}b{{!}}c", "{}", "abc"},
		{"{{title}}", "{}", "{{name}} & <co>"},
		{"{{title}}{{receipt}}", "{\"title\":\"mine\",\"receipt\":null}", "mine"},
		{"{{title.x}}", "{}", ""},
		{"a\\u0000{{x}}", "{\"x\":\"\\u0000\"}", "a\\u0000\xef\xbf\xbd"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_PLAIN);
}

static void sections_are_there_if_their_names_are(void **state)
{
	static const struct trial trials[] = {
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":true}", "yes"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"x\"}", "yes"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"0\"}", "yes"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0.01}", "yes"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":{\"b\":1}}", "yes"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":null}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":false}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":0}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":-0.00e7}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":[]}", "no"},
		{"{{#a}}yes{{/a}}{{^a}}no{{/a}}", "{\"a\":{}}", "no"},
		{"{{#title}}yes{{/title}}{{^empty}}no{{/empty}}", "{}", "yesno"},
		{"{{#a}}{{#b}}{{c}}{{/b}}{{/a}}", "{\"a\":1,\"b\":1,\"c\":\"x\"}", "x"},
		{"{{#a.b}}{{.}}{{/a.b}}", "{\"a\":{\"b\":\"x\"}}", "x"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_PLAIN);
}

static void sections_repeat_for_each_element(void **state)
{
	static const struct trial trials[] = {
		{"{{#a}}<{{.}}>{{/a}}", "{\"a\":[1,\"x\",null,[2],{\"y\":3}]}",
			"<1><x><><[2]><{\"y\":3}>"},
		{"{{#a}}{{b}}{{c}};{{/a}}", "{\"b\":\"outer\",\"c\":\"!\",\"a\":[{\"b\":1},{}]}",
			"1!;outer!;"},
		{"{{#a}}{{#a}}{{.}}{{/a}},{{/a}}", "{\"a\":[{\"a\":[1,2]},{\"a\":[3]}]}", "12,3,"},
		{"{{#a}}{{#.}}{{.}}{{/.}},{{/a}}", "{\"a\":[[1,2],[],[3]]}", "12,,3,"},
		{"{{#a}}{{^b}}{{.}}{{/b}}{{/a}}", "{\"a\":[1,2]}", "12"},
		{"{{#a}}{{b.c}}{{/a}}", "{\"a\":[{\"b\":1}],\"b\":{\"c\":\"outer\"}}", ""},
		{"{{#a}}{{street}} {{b}}{{/a}}", "{\"a\":{\"street\":\"x\"},\"b\":2}", "x 2"},
		{"{{#a}}{{title}}{{/a}}{{title}}", "{\"a\":[{\"title\":\"its \"}]}",
			"its {{name}} & <co>"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_PLAIN);
}

static void tags_alone_on_a_line_take_the_line(void **state)
{
	static const struct trial trials[] = {
		{"Orders:\n{{#a}}\n- {{.}}\n{{/a}}\nEnd", "{\"a\":[1,2]}",
			"Orders:\n- 1\n- 2\nEnd"},
		{"  {{#a}} \t\r\nx\r\n  {{/a}}", "{\"a\":1}", "x\r\n"},
		{"{{! first }}\n{{! second }}\nx", "{}", "x"},
		{"x {{#a}}\ny\n{{/a}} z", "{\"a\":1}", "x \ny\n z"},
		{"{{#a}}{{/a}}\n", "{\"a\":1}", "\n"},
		{"{{a}}\n", "{\"a\":1}", "1\n"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_PLAIN);
}

static void values_are_not_templates(void **state)
{
	static const struct trial trials[] = {
		{"{{a}}", "{\"a\":\"{{b}}\",\"b\":\"secret\"}", "{{b}}"},
		{"{{a}}{{c}}", "{\"a\":\"{{\",\"c\":\"b}}\",\"b\":\"secret\"}", "{{b}}"},
		{"{{#a}}{{.}}{{/a}}", "{\"a\":[\"{{/a}}\",\"{{#b}}\"]}", "{{/a}}{{#b}}"},
		{"{{title}}", "{\"name\":\"secret\"}", "{{name}} & <co>"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_PLAIN);
}

/* --- escapes ---------------------------------------------------------------------------------- */

static void a_header_stays_one_line(void **state)
{
	static const struct trial trials[] = {
		{"{{a}}", "{\"a\":\"x\\r\\nBcc: y@example.org\\r\\n\\r\\nbody\"}",
			"x  Bcc: y@example.org    body"},
		{"{{a}}", "{\"a\":\"\\u0000\\u001f\\u007f\\u0085\\u009f\\u2028\\u2029\\t|\"}",
			"        |"},
		{"{{a}}", "{\"a\":\"\xc2\xa0 \xe2\x80\xa7 <b>&\xe6\x9d\x8e\"}",
			"\xc2\xa0 \xe2\x80\xa7 <b>&\xe6\x9d\x8e"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_HEADER);
}

static void html_keeps_values_in_their_place(void **state)
{
	static const struct trial trials[] = {
		{"<p title=\"{{a}}\">{{a}}</p>", "{\"a\":\"\\\"><script>'&amp;\"}",
			"<p "
			"title=\"&quot;&gt;&lt;script&gt;&#39;&amp;amp;\">&quot;&gt;&lt;script&gt;&"
			"#39;"
			"&amp;amp;</p>"},
		{"{{a}}", "{\"a\":[\"<\"]}", "[&quot;&lt;&quot;]"},
		{"<i>{{title}}</i>", "{}", "<i>{{name}} &amp; &lt;co&gt;</i>"},
		{"<a href=\"{{receipt}}\">", "{}",
			"<a href=\"https://j.example/v1/notice/receipt/a_b-c\">"},
		{"<a href=\"{{a}}\">", "{\"a\":\"HTTPS://x.example/?a=1&b=2\"}",
			"<a href=\"HTTPS://x.example/?a=1&amp;b=2\">"},
		{"<a href='{{a}}'>", "{\"a\":\"/x?y=z:1\"}", "<a href='/x?y=z:1'>"},
		{"<a href=\"{{a}}\">{{a}}", "{\"a\":\"javascript:alert(1)\"}",
			"<a href=\"#\">javascript:alert(1)"},
		{"<a HREF = '{{a}}'>", "{\"a\":\" java\\tscript:alert(1)\"}", "<a HREF = '#'>"},
		{"<img src=\"{{a}}\">", "{\"a\":\"data:text/html,x\"}", "<img src=\"#\">"},
		{"<a href=\"{{#a}}{{.}}{{/a}}\">", "{\"a\":[\"java\",\"script:alert(1)\"]}",
			"<a href=\"javascript%3Aalert(1)\">"},
		{"<a href=\"{{b}}{{a}}\">", "{\"a\":\"javascript:alert(1)\"}", "<a href=\"#\">"},
		{"<a href=\"http://x/{{a}}\">", "{\"a\":\"y:z\"}", "<a href=\"http://x/y:z\">"},
		{"<a title=\"{{a}}\">", "{\"a\":\"javascript:\"}", "<a title=\"javascript:\">"},
		{"=\"{{a}}\"", "{\"a\":\"x:y\"}", "=\"x:y\""},
		{"\"{{a}}\"", "{\"a\":\"x:y\"}", "\"x:y\""},
	};

	ASSERT_RENDERS(trials, TEMPLATE_HTML);
}

static void markdown_shows_values_as_they_are(void **state)
{
	static const struct trial trials[] = {
		{"**{{a}}**", "{\"a\":\"*b* _c_ `d` ~e~ \\\\f\"}",
			"**\\*b\\* \\_c\\_ \\`d\\` \\~e\\~ \\\\f**"},
		{"{{a}}", "{\"a\":\"[pay](https://evil.example)\"}",
			"\\[pay\\]\\(https\\://evil.example\\)"},
		{"[{{a}}](https://x.example)", "{\"a\":\"](https://evil.example)[\"}",
			"[\\]\\(https\\://evil.example\\)\\[](https://x.example)"},
		{"{{a}}[x](y)", "{\"a\":\"Hi!\"}", "Hi\\![x](y)"},
		{"{{a}}", "{\"a\":\"Hi! www.evil.example http: a:b\"}",
			"Hi! www\\.evil.example http: a:b"},
		{"{{a}}", "{\"a\":\"<@zhang> @13800000000 @all <font color=x>&lt;\"}",
			"\\<\\@zhang\\> \\@13800000000 \\@all \\<font color=x\\>\\&lt;"},
		{"{{a}}",
			"{\"a\":\"# h\\n  ## h\\n- l\\n+ l\\n12. l\\n===\\n> q\\n1.5 -2 #3 a|b\"}",
			"\\# h\n  \\## h\n\\- l\n\\+ l\n12\\. l\n\\===\n\\> q\n1.5 -2 #3 a\\|b"},
		{"{{a}}{{b}}", "{\"a\":\"1.\",\"b\":\"-5\"}", "1\\.\\-5"},
		{"[open]({{a}})", "{\"a\":\"https://x.example/a_b?c=(d)&e= \xe6\x9d\x8e%20#f\"}",
			"[open](https://x.example/a%5Fb?c=%28d%29&e=%20%E6%9D%8E%20#f)"},
		{"[open](https://x/{{a}}/{{b}} \"{{a}}\") {{a}}", "{\"a\":\"y_z\",\"b\":\")\"}",
			"[open](https://x/y%5Fz/%29 \"y\\_z\") y\\_z"},
		{"[ok]({{receipt}}) {{receipt}}", "{}",
			"[ok](https://j.example/v1/notice/receipt/a%5Fb-c) "
			"https://j.example/v1/notice/receipt/a%5Fb-c"},
		{"{{receipt}}", "{\"receipt\":\"https://evil.example\"}", "https\\://evil.example"},
	};

	ASSERT_RENDERS(trials, TEMPLATE_MARKDOWN);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void refusals_name_the_line(void **state)
{
	static const struct {
		const char *text, *message;
	} table[] = {
		{"a\nb {{name", "body: line 2: {{ is not closed"},
		{"{{", "body: line 1: {{ is not closed"},
		{"{{}}", "body: line 1: a tag has no name"},
		{"{{# }}", "body: line 1: a tag has no name"},
		{"x\n\n{{a b}}",
			"body: line 3: a name must be letters, digits, \"_\" and \"-\", with "
			"\".\" between those of members, at most 128 bytes"},
		{"{{a..b}}", "body: line 1: a name must be letters, digits, \"_\" and \"-\", with "
			     "\".\" between those of members, at most 128 bytes"},
		{"{{.}}", "body: line 1: {{.}} stands outside of all sections"},
		{"{{#.}}{{/.}}", "body: line 1: {{.}} stands outside of all sections"},
		{"{{> other}}",
			"body: line 1: {{> }} is not known: a template takes no other one in"},
		{"{{{a}}}", "body: line 1: {{{ }}} is not known: all values are escaped"},
		{"{{&a}}", "body: line 1: {{& }} is not known: all values are escaped"},
		{"{{=<% %>=}}", "body: line 1: {{= =}} is not known: tags are always {{ }}"},
		{"{{#a}}\n{{#b}}\n{{/b}}\n", "body: line 1: section \"a\" is not closed"},
		{"{{^a}}", "body: line 1: section \"a\" is not closed"},
		{"{{/a}}", "body: line 1: {{/ }} closes no section"},
		{"{{#a}}\n{{#b}}\n{{/a}}",
			"body: line 3: {{/a}} stands where {{/b}} is expected, of line 2"},
		{"{{#a}}{{#a}}{{#a}}{{#a}}\n{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}",
			"body: line 2: sections nest deeper than 8"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct arena *a = arena_new(0);
		struct status status = {0};

		assert_null(template_compile(a, text_of(table[i].text), "body", &status));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(status.field, "body");
		assert_string_equal(status.message, table[i].message);
		arena_free(&a);
	}
}

static char *repeat(struct arena *a, const char *text, int count)
{
	struct buffer b = {.arena = a};

	for (int i = 0; i < count; i++)
		buffer_add_text(&b, text_of(text));
	return arena_string(a, buffer_text(&b));
}

static void names_are_bounded(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer many = {.arena = a};
	struct status status = {0};

	compile(a, arena_printf(a, "{{%s}}", repeat(a, "n", TEMPLATE_NAME_MAX)));
	assert_null(template_compile(a,
		text_of(arena_printf(a, "{{%s}}", repeat(a, "n", TEMPLATE_NAME_MAX + 1))), "body",
		&status));
	for (int i = 0; i < TEMPLATE_NAMES_MAX; i++)
		buffer_printf(&many, "{{n%d}}{{n%d.x}}\n", i, i);
	assert_non_null(template_compile(a, buffer_text(&many), "body", &status));
	buffer_add_text(&many, TEXT("{{one-more}}"));
	assert_null(template_compile(a, buffer_text(&many), "body", &status));
	assert_string_equal(status.message, "body: line 1001: there are more than 1000 names");
	arena_free(&a);
}

static void it_knows_its_names(void **state)
{
	struct arena *a = arena_new(0);
	const struct template *t = compile(
		a, "{{b}} {{a.x}} {{#c}}{{d}}{{.}}{{/c}}{{^e}}{{b}}{{/e}} {{b}} {{a.y}} {{d}}");
	size_t count;
	const struct text *required = template_required(t, &count);

	assert_int_equal(count, 3);
	assert_string_equal(arena_string(a, required[0]), "b");
	assert_string_equal(arena_string(a, required[1]), "a");
	assert_string_equal(arena_string(a, required[2]), "d");
	for (const char *name = "abcde"; *name; name++)
		assert_true(template_has(t, (struct text){name, 1}));
	assert_false(template_has(t, TEXT("x")));
	assert_false(template_has(t, TEXT("a.x")));
	arena_free(&a);
}

static void assert_too_large(
	struct arena *a, const char *template, struct text params, const char *message)
{
	struct status status = {0};
	struct text got;

	assert_false(render(a, template, params, TEMPLATE_HTML, &got, &status));
	assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
	assert_string_equal(status.message, message);
}

static void what_it_makes_is_bounded(void **state)
{
	static const char steps[] = "the lists of the parameters are too large for the template";
	struct arena *a = arena_new(0);
	struct status status = {0};
	struct buffer json = {.arena = a};
	struct text got;

	buffer_printf(&json, "{\"a\":[1%s],\"t\":\"%s\",\"o\":{\"x\":1", repeat(a, ",1", 4000),
		repeat(a, "<", 20000));
	for (int i = 0; i < 4000; i++)
		buffer_printf(&json, ",\"m%d\":1", i);
	buffer_add_text(&json, TEXT("}}"));
	struct text params = buffer_text(&json);
	assert_true(render(a, "{{#a}}{{.}}{{/a}}", params, TEMPLATE_PLAIN, &got, &status));
	assert_int_equal(got.size, 4001);
	assert_too_large(a, "{{#a}}{{#a}}{{t}}{{/a}}{{/a}}", params,
		"what the template makes of the parameters is larger than 1048576 bytes");
	/* Though it writes nothing. */
	assert_too_large(a, "{{#a}}{{#a}}{{#a}}{{/a}}{{/a}}{{/a}}", params, steps);
	assert_too_large(a, "{{#a}}{{o.no}}{{/a}}", params, steps);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stand_where_their_names_are),
		cmocka_unit_test(sections_are_there_if_their_names_are),
		cmocka_unit_test(sections_repeat_for_each_element),
		cmocka_unit_test(tags_alone_on_a_line_take_the_line),
		cmocka_unit_test(values_are_not_templates),
		cmocka_unit_test(a_header_stays_one_line),
		cmocka_unit_test(html_keeps_values_in_their_place),
		cmocka_unit_test(markdown_shows_values_as_they_are),
		cmocka_unit_test(refusals_name_the_line),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(it_knows_its_names),
		cmocka_unit_test(what_it_makes_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
