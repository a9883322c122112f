/* Base64 both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

/* RFC 4648, 10. */
static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
	{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

static void the_vectors_of_the_rfc_hold_both_ways(void **state)
{
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct buffer out = {.arena = a};
		struct text bytes;

		base64_write(&out, text_of(vectors[i][0]));
		assert_true(text_equal(buffer_text(&out), text_of(vectors[i][1])));
		assert_true(base64_read(a, text_of(vectors[i][1]), &bytes));
		assert_true(text_equal(bytes, text_of(vectors[i][0])));
	}
	arena_free(&a);
}

static void all_bytes_survive(void **state)
{
	struct arena *a = arena_new(0);
	struct buffer out = {.arena = a};
	struct text bytes;
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)(i * 7);
	base64_write(&out, (struct text){all, sizeof(all)});
	assert_true(base64_read(a, buffer_text(&out), &bytes));
	assert_true(text_equal(bytes, (struct text){all, sizeof(all)}));
	arena_free(&a);
}

static void the_alphabet_for_urls_has_no_padding(void **state)
{
	static const char *const written[][2] = {
		{"", ""}, {"\xfb", "-w"}, {"\xfb\xff", "-_8"}, {"\xfb\xff\xbf", "-_-_"}};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		struct buffer out = {.arena = a};

		base64_write_url(&out, text_of(written[i][0]));
		assert_true(text_equal(buffer_text(&out), text_of(written[i][1])));
	}
	arena_free(&a);
}

static void either_alphabet_is_read_with_or_without_padding(void **state)
{
	struct arena *a = arena_new(0);
	struct text bytes;

	assert_true(base64_read(a, TEXT("-_8"), &bytes));
	assert_true(text_equal(bytes, TEXT("\xfb\xff")));
	assert_true(base64_read(a, TEXT("+/8="), &bytes));
	assert_true(text_equal(bytes, TEXT("\xfb\xff")));
	arena_free(&a);
}

static void what_is_no_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z", "Zm9vY", "Z===", "====", "Zg=", "Zm8=Zm8=", "Zm 9", "Zm9v\n", "Z\303\266"};
	struct arena *a = arena_new(0);
	struct text bytes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(base64_read(a, text_of(bad[i]), &bytes));
	arena_free(&a);
}

static void of_two_spellings_only_the_one_for_urls_is_read(void **state)
{
	static const char *const bad[] = {"-w==", "+w", "-x", "-_9", "-_-_ ", "Z", "AA=A"};
	struct arena *a = arena_new(0);
	struct text bytes;

	assert_true(base64_read_url(a, TEXT("-_8"), &bytes));
	assert_true(text_equal(bytes, TEXT("\xfb\xff")));
	assert_true(base64_read_url(a, TEXT(""), &bytes));
	assert_int_equal(bytes.size, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(base64_read_url(a, text_of(bad[i]), &bytes));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_hold_both_ways),
		cmocka_unit_test(all_bytes_survive),
		cmocka_unit_test(the_alphabet_for_urls_has_no_padding),
		cmocka_unit_test(either_alphabet_is_read_with_or_without_padding),
		cmocka_unit_test(what_is_no_base64_is_refused),
		cmocka_unit_test(of_two_spellings_only_the_one_for_urls_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
