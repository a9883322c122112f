/* What a Content-Disposition calls a file, and what is no name. */
/* Before cmocka, which has a fail(), too. */
#include "server/notice/attachment/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/notice/attachment/disposition.h"

static void test_names(void **state)
{
	static const struct {
		const char *header, *name;
	} cases[] = {
		{"attachment; filename=a.txt", "a.txt"},
		{"attachment; filename=\"a b.txt\"", "a b.txt"},
		{"attachment;filename=\"a;b\\\"c\\d.txt\" ; x=y", "a;b\"cd.txt"},
		{"attachment; FileName = a.txt ", "a.txt"},
		{"attachment; filename=a; filename=b", "b"},
		{"inline; filename*=UTF-8''%E5%8F%91%20a.txt; filename=b", "发 a.txt"},
		{"inline; filename=b; filename*=utf-8'zh'%e7%a5%a8", "票"},
		{"inline; filename*=ISO-8859-1''%FC; filename=b", "b"},
		{"inline; filename*=UTF-8''%FF; filename=b", "b"},
		{"inline; filename*=UTF-8''%zz; filename=b", "b"},
		{"inline; filename*=UTF-8'x; filename=b", "b"},
		{"inline; filename*=UTF-8''a%00b; filename=b", "b"},
		{"inline; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"},
		{"attachment; filename=\"C:\\\\x\\\\a.txt\"", "a.txt"},
		{"attachment; filename=\"/etc/\"", "i_d"},
		{"attachment; filename=\"a\x01"
		 "b\"",
			"i_d"},
		{"attachment; filename=\"\xff\"", "i_d"},
		{"attachment; filename=\"open", "open"},
		{"attachment; filename=\"a\\", "a\\"},
		{"attachment; filename=", "i_d"},
		{"attachment; filename", "i_d"},
		{"attachment;", "i_d"},
		{"filename=a", "i_d"},
		{"", "i_d"},
	};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text name = disposition_file_name(
			a, arena_text(a, text_of(cases[i].header)), TEXT("i/d"));

		if (i == 18) /* a backslash is never in a name */
			assert_true(store_name_holds(name));
		else
			assert_string_equal(name.data, cases[i].name);
	}
	arena_free(&a);
}

static void test_a_name_that_is_too_long(void **state)
{
	struct arena *a = arena_new(0);
	char header[300] = "x; filename=";

	memset(header + 12, 'n', 255);
	assert_int_equal(disposition_file_name(a, text_of(header), TEXT("id")).size, 255);
	header[12 + 255] = 'n';
	assert_string_equal(disposition_file_name(a, text_of(header), TEXT("id")).data, "id");
	arena_free(&a);
}

static void test_media_types(void **state)
{
	char type[257] = {0};

	assert_true(store_content_type_holds(TEXT("text/plain; charset=\"utf-8\"")));
	assert_false(store_content_type_holds(TEXT("")));
	assert_false(store_content_type_holds(TEXT("text/plain\r\nX: y")));
	assert_false(store_content_type_holds(TEXT("text/\x7f")));
	assert_false(store_content_type_holds(TEXT("text/\xc3\xbc")));
	memset(type, 't', 256);
	assert_false(store_content_type_holds(text_of(type)));
	assert_true(store_content_type_holds(text_until(text_of(type), 255)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_name_that_is_too_long),
		cmocka_unit_test(test_media_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
