/* A record as a line: to the byte, since lines are hashed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/audit/export_text.h"

static struct arena *arena;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static void assert_text(struct buffer *b, const char *text)
{
	assert_string_equal(arena_string(arena, buffer_text(b)), text);
	b->size = 0;
}

static void every_kind_has_its_form_in_json(void **state)
{
	const struct text values[AUDIT_FIELDS] = {
		[AUDIT_ID] = TEXT("0199"),
		[AUDIT_TIME] = TEXT("-62135596800000"),
		[AUDIT_OPT_TYPE] = TEXT("-2147483648"),
		[AUDIT_CONTENT] = TEXT("\xe6\xb3\xb5 \"\\\n\r\t\b\f\x01/\x7f"),
		[AUDIT_SEVERITY] = TEXT("info"),
		[AUDIT_USER] = TEXT(""),
		[AUDIT_ROLES] = TEXT("[\"a\",\"b\\n\"]"),
		[AUDIT_EXT] = TEXT("{\r\n \"a\" :\t[1.0 ,\n\"\\n\"]\n}"),
	};
	struct buffer out = {.arena = arena};

	export_text_json(&out, values);
	assert_text(&out, "{\"id\":\"0199\",\"time\":-62135596800000,\"optType\":-2147483648,"
			  "\"content\":\"\xe6\xb3\xb5 \\\"\\\\\\n\\r\\t\\b\\f\\u0001/\x7f\","
			  "\"severity\":\"info\",\"user\":\"\",\"roles\":[\"a\",\"b\\n\"],"
			  "\"ext\":{ \"a\" :\t[1.0 ,\"\\n\"]}}\n");
}

static void a_record_without_values_is_an_empty_object(void **state)
{
	const struct text values[AUDIT_FIELDS] = {{0}};
	struct buffer out = {.arena = arena};

	export_text_json(&out, values);
	assert_text(&out, "{}\n");
}

static void csv_is_quoted_where_it_must_be(void **state)
{
	const struct selection s = {.fields = {[AUDIT_TIME] = true,
					    [AUDIT_CONTENT] = true,
					    [AUDIT_USER] = true,
					    [AUDIT_TARGET] = true,
					    [AUDIT_EXT] = true}};
	struct text values[AUDIT_FIELDS] = {[AUDIT_TIME] = TEXT("1795294140003"),
		[AUDIT_CONTENT] = TEXT("=1+1 '; @-\xe6\xb3\xb5")};
	struct buffer out = {.arena = arena};

	export_text_csv_head(&out, &s);
	assert_text(&out, "time,content,user,target,ext\r\n");
	export_text_csv(&out, &s, values);
	assert_text(&out, "2026-11-21T20:49:00.003Z,=1+1 '; @-\xe6\xb3\xb5,,,\r\n");
	values[AUDIT_CONTENT] = TEXT("a,b");
	values[AUDIT_USER] = TEXT("");
	values[AUDIT_TARGET] = TEXT("\"x\"\"");
	values[AUDIT_EXT] = TEXT("{\r\n}");
	export_text_csv(&out, &s, values);
	assert_text(&out, "2026-11-21T20:49:00.003Z,\"a,b\",\"\",\"\"\"x\"\"\"\"\",\"{\r\n}\"\r\n");
}

static void an_only_field_without_a_value_is_no_empty_line(void **state)
{
	const struct selection s = {.fields = {[AUDIT_USER] = true}};
	const struct text values[AUDIT_FIELDS] = {{0}};
	struct buffer out = {.arena = arena};

	export_text_csv(&out, &s, values);
	export_text_csv(&out, &s, values);
	assert_text(&out, "\"\"\r\n\"\"\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_its_form_in_json),
		cmocka_unit_test(a_record_without_values_is_an_empty_object),
		cmocka_unit_test(csv_is_quoted_where_it_must_be),
		cmocka_unit_test(an_only_field_without_a_value_is_no_empty_line),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
