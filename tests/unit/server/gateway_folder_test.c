/* Looks at a folder: which files there are, and when each is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "server/gateway/config/configuration.h"
#include "server/gateway/config/folder.h"

static struct arena *arena;
static char folder[64];
static struct folder_look last;

static const char *at(const char *name)
{
	return arena_printf(arena, "%s/%s", folder, name);
}

static void put(const char *name, const char *content)
{
	FILE *file = fopen(at("fresh"), "w");

	CHECK(file && fputs(content, file) >= 0 && fclose(file) == 0);
	CHECK(rename(at("fresh"), at(name)) == 0);
}

/* One more look, with what the one before knows. */
static void look(void)
{
	last = (struct folder_look){
		.arena = arena, .folder = folder, .known = last.files, .known_count = last.count};
	folder_look(&last);
}

/* "a! b": these files, in this order; "!": it was read by this look. */
static void expect(const char *files)
{
	struct buffer b = {.arena = arena};

	look();
	for (size_t i = 0; i < last.count; i++)
		buffer_printf(&b, "%s%s%s", i ? " " : "", last.files[i].path,
			last.files[i].fresh ? "!" : "");
	assert_string_equal(arena_string(arena, buffer_text(&b)), files);
}

static int set_up(void **state)
{
	arena = arena_new(0);
	last = (struct folder_look){0};
	snprintf(folder, sizeof(folder), "/tmp/jt-folder-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	int result = system(arena_printf(arena, "chmod -R u+rwx %s && rm -r %s", folder, folder));

	arena_free(&arena);
	return result;
}

static void a_file_is_read_once_when_two_looks_see_it_alike(void **state)
{
	put("a.config.json", "one");
	expect("a.config.json");
	expect("a.config.json!");
	assert_string_equal(arena_string(arena, last.files[0].content), "one");
	expect("a.config.json");
	put("a.config.json", "two");
	expect("a.config.json");
	expect("a.config.json!");
	assert_string_equal(arena_string(arena, last.files[0].content), "two");
}

static void one_that_grows_is_not_read(void **state)
{
	FILE *file;

	put("a.config.json", "one");
	look();
	for (int i = 0; i < 5; i++) {
		file = fopen(at("a.config.json"), "a");
		CHECK(file && fputs("more", file) >= 0 && fclose(file) == 0);
		expect("a.config.json");
	}
	expect("a.config.json!");
}

static void folders_in_it_are_looked_at_and_none_in_those(void **state)
{
	mkdir(at("b"), 0700);
	mkdir(at("b/c"), 0700);
	mkdir(at(".d"), 0700);
	mkdir(at("e.config.json"), 0700);
	put("z.config.json", "");
	put("b/a.config.json", "");
	put("b/c/no.config.json", "");
	put(".d/no.config.json", "");
	put(".no.config.json", "");
	put("no.json", "");
	put(".config.json", "");
	put("bad\xff.config.json", "");
	put("bad\n.config.json", "");
	CHECK(symlink(at("z.config.json"), at("link.config.json")) == 0);
	CHECK(symlink(at("nowhere"), at("dangling.config.json")) == 0);
	CHECK(symlink("loop.config.json", at("loop.config.json")) == 0);
	CHECK(mkfifo(at("pipe.config.json"), 0600) == 0);
	expect("b/a.config.json link.config.json z.config.json");
	assert_int_equal(last.unread_count, 0);
}

static void one_that_is_too_large_is_told_once(void **state)
{
	put("a.config.json", "");
	CHECK(truncate(at("a.config.json"), CONFIGURATION_MAX + 1) == 0);
	look();
	expect("a.config.json!");
	assert_null(last.files[0].content.data);
	assert_string_equal(last.files[0].error, "must have at most 1048576 bytes");
	expect("a.config.json");
	CHECK(truncate(at("a.config.json"), CONFIGURATION_MAX) == 0);
	look();
	expect("a.config.json!");
	assert_int_equal(last.files[0].content.size, CONFIGURATION_MAX);
}

static void what_cannot_be_looked_at_is_told(void **state)
{
	mkdir(at("b"), 0700);
	put("b/a.config.json", "");
	put("c.config.json", "");
	if (geteuid() != 0) { /* who may read everything */
		chmod(at("b"), 0);
		expect("c.config.json");
		assert_int_equal(last.unread_count, 1);
		assert_string_equal(last.unread[0], "b");
		chmod(at("b"), 0700);
	}
	rename(folder, arena_printf(arena, "%s-away", folder));
	look();
	assert_string_equal(last.error, "No such file or directory");
	rename(arena_printf(arena, "%s-away", folder), folder);
	look();
	assert_null(last.error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_read_once_when_two_looks_see_it_alike),
		TEST(one_that_grows_is_not_read),
		TEST(folders_in_it_are_looked_at_and_none_in_those),
		TEST(one_that_is_too_large_is_told_once),
		TEST(what_cannot_be_looked_at_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
