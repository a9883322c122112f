/* The file without a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/api_reader/spool.h"

static char folder[] = "/tmp/jt-spool-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

/* Fails if anything is left in it. */
static int tear_down(void **state)
{
	return rmdir(folder);
}

static void what_was_written_is_read_and_then_closed(void **state)
{
	struct spool s = {.folder = folder, .fd = -1};
	struct text bytes;
	struct stat file;
	char room[5];

	assert_true(spool_write(&s, TEXT("hello ")));
	assert_true(spool_write(&s, TEXT("world")));
	assert_int_equal(s.end, 11);
	assert_int_equal(fstat(s.fd, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(file.st_nlink, 0);
	assert_true(spool_read(&s, room, sizeof(room), &bytes));
	assert_true(text_equal(bytes, TEXT("hello")));
	assert_true(spool_read(&s, room, sizeof(room), &bytes));
	assert_true(text_equal(bytes, TEXT(" worl")));
	assert_true(spool_read(&s, room, sizeof(room), &bytes));
	assert_true(text_equal(bytes, TEXT("d")));
	assert_int_equal(s.fd, -1);
	spool_close(&s);
}

static void a_file_that_became_shorter_is_an_error(void **state)
{
	struct spool s = {.folder = folder, .fd = -1};
	struct text bytes;
	char room[5];

	assert_true(spool_write(&s, TEXT("hello")));
	assert_int_equal(ftruncate(s.fd, 0), 0);
	assert_false(spool_read(&s, room, sizeof(room), &bytes));
	assert_int_equal(s.error, EIO);
	spool_close(&s);
	assert_int_equal(s.fd, -1);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	struct spool s = {.folder = "/nonexistent", .fd = -1};

	assert_false(spool_write(&s, TEXT("x")));
	assert_int_equal(s.error, ENOENT);
	spool_close(&s);
}

static void a_full_folder_is_an_error(void **state)
{
	struct spool s = {.folder = folder, .fd = -1};
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	s.fd = dup(fileno(full));
	fclose(full);
	assert_false(spool_write(&s, TEXT("x")));
	assert_int_equal(s.error, ENOSPC);
	spool_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_and_then_closed),
		cmocka_unit_test(a_file_that_became_shorter_is_an_error),
		cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
		cmocka_unit_test(a_full_folder_is_an_error),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
