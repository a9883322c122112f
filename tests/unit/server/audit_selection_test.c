/* Which fields are asked for, and what of ext. Rows as records: tests/service/audit_find_test.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/audit/selection.h"

static struct arena *arena;
static struct status status;

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

/* Up to four names, NULL for none. */
static bool reads(struct selection *s, const char *const names[4], bool with_ext)
{
	size_t count = 0;

	while (count < 4 && names[count])
		count++;
	status = (struct status){.message = ""};
	return selection_read(arena, (char *const *)names, count, with_ext, s, &status);
}

static int selected(const struct selection *s)
{
	int count = 0;

	for (int i = 0; i < AUDIT_FIELDS; i++)
		count += s->fields[i];
	return count;
}

static void without_names_all_is_asked_for(void **state)
{
	struct selection s;

	assert_true(reads(&s, (const char *const[4]){NULL}, true));
	assert_int_equal(selected(&s), AUDIT_FIELDS);
	assert_null(s.ext_paths);
	assert_true(reads(&s, (const char *const[4]){NULL}, false));
	assert_int_equal(selected(&s), AUDIT_FIELDS - 1);
	assert_false(s.fields[AUDIT_EXT]);
}

static void names_may_repeat_and_ext_may_be_whole(void **state)
{
	struct selection s;

	assert_true(reads(&s, (const char *const[4]){"id", "message", "content", "id"}, true));
	assert_int_equal(selected(&s), 2);
	assert_true(s.fields[AUDIT_ID] && s.fields[AUDIT_CONTENT]);
	assert_true(reads(&s, (const char *const[4]){"ext.a", "ext", "ext.b"}, false));
	assert_int_equal(selected(&s), 1);
	assert_null(s.ext_paths);
}

static void what_is_no_field_is_refused_by_its_place(void **state)
{
	static const char *const wrong[] = {"opt_type", "Id", "", "ext.", "ext..a", "ext.a.",
		"ext.a..b", "extra", "id.a", " id"};
	struct selection s;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(reads(&s, (const char *const[4]){"id", "ext.a", wrong[i]}, true));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(status.field, "fields[2]");
		assert_string_equal(
			status.message, "fields[2]: must be a field of a record, or ext.<path>");
	}
}

static void columns_are_constants_in_the_order_of_the_fields(void **state)
{
	struct selection s;

	assert_true(reads(&s, (const char *const[4]){"eventTime", "roles", "user", "ext.a"}, true));
	assert_string_equal(selection_columns(arena, &s),
		"NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, r.user_name, NULL, NULL, "
		"array_to_json(r.roles), NULL, audit.milliseconds(r.event_time), NULL, NULL, "
		"r.ext");
}

/* What up to three paths leave of an object; "-": nothing. */
static void assert_part(
	const char *object, const char *one, const char *two, const char *three, const char *part)
{
	struct selection s;

	assert_true(reads(&s, (const char *const[4]){one, two, three}, false));
	struct text got = selection_ext(arena, &s, text_of(object));
	assert_string_equal(got.data ? arena_string(arena, got) : "-", part);
}

static void ext_is_cut_to_the_paths(void **state)
{
	static const char o[] = "{ \"a\" : {\"b\": 1.0 , \"c\":{\"d\":[ 1,2 ]},\"b2\":\"\\u0041\"},"
				"\"l\":[{\"x\":1}, {\"y\":2}],\"n\":null,\"t\":\"s\",\"e\":{} }";

	assert_part(o, "ext.a.b", NULL, NULL, "{\"a\":{\"b\":1.0}}");
	assert_part(o, "ext.a.c.d", "ext.a.b2", NULL,
		"{\"a\":{\"c\":{\"d\":[ 1,2 ]},\"b2\":\"\\u0041\"}}");
	assert_part(o, "ext.t", "ext.a.b", "ext.t", "{\"a\":{\"b\":1.0},\"t\":\"s\"}");
	assert_part(o, "ext.a.c", "ext.a.c.d", "ext.e", "{\"a\":{\"c\":{\"d\":[ 1,2 ]}},\"e\":{}}");
	assert_part(o, "ext.l.x", NULL, NULL, "{\"l\":[{\"x\":1}, {\"y\":2}]}");
	assert_part(o, "ext.n", "ext.a.x", "ext.t.x", "{\"n\":null}");
	assert_part(o, "ext.a.x.y", "ext.e.x", "ext.t.x", "-");
	assert_part(o, "ext.A", "ext.aa", "ext.a.bb", "-");
	assert_part("{}", "ext.a", NULL, NULL, "-");
}

static void a_longer_name_and_its_beginning_are_two(void **state)
{
	assert_part("{\"a\":{\"b\":1},\"ab\":2,\"a!\":3}", "ext.a.b", "ext.ab", "ext.a!",
		"{\"a\":{\"b\":1},\"ab\":2,\"a!\":3}");
	assert_part(
		"{\"\\u0061\":1,\"q\\\"\":2}", "ext.a", "ext.q\"", NULL, "{\"a\":1,\"q\\\"\":2}");
}

static void what_json_does_not_take_has_no_paths(void **state)
{
	assert_part("{\"a\":1,\"a\":2}", "ext.a", NULL, NULL, "-");
}

static void too_many_names_are_refused(void **state)
{
	static char *names[SELECTION_NAMES + 1];
	struct selection s;

	for (size_t i = 0; i <= SELECTION_NAMES; i++)
		names[i] = (char *)"ext.a";
	assert_true(selection_read(arena, names, SELECTION_NAMES, true, &s, &status));
	assert_false(selection_read(arena, names, SELECTION_NAMES + 1, true, &s, &status));
	assert_string_equal(status.message, "fields: takes at most 256 names");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_names_all_is_asked_for),
		cmocka_unit_test(names_may_repeat_and_ext_may_be_whole),
		cmocka_unit_test(what_is_no_field_is_refused_by_its_place),
		cmocka_unit_test(columns_are_constants_in_the_order_of_the_fields),
		cmocka_unit_test(ext_is_cut_to_the_paths),
		cmocka_unit_test(a_longer_name_and_its_beginning_are_two),
		cmocka_unit_test(what_json_does_not_take_has_no_paths),
		cmocka_unit_test(too_many_names_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
