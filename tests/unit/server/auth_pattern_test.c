/* Patterns of actions and paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/auth/directory/pattern.h"

static void assert_means(const char *pattern, const char *action)
{
	if (!pattern_matches(text_of(pattern), text_of(action)))
		fail_msg("%s does not match %s", pattern, action);
}

static void assert_not(const char *pattern, const char *action)
{
	if (pattern_matches(text_of(pattern), text_of(action)))
		fail_msg("%s matches %s", pattern, action);
}

static void what_is_no_star_is_itself(void **state)
{
	assert_means("list", "list");
	assert_not("list", "lis");
	assert_not("list", "lists");
	assert_not("list", "");
	assert_means("", "");
	assert_not("", "a");
	assert_means("/a.b?[c]\\d%_", "/a.b?[c]\\d%_");
	assert_not("/a.b", "/axb");
	assert_not("/a?", "/ab");
	assert_not("/a_", "/ab");
	assert_means("größe", "größe");
}

static void a_star_is_all_but_a_slash(void **state)
{
	assert_means("*", "");
	assert_means("*", "list");
	assert_not("*", "a/b");
	assert_not("*", "/");
	assert_means("list*", "list");
	assert_means("list*", "listNodes");
	assert_not("list*", "list/x");
	assert_means("*Nodes", "listnodes");
	assert_means("/v1/*/jobs", "/v1/a/jobs");
	assert_means("/v1/*/jobs", "/v1//jobs");
	assert_not("/v1/*/jobs", "/v1/a/b/jobs");
	assert_not("/v1/*/jobs", "/v1/jobs");
	assert_means("/v1/*/*", "/v1/a/b");
	assert_not("/v1/*/*", "/v1/a/b/c");
	assert_means("a*b*c", "aXbYbZc");
	assert_not("a*b*c", "aXbYb/Zc");
}

static void two_stars_are_anything(void **state)
{
	assert_means("**", "");
	assert_means("**", "/a/b//");
	assert_means("/v1/**", "/v1/");
	assert_means("/v1/**", "/v1/a/b");
	assert_not("/v1/**", "/v1");
	assert_means("/v1/**/log", "/v1/a/b/log");
	assert_not("/v1/**/log", "/v1/log");
	assert_means("**/x*y/z**w", "/a/xq/xqy/z//w");
	assert_not("**/x*y/z**w", "/a/xq/xq/y/z//w");
	/* More of them are the same. */
	assert_means("***", "/a/b");
	assert_means("/****x", "/a/b/x");
	assert_means("*****", "");
}

static void of_paths_case_counts(void **state)
{
	assert_means("listnodes", "ListNodes");
	assert_means("LIST*s", "listNodeS");
	assert_means("a*b*c", "AxxByyC");
	assert_not("/v1/nodes", "/v1/Nodes");
	assert_not("/v1/*/X*", "/v1/a/xy");
	assert_not("**nodes", "/v1/Nodes");
	/* Only letters of ASCII have two cases here. */
	assert_not("@[`{", "`{@[");
	assert_not("\xc3\xa4", "\xc3\x84");
}

/* Without end, if each star were tried at each place. */
static void no_pattern_takes_long(void **state)
{
	char pattern[PATTERN_MAX], action[2048];

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 3 == 2 ? 'a' : '*';
	memset(action, 'a', sizeof(action));
	assert_true(pattern_matches(
		(struct text){pattern, sizeof(pattern)}, (struct text){action, sizeof(action)}));
	action[sizeof(action) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '*';
	pattern[sizeof(pattern) - 4] = 'c';
	assert_false(pattern_matches(
		(struct text){pattern, sizeof(pattern)}, (struct text){action, sizeof(action)}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_star_is_itself),
		cmocka_unit_test(a_star_is_all_but_a_slash),
		cmocka_unit_test(two_stars_are_anything),
		cmocka_unit_test(of_paths_case_counts),
		cmocka_unit_test(no_pattern_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
