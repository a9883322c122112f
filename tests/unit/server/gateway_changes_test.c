/* What streams are told of what has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/gateway/changes.h"

static struct arena *arena;
static struct changes_cursor cursor;
static bool all, callers;

static int set_up(void **state)
{
	arena = arena_new(0);
	cursor = changes_now();
	return 0;
}

static int tear_down(void **state)
{
	changes_clear();
	arena_free(&arena);
	return 0;
}

static void put(const char *space, const char *service)
{
	changes_add(&(struct change){.space = text_of(space), .service = text_of(service)});
}

static void clean(const char *service, const char *rule)
{
	changes_add(&(struct change){true, TEXT("default"), text_of(service), text_of(rule)});
}

static void put_number(int i)
{
	put("default", arena_printf(arena, "s%d", i));
}

/* What follows, the last first: "default/demo", "default/demo=rule ". */
static void assert_read(struct changes_cursor *from, const char *wanted)
{
	struct buffer b = {.arena = arena};
	size_t count;
	const struct change *read = changes_read(from, arena, &count, &all, &callers);

	for (size_t i = 0; i < count; i++)
		buffer_printf(&b, "%s%.*s/%.*s%s%.*s", i ? " " : "", TEXT_ARGS(read[i].space),
			TEXT_ARGS(read[i].service), read[i].clean ? "=" : "",
			TEXT_ARGS(read[i].rule));
	assert_string_equal(arena_string(arena, buffer_text(&b)), wanted);
}

static void each_change_is_told_once(void **state)
{
	assert_read(&cursor, "");
	put("default", "a");
	put("default", "b");
	assert_read(&cursor, "default/b default/a");
	assert_read(&cursor, "");
	put("default", "a");
	assert_read(&cursor, "default/a");
	assert_false(all);
	assert_false(callers);
}

static void what_changes_again_is_told_where_it_came_last(void **state)
{
	put("default", "a");
	put("default", "b");
	put("default", "a");
	put("default", "a");
	assert_read(&cursor, "default/a default/b");
}

static void what_differs_in_anything_is_told_apart(void **state)
{
	put("default", "a");
	put("other", "a");
	clean("a", "");
	clean("a", "/x");
	clean("a", "/y");
	clean("a", "/y");
	assert_read(&cursor, "default/a=/y default/a=/x default/a= other/a default/a");
}

static void streams_stand_where_they_stand(void **state)
{
	struct changes_cursor late;

	put("default", "a");
	late = changes_now();
	put("default", "b");
	assert_read(&late, "default/b");
	assert_read(&cursor, "default/b default/a");
	assert_read(&late, "");
}

static void what_comes_to_a_thousand_is_told(void **state)
{
	size_t count;

	for (int i = 0; i < CHANGES_MOST; i++)
		put_number(i);
	for (int i = 0; i < CHANGES_MOST; i++)
		put_number(i);
	changes_read(&cursor, arena, &count, &all, &callers);
	assert_int_equal(count, CHANGES_MOST);
	assert_false(all);
}

static void more_than_that_is_all(void **state)
{
	struct changes_cursor late;
	size_t count;

	put_number(0);
	late = changes_now();
	for (int i = 1; i <= CHANGES_MOST; i++)
		put_number(i);
	changes_read(&cursor, arena, &count, &all, &callers);
	assert_true(all);
	assert_int_equal(count, 0);
	assert_read(&cursor, "");
	assert_false(all);
	/* It had seen the one that made way. */
	changes_read(&late, arena, &count, &all, &callers);
	assert_int_equal(count, CHANGES_MOST);
	assert_false(all);
}

static void what_is_void_is_void_for_all_who_were_told_before(void **state)
{
	struct changes_cursor late;

	put("default", "a");
	changes_add_all();
	late = changes_now();
	put("default", "b");
	assert_read(&cursor, "");
	assert_true(all);
	assert_read(&late, "default/b");
	assert_false(all);
}

static void callers_are_told_beside(void **state)
{
	struct changes_cursor late;
	uint64_t rung = bell_count(changes_bell());

	put("default", "a");
	assert_int_equal(bell_count(changes_bell()), rung);
	changes_of_gate();
	assert_int_not_equal(bell_count(changes_bell()), rung);
	changes_of_gate();
	late = changes_now();
	assert_read(&cursor, "default/a");
	assert_true(callers);
	assert_read(&cursor, "");
	assert_false(callers);
	assert_read(&late, "");
	assert_false(callers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_change_is_told_once),
		TEST(what_changes_again_is_told_where_it_came_last),
		TEST(what_differs_in_anything_is_told_apart),
		TEST(streams_stand_where_they_stand),
		TEST(what_comes_to_a_thousand_is_told),
		TEST(more_than_that_is_all),
		TEST(what_is_void_is_void_for_all_who_were_told_before),
		TEST(callers_are_told_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
