/* Bodies of type multipart/form-data, whole and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "bridge/parts.h"

#define TYPE     "multipart/form-data; boundary=xyz"
#define HEAD(n)  "Content-Disposition: form-data; name=\"" n "\"\r\n"
#define PART(n)  "--xyz\r\n" HEAD(n) "\r\n"
#define END      "\r\n--xyz--\r\n"
#define ONE(b)   PART("a") b END
#define WITH(h)  "--xyz\r\n" h "\r\nb" END
#define GIVEN(n) WITH("Content-Disposition: form-data; " n "\r\n")

static struct arena *arena;
static struct status status;
static struct buffer seen; /* "<name>content" of each part */

static int open_arena(void **state)
{
	(void)state;
	arena = arena_new(0);
	return 0;
}

static int close_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static bool on_begin(void *arg, struct text name, struct arena *a, struct status *s)
{
	(void)arg;
	if (text_equal(name, TEXT("refused")))
		return status_set(s, a, STATUS_OUT_OF_RANGE, "not that one");
	buffer_add_char(&seen, '<');
	buffer_add_text(&seen, name);
	buffer_add_char(&seen, '>');
	return true;
}

static bool on_content(void *arg, struct text bytes)
{
	(void)arg;
	assert_true(bytes.size > 0);
	buffer_add_text(&seen, bytes);
	return true;
}

static bool on_end(void *arg, struct arena *a, struct status *s)
{
	(void)arg, (void)a, (void)s;
	buffer_add_char(&seen, '.');
	return true;
}

static const struct parts_events events = {on_begin, on_content, on_end};

static bool read_pieces(struct text body, size_t first, size_t each)
{
	struct parts p = {.events = &events};
	seen = (struct buffer){.arena = arena};
	status = (struct status){0};
	bool good = parts_open(&p, TEXT(TYPE), arena, &status);
	for (size_t at = 0, size = first; good && at < body.size; at += size, size = each)
		good = parts_read(&p, text_until(text_from(body, at), size), arena, &status);
	good = good && parts_end(&p, arena, &status);
	parts_free(&p);
	return good;
}

/* In one piece, in two cut at each byte, and byte by byte. */
static void assert_parts(struct text body, struct text expected)
{
	for (size_t cut = 1; cut <= body.size; cut++) {
		assert_true(read_pieces(body, cut, body.size));
		assert_true(text_equal(buffer_text(&seen), expected));
	}
	for (size_t each = 1; each < 8; each++) {
		assert_true(read_pieces(body, each, each));
		assert_true(text_equal(buffer_text(&seen), expected));
	}
}

static void assert_refused(struct text body, const char *message)
{
	for (size_t cut = 1; cut <= body.size; cut++) {
		assert_false(read_pieces(body, cut, body.size));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		assert_string_equal(status.message, message);
	}
	assert_false(read_pieces(body, 1, 1));
	assert_string_equal(status.message, message);
}

static void parts_are_taken_as_they_are(void **state)
{
	(void)state;
	assert_parts(TEXT(ONE("b")), TEXT("<a>b."));
	assert_parts(TEXT(ONE("")), TEXT("<a>."));
	assert_parts(TEXT(ONE("\0\r\n\r\n\xff")), TEXT("<a>\0\r\n\r\n\xff."));
	assert_parts(
		TEXT(PART("a") "1\r\n" PART("b") "2\r\n" PART("") "3" END), TEXT("<a>1.<b>2.<>3."));
	assert_parts(TEXT("--xyz--"), TEXT(""));
}

static void what_only_looks_like_a_boundary_is_content(void **state)
{
	static const struct text all[] = {{"\r", 1}, {"\r\n", 2}, {"\r\n-", 3}, {"\r\n--", 4},
		{"\r\n--x", 5}, {"\r\n--xy", 6}, {"\r\r\n--xy\r\n--xY", 14}, {"\n--xyz", 6},
		{"\r\n --xyz", 8}, {"\r\n\r\n--xy\r\r\n", 12}, {"--xy", 4}, {"-", 1}};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct buffer body = {.arena = arena}, expected = {.arena = arena};
		buffer_add_text(&body, TEXT(PART("a")));
		buffer_add_text(&body, all[i]);
		buffer_add_text(&body, TEXT(END));
		buffer_add_text(&expected, TEXT("<a>"));
		buffer_add_text(&expected, all[i]);
		buffer_add_char(&expected, '.');
		assert_parts(buffer_text(&body), buffer_text(&expected));
	}
}

static void what_is_around_the_parts_is_ignored(void **state)
{
	(void)state;
	assert_parts(TEXT("before\r\n--xy\r\n" ONE("b") "after\r\n--xyz\r\nmore"), TEXT("<a>b."));
	assert_parts(TEXT("\r\n" ONE("b")), TEXT("<a>b."));
	assert_parts(TEXT("--xyz \t \r\n" HEAD("a") "\r\nb\r\n--xyz--"), TEXT("<a>b."));
}

static void an_empty_part_may_lend_its_line_break(void **state)
{
	(void)state;
	assert_parts(TEXT(PART("a") "--xyz--"), TEXT("<a>."));
	assert_parts(TEXT(PART("a") PART("b") "--xyz--"), TEXT("<a>.<b>."));
}

static void names_are_read_as_they_are_written(void **state)
{
	(void)state;
	assert_parts(TEXT(GIVEN("name=a")), TEXT("<a>b."));
	assert_parts(TEXT(GIVEN("NAME=\"a\"; filename=\"x;name=y\"")), TEXT("<a>b."));
	assert_parts(TEXT(GIVEN("filename=\"C:\\dir\\a.csv\";name=\"a\";")), TEXT("<a>b."));
	assert_parts(TEXT(GIVEN("name=\"q\\\"\\\\\\a\"")), TEXT("<q\"\\\\a>b."));
	assert_parts(
		TEXT(GIVEN("filename*=UTF-8''x; name=\"\xe4\xb8\xad\"")), TEXT("<\xe4\xb8\xad>b."));
	assert_parts(
		TEXT(WITH("content-disposition:form-data;\r\n\tname=\"a\"\r\n")), TEXT("<a>b."));
	assert_parts(TEXT(WITH(HEAD("a") "Content-Type: text/csv; charset=utf-8\r\n"
					 "Content-Transfer-Encoding: BINARY\r\n")),
		TEXT("<a>b."));
}

static void a_head_that_is_none_is_refused(void **state)
{
	static const char no_header[] = "part 1 of the body: its head has a line that is no header";
	static const char no_name[] =
		"part 1 of the body: Content-Disposition must be form-data with one name";
	(void)state;
	assert_refused(TEXT(WITH("nothing\r\n")), no_header);
	assert_refused(TEXT(WITH(": x\r\n")), no_header);
	assert_refused(TEXT(WITH("Content-Disposition : form-data; name=a\r\n")), no_header);
	assert_refused(TEXT(WITH(HEAD("a") "X: \x01\r\n")), no_header);
	assert_refused(TEXT(WITH(HEAD("a\nb"))), no_header);
	assert_refused(TEXT(WITH(" X: y\r\n" HEAD("a"))), no_header);
	assert_refused(TEXT(GIVEN("filename=x")), no_name);
	assert_refused(TEXT(GIVEN("name=\"a\"; name=\"b\"")), no_name);
	assert_refused(TEXT(GIVEN("name=\"a")), no_name);
	assert_refused(TEXT(GIVEN("name=\"a\" b")), no_name);
	assert_refused(TEXT(GIVEN("name")), no_name);
	assert_refused(TEXT(WITH("Content-Disposition: attachment; name=a\r\n")), no_name);
	assert_refused(TEXT(WITH("X: y\r\n")), "part 1 of the body: it has no Content-Disposition");
	assert_refused(TEXT(WITH("")), "part 1 of the body: it has no Content-Disposition");
	assert_refused(TEXT(PART("a") "\r\n" WITH(HEAD("a") HEAD("b"))),
		"part 2 of the body: Content-Disposition is repeated");
}

static void encodings_of_mail_are_refused(void **state)
{
	static const char message[] =
		"part 1 of the body: Content-Transfer-Encoding must be binary, 8bit or 7bit";
	(void)state;
	assert_refused(TEXT(WITH(HEAD("a") "Content-Transfer-Encoding: base64\r\n")), message);
	assert_refused(
		TEXT(WITH("content-transfer-encoding: quoted-printable\r\n" HEAD("a"))), message);
}

static void a_head_has_a_limit(void **state)
{
	(void)state;
	for (size_t size = 16000; size < 17000; size += 50) {
		struct buffer body = {.arena = arena};
		buffer_add_text(&body, TEXT("--xyz\r\n" HEAD("a") "X: "));
		memset(buffer_reserve(&body, size), 'x', size);
		body.size += size;
		buffer_add_text(&body, TEXT("\r\n\r\nb" END));
		size_t head = body.size - sizeof("--xyz\r\nb" END) + 1;
		for (size_t each = 1000; each < 40000; each += 9000)
			assert_int_equal(read_pieces(buffer_text(&body), each, each),
				head <= PARTS_HEAD_MAX);
		if (head > PARTS_HEAD_MAX)
			assert_string_equal(status.message,
				"part 1 of the body: its head is longer than 16384 bytes");
	}
}

static void a_body_that_was_cut_is_refused(void **state)
{
	struct text body = TEXT(ONE("b"));
	(void)state;
	for (size_t size = 0; size < body.size - 2; size++) {
		assert_false(read_pieces(text_until(body, size), body.size, 1));
		assert_string_equal(status.message, "the body ends before its last boundary");
	}
	assert_false(read_pieces(TEXT("no boundary at all"), 100, 1));
}

static void a_boundary_ends_its_line(void **state)
{
	static const char message[] = "a boundary of the body is followed by something else";
	(void)state;
	assert_refused(TEXT("--xyzz\r\n" HEAD("a") "\r\nb" END), message);
	assert_refused(TEXT(PART("a") "b\r\n--xyz-\r\n" END), message);
	assert_refused(TEXT(PART("a") "b\r\n--xyz\n" END), message);
	assert_refused(TEXT(PART("a") "b\r\n--xyz --" END), message);
	assert_refused(TEXT(PART("a") "b\r\n--xyz\r\r\n" END), message);
}

static void who_takes_the_parts_may_refuse_one(void **state)
{
	(void)state;
	assert_false(read_pieces(TEXT(PART("a") "\r\n" PART("refused") "x" END), 7, 7));
	assert_int_equal(status.code, STATUS_OUT_OF_RANGE);
	assert_string_equal(status.message, "not that one");
}

static bool opens(const char *type)
{
	struct parts p = {.events = &events};
	bool good = parts_open(&p, text_of(type), arena, &status);
	parts_free(&p);
	return good;
}

#define TEN         "0123456789"
#define SEVENTY     TEN TEN TEN TEN TEN TEN TEN
#define BOUNDARY(b) opens("multipart/form-data; boundary=" b)

static void the_content_type_names_one_boundary(void **state)
{
	(void)state;
	assert_true(parts_are(TEXT("Multipart/Form-Data ; boundary=x")));
	assert_true(parts_are(TEXT("multipart/form-data")));
	assert_false(parts_are(TEXT("multipart/form-datax; boundary=x")));
	assert_false(parts_are(TEXT("multipart/mixed; boundary=x")));
	assert_false(parts_are(TEXT("")));
	assert_true(BOUNDARY("x"));
	assert_true(BOUNDARY("\"a b;=\\\"'()+_,-./:?\""));
	assert_true(BOUNDARY(SEVENTY));
	assert_true(opens("multipart/form-data;charset=utf-8 ; BOUNDARY=x;"));
	assert_false(BOUNDARY(SEVENTY "0"));
	assert_false(BOUNDARY(""));
	assert_false(BOUNDARY("\"\""));
	assert_false(BOUNDARY("\"x"));
	assert_false(BOUNDARY("\"x \""));
	assert_false(BOUNDARY("x y"));
	assert_false(BOUNDARY("x; boundary=y"));
	assert_false(BOUNDARY("\xc3\xa4"));
	assert_false(opens("multipart/form-data"));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_true(text_starts(
		text_of(status.message), TEXT("header Content-Type: must have one boundary")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parts_are_taken_as_they_are),
		TEST(what_only_looks_like_a_boundary_is_content),
		TEST(what_is_around_the_parts_is_ignored),
		TEST(an_empty_part_may_lend_its_line_break),
		TEST(names_are_read_as_they_are_written),
		TEST(a_head_that_is_none_is_refused),
		TEST(encodings_of_mail_are_refused),
		TEST(a_head_has_a_limit),
		TEST(a_body_that_was_cut_is_refused),
		TEST(a_boundary_ends_its_line),
		TEST(who_takes_the_parts_may_refuse_one),
		TEST(the_content_type_names_one_boundary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
