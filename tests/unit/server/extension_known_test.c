/* Known extensions: what an older read brings never undoes what a newer one has brought. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/extension/known.h"

static struct known_row row(const char *name, int port)
{
	return (struct known_row){.name = text_of(name), .port = port, .registered_us = port};
}

static int begin(void **state)
{
	known_forget();
	return 0;
}

static void nothing_is_known_before_the_first_read(void **state)
{
	struct extension_list list;

	assert_false(known_loaded());
	known_list(&list);
	assert_int_equal(list.count, 0);
	known_put(known_ticket(), NULL, 0);
	assert_true(known_loaded());
	assert_int_equal(known_count(), 0);
}

static void a_read_replaces_all(void **state)
{
	const struct known_row first[] = {row("a", 1), row("b", 2)}, second[] = {row("c", 3)};
	struct extension_list list;

	known_put(known_ticket(), first, 2);
	known_put(known_ticket(), second, 1);
	known_list(&list);
	assert_int_equal(list.count, 1);
	assert_true(text_equal(list.items[0]->row.name, TEXT("c")));
	assert_string_equal(list.items[0]->address, "127.0.0.1:3");
	known_release(&list);
}

static void the_name_is_a_copy(void **state)
{
	char name[] = "a";
	const struct known_row rows[] = {{.name = {name, 1}, .port = 1}};
	struct extension_list list;

	known_put(known_ticket(), rows, 1);
	name[0] = 'x';
	known_list(&list);
	assert_true(text_equal(list.items[0]->row.name, TEXT("a")));
	known_release(&list);
}

static void a_read_that_comes_late_is_left(void **state)
{
	const struct known_row old[] = {row("old", 1)}, new[] = {row("new", 2)};
	uint64_t early = known_ticket(), late = known_ticket();
	struct extension_list list;

	known_put(late, new, 1);
	known_put(early, old, 1);
	known_put(late, old, 1);
	known_list(&list);
	assert_int_equal(list.count, 1);
	assert_true(text_equal(list.items[0]->row.name, TEXT("new")));
	known_release(&list);
}

static void what_is_the_same_stays_the_same(void **state)
{
	struct known_row rows[] = {row("a", 1), row("b", 2)};
	struct extension_list before, after;

	known_put(known_ticket(), rows, 2);
	known_list(&before);
	rows[1].registered_us++;
	known_put(known_ticket(), rows, 2);
	known_list(&after);
	assert_ptr_equal(before.items[0], after.items[0]);
	assert_ptr_not_equal(before.items[1], after.items[1]);
	known_release(&before);
	known_release(&after);
}

static void an_extension_lives_as_long_as_a_list_has_it(void **state)
{
	const struct known_row rows[] = {row("a", 1)};
	struct extension_list list;

	known_put(known_ticket(), rows, 1);
	known_list(&list);
	known_put(known_ticket(), NULL, 0);
	known_forget();
	assert_true(text_equal(list.items[0]->row.name, TEXT("a")));
	known_release(&list);
	assert_int_equal(list.count, 0);
}

enum { THREADS = 4, ROUNDS = 2000 };

/* Reads that overlap; all lists are whole. */
static void *put_and_list(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		const struct known_row rows[] = {row("a", 1 + i % 3), row("b", 11 + i % 5)};
		uint64_t ticket = known_ticket();
		struct extension_list list;

		known_put(ticket, rows, 2);
		known_list(&list);
		assert_int_equal(list.count, 2);
		assert_true(text_equal(list.items[1]->row.name, TEXT("b")));
		known_release(&list);
	}
	return NULL;
}

static void any_thread_may_read_and_ask(void **state)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_and_list, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(known_count(), 2);
}

static int end(void **state)
{
	known_forget();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_known_before_the_first_read, begin),
		cmocka_unit_test_setup(a_read_replaces_all, begin),
		cmocka_unit_test_setup(the_name_is_a_copy, begin),
		cmocka_unit_test_setup(a_read_that_comes_late_is_left, begin),
		cmocka_unit_test_setup(what_is_the_same_stays_the_same, begin),
		cmocka_unit_test_setup(an_extension_lives_as_long_as_a_list_has_it, begin),
		cmocka_unit_test_setup(any_thread_may_read_and_ask, begin),
	};
	return cmocka_run_group_tests(tests, NULL, end);
}
