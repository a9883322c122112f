#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/base/child.h"

static void break_invariant(void *arg)
{
	CHECK(arg == NULL);
	CHECK(1 + 1 == 3);
}

static void a_broken_invariant_is_logged_and_aborts(void **state)
{
	struct child c = child_run(break_invariant, NULL);

	assert_int_equal(c.signal, SIGABRT);
	assert_non_null(
		strstr(c.errors, "level=error event=\"check failed\" condition=\"1 + 1 == 3\""));
	assert_non_null(strstr(c.errors, "function=break_invariant"));
	assert_non_null(strstr(c.errors, "check_test.c line="));
}

static void no_bytes_are_still_memory(void **state)
{
	void *a = check_malloc(0), *b = check_calloc(0, 8), *c = check_realloc(NULL, 0);

	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	free(a);
	free(b);
	free(c);
}

static void calloc_gives_zeros_and_realloc_keeps_what_was_there(void **state)
{
	char *memory = check_calloc(4, 4);

	for (int i = 0; i < 16; i++)
		assert_int_equal(memory[i], 0);
	memcpy(memory, "kept", 5);
	memory = check_realloc(memory, 100000);
	assert_string_equal(memory, "kept");
	free(memory);
}

static void strdup_copies(void **state)
{
	char original[] = "text", *copy = check_strdup(original);

	original[0] = 'n';
	assert_string_equal(copy, "text");
	free(copy);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void ask_for_too_much(void *arg)
{
	/* Through a variable: the compiler would refuse the constant. */
	volatile size_t size = SIZE_MAX / 2;
	free(check_malloc(size));
}

static void exhausted_memory_is_logged_and_aborts(void **state)
{
	struct child c = child_run(ask_for_too_much, NULL);

	assert_int_equal(c.signal, SIGABRT);
	assert_non_null(strstr(c.errors, "event=\"out of memory\" bytes=9223372036854775807"));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_invariant_is_logged_and_aborts),
		cmocka_unit_test(no_bytes_are_still_memory),
		cmocka_unit_test(calloc_gives_zeros_and_realloc_keeps_what_was_there),
		cmocka_unit_test(strdup_copies),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(exhausted_memory_is_logged_and_aborts),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
