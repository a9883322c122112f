#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static const struct text nothing = {NULL, 0};

static void texts_are_equal_when_all_their_bytes_are(void **state)
{
	assert_true(text_equal(TEXT("a\0b"), TEXT("a\0b")));
	assert_false(text_equal(TEXT("a\0b"), TEXT("a\0c")));
	assert_false(text_equal(TEXT("a"), TEXT("ab")));
	assert_true(text_equal(nothing, TEXT("")));
	assert_true(text_equal(text_of(NULL), nothing));
}

static void only_ascii_letters_compare_without_case(void **state)
{
	assert_true(text_equal_nocase(TEXT("Content-LENGTH"), TEXT("content-length")));
	assert_false(text_equal_nocase(TEXT("a"), TEXT("b")));
	assert_false(text_equal_nocase(TEXT("a"), TEXT("aa")));
	assert_false(text_equal_nocase(TEXT("["), TEXT("{")));
	assert_false(text_equal_nocase(TEXT("@"), TEXT("`")));
	assert_false(text_equal_nocase(TEXT("\xc3\x84"), TEXT("\xc3\xa4")));
}

static void texts_are_ordered_by_unsigned_bytes_then_by_length(void **state)
{
	assert_true(text_compare(TEXT("a"), TEXT("b")) < 0);
	assert_true(text_compare(TEXT("b"), TEXT("a")) > 0);
	assert_true(text_compare(TEXT("a"), TEXT("aa")) < 0);
	assert_true(text_compare(TEXT("\xff"), TEXT("a")) > 0);
	assert_int_equal(text_compare(TEXT("ab"), TEXT("ab")), 0);
	assert_true(text_compare(nothing, TEXT("a")) < 0);
}

static void prefixes_and_parts_stay_inside_the_text(void **state)
{
	assert_true(text_starts(TEXT("/mw/call"), TEXT("/mw/")));
	assert_false(text_starts(TEXT("/mw"), TEXT("/mw/")));
	assert_true(text_equal(text_from(TEXT("abc"), 1), TEXT("bc")));
	assert_true(text_equal(text_from(TEXT("abc"), 9), TEXT("")));
	assert_true(text_equal(text_until(TEXT("abc"), 2), TEXT("ab")));
	assert_true(text_equal(text_until(TEXT("abc"), 9), TEXT("abc")));
	assert_int_equal(text_from(nothing, 3).size, 0);
}

static void find_gives_the_first_place_from_an_offset_or_the_size(void **state)
{
	assert_int_equal(text_find(TEXT("a.b.c"), '.', 0), 1);
	assert_int_equal(text_find(TEXT("a.b.c"), '.', 2), 3);
	assert_int_equal(text_find(TEXT("a.b.c"), '.', 4), 5);
	assert_int_equal(text_find(TEXT("a"), 'a', 7), 1);
	assert_int_equal(text_find(nothing, 'a', 0), 0);
}

static void trim_takes_blanks_from_both_ends_only(void **state)
{
	assert_true(text_equal(text_trim(TEXT(" \t\r\n\v\fa b \n")), TEXT("a b")));
	assert_int_equal(text_trim(TEXT("  ")).size, 0);
	assert_int_equal(text_trim(nothing).size, 0);
	assert_true(text_equal(text_trim(TEXT("\xc2\xa0")), TEXT("\xc2\xa0")));
}

static void well_formed_utf8_has_no_error(void **state)
{
	struct text t = TEXT("plain ascii, long enough \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 "
			     "\xef\xbf\xbf \xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80 \0 end");

	assert_int_equal(text_utf8_error(t), t.size);
	assert_int_equal(text_utf8_error(nothing), 0);
}

static void the_first_ill_formed_byte_is_found(void **state)
{
	static const struct {
		struct text text;
		size_t error;
	} cases[] = {
		{{"\x80", 1}, 0},
		{{"ab\xc0\x80", 4}, 2},
		{{"\xc1\xbf", 2}, 0},
		{{"\xe0\x9f\xbf", 3}, 0},
		{{"\xed\xa0\x80", 3}, 0},
		{{"\xf0\x8f\xbf\xbf", 4}, 0},
		{{"\xf4\x90\x80\x80", 4}, 0},
		{{"\xf5\x80\x80\x80", 4}, 0},
		{{"a\xe4\xb8", 3}, 1},
		{{"\xc3", 1}, 0},
		{{"\xe4\xb8\x41", 3}, 0},
		{{"\xc3\x41", 2}, 0},
		{{"\xf0\x9f\x98\x41", 4}, 0},
		{{"12345678\xff", 9}, 8},
		{{"1234567\xff"
		  "8",
			 9},
			7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_utf8_error(cases[i].text), cases[i].error);
}

static void a_character_has_one_to_four_bytes(void **state)
{
	struct text t = TEXT("a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80");

	assert_int_equal(text_utf8_length(t, 0), 1);
	assert_int_equal(text_utf8_length(t, 1), 2);
	assert_int_equal(text_utf8_length(t, 2), 0);
	assert_int_equal(text_utf8_length(t, 3), 3);
	assert_int_equal(text_utf8_length(t, 6), 4);
	assert_int_equal(text_utf8_length(t, 10), 0);
}

static void control_characters_are_seen(void **state)
{
	assert_false(text_has_control(TEXT("a\xc2\xa0\xc3\x80 ~")));
	assert_false(text_has_control(TEXT("\xc2")));
	assert_true(text_has_control(TEXT("a\tb")));
	assert_true(text_has_control(TEXT("\x7f")));
	assert_true(text_has_control(TEXT("a\xc2\x9f")));
	assert_true(text_has_control((struct text){"a\0", 2}));
}

static void signed_integers_are_read_to_their_limits(void **state)
{
	int64_t value;

	assert_true(text_to_int64(TEXT("-9223372036854775808"), &value));
	assert_true(value == INT64_MIN);
	assert_true(text_to_int64(TEXT("9223372036854775807"), &value));
	assert_true(value == INT64_MAX);
	assert_true(text_to_int64(TEXT("-0"), &value));
	assert_int_equal(value, 0);
	assert_false(text_to_int64(TEXT("9223372036854775808"), &value));
	assert_false(text_to_int64(TEXT("-9223372036854775809"), &value));
	assert_false(text_to_int64(TEXT("99999999999999999999"), &value));
}

static void unsigned_integers_are_read_to_their_limits(void **state)
{
	uint64_t value;

	assert_true(text_to_uint64(TEXT("18446744073709551615"), &value));
	assert_true(value == UINT64_MAX);
	assert_true(text_to_uint64(TEXT("0080"), &value));
	assert_int_equal(value, 80);
	assert_false(text_to_uint64(TEXT("18446744073709551616"), &value));
	assert_false(text_to_uint64(TEXT("-1"), &value));
}

static void what_is_no_integer_is_refused(void **state)
{
	static const char *const none[] = {"", "-", "+1", " 1", "1 ", "1a", "0x10", "1.0", "--1"};
	int64_t value;
	uint64_t natural;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(text_to_int64(text_of(none[i]), &value));
		assert_false(text_to_uint64(text_of(none[i]), &natural));
	}
	assert_false(text_to_int64(nothing, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_equal_when_all_their_bytes_are),
		cmocka_unit_test(only_ascii_letters_compare_without_case),
		cmocka_unit_test(texts_are_ordered_by_unsigned_bytes_then_by_length),
		cmocka_unit_test(prefixes_and_parts_stay_inside_the_text),
		cmocka_unit_test(find_gives_the_first_place_from_an_offset_or_the_size),
		cmocka_unit_test(trim_takes_blanks_from_both_ends_only),
		cmocka_unit_test(well_formed_utf8_has_no_error),
		cmocka_unit_test(the_first_ill_formed_byte_is_found),
		cmocka_unit_test(a_character_has_one_to_four_bytes),
		cmocka_unit_test(control_characters_are_seen),
		cmocka_unit_test(signed_integers_are_read_to_their_limits),
		cmocka_unit_test(unsigned_integers_are_read_to_their_limits),
		cmocka_unit_test(what_is_no_integer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
