/* By what attempts of an address are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "server/auth/refusal.h"
#include "server/auth/session/attempt.h"

static struct arena *a;

static int set_up(void **state)
{
	a = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&a);
	return 0;
}

static void an_address_counts_without_its_port(void **state)
{
	static const char *const cases[][2] = {
		{"10.0.0.1:4711", "10.0.0.1"},
		{"10.0.0.1", "10.0.0.1"},
		{"[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::"},
		{"[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:DB8::1", "2001:db8::"},
		{"[::1]:1", "::"},
		{"[::ffff:10.0.0.1]:4711", "10.0.0.1"},
		{"::ffff:10.0.0.2", "10.0.0.2"},
		{"[fe80::1%eth0]:1", "fe80::"},
		{"somewhere:1", "somewhere"},
		{"", "-"},
		{":1", "-"},
		{"[", "-"},
		{"[]:1", "-"},
		{"\xff\xfe", "-"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text counted = attempt_address(a, text_of(cases[i][0]));
		assert_string_equal(arena_string(a, counted), cases[i][1]);
	}
	assert_string_equal(attempt_address(a, (struct text){0}).data, "-");
}

static void an_address_of_any_length_has_an_end(void **state)
{
	char *longest = arena_alloc(a, 1001);

	memset(longest, 'x', 1000);
	longest[1000] = '\0';
	assert_int_equal(attempt_address(a, text_of(longest)).size, 64);
}

static void what_is_no_id_of_a_key_is_not_shown(void **state)
{
	static const char *const ids[] = {"", "ak-", "ak-0123456789abcdefghi",
		"ak-0123456789abcdefghijk", "ak-0123456789abcdefghiJ", "xx-0123456789abcdefghij",
		"ak-0123456789abcdefgh\nj"};

	assert_string_equal(refusal_access_key(a, TEXT("ak-0123456789abcdefghij")).data,
		"access_key:ak-0123456789abcdefghij");
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_string_equal(refusal_access_key(a, text_of(ids[i])).data, "access_key:?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_counts_without_its_port),
		cmocka_unit_test(an_address_of_any_length_has_an_end),
		cmocka_unit_test(what_is_no_id_of_a_key_is_not_shown),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
