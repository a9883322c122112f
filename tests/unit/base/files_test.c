#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/files.h"

static char folder[] = "/tmp/jt-files-XXXXXX";
static char first[64], second[64];

static void put(const char *path, const void *content, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	close(fd);
}

static int set_up(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(first, sizeof(first), "%s/first", folder);
	snprintf(second, sizeof(second), "%s/second", folder);
	return 0;
}

static int tear_down(void **state)
{
	unlink(first);
	unlink(second);
	return rmdir(folder);
}

static void texts_are_read_whole_and_a_file_not_given_is_skipped(void **state)
{
	char reason[FILES_REASON_SIZE];
	struct watched_file files[] = {{"--a", first}, {"--b", NULL}, {"--c", second}};
	put(first, "one\n", 4);
	put(second, "", 0);
	assert_true(files_read(files, 3, reason));
	assert_string_equal(files[0].text, "one\n");
	assert_null(files[1].text);
	assert_string_equal(files[2].text, "");
	assert_false(files_changed(files, 3));
	files_forget(files, 3);
	assert_null(files[0].text);
}

static void assert_refused(const char *path, const char *why)
{
	char reason[FILES_REASON_SIZE], sentence[FILES_REASON_SIZE];
	struct watched_file files[] = {{"--a", first}, {"--b", path}};
	put(first, "one", 3);
	snprintf(sentence, sizeof(sentence), "--b %s: %s", path, why);
	assert_false(files_read(files, 2, reason));
	assert_string_equal(reason, sentence);
	assert_null(files[0].text);
	assert_null(files[1].text);
	assert_false(files_changed(files, 2));
}

static void what_cannot_be_read_is_named(void **state)
{
	char *large = malloc(FILES_SIZE_MAX + 1);
	assert_non_null(large);
	memset(large, 'x', FILES_SIZE_MAX + 1);
	unlink(second);
	assert_refused(second, "No such file or directory");
	assert_refused(folder, "Is a directory");
	assert_refused("/dev/zero", "is no text file");
	put(second, "a\0b", 3);
	assert_refused(second, "is no text file");
	put(second, large, FILES_SIZE_MAX + 1);
	assert_refused(second, "File too large");

	char reason[FILES_REASON_SIZE];
	struct watched_file file = {"--b", second};
	put(second, large, FILES_SIZE_MAX);
	assert_true(files_read(&file, 1, reason));
	assert_int_equal(strlen(file.text), FILES_SIZE_MAX);
	files_forget(&file, 1);
	free(large);
}

static void another_file_at_the_path_is_a_change(void **state)
{
	char reason[FILES_REASON_SIZE];
	struct watched_file file = {"--a", first};
	put(first, "one", 3);
	put(second, "two", 3);
	assert_true(files_changed(&file, 1));
	assert_true(files_read(&file, 1, reason));
	assert_false(files_changed(&file, 1));
	assert_int_equal(rename(second, first), 0);
	assert_true(files_changed(&file, 1));
	assert_true(files_read(&file, 1, reason));
	assert_string_equal(file.text, "two");
	put(first, "three", 5);
	assert_true(files_changed(&file, 1));
	assert_int_equal(unlink(first), 0);
	assert_true(files_changed(&file, 1));
	assert_false(files_read(&file, 1, reason));
	assert_false(files_changed(&file, 1));
	put(first, "three", 5);
	assert_true(files_changed(&file, 1));
}

static void a_link_that_points_elsewhere_is_a_change(void **state)
{
	char reason[FILES_REASON_SIZE], link[80];
	struct watched_file file = {"--a", link};
	snprintf(link, sizeof(link), "%s/link", folder);
	put(first, "one", 3);
	put(second, "two", 3);
	assert_int_equal(symlink(first, link), 0);
	assert_true(files_read(&file, 1, reason));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(second, link), 0);
	assert_true(files_changed(&file, 1));
	assert_true(files_read(&file, 1, reason));
	assert_string_equal(file.text, "two");
	files_forget(&file, 1);
	unlink(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_whole_and_a_file_not_given_is_skipped),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(another_file_at_the_path_is_a_change),
		cmocka_unit_test(a_link_that_points_elsewhere_is_a_change),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
