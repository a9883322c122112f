#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "tests/unit/base/child.h"

static void objects_are_aligned_and_do_not_overlap(void **state)
{
	enum { COUNT = 3000 };
	static unsigned char *objects[COUNT];
	struct arena *a = arena_new(0);

	/* Sizes around the first block, the growing ones, and those that get a block of their own.
	 */
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = i % 100 == 0 ? i * 40 : i % 37;
		objects[i] = arena_alloc(a, size);
		assert_int_equal((uintptr_t)objects[i] % alignof(max_align_t), 0);
		memset(objects[i], (int)(i % 251), size);
	}
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = i % 100 == 0 ? i * 40 : i % 37;
		for (size_t k = 0; k < size; k++)
			assert_int_equal(objects[i][k], i % 251);
	}
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void objects_without_bytes_are_distinct(void **state)
{
	struct arena *a = arena_new(0);

	assert_ptr_not_equal(arena_alloc(a, 0), arena_alloc(a, 0));
	assert_non_null(arena_zero(a, 0));
	arena_free(&a);
}

static void try_refuses_beyond_the_cap_and_leaves_the_rest_usable(void **state)
{
	struct arena *a = arena_new(100);

	assert_null(arena_try(a, 101));
	assert_null(arena_try(a, SIZE_MAX));
	assert_non_null(arena_try(a, 48));
	assert_null(arena_try(a, 53));
	assert_non_null(arena_try(a, 52));
	assert_null(arena_try(a, 1));
	assert_null(arena_try(a, 0));
	assert_false(arena_overdrawn(a));
	arena_free(&a);
}

static void alloc_beyond_the_cap_succeeds_and_is_remembered(void **state)
{
	struct arena *a = arena_new(64);

	memset(arena_alloc(a, 64), 1, 64);
	assert_false(arena_overdrawn(a));
	memset(arena_alloc(a, 1000), 1, 1000);
	assert_true(arena_overdrawn(a));
	assert_null(arena_try(a, 1));
	arena_free(&a);
}

static void many_small_objects_count_as_what_they_cost(void **state)
{
	struct arena *a = arena_new(1600);

	for (int i = 0; i < 100; i++)
		assert_non_null(arena_try(a, 1));
	assert_null(arena_try(a, 1));
	assert_int_equal(arena_used(a), 1600);
	arena_free(&a);
}

static void arrays_are_zeroed(void **state)
{
	struct arena *a = arena_new(0);

	/* What was there before must not be zero by chance. */
	memset(arena_alloc(a, 3000), 0xff, 3000);
	int *numbers = arena_array(a, 1000, sizeof(int));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(numbers[i], 0);
	struct text *t = ARENA_NEW(a, struct text);
	assert_null(t->data);
	arena_free(&a);
}

static void overflow(void *arg)
{
	struct arena *a = arena_new(0);
	arena_array(a, SIZE_MAX / 2, 3);
}

static void an_array_that_overflows_aborts(void **state)
{
	assert_int_equal(child_run(overflow, NULL).signal, SIGABRT);
}

static void copies_end_in_nul(void **state)
{
	struct arena *a = arena_new(0);
	struct text copy = arena_text(a, text_until(TEXT("abcdef"), 3));

	assert_int_equal(copy.size, 3);
	assert_string_equal(copy.data, "abc");
	assert_string_equal(arena_string(a, (struct text){NULL, 0}), "");
	arena_free(&a);
}

static void printf_makes_strings_of_any_length(void **state)
{
	struct arena *a = arena_new(0);
	char *string = arena_printf(a, "%05000d|%s", 7, "end");

	assert_int_equal(strlen(string), 5004);
	assert_string_equal(string + 4998, "07|end");
	arena_free(&a);
}

static void wiping_overwrites_all_that_was_handed_out(void **state)
{
	static const size_t sizes[] = {1, 30, 3000, 4096, 5000, 100000, 2000000};
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	unsigned char *objects[COUNT];
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < COUNT; i++) {
		objects[i] = arena_alloc(a, sizes[i]);
		memset(objects[i], 's', sizes[i]);
	}
	arena_wipe(a);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(objects[i][k], 0);
	arena_free(&a);
}

static void a_buffer_grows_and_keeps_its_bytes(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a};

	assert_int_equal(buffer_text(&b).size, 0);
	buffer_add(&b, NULL, 0);
	for (int i = 0; i < 1000; i++)
		buffer_printf(&b, "%04d", i);
	buffer_add_text(&b, TEXT("a\0b"));
	buffer_add_char(&b, '!');
	memcpy(buffer_reserve(&b, 10000), "reserved", 8);
	b.size += 8;
	struct text t = buffer_text(&b);
	assert_int_equal(t.size, 4012);
	assert_memory_equal(t.data, "00000001", 8);
	assert_memory_equal(t.data + 3996, "0999a\0b!reserved", 16);
	arena_free(&a);
}

static void a_cleared_arena_is_as_new(void **state)
{
	struct arena *a = arena_new(100);

	for (int round = 0; round < 3; round++) {
		memset(arena_alloc(a, 100000), 1, 100000);
		memset(arena_alloc(a, 16), 2, 16);
		assert_true(arena_overdrawn(a));
		assert_null(arena_try(a, 1));
		arena_clear(a);
		assert_false(arena_overdrawn(a));
		assert_int_equal(arena_used(a), 0);
		assert_non_null(arena_try(a, 100));
		assert_null(arena_try(a, 1));
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_aligned_and_do_not_overlap),
		cmocka_unit_test(objects_without_bytes_are_distinct),
		cmocka_unit_test(try_refuses_beyond_the_cap_and_leaves_the_rest_usable),
		cmocka_unit_test(alloc_beyond_the_cap_succeeds_and_is_remembered),
		cmocka_unit_test(many_small_objects_count_as_what_they_cost),
		cmocka_unit_test(arrays_are_zeroed),
		cmocka_unit_test(an_array_that_overflows_aborts),
		cmocka_unit_test(copies_end_in_nul),
		cmocka_unit_test(printf_makes_strings_of_any_length),
		cmocka_unit_test(a_cleared_arena_is_as_new),
		cmocka_unit_test(wiping_overwrites_all_that_was_handed_out),
		cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
