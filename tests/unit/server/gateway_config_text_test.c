/* The text of configuration files: what is read as what, and what is refused where. */
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "server/gateway/config/config_text.h"
#include "tests/unit/server/gateway_samples.h"

struct trial {
	const char *text, *wanted;
};

#define FUNCTION "a function is not read, but for the documented default of rateLimit.key"

static void assert_reads(const struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct arena *a = arena_new(0);
		struct buffer b = {.arena = a};
		const struct config_value *root;
		struct status status;
		const char *error = "";

		if (!config_text_read(a, TEXT("f"), text_of(trials[i].text), &root, &error))
			fail_msg("%s: %s", trials[i].text, error);
		config_tree_write(&b, root);
		if (!text_equal(buffer_text(&b), text_of(trials[i].wanted)))
			fail_msg("%s is %.*s, not %s", trials[i].text, TEXT_ARGS(buffer_text(&b)),
				trials[i].wanted);
		assert_non_null(json_read(a, buffer_text(&b), &status));
		arena_free(&a);
	}
}

static void assert_refused(struct text content, const char *wanted)
{
	struct arena *a = arena_new(0);
	const struct config_value *root = NULL;
	const char *error = "";

	if (config_text_read(a, TEXT("f"), content, &root, &error))
		fail_msg("%.*s is read", TEXT_ARGS(content));
	assert_string_equal(error, wanted);
	assert_non_null(root);
	arena_free(&a);
}

static void assert_all_refused(const struct trial *trials, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_refused(text_of(trials[i].text), trials[i].wanted);
}

#define ASSERT_READS(trials)   assert_reads((trials), sizeof(trials) / sizeof(*(trials)))
#define ASSERT_REFUSED(trials) assert_all_refused((trials), sizeof(trials) / sizeof(*(trials)))

/* --- JSON5 ------------------------------------------------------------------------------------ */

static void json5_is_read(void **state)
{
	static const struct trial trials[] = {
		{"{}", "{}"},
		{"[]", "[]"},
		{" [null, true,false , ] ", "[null,true,false]"},
		{"\xef\xbb\xbf{a: 1}", "{\"a\":1}"},
		{"\xc2\xa0\xe3\x80\x80{\xe2\x80\xa8"
		 "a\v:\f1\t}",
			"{\"a\":1}"},
		{"// one\n/* two\n * three */{a: /**/ 1 // four\r\n}", "{\"a\":1}"},
		{"{a: 1}// the end", "{\"a\":1}"},
		{"{'a b': 'it is', \"c\": \"x\",}", "{\"a b\":\"it is\",\"c\":\"x\"}"},
		{"{$a_1: 1, \xe6\x95\xb0\xe6\x8d\xae: 2, \\u0061b: 3}",
			"{\"$a_1\":1,\"\xe6\x95\xb0\xe6\x8d\xae\":2,\"ab\":3}"},
		{"{null: null, true: true, Infinity: 1}",
			"{\"null\":null,\"true\":true,\"Infinity\":1}"},
		{"{a: {b: [1, {c: 'd'}]}}", "{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}"},
		{"{a: 1};", "{\"a\":1}"},
	};

	ASSERT_READS(trials);
}

static void strings_are_read(void **state)
{
	static const struct trial trials[] = {
		{"'\"'", "\"\\\"\""},
		{"\"'\"", "\"'\""},
		{"'\\'\\\"\\\\\\/'", "\"'\\\"\\\\/\""},
		{"'\\b\\f\\n\\r\\t'", "\"\\b\\f\\n\\r\\t\""},
		{"'\\v\\x41\\u0042'", "\"\\u000bAB\""},
		{"'\\u4e2d\\ud83d\\ude00'", "\"\xe4\xb8\xad\xf0\x9f\x98\x80\""},
		{"'\\a\\\xe4\xb8\xad'", "\"a\xe4\xb8\xad\""},
		{"'one \\\ntwo \\\r\nthree \\\rfour\\\xe2\x80\xa8'", "\"one two three four\""},
		{"'a\tb'", "\"a\\tb\""},
		{"''", "\"\""},
		{"'// no /* comment'", "\"// no /* comment\""},
	};

	ASSERT_READS(trials);
}

static void numbers_are_carried_as_they_are(void **state)
{
	static const struct trial trials[] = {
		{"[0, -0, +1, -1, 10]", "[0,-0,1,-1,10]"},
		{"[.5, 5., -.25, +.5, 5.e3, 0.10]", "[0.5,5,-0.25,0.5,5e3,0.10]"},
		{"[1e3, 1E+3, 1e-3]", "[1e3,1e3,1e-3]"},
		{"[0x10, 0XfF, -0xdecaf, +0x0, 0xffffffffffffffff]",
			"[16,255,-912559,0,18446744073709551615]"},
		{"[12345678901234567890123456789, 0.1234567890123456789]",
			"[12345678901234567890123456789,0.1234567890123456789]"},
	};

	ASSERT_READS(trials);
}

/* --- beyond JSON5 ----------------------------------------------------------------------------- */

static void a_line_needs_no_comma(void **state)
{
	static const struct trial trials[] = {
		{"{a: 1\nb: 2\r\nc: 3\rd: 4}", "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}"},
		{"[1\n2 // two\n3 /*\n*/ 4]", "[1,2,3,4]"},
		{"{a: 1\n, b: 2}", "{\"a\":1,\"b\":2}"},
		{"{a: {\n}\nb: [\n]\n}", "{\"a\":{},\"b\":[]}"},
	};

	ASSERT_READS(trials);
}

static void values_in_braces_are_a_list(void **state)
{
	static const struct trial trials[] = {
		{"{\"a\", \"b\"}", "[\"a\",\"b\"]"},
		{"{\n'a'\n'b'\n}", "[\"a\",\"b\"]"},
		{"{1, null, true, [2], {a: 3}, {'b'}}", "[1,null,true,[2],{\"a\":3},[\"b\"]]"},
		{"{'a'}", "[\"a\"]"},
		{"{'a' /* is no name */ , }", "[\"a\"]"},
		{"{'a' // is one\n: 1}", "{\"a\":1}"},
	};

	ASSERT_READS(trials);
}

static void products_are_what_they_come_to(void **state)
{
	static const struct trial trials[] = {
		{"[60 * 1000, 2*3*4, -2 * 0x10, 1e3 * 2]", "[60000,24,-32,2000]"},
		{"{a: 60 \\* 1000\nb: 1 /* minute */ * 2}", "{\"a\":60000,\"b\":2}"},
		{"[3037000499 * 3037000499]", "[9223372030926249001]"},
	};

	ASSERT_READS(trials);
}

static void the_backslashes_of_markdown_mean_nothing(void **state)
{
	static const struct trial trials[] = {
		{"\\{a\\: \\[1\\, \\-2\\]\\}", "{\"a\":[1,-2]}"},
		{"{a\\_b: \\\"x\\\", c: \\'it \"is\" so\\'}",
			"{\"a_b\":\"x\",\"c\":\"it \\\"is\\\" so\"}"},
		{"{\\\"a\\\": 1}", "{\"a\":1}"},
		{"'user.\\*\\-\\`\\\"\\_\\[\\]'", "\"user.*-`\\\"_[]\""},
		{"{a: 1 \\/\\/ one\n/\\* two *\\/ b: 2 /\\* three \\*/}", "{\"a\":1,\"b\":2}"},
	};
	/* The end of a comment with a backslash within it is none. */
	static const struct trial refused[] = {
		{"{a: 1\n/\\* two *\\/ b: 2}", "f, line 2: the comment does not end"},
	};

	assert_reads(trials, 4);
	ASSERT_REFUSED(refused);
}

static void the_default_key_of_limits_is_known(void **state)
{
	static const struct trial trials[] = {
		{SAMPLE_RATE_LIMIT, "{\"rateLimit\":{\"window\":60000,\"limit\":30,"
				    "\"headers\":true,\"key\":\"address\"}}"},
		{"{rateLimit: {key: function (req) { return req.headers['x-forwarded-for'] || "
		 "/* or */ req.connection.remoteAddress || req.socket.remoteAddress || "
		 "req.connection.socket.remoteAddress }, limit: 1}}",
			"{\"rateLimit\":{\"key\":\"address\",\"limit\":1}}"},
		{"{rateLimit: [{key: req => { return req.headers[\"x-forwarded-for\"] || "
		 "req.connection.remoteAddress || req.socket.remoteAddress || "
		 "req.connection.socket.remoteAddress; }}]}",
			"{\"rateLimit\":[{\"key\":\"address\"}]}"},
	};

	ASSERT_READS(trials);
}

static void other_functions_are_refused(void **state)
{
	static const struct trial trials[] = {
		{"{rateLimit: {\nkey: (req) => req.ip}}", "f, line 2, rateLimit.key: " FUNCTION},
		{"{rateLimit: {\nkey: req => { return 'x' }}}",
			"f, line 2, rateLimit.key: " FUNCTION},
		{"{rateLimit: {\n\nkey(req) { return 1 }}}", "f, line 3, rateLimit.key: " FUNCTION},
		{"{a: [1,\nfunction () {}]}", "f, line 2, a[1]: " FUNCTION},
		{"{a: async () => 1}", "f, line 1, a: " FUNCTION},
		{"{a: () => {", "f, line 1, a: " FUNCTION},
		{"{a: () => { it's }}", "f, line 1, a: " FUNCTION},
		{"{routes: [{\nonBeforeCall(ctx) {}}]}",
			"f, line 2, routes[0].onBeforeCall: " FUNCTION},
		/* The known one where it does not belong. */
		{"{a: {key: req => { return req.headers[\"x-forwarded-for\"] || "
		 "req.connection.remoteAddress || req.socket.remoteAddress || "
		 "req.connection.socket.remoteAddress; }}}",
			"f, line 1, a.key: " FUNCTION},
	};

	ASSERT_REFUSED(trials);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void refusals_name_line_and_key(void **state)
{
	static const struct trial trials[] = {
		{"", "f, line 1: the text ends where a value is expected"},
		{"\n\n", "f, line 3: the text ends where a value is expected"},
		{"{a: 1} x", "f, line 1: something stands behind the end"},
		{"{a: 1 b: 2}", "f, line 1: \",\" or \"}\" is expected"},
		{"[1\n2 3]", "f, line 2: \",\" or \"]\" is expected"},
		{"{a: [1, {b:\n}]}", "f, line 2, a[1].b: a value is expected"},
		{"{a: 1,,}", "f, line 1: a name is expected"},
		{"[,]", "f, line 1, [0]: a value is expected"},
		{"{a: 1,\n'b'\n2}", "f, line 3, b: \":\" is expected"},
		{"{a: 1,\n2: 2}", "f, line 2: a name is expected"},
		{"{a: {b: 1", "f, line 1, a: the text ends where \",\" or \"}\" is expected"},
		{"{a:\nb}", "f, line 2, a: a text must stand in quotes"},
		{"{a: undefined}", "f, line 1, a: a text must stand in quotes"},
		{"{\n\n\xe2\x80\x9c"
		 "a\xe2\x80\x9d: 1}",
			"f, line 3, [0]: a value is expected"},
		{"{a\xef\xbc\x9a 1}", "f, line 1, [0]: a text must stand in quotes"},
		{"{a: `x`}", "f, line 1, a: a value is expected"},
		{"{a: 1 /*\n", "f, line 1: the comment does not end"},
		{"{a: 'x\n'}", "f, line 1, a: the string does not end"},
		{"{a: 'x", "f, line 1, a: the string does not end"},
		{"{a: 'x\\", "f, line 1, a: the string does not end"},
		{"{'a.b': {'': {x-y: 1}}}",
			"f, line 1, [\"a.b\"][\"\"][0]: a text must stand in quotes"},
		{"{'a\\n\x7f': }", "f, line 1, [\"...\"]: a value is expected"},
		{"{a: 1,\nb: 2,\na: 3,\nb: 4}", "f, line 3, a: is there twice"},
		{"{a: 1, '\\u0061': 2}", "f, line 1, a: is there twice"},
		{"{a: '\\1'}", "f, line 1, a: an escape of digits has no meaning"},
		{"{a: '\\01'}", "f, line 1, a: an escape of digits has no meaning"},
		{"{a: '\\x4'}", "f, line 1, a: an escape lacks hexadecimal digits"},
		{"{a: '\\ud83d'}", "f, line 1, a: unpaired surrogate"},
		{"{a: '\\ud83d\\u0041'}", "f, line 1, a: unpaired surrogate"},
		{"{a: '\\ude00'}", "f, line 1, a: unpaired surrogate"},
		{"{a: '\\u0000'}", "f, line 1, a: must not hold NUL"},
		{"{a: '\\0'}", "f, line 1, a: must not hold NUL"},
		{"{a: '\\x00'}", "f, line 1, a: must not hold NUL"},
	};

	ASSERT_REFUSED(trials);
	assert_refused(TEXT("{a: 1,\nb: '\0'}"), "f, line 2: must not hold NUL");
	assert_refused(TEXT("{a: 1,\n\nb: '\xc3'}"), "f, line 3: ill-formed UTF-8");
}

static void numbers_must_be_numbers(void **state)
{
	static const struct trial trials[] = {
		{"{a: Infinity}", "f, line 1, a: must be a finite number"},
		{"{a: -Infinity}", "f, line 1, a: must be a finite number"},
		{"{a: NaN}", "f, line 1, a: must be a finite number"},
		{"{a: +NaN}", "f, line 1, a: must be a finite number"},
		{"{a: 010}", "f, line 1, a: a number must not begin with 0"},
		{"{a: 30s}", "f, line 1, a: malformed number"},
		{"{a: 1.2.3}", "f, line 1, a: malformed number"},
		{"{a: .}", "f, line 1, a: malformed number"},
		{"{a: -}", "f, line 1, a: malformed number"},
		{"{a: 1e}", "f, line 1, a: malformed number"},
		{"{a: 0x}", "f, line 1, a: malformed number"},
		{"{a: -x}", "f, line 1, a: malformed number"},
		{"{a: 0x10000000000000000}",
			"f, line 1, a: a hexadecimal number must have at most 16 digits"},
		{"{a: 1.5 * 2}", "f, line 1, a: the factors of a product must be whole numbers"},
		{"{a: 2 * 1.5}", "f, line 1, a: the factors of a product must be whole numbers"},
		{"{a: 9223372036854775807 * 2}", "f, line 1, a: the product is too large"},
		{"{a: 2 *\n'x'}", "f, line 2, a: malformed number"},
	};

	ASSERT_REFUSED(trials);
}

static void nesting_is_bounded(void **state)
{
	char text[2 * (JSON_DEPTH + 1) + 1];
	struct arena *a = arena_new(0);
	const struct config_value *root;
	const char *error = "";

	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	assert_true(
		config_text_read(a, TEXT("f"), (struct text){text, 2 * JSON_DEPTH}, &root, &error));
	memset(text, '[', JSON_DEPTH + 1);
	assert_false(
		config_text_read(a, TEXT("f"), (struct text){text, 2 * JSON_DEPTH}, &root, &error));
	assert_non_null(strstr(error, "[0][0]: is nested deeper than 64"));
	arena_free(&a);
}

/* Not by comparing each with each. */
static void many_members_are_read(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};
	const struct config_value *root;
	const char *error = "";

	buffer_add_char(&b, '{');
	for (int i = 0; i < 100000; i++)
		buffer_printf(&b, "a%d:1,", i);
	size_t whole = b.size;
	buffer_add_char(&b, '}');
	assert_true(config_text_read(a, TEXT("f"), buffer_text(&b), &root, &error));
	assert_int_equal(root->count, 100000);
	b.size = whole;
	buffer_add_text(&b, TEXT("\na7:1}"));
	assert_false(config_text_read(a, TEXT("f"), buffer_text(&b), &root, &error));
	assert_string_equal(error, "f, line 2, a7: is there twice");
	arena_free(&a);
}

static void values_know_where_they_stand(void **state)
{
	struct arena *a = arena_new(0);
	const struct config_value *root, *list;
	const char *error = "";

	assert_true(config_text_read(a, TEXT("f"),
		TEXT("{\n// a comment\na: [1,\n\n{'b c': 'x \\\n y'}]\nd: 2}"), &root, &error));
	assert_int_equal(root->line, 1);
	list = config_tree_member(root, TEXT("a"));
	assert_int_equal(list->line, 3);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->first->next->line, 5);
	assert_true(
		text_equal(config_tree_path(a, list->first->next->first), TEXT("a[1][\"b c\"]")));
	assert_int_equal(config_tree_member(root, TEXT("d"))->line, 7);
	assert_null(config_tree_member(root, TEXT("e")));
	assert_null(config_tree_member(list, TEXT("a")));
	assert_null(config_tree_member(NULL, TEXT("a")));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json5_is_read),
		cmocka_unit_test(strings_are_read),
		cmocka_unit_test(numbers_are_carried_as_they_are),
		cmocka_unit_test(a_line_needs_no_comma),
		cmocka_unit_test(values_in_braces_are_a_list),
		cmocka_unit_test(products_are_what_they_come_to),
		cmocka_unit_test(the_backslashes_of_markdown_mean_nothing),
		cmocka_unit_test(the_default_key_of_limits_is_known),
		cmocka_unit_test(other_functions_are_refused),
		cmocka_unit_test(refusals_name_line_and_key),
		cmocka_unit_test(numbers_must_be_numbers),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(many_members_are_read),
		cmocka_unit_test(values_know_where_they_stand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
