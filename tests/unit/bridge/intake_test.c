/* The requests that a raw body, or one in parts, stands for: those of ApiReader.Upload; and what
 * lines are not taken with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api.gen.h"
#include "bridge/intake.h"
#include "junction/v1/api_reader.pb-c.h"
#include "proto/runtime/guard.h"

#define FORM    "multipart/form-data; boundary=b"
#define PART(n) "--b\r\nContent-Disposition: form-data; name=\"" n "\"\r\n\r\n"
#define END     "\r\n--b--\r\n"

static struct arena *arena;
static struct router *router;
static struct status status;

/* What has been given. */
static struct {
	size_t messages;
	const ApiReader__UploadRequest *first;
	struct buffer content;
	size_t largest;
} seen;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(0);
	router = router_new();
	router_add(router, api_methods, api_method_count);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	router_free(&router);
	arena_free(&arena);
	return 0;
}

static void take(void *arg, struct text wire)
{
	(void)arg;
	struct status ignored;
	const ApiReader__UploadRequest *m = (const void *)guard_unpack(
		arena, &api_reader__upload_request__descriptor, wire, &ignored);
	assert_non_null(m);
	if (!seen.messages++) {
		seen.first = m;
		assert_int_equal(m->content.len, 0);
		return;
	}
	assert_string_equal(m->server_name, "");
	assert_true(m->content.len > 0);
	seen.largest = m->content.len > seen.largest ? m->content.len : seen.largest;
	buffer_add(&seen.content, m->content.data, m->content.len);
}

struct trial {
	const char *query, *type, *length;
	const struct request_header *headers;
};

static bool run(const struct trial *t, struct text body, size_t each)
{
	struct route_match match;
	assert_int_equal(route_match(router, arena, TEXT("POST"),
				 TEXT("/v1/api_reader/s%20t/upload"), &match),
		ROUTE_FOUND);
	struct intake in = {.match = &match,
		.query = text_of(t->query),
		.content_type = text_of(t->type),
		.length = text_of(t->length),
		.headers = t->headers,
		.limit = 1000,
		.take = take};
	memset(&seen, 0, sizeof(seen));
	seen.content.arena = arena;
	bool good = intake_open(&in, arena, &status);
	for (size_t at = 0; good && at < body.size; at += each)
		good = intake_read(&in, text_until(text_from(body, at), each), arena, &status);
	good = good && intake_end(&in, arena, &status);
	intake_free(&in);
	return good;
}

static void assert_content(struct text expected)
{
	assert_true(text_equal(buffer_text(&seen.content), expected));
}

static void assert_refused(const struct trial *t, struct text body, const char *message)
{
	assert_false(run(t, body, body.size));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, message);
}

/* --- as it is ------------------------------------------------------------------------------- */

static void a_body_is_its_bytes_whatever_its_type(void **state)
{
	static const char *const types[] = {"", "application/octet-stream",
		"application/x-www-form-urlencoded", "multipart/mixed"};
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct trial t = {"requestBody=%7B%22a%22:1%7D", types[i], "7", NULL};
		assert_true(run(&t, TEXT("--b\r\n\0!"), 2));
		assert_content(TEXT("--b\r\n\0!"));
		assert_string_equal(seen.first->server_name, "s t");
		assert_string_equal(seen.first->request_body, "{\"a\":1}");
		assert_int_equal(seen.first->size, 7);
	}
}

static void content_length_is_the_size_and_wins_over_the_query(void **state)
{
	(void)state;
	assert_true(run(&(struct trial){"size=3", "", "9223372036854775807", NULL}, TEXT(""), 1));
	assert_int_equal(seen.first->size, INT64_MAX);
	assert_int_equal(seen.messages, 1);
	assert_true(run(&(struct trial){"", "", "0", NULL}, TEXT(""), 1));
	assert_int_equal(seen.first->_size_case, API_READER__UPLOAD_REQUEST___SIZE_SIZE);
	/* In chunks. */
	assert_true(run(&(struct trial){"", "", "", NULL}, TEXT("x"), 1));
	assert_int_equal(seen.first->_size_case, API_READER__UPLOAD_REQUEST___SIZE__NOT_SET);
	assert_true(run(&(struct trial){"size=3", "", "", NULL}, TEXT("x"), 1));
	assert_int_equal(seen.first->size, 3);
	assert_false(run(&(struct trial){"", "", "9223372036854775808", NULL}, TEXT(""), 1));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_true(text_starts(text_of(status.message), TEXT("header Content-Length: ")));
}

static void pieces_have_a_limit(void **state)
{
	const size_t size = 3 * INTAKE_PIECE + 5;
	char *bytes = arena_alloc(arena, size);
	(void)state;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 >> 3);
	assert_true(run(&(struct trial){"", "", "", NULL}, (struct text){bytes, size}, size));
	assert_content((struct text){bytes, size});
	assert_int_equal(seen.largest, INTAKE_PIECE);
	assert_int_equal(seen.messages, 5);
}

/* --- in parts ------------------------------------------------------------------------------- */

static const struct trial form = {"requestBody=q&size=4", FORM, "1000", NULL};

static void the_part_file_is_the_content(void **state)
{
	struct text body = TEXT("--b\r\nContent-Disposition: form-data; name=\"file\"; "
				"filename=\"id\"\r\nContent-Type: application/octet-stream\r\n\r\n"
				"sid\r\n1\n2\n" END);
	(void)state;
	for (size_t each = 1; each <= body.size; each++) {
		assert_true(run(&form, body, each));
		assert_content(TEXT("sid\r\n1\n2\n"));
		assert_string_equal(seen.first->server_name, "s t");
		assert_string_equal(seen.first->request_body, "q");
		/* Content-Length is that of all parts. */
		assert_int_equal(seen.first->size, 4);
	}
	assert_true(run(&(struct trial){"", FORM, "1000", NULL}, body, 10));
	assert_int_equal(seen.first->_size_case, API_READER__UPLOAD_REQUEST___SIZE__NOT_SET);
	assert_true(run(&form, TEXT(PART("file") END), 1));
	assert_int_equal(seen.messages, 1);
}

static void text_parts_before_it_are_fields(void **state)
{
	struct buffer all = {.arena = arena};
	buffer_add_text(&all, TEXT(PART("other") "o\r\n"));
	buffer_add_text(&all, TEXT(PART("requestBody") "{\"n\":\r\n1.0}\r\n"));
	buffer_add_text(&all, TEXT(PART("server_name") "evil\r\n" PART("content") "c\r\n"));
	buffer_add_text(&all, TEXT(PART("size") "9\r\n" PART("file") "x" END));
	struct text body = buffer_text(&all);
	(void)state;
	for (size_t each = 1; each <= body.size; each++) {
		assert_true(run(&form, body, each));
		assert_string_equal(seen.first->request_body, "{\"n\":\r\n1.0}");
		assert_string_equal(seen.first->server_name, "s t");
		assert_int_equal(seen.first->size, 4);
		assert_content(TEXT("x"));
	}
	assert_true(run(&form, TEXT(PART("request_body") "p\r\n" PART("file") "x" END), 1));
	assert_string_equal(seen.first->request_body, "p");
	assert_true(run(&form, TEXT(PART("file") "x\r\n" PART("other") "o" END), 1));
	assert_content(TEXT("x"));
}

static void text_parts_have_a_limit(void **state)
{
	(void)state;
	for (size_t size = INTAKE_TEXT_MAX - 1; size <= INTAKE_TEXT_MAX + 1; size++) {
		struct buffer body = {.arena = arena};
		buffer_add_text(&body, TEXT(PART("requestBody")));
		memset(buffer_reserve(&body, size), 'x', size);
		body.size += size;
		buffer_add_text(&body, TEXT("\r\n" PART("file") "y" END));
		bool good = run(&form, buffer_text(&body), 10000);
		assert_int_equal(good, size <= INTAKE_TEXT_MAX);
		if (good)
			assert_int_equal(strlen(seen.first->request_body), size);
		else
			assert_string_equal(status.message, "part \"requestBody\" of the body: is "
							    "longer than 65536 bytes");
	}
}

static void a_form_that_is_not_meant_so_is_refused(void **state)
{
	(void)state;
	assert_refused(&form, TEXT("--b--"), "the body has no part \"file\"");
	assert_refused(&form, TEXT(PART("requestBody") "x" END), "the body has no part \"file\"");
	assert_int_equal(seen.messages, 0);
	assert_refused(&form, TEXT(PART("file") "x\r\n" PART("file") "y" END),
		"part \"file\" of the body: is repeated");
	assert_refused(&form, TEXT(PART("requestBody") "x\r\n" PART("request_body") "y" END),
		"part \"requestBody\" of the body: is repeated");
	assert_refused(&form, TEXT(PART("file") "x\r\n" PART("requestBody") "y" END),
		"part \"requestBody\" of the body: must come before the part \"file\"");
	assert_refused(&form, TEXT(PART("requestBody") "\xff\r\n" PART("file") "y" END),
		"request_body: not valid UTF-8");
	assert_refused(
		&form, TEXT(PART("file") "x\r\n--b"), "the body ends before its last boundary");
	assert_refused(&form, TEXT(""), "the body ends before its last boundary");
}

static void a_form_without_a_boundary_is_refused_at_once(void **state)
{
	(void)state;
	assert_refused(&(struct trial){"", "multipart/form-data", "", NULL}, TEXT(""),
		"header Content-Type: must have one boundary of 1 to 70 printable ASCII "
		"characters, the last one no blank");
	assert_int_equal(seen.messages, 0);
}

/* --- lines ---------------------------------------------------------------------------------- */

static void lines_take_no_field_from_a_header(void **state)
{
	const struct request_header owner = {NULL, TEXT("x-owner"), TEXT("o")};
	const struct request_header key = {&owner, TEXT("idempotency-KEY"), TEXT("k")};
	struct route_match match;
	(void)state;
	assert_int_equal(
		route_match(router, arena, TEXT("POST"), TEXT("/v1/audit/write-stream"), &match),
		ROUTE_FOUND);
	struct intake in = {.match = &match, .limit = 1000, .take = take, .headers = &owner};
	assert_true(intake_open(&in, arena, &status));
	intake_free(&in);
	in.headers = &key;
	assert_false(intake_open(&in, arena, &status));
	intake_free(&in);
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message,
		"header Idempotency-Key: is not taken with a stream: give idempotencyKey in each "
		"message");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_is_its_bytes_whatever_its_type),
		TEST(content_length_is_the_size_and_wins_over_the_query),
		TEST(pieces_have_a_limit),
		TEST(the_part_file_is_the_content),
		TEST(text_parts_before_it_are_fields),
		TEST(text_parts_have_a_limit),
		TEST(a_form_that_is_not_meant_so_is_refused),
		TEST(a_form_without_a_boundary_is_refused_at_once),
		TEST(lines_take_no_field_from_a_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
