/* Percent-decoding of path segments, query strings and forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/percent.h"

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_decodes(const char *from, bool plus, const char *to)
{
	struct text decoded;
	assert_null(percent_decode(arena, text_of(from), plus, &decoded));
	assert_true(text_equal(decoded, text_of(to)));
}

static void assert_refused(const char *from)
{
	struct text decoded;
	assert_non_null(percent_decode(arena, text_of(from), true, &decoded));
}

static void what_is_not_encoded_is_not_copied(void **state)
{
	struct text plain = TEXT("a-b_c~"), decoded;
	(void)state;
	assert_null(percent_decode(arena, plain, true, &decoded));
	assert_ptr_equal(decoded.data, plain.data);
	assert_int_equal(decoded.size, plain.size);
}

static void escapes_become_bytes_in_either_case(void **state)
{
	(void)state;
	assert_decodes("%2Fa%2fb%25", false, "/a/b%");
	assert_decodes("%E4%b8%AD", false, "中");
	assert_decodes("", false, "");
}

static void plus_is_a_blank_only_in_a_query(void **state)
{
	(void)state;
	assert_decodes("a+b%2B", true, "a b+");
	assert_decodes("a+b", false, "a+b");
}

static void a_broken_escape_is_refused(void **state)
{
	(void)state;
	assert_refused("%");
	assert_refused("a%4");
	assert_refused("%4x");
	assert_refused("%%41");
}

static void nul_and_ill_formed_utf8_are_refused(void **state)
{
	(void)state;
	assert_refused("a%00b");
	assert_refused("%ff");
	assert_refused("%c0%af");
	assert_refused("\xff");
}

static void what_a_header_may_not_carry_is_encoded(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *encoded;
	} rows[] = {{"a-Z_0/~!", "a-Z_0/~!"}, {" a b\t\x7f", "%20a%20b%09%7F"}, {"100%", "100%25"},
		{"中", "%E4%B8%AD"}, {"a.b", "a%2Eb"}, {"", ""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text encoded = percent_encode(arena, text_of(rows[i].plain), "."), back;
		assert_int_equal(encoded.size, strlen(rows[i].encoded));
		assert_memory_equal(
			encoded.data ? encoded.data : "", rows[i].encoded, encoded.size);
		assert_null(percent_decode(arena, encoded, false, &back));
		assert_true(text_equal(back, text_of(rows[i].plain)));
	}
	assert_true(text_equal(percent_encode(arena, (struct text){"\0", 1}, ""), TEXT("%00")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_encoded_is_not_copied),
		cmocka_unit_test(escapes_become_bytes_in_either_case),
		cmocka_unit_test(plus_is_a_blank_only_in_a_query),
		cmocka_unit_test(a_broken_escape_is_refused),
		cmocka_unit_test(nul_and_ill_formed_utf8_are_refused),
		cmocka_unit_test(what_a_header_may_not_carry_is_encoded),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
