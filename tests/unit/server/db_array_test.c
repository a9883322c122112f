/* Arrays, and bytes, as PostgreSQL itself reads them. */
#include "server/db/array.h"
#include "server/db/bytea.h"
#include "tests/support/lane_trial.h"
#include "tests/support/postgres.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct test_postgres *postgres;
static struct lanes *lanes;
static struct arena *arena;

static int start(void **state)
{
	postgres = test_postgres_shared();
	struct lanes_options options =
		trial_options(test_postgres_database(postgres, test_postgres_template(postgres)));
	lanes = lanes_start(&options);
	arena = arena_new(0);
	return lanes ? 0 : -1;
}

static int stop(void **state)
{
	lanes_stop(&lanes);
	arena_free(&arena);
	test_postgres_stop(&postgres);
	return 0;
}

static const struct statement compare = {
	.name = "array_compare",
	.sql = "SELECT ($1::text[])[$2::integer]",
	.parameters = 2,
};

static const struct statement total = {
	.name = "array_total",
	.sql = "SELECT sum(n) || ' of ' || count(*) || coalesce($2::text, '') "
	       "FROM unnest($1::bigint[]) n",
	.parameters = 2,
};

static const char *ask(const struct statement *statement, struct buffer *array, const char *second)
{
	static struct ask question;

	ask_prepare(&question, statement, TRIAL_FOREVER, arena_string(arena, array_text(array)),
		second);
	assert_int_equal(ask_query(lanes, &question), STATUS_OK);
	return question.ending.value;
}

static void an_element_arrives_as_it_was(void **state)
{
	static const char *const elements[] = {"plain", "", "NULL", "a,b", "{}", "{\"a\":\"b\"}",
		"\\", "\"", "\\\"", "a\\nb", "a\nb\tc", " blanks ", "größe 名", "\"\"", "x\\"};

	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
		struct buffer array = {.arena = arena};

		array_add(&array, TEXT("before"));
		array_add(&array, text_of(elements[i]));
		array_add(&array, TEXT("\"after\\"));
		assert_string_equal(ask(&compare, &array, "2"), elements[i]);
	}
}

static void what_has_no_data_is_null(void **state)
{
	struct buffer array = {.arena = arena};

	array_add(&array, (struct text){0});
	array_add(&array, TEXT(""));
	assert_true(text_equal(array_text(&array), TEXT("{NULL,\"\"}")));
}

static void numbers_and_nothing(void **state)
{
	struct buffer none = {.arena = arena}, array = {.arena = arena};

	assert_true(text_equal(array_text(&none), TEXT("{}")));
	array_add_number(&array, INT64_MAX);
	array_add_number(&array, -1);
	array_add_number(&array, 0);
	assert_string_equal(ask(&total, &array, NULL), "9223372036854775806 of 3");
}

static void bytes_are_written_as_postgresql_reads_them(void **state)
{
	struct text t = bytea_text(arena, "\x00\xff\x1a", 3);

	assert_int_equal(t.size, 8);
	assert_string_equal(t.data, "\\x00ff1a");
	assert_string_equal(bytea_text(arena, NULL, 0).data, "\\x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_element_arrives_as_it_was),
		cmocka_unit_test(what_has_no_data_is_null),
		cmocka_unit_test(numbers_and_nothing),
		cmocka_unit_test(bytes_are_written_as_postgresql_reads_them),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
