/* The forms of targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/uri.h"

static void assert_splits(
	const char *target, const char *authority, const char *path, const char *query)
{
	struct uri uri;
	assert_null(uri_split(text_of(target), &uri));
	assert_true(text_equal(uri.authority, text_of(authority)));
	assert_true(text_equal(uri.path, text_of(path)));
	assert_true(text_equal(uri.query, text_of(query)));
}

static void a_target_is_a_path_and_a_query(void **state)
{
	(void)state;
	assert_splits("/", "", "/", "");
	assert_splits("/a/b?c=/d?e", "", "/a/b", "c=/d?e");
	assert_splits("/a?", "", "/a", "");
	assert_splits("*", "", "*", "");
	assert_splits("//evil/a", "", "//evil/a", "");
	assert_splits("", "", "", "");
	assert_splits("localhost:80", "", "localhost:80", "");
}

static void an_absolute_target_has_a_host_before(void **state)
{
	(void)state;
	assert_splits("http://h:1/a?b", "h:1", "/a", "b");
	assert_splits("HTTPS://[::1]/a", "[::1]", "/a", "");
	assert_splits("http://h", "h", "/", "");
	assert_splits("http://h?a/b", "h", "/", "a/b");
	assert_splits("http://user@h/", "user@h", "/", "");
	assert_splits("http://h//a", "h", "//a", "");
	assert_splits("ftp://h/a", "", "ftp://h/a", "");
	assert_splits("http:/h/a", "", "http:/h/a", "");
}

static void a_target_that_is_none_is_refused(void **state)
{
	static const char *const targets[] = {"/a b", "/a\tb", "/a\x7f", "/a#b", "/a?b#c",
		"http://h/a b", "http://", "http:///a", "http://?a"};
	(void)state;
	struct uri uri;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_non_null(uri_split(text_of(targets[i]), &uri));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_a_path_and_a_query),
		cmocka_unit_test(an_absolute_target_has_a_host_before),
		cmocka_unit_test(a_target_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
