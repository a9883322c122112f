/* What a third party gives for a table: told from the first bytes, however they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api_reader/inspect.h"

static struct arena *arena;
static struct status status;

static int set_up(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

/* In pieces of that size; all of it is held as long as nothing is known. */
static enum verdict look(const char *type, struct text body, size_t piece)
{
	struct inspector i;
	size_t at = 0;

	status = (struct status){.message = ""};
	if (!inspector_begin(&i, arena, "t.download", type, &status))
		return VERDICT_REFUSED;
	while (i.verdict == VERDICT_UNKNOWN && at < body.size) {
		size_t left = body.size - at;

		piece = left < piece ? left : piece;
		inspector_look(&i, (struct text){body.data + at, piece}, false, &status);
		at += piece;
		assert_int_equal(i.held.size, at);
	}
	if (i.verdict == VERDICT_UNKNOWN)
		inspector_look(&i, TEXT(""), true, &status);
	assert_true(text_starts(body, buffer_text(&i.held)));
	return i.verdict;
}

static void assert_table(const char *type, struct text body)
{
	assert_int_equal(look(type, body, 1), VERDICT_TABLE);
	assert_int_equal(look(type, body, 65536), VERDICT_TABLE);
}

static void assert_refused(const char *type, const char *body, int64_t code, const char *message)
{
	for (size_t piece = 1; piece < 100000; piece *= 100) {
		assert_int_equal(look(type, text_of(body), piece), VERDICT_REFUSED);
		assert_int_equal(status.code, STATUS_UNKNOWN);
		assert_string_equal(status.message, message);
		assert_int_equal(status.remote_code, code);
	}
}

static struct text filled(const char *start, size_t size, char with)
{
	char *bytes = arena_alloc(arena, size);

	memset(bytes, with, size);
	memcpy(bytes, start, strlen(start));
	return (struct text){bytes, size};
}

static void a_table_is_a_table(void **state)
{
	assert_table("", TEXT(""));
	assert_table("", TEXT("\n \n"));
	assert_table("text/csv", TEXT("id,x\n1,2\n"));
	assert_table("text/plain; charset=utf-8", TEXT("\xef\xbb\xbfid,x\n"));
	assert_table("application/octet-stream", TEXT("\0\1\2"));
	assert_table("application/octet-stream", TEXT("\x1f"));
	assert_table("application/octet-stream", TEXT("\x1f\x8a"));
	assert_table("application/octet-stream", TEXT("\xef\xbb"));
	assert_table("application/octet-stream", TEXT("<id>,x\n"));
	assert_table("application/octet-stream", TEXT("<"));
	assert_table("application/octet-stream", TEXT("[1,2]"));
}

static void what_begins_like_json_and_is_none_is_a_table(void **state)
{
	assert_table("", TEXT("{id},x\n1,2\n"));
	assert_table("", TEXT("{\"a\":1}"));
	assert_table("", TEXT("{\"code\":1}\n{\"code\":2}\n"));
	assert_table("", TEXT("{\"code\":1"));
	assert_table("", filled("{\"code\":1,", INSPECT_MAX + 1, ' '));
	assert_table("", filled("", INSPECT_MAX + 1, ' '));
}

#define JSON_SENTENCE "t.download answered JSON where the table was expected"

static void a_document_about_an_error_is_refused(void **state)
{
	assert_refused("application/octet-stream", "{\"code\":7,\"message\":\"no job\"}", 7,
		JSON_SENTENCE ": no job");
	assert_refused("", " \n{\"retcode\": 100, \"retmsg\": \"x\"} ", 100, JSON_SENTENCE ": x");
	assert_refused("text/plain", "\xef\xbb\xbf{\"error\":\"gone\"}", 0, JSON_SENTENCE ": gone");
	assert_refused("", "{\"code\":0,\"data\":{}}", 0, JSON_SENTENCE ": it gave no reason");
	assert_refused("", "{\"code\":\"7\",\"msg\":\"m\"}", 0, JSON_SENTENCE ": m");
}

static void what_calls_itself_json_is_no_table(void **state)
{
	assert_refused("Application/JSON; charset=utf-8", "{\"code\":7,\"message\":\"no job\"}", 7,
		JSON_SENTENCE ": no job");
	assert_refused("application/problem+json", "{}", 0, JSON_SENTENCE);
	assert_refused("application/json", "{\"code\":1,", 0, JSON_SENTENCE);
	assert_refused("application/json", "id,x\n", 0, JSON_SENTENCE);
	assert_refused("application/json", "", 0, JSON_SENTENCE);
	assert_int_equal(
		look("text/json", filled("[", 3 * INSPECT_MAX, ' '), 65536), VERDICT_REFUSED);
}

static void a_long_message_is_cut_between_characters(void **state)
{
	struct buffer b = {.arena = arena};

	buffer_add_text(&b, TEXT("{\"code\":1,\"message\":\"x"));
	for (int i = 0; i < 1000; i++)
		buffer_add_text(&b, TEXT("\xc3\xa9"));
	buffer_add_text(&b, TEXT("\"}"));
	assert_int_equal(look("", buffer_text(&b), 65536), VERDICT_REFUSED);
	assert_int_equal(strlen(status.message), strlen(JSON_SENTENCE ": ") + 499);
	assert_int_equal(text_utf8_error(text_of(status.message)), strlen(status.message));
}

static void a_page_is_refused(void **state)
{
	const char *page = "t.download answered with an HTML page where the table was expected";
	const char *typed = "t.download answered with an HTML page (its Content-Type says so) "
			    "where the table was expected";

	assert_refused("", "<!doctype html><p>", 0, page);
	assert_refused("text/plain", "\xef\xbb\xbf \r\n<HTML lang=en>", 0, page);
	assert_refused("text/html", "id,x\n", 0, typed);
	assert_refused("application/xhtml+xml; charset=x", "", 0, typed);
}

static void gzip_that_nobody_undid_is_refused(void **state)
{
	assert_refused("application/gzip", "\x1f\x8b\x08", 0,
		"t.download answered with gzip, without the Content-Encoding that says so");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_a_table),
		cmocka_unit_test(what_begins_like_json_and_is_none_is_a_table),
		cmocka_unit_test(a_document_about_an_error_is_refused),
		cmocka_unit_test(what_calls_itself_json_is_no_table),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(a_page_is_refused),
		cmocka_unit_test(gzip_that_nobody_undid_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
