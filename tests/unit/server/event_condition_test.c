/* Conditions on the data of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/event/subscription/condition.h"

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	arena_free(&arena);
	return 0;
}

/* values: a JSON list, or NULL for none. */
static bool read_condition(
	const char *path, const char *values, struct condition *condition, struct status *status)
{
	const struct json *list = values ? json_read(arena, text_of(values), status) : NULL;
	size_t count = list ? list->count : 0;
	struct text *raw = arena_array(arena, count, sizeof *raw), *next = raw;

	for (const struct json *value = list ? list->first : NULL; value; value = value->next)
		*next++ = value->raw;
	return condition_read(arena, 1, text_of(path), raw, count, condition, status);
}

static void assert_met(const char *path, const char *values, const char *data, bool met)
{
	struct condition condition;
	struct status status;
	const struct json *tree = json_read(arena, text_of(data), &status);

	assert_non_null(tree);
	if (!read_condition(path, values, &condition, &status))
		fail_msg("%s", status.message);
	if (condition_met(&condition, tree) != met)
		fail_msg("%s in %s: %s", path, values ? values : "any", data);
}

static void a_path_goes_through_objects(void **state)
{
	assert_met("a", NULL, "{\"a\":1}", true);
	assert_met("a", NULL, "{\"a\":null}", true);
	assert_met("a", NULL, "{\"a\":[]}", true);
	assert_met("a", NULL, "{\"b\":1}", false);
	assert_met("a", NULL, "{\"A\":1}", false);
	assert_met("a.b.c", NULL, "{\"x\":0,\"a\":{\"b\":{\"c\":{}}}}", true);
	assert_met("a.b.c", NULL, "{\"a\":{\"b\":{\"d\":0}}}", false);
	assert_met("a.b", NULL, "{\"a\":[{\"b\":1}]}", false);
	assert_met("a.0", NULL, "{\"a\":[1]}", false);
	assert_met("a.b", NULL, "{\"a.b\":1}", false);
	assert_met("a", NULL, "null", false);
	assert_met("a", NULL, "\"a\"", false);
	assert_met("\u8ba2", NULL, "{\"\\u8ba2\":1}", true);
}

static void one_of_the_values_is_there(void **state)
{
	assert_met("a", "[\"x\"]", "{\"a\":\"x\"}", true);
	assert_met("a", "[\"x\"]", "{\"a\":\"X\"}", false);
	assert_met("a", "[\"x\"]", "{\"b\":\"x\"}", false);
	assert_met("a", "[\"x\",2,null]", "{\"a\":2}", true);
	assert_met("a", "[\"x\",2,null]", "{\"a\":null}", true);
	assert_met("a", "[\"x\",2,null]", "{\"a\":3}", false);
	assert_met("a", "[true]", "{\"a\":true}", true);
	assert_met("a", "[true]", "{\"a\":false}", false);
	assert_met("a", "[false]", "{\"a\":false}", true);
	assert_met("a", "[null]", "{}", false);
	assert_met("a", "[\"1\"]", "{\"a\":1}", false);
	assert_met("a", "[\"true\"]", "{\"a\":true}", false);
	assert_met("a", "[1]", "{\"a\":[1]}", false);
}

static void texts_are_the_same_however_they_are_escaped(void **state)
{
	assert_met("a", "[\"\\u0041\\/\\n\"]", "{\"a\":\"A/\\u000a\"}", true);
	assert_met("a", "[\"\\ud83d\\udce6\"]", "{\"a\":\"\U0001f4e6\"}", true);
	assert_met("a", "[\"x\"]", "{\"a\":\"x\\u0000\"}", false);
	assert_met("a", "[\"x\\u0000\"]", "{\"a\":\"x\\u0000\"}", true);
	/* Composed and decomposed are other characters. */
	assert_met("a", "[\"\u00e4\"]", "{\"a\":\"a\u0308\"}", false);
}

static void numbers_are_the_same_however_they_are_written(void **state)
{
	assert_met("a", "[1]", "{\"a\":1.0}", true);
	assert_met("a", "[10e-1]", "{\"a\":1}", true);
	assert_met("a", "[0]", "{\"a\":-0.0e5}", true);
	assert_met("a", "[1]", "{\"a\":-1}", false);
	assert_met("a", "[9007199254740993]", "{\"a\":9007199254740992}", false);
	assert_met("a", "[9007199254740993]", "{\"a\":9007199254740993.00}", true);
	assert_met("a", "[0.1]", "{\"a\":1e-1}", true);
	assert_met("a", "[0.1]", "{\"a\":0.10000000000000001}", false);
	assert_met("a", "[1e400]", "{\"a\":10e399}", true);
	assert_met("a", "[1e400]", "{\"a\":1e401}", false);
}

static void assert_refused(
	const char *path, const char *values, const char *field, const char *message)
{
	struct condition condition;
	struct status status = {0};

	assert_false(read_condition(path, values, &condition, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, field);
	assert_string_equal(status.message, message);
}

#define BAD_PATH "conditions[1].path: must be 1 to 16 names parted by dots, none of them empty"
#define BAD_VALUE(i)                                                                               \
	"conditions[1].values[" #i "]: must be a JSON text, number, true, false or null"

static void what_is_wrong_is_named(void **state)
{
	assert_refused("", NULL, "conditions[1].path", BAD_PATH);
	assert_refused("a..b", NULL, "conditions[1].path", BAD_PATH);
	assert_refused(".a", NULL, "conditions[1].path", BAD_PATH);
	assert_refused("a.", NULL, "conditions[1].path", BAD_PATH);
	assert_refused(
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", NULL, "conditions[1].path", BAD_PATH);
	assert_met("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16", NULL, "{}", false);
	assert_refused("a", "[[]]", "conditions[1].values[0]", BAD_VALUE(0));
	assert_refused("a", "[1,{}]", "conditions[1].values[1]", BAD_VALUE(1));

	struct condition condition;
	struct status status = {0};
	struct text values[CONDITION_VALUES_MAX + 1] = {TEXT("x")};
	assert_false(condition_read(arena, 3, TEXT("a"), values, 1, &condition, &status));
	assert_string_equal(status.field, "conditions[3].values[0]");
	for (size_t i = 0; i < CONDITION_VALUES_MAX + 1; i++)
		values[i] = TEXT("1");
	assert_true(condition_read(
		arena, 0, TEXT("a"), values, CONDITION_VALUES_MAX, &condition, &status));
	assert_false(condition_read(
		arena, 0, TEXT("a"), values, CONDITION_VALUES_MAX + 1, &condition, &status));
	assert_string_equal(status.message, "conditions[0].values: must be at most 100");
}

/* The texts that it was read from are gone. */
static void what_was_read_stands_for_itself(void **state)
{
	char path[] = "a.b", value[] = "\"x\"";
	struct text values[] = {text_of(value)};
	struct condition condition;
	struct status status;

	assert_true(condition_read(arena, 0, text_of(path), values, 1, &condition, &status));
	memset(path, 'z', strlen(path));
	memset(value, 'z', strlen(value));
	assert_true(condition_met(
		&condition, json_read(arena, TEXT("{\"a\":{\"b\":\"x\"}}"), &status)));
	assert_false(condition_met(&condition, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_goes_through_objects),
		cmocka_unit_test(one_of_the_values_is_there),
		cmocka_unit_test(texts_are_the_same_however_they_are_escaped),
		cmocka_unit_test(numbers_are_the_same_however_they_are_written),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(what_was_read_stands_for_itself),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
