/* Continuation points there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "server/audit/point.h"

static struct arena *arena;
static const struct point some = {
	.end = {253402300799999, SCAN_POSITION_LAST},
	.lowest = {-62135596800000, 0},
	.highest = {1700000000123, 4711},
	.before_next = true,
};

static int start(void **state)
{
	arena = arena_new(0);
	point_use_key(TEXT("0123456789abcdef0123456789abcdef"));
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static void assert_key(struct scan_key got, struct scan_key expected)
{
	assert_int_equal(scan_compare(got, expected), 0);
}

static void a_point_comes_back_as_it_was(void **state)
{
	struct status status;

	for (int flags = 0; flags < 4; flags++) {
		struct point given = some, got;
		given.before_next = flags & 1;
		given.behind_prev = flags & 2;
		const char *text = point_write(arena, &given, TEXT("query"));

		assert_true(point_read(arena, text, TEXT("query"), &got, &status));
		assert_key(got.end, given.end);
		assert_key(got.lowest, given.lowest);
		assert_key(got.highest, given.highest);
		assert_int_equal(got.before_next, given.before_next);
		assert_int_equal(got.behind_prev, given.behind_prev);
		assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					      "0123456789-_"),
			strlen(text));
	}
}

static void assert_refused(const char *given, struct text query, const char *message)
{
	struct point got;
	struct status status;

	assert_false(point_read(arena, given, query, &got, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.field, "continuationPoint");
	assert_string_equal(status.message, message);
}

#define NOT_OURS "continuationPoint: is not one of this service's"

static void a_point_of_another_query_is_refused(void **state)
{
	const char *text = point_write(arena, &some, TEXT("query"));

	assert_refused(text, TEXT(""), "continuationPoint: belongs to another query");
	assert_refused(text, TEXT("quer"), "continuationPoint: belongs to another query");
}

static void what_was_changed_is_refused(void **state)
{
	char *text = point_write(arena, &some, TEXT("query"));

	/* The last character has bits that stand for nothing. */
	for (size_t i = 0; i + 1 < strlen(text); i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		assert_refused(text, TEXT("query"), NOT_OURS);
		text[i] = was;
	}
	assert_refused("", TEXT("query"), NOT_OURS);
	assert_refused(text + 4, TEXT("query"), NOT_OURS);
	assert_refused(arena_printf(arena, "%sAAAA", text), TEXT("query"), NOT_OURS);
	assert_refused("no base64!", TEXT("query"), NOT_OURS);
}

static void a_point_of_another_key_is_refused(void **state)
{
	const char *text = point_write(arena, &some, TEXT("query"));

	point_use_key(TEXT("1123456789abcdef0123456789abcdef"));
	assert_refused(text, TEXT("query"), NOT_OURS);
}

static void keys_follow_each_other(void **state)
{
	const struct scan_key keys[] = {
		{-5, SCAN_POSITION_LAST}, {7, 0}, {7, 1}, {7, SCAN_POSITION_LAST}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct scan_key k = keys[i];
		assert_key(scan_before(scan_after(k)), k);
		assert_key(scan_after(scan_before(k)), k);
		assert_true(scan_compare(scan_after(k), k) > 0);
		assert_true(scan_compare(scan_before(k), k) < 0);
		assert_int_equal(scan_compare(k, k), 0);
	}
	assert_key(scan_after(keys[3]), (struct scan_key){8, 0});
	assert_key(scan_before(keys[1]), (struct scan_key){6, SCAN_POSITION_LAST});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_point_comes_back_as_it_was),
		cmocka_unit_test(a_point_of_another_query_is_refused),
		cmocka_unit_test(what_was_changed_is_refused),
		cmocka_unit_test(a_point_of_another_key_is_refused),
		cmocka_unit_test(keys_follow_each_other),
	};

	return cmocka_run_group_tests(tests, start, end);
}
