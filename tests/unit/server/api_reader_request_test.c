/* What third parties are asked with: byte for byte as FATE Flow's client writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/api_reader/request.h"

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

/* --- upload ----------------------------------------------------------------------------------- */

static struct text upload_body(const char *given)
{
	struct text body;

	if (!request_upload_body(arena, text_of(given), &body, &status))
		fail_msg("%s", status.message);
	return body;
}

static void assert_upload(const char *given, const char *expected)
{
	assert_string_equal(arena_string(arena, upload_body(given)), expected);
}

static void assert_upload_refused(const char *given, const char *message)
{
	struct text body;

	assert_false(request_upload_body(arena, text_of(given), &body, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, message);
}

static void what_the_caller_gave_stays_byte_for_byte(void **state)
{
	assert_upload("{\"job_id\":\"j 1\"}",
		"{\"job_id\":\"j 1\", \"sign\": \"24603c7570d0f189170a4d1250be4852\"}");
	assert_upload(" { \"b\" :1.0e2,\n\"job_id\": \"j\\u00201\" , \"a\":\"\\u00e9\" } ",
		"{\"b\" :1.0e2,\n\"job_id\": \"j\\u00201\" , \"a\":\"\\u00e9\", "
		"\"sign\": \"24603c7570d0f189170a4d1250be4852\"}");
	assert_upload("{\"sign\":null,\"job_id\":7}", "{\"sign\":null,\"job_id\":7}");
	assert_upload(
		"{\"job_id\":7}", "{\"job_id\":7, \"sign\": \"8f14e45fceea167a5a36dedd4bea2543\"}");
}

static void a_job_id_is_made_if_none_is_given(void **state)
{
	struct text first = upload_body("{}"), second = upload_body("{\"a\": 1}");

	assert_int_equal(first.size, strlen("{\"job_id\": \"\", \"sign\": \"\"}") + 36 + 32);
	assert_true(text_starts(first, TEXT("{\"job_id\": \"")));
	assert_true(text_starts(second, TEXT("{\"a\": 1, \"job_id\": \"")));
	assert_memory_not_equal(first.data + 12, second.data + 20, 36);
}

static void what_is_no_object_is_refused(void **state)
{
	assert_upload_refused("", "requestBody: is required");
	assert_upload_refused("[]", "requestBody: must be a JSON object");
	assert_upload_refused("{x", "requestBody: must be a JSON object: invalid JSON at byte 1: "
				    "expected a member's name in quotes");
	assert_upload_refused("{\"job_id\":null}", "requestBody.job_id: must be a string");
	assert_upload_refused("{\"job_id\":\"\"}",
		"requestBody.job_id: must have 1 to 1024 bytes, none of them NUL");
	assert_upload_refused("{\"job_id\":\"a\\u0000\"}",
		"requestBody.job_id: must have 1 to 1024 bytes, none of them NUL");
}

/* --- download and query ----------------------------------------------------------------------- */

static void assert_download(
	const char *given, const char *job_id, const char *expected, const char *expected_job)
{
	struct text body, job;

	if (!request_download_body(arena, text_of(given), text_of(job_id), &body, &job, &status))
		fail_msg("%s", status.message);
	assert_string_equal(arena_string(arena, body), expected);
	assert_string_equal(arena_string(arena, job), expected_job);
}

static void assert_download_refused(const char *given, const char *job_id, const char *message)
{
	struct text body, job;

	assert_false(request_download_body(
		arena, text_of(given), text_of(job_id), &body, &job, &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, message);
}

static void a_download_is_signed(void **state)
{
	const char *signed_one =
		"{\"jobId\": \"j 1\", \"sign\": \"24603c7570d0f189170a4d1250be4852\"}";

	assert_download("", "j 1", signed_one, "j 1");
	assert_download("{\"jobId\": \"j 1\"}", "", signed_one, "j 1");
	assert_download("{\"sign\":\"x\",\"jobId\":7}", "", "{\"sign\":\"x\",\"jobId\":7}", "7");
	assert_download("", "\xc3\xa9",
		"{\"jobId\": \"\xc3\xa9\", \"sign\": \"66ddcd97cfdeabb2f6fb8a999b4bc76f\"}",
		"\xc3\xa9");
}

static void a_download_without_a_job_is_refused(void **state)
{
	char long_id[JOB_ID_MAX + 2];

	memset(long_id, 'x', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	assert_download_refused("", "", "requestBody: is required, with jobId");
	assert_download_refused("{}", "", "requestBody.jobId: is required");
	assert_download_refused("{\"jobId\":{}}", "", "requestBody.jobId: must be a string");
	assert_download_refused(
		"{\"jobId\":\"a\"}", "a", "jobId: must not be given beside requestBody");
	assert_download_refused("", long_id, "jobId: must have at most 1024 bytes");
}

static void a_query_is_plain(void **state)
{
	assert_string_equal(arena_string(arena, request_query_body(arena, TEXT("a\"b"))),
		"{\"jobId\": \"a\\\"b\"}");
}

/* --- the URL ---------------------------------------------------------------------------------- */

static void assert_url(const char *url, const char *body, const char *expected)
{
	assert_string_equal(request_url(arena, url, text_of(body)), expected);
}

static void the_object_goes_as_quote_plus_writes_it(void **state)
{
	assert_url("http://h:1/u", "{\"a\": \"\xc3\xa9~_.-+/&\"}",
		"http://h:1/u?requestBody=%7B%22a%22%3A+%22%C3%A9~_.-%2B%2F%26%22%7D");
	assert_url("http://h:1/u?", "x", "http://h:1/u?requestBody=x");
	assert_url("http://h:1/u?a=1", "x", "http://h:1/u?a=1&requestBody=x");
	assert_url("http://h:1/u#f?a", "x", "http://h:1/u?requestBody=x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_caller_gave_stays_byte_for_byte),
		cmocka_unit_test(a_job_id_is_made_if_none_is_given),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(a_download_is_signed),
		cmocka_unit_test(a_download_without_a_job_is_refused),
		cmocka_unit_test(a_query_is_plain),
		cmocka_unit_test(the_object_goes_as_quote_plus_writes_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
