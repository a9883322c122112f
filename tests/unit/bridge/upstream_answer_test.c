/* Answers read from bytes, in any pieces. */
#include "bridge/gateway/upstream_answer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/arena.h"

struct reading {
	struct answer answer;
	struct buffer log; /* "200 OK|a=b|5 {hello} end" */
	bool in_body, over;
	size_t left; /* bytes behind the end */
};

static void log_headers(struct reading *r, const struct upstream_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buffer_printf(&r->log, "|%.*s=%.*s", TEXT_ARGS(headers[i].name),
			TEXT_ARGS(headers[i].value));
}

static void log_head(struct reading *r)
{
	const struct upstream_head *head = &r->answer.head;
	buffer_printf(&r->log, "%d %.*s", head->status, TEXT_ARGS(head->reason));
	log_headers(r, head->headers, head->header_count);
	buffer_printf(&r->log, "|%lld ", (long long)head->length);
}

static void log_body(struct reading *r, struct text piece)
{
	assert_true(piece.size > 0);
	buffer_printf(&r->log, r->in_body ? "" : "{");
	r->in_body = true;
	buffer_add_text(&r->log, piece);
}

static void log_end(struct reading *r, const char *what)
{
	const struct answer_block *t = &r->answer.trailers;
	buffer_printf(&r->log, "%s%s", r->in_body ? "} " : "", what);
	log_headers(r, t->headers, t->header_count);
	r->over = true;
}

static void log_event(struct reading *r, enum answer_event event, struct text piece)
{
	if (event == ANSWER_GO_ON)
		buffer_printf(&r->log, "go on, ");
	if (event == ANSWER_HEAD)
		log_head(r);
	if (event == ANSWER_HEAD && r->answer.head.status == 101)
		log_end(r, "changed");
	if (event == ANSWER_BODY)
		log_body(r, piece);
	if (event == ANSWER_END)
		log_end(r, r->answer.keep ? "end" : "end, close");
	if (event == ANSWER_BROKEN)
		log_end(r, r->answer.error);
}

/* From a copy of its own size, so that what is read beyond it is found. */
static void feed(struct reading *r, struct text bytes)
{
	char *copy = malloc(bytes.size + !bytes.size);
	struct text left = {copy, bytes.size}, piece = {0};
	enum answer_event event = ANSWER_GO_ON;
	memcpy(copy, bytes.data, bytes.size);
	while (!r->over && event != ANSWER_MORE) {
		event = answer_pull(&r->answer, &left, &piece);
		log_event(r, event, piece);
	}
	r->left += left.size;
	free(copy);
}

enum { IS_HEAD = 1, UPGRADE = 2 };

static void begin(struct reading *r, int kind)
{
	*r = (struct reading){.log.arena = arena_new(0)};
	r->answer.is_head = kind & IS_HEAD;
	r->answer.upgrade = kind & UPGRADE;
}

/* The node closes. */
static void finish(struct reading *r)
{
	if (!r->over)
		log_end(r, answer_close(&r->answer) ? "closed" : "unfinished");
	buffer_add_char(&r->log, '\0');
}

static void clear(struct reading *r)
{
	answer_clear(&r->answer);
	arena_free(&r->log.arena);
}

static void expect_cut(int kind, struct text bytes, size_t cut, const char *log, size_t left)
{
	struct reading r;
	begin(&r, kind);
	feed(&r, text_until(bytes, cut));
	feed(&r, text_from(bytes, cut));
	finish(&r);
	assert_string_equal(r.log.data, log);
	assert_int_equal(r.left, left);
	clear(&r);
}

static void expect_bytes(int kind, struct text bytes, const char *log, size_t left)
{
	struct reading r;
	begin(&r, kind);
	for (size_t i = 0; i < bytes.size; i++)
		feed(&r, text_until(text_from(bytes, i), 1));
	finish(&r);
	assert_string_equal(r.log.data, log);
	assert_int_equal(r.left, left);
	clear(&r);
}

/* Cut anywhere, and byte after byte, they say the same. left: bytes that belong to what follows. */
static void expect_left(int kind, const char *answer, const char *log, size_t left)
{
	struct text bytes = text_of(answer);
	for (size_t cut = 0; cut <= bytes.size; cut++)
		expect_cut(kind, bytes, cut, log, left);
	expect_bytes(kind, bytes, log, left);
}

static void expect(int kind, const char *answer, const char *log)
{
	expect_left(kind, answer, log, 0);
}

#define H "HTTP/1.1 200 OK\r\n"

/* --- what is good ----------------------------------------------------------------------------- */

static void an_answer_has_a_head_and_a_body(void **state)
{
	expect(0, H "Content-Length: 5\r\nX-A:  b c \t\r\nEmpty:\r\n\r\nhello",
		"200 OK|Content-Length=5|X-A=b c|Empty=|5 {hello} end");
	expect(0, "HTTP/1.1 404 Not \xc3\xa4 Found\r\nContent-Length: 0\r\n\r\n",
		"404 Not \xc3\xa4 Found|Content-Length=0|0 end");
	expect(0, "HTTP/1.1 204\r\n\r\n", "204 |0 end");
	expect(0, "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", "599 |Content-Length=0|0 end");
}

static void the_connection_is_kept_if_both_say_so(void **state)
{
	expect(0, H "Content-Length: 0\r\nConnection: close\r\n\r\n",
		"200 OK|Content-Length=0|Connection=close|0 end, close");
	expect(0, H "Content-Length: 0\r\nConnection: x, Close\r\n\r\n",
		"200 OK|Content-Length=0|Connection=x, Close|0 end, close");
	expect(0, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"200 OK|Content-Length=0|0 end, close");
	expect(0, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n",
		"200 OK|Content-Length=0|Connection=Keep-Alive|0 end");
}

static void a_body_may_last_until_the_end(void **state)
{
	expect(0, H "\r\nall of it", "200 OK|-1 {all of it} closed");
	expect(0, H "\r\n", "200 OK|-1 closed");
	expect(0, "HTTP/1.0 200 OK\r\n\r\nall", "200 OK|-1 {all} closed");
}

static void some_answers_have_no_body(void **state)
{
	expect(IS_HEAD, H "Content-Length: 5\r\n\r\n", "200 OK|Content-Length=5|0 end");
	expect(IS_HEAD, H "Transfer-Encoding: chunked\r\n\r\n",
		"200 OK|Transfer-Encoding=chunked|0 end");
	expect(IS_HEAD, H "\r\n", "200 OK|0 end");
	expect(0, "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n",
		"304 Same|Content-Length=5|0 end");
	expect(0, "HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "204 No|Content-Length=0|0 end");
}

/* Its chunks may come yet, though there are none. */
static void a_coding_without_a_body_ends_the_connection(void **state)
{
	expect(0, "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n",
		"304 Same|Transfer-Encoding=chunked|0 end, close");
	expect(0, "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		"204 No|Transfer-Encoding=chunked|0 end, close");
}

static void chunks_are_put_together(void **state)
{
	expect(0,
		H "transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0A;x=\"y z\"\r\n0123456789\r\n"
		  "000\r\n\r\n",
		"200 OK|transfer-encoding=Chunked|-1 {hello0123456789} end");
	expect(0, H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"200 OK|Transfer-Encoding=chunked|-1 end");
}

static void chunks_may_have_trailers(void **state)
{
	expect(0, H "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n",
		"200 OK|Transfer-Encoding=chunked|-1 {a} end|X-Sum=1|Y=");
}

static void interim_answers_come_before(void **state)
{
	expect(0, "HTTP/1.1 100 Continue\r\n\r\n" H "Content-Length: 0\r\n\r\n",
		"go on, 200 OK|Content-Length=0|0 end");
	expect(0,
		"HTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
		"HTTP/1.1 100 \r\nContent-Length: 0\r\n\r\n" H "Content-Length: 0\r\n\r\n",
		"go on, 200 OK|Content-Length=0|0 end");
}

static void the_protocol_changes_if_that_was_asked(void **state)
{
	const char *answer = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x81\x05hello";
	expect_left(UPGRADE, answer, "101 Switching|Upgrade=x|0 changed", 7);
	expect(UPGRADE, H "Content-Length: 0\r\n\r\n", "200 OK|Content-Length=0|0 end");
}

static void what_follows_the_end_is_left(void **state)
{
	expect_left(
		0, H "Content-Length: 2\r\n\r\nabHTTP", "200 OK|Content-Length=2|2 {ab} end", 4);
	expect_left(0, H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
		"200 OK|Transfer-Encoding=chunked|-1 end", 1);
}

static void an_answer_may_break_off(void **state)
{
	expect(0, "", "unfinished");
	expect(0, H, "unfinished");
	expect(0, H "Content-Length: 5\r\n\r\nhell", "200 OK|Content-Length=5|5 {hell} unfinished");
	expect(0, H "Transfer-Encoding: chunked\r\n\r\n0\r\n",
		"200 OK|Transfer-Encoding=chunked|-1 unfinished");
}

static void the_first_byte_begins_it(void **state)
{
	struct reading r;
	begin(&r, 0);
	feed(&r, TEXT(""));
	assert_false(r.answer.begun);
	feed(&r, TEXT("H"));
	assert_true(r.answer.begun);
	clear(&r);
}

/* --- what is not ------------------------------------------------------------------------------ */

/* What is wrong is said as soon as it is known, whatever follows. */
static void refuse(const char *answer, const char *error)
{
	struct text bytes = text_of(answer);
	for (size_t cut = 0; cut <= bytes.size; cut++) {
		struct reading r;
		begin(&r, 0);
		feed(&r, text_until(bytes, cut));
		feed(&r, text_from(bytes, cut));
		finish(&r);
		assert_true(r.over);
		if (!r.answer.error)
			fail_msg("%s: %s", answer, r.log.data);
		assert_string_equal(r.answer.error, error);
		clear(&r);
	}
}

static void what_is_not_http_1_is_refused(void **state)
{
	static const char *const answers[] = {"x", "\r\n", "hello, world",
		"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
		"http/1.1 200 OK\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP/1.1 200 O\x7fK\r\n\r\n",
		"\r\nHTTP/1.1 200 OK\r\n\r\n", "<html>"};
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		refuse(answers[i], "did not answer in HTTP/1");
}

static void lines_end_in_cr_lf(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\n", H "A: b\n", H "A: b\r\n\n",
		H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n",
		H "Transfer-Encoding: chunked\r\n\r\n0\r\n\n"};
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		refuse(answers[i], "sent a line that does not end in CR LF");
}

static void headers_are_not_folded(void **state)
{
	refuse(H "A: b\r\n c\r\n\r\n", "sent a folded header");
	refuse(H " A: b\r\n\r\n", "sent a folded header");
	refuse(H "A: b\r\n\tc\r\n\r\n", "sent a folded header");
	refuse(H "Transfer-Encoding: chunked\r\n\r\n0\r\n A: b\r\n\r\n", "sent a folded header");
}

static void headers_are_names_and_values(void **state)
{
	static const char *const answers[] = {H "A : b\r\n\r\n", H "A b: c\r\n\r\n",
		H ": b\r\n\r\n", H "A\r\n\r\n", H "A(b): c\r\n\r\n", H "A\x80: c\r\n\r\n",
		H "A: b\x01\r\n\r\n", H "A: \x01\r\n\r\n", H "A:\x01z\r\n\r\n",
		H "A: b\x7f\r\n\r\n", H "A: b\rc\r\n\r\n", H "A:\r b\r\n\r\n", H "A: b\r\r\n\r\n",
		H "Content-Length : 5\r\n\r\nhello",
		H "Transfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n"};
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		refuse(answers[i], "sent a header that is none");
}

static void a_value_has_no_nul(void **state)
{
	struct reading r;
	begin(&r, 0);
	feed(&r, TEXT(H "A: b\0c\r\n\r\n"));
	assert_string_equal(r.answer.error, "sent a header that is none");
	clear(&r);
	begin(&r, 0);
	feed(&r, TEXT("HTTP/1.1 200 O\0K\r\n\r\n"));
	assert_string_equal(r.answer.error, "did not answer in HTTP/1");
	clear(&r);
}

static void there_is_one_length(void **state)
{
	static const char *const twice[] = {H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		H "Content-Length: 5\r\ncontent-length: 5\r\n\r\n",
		H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		H "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"};
	static const char *const none[] = {H "Content-Length: 5, 5\r\n\r\n",
		H "Content-Length: -5\r\n\r\n", H "Content-Length: +5\r\n\r\n",
		H "Content-Length: 0x5\r\n\r\n", H "Content-Length: 5 6\r\n\r\n",
		H "Content-Length: a\r\n\r\n", H "Content-Length: 9223372036854775808\r\n\r\n",
		H "Content-Length: 18446744073709551617\r\n\r\n", H "Content-Length:\r\n\r\n",
		H "Content-Length: \r\n\r\n"};
	for (size_t i = 0; i < sizeof(twice) / sizeof(*twice); i++)
		refuse(twice[i], "said twice how long its answer is");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		refuse(none[i], "sent a length that is none");
}

static void only_chunked_is_a_coding(void **state)
{
	static const char *const answers[] = {H "Transfer-Encoding: gzip\r\n\r\n",
		H "Transfer-Encoding: gzip, chunked\r\n\r\n",
		H "Transfer-Encoding: chunked, gzip\r\n\r\n",
		H "Transfer-Encoding: chunked, chunked\r\n\r\n",
		H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		H "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
		H "Transfer-Encoding: \"chunked\"\r\n\r\n",
		H "Transfer-Encoding: chunked;q=1\r\n\r\n", H "Transfer-Encoding: xchunked\r\n\r\n",
		H "Transfer-Encoding:\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		refuse(answers[i], "sent an unknown Transfer-Encoding");
}

static void chunks_are_whole(void **state)
{
#define C H "Transfer-Encoding: chunked\r\n\r\n"
	static const char *const answers[] = {C "\r\n", C "x\r\n", C " 5\r\nhello", C "5 \r\nhello",
		C "5\nhello", C "5\rhello", C "5\r\nhelloxx", C "5\r\nhello\n", C "5\r\nhello\r0",
		C "-1\r\n", C "0x5\r\nhello", C ";a=b\r\n", C "5;a\nb\r\nhello",
		C "5;a\x01\r\nhello", C "10000000000000000\r\n", C "5\r\nhello\r\n\r\n"};
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		refuse(answers[i], "sent a chunk that is none");
}

static void trailers_do_not_frame(void **state)
{
	refuse(C "0\r\nContent-Length: 5\r\n\r\n", "sent trailers that frame");
	refuse(C "0\r\nTransfer-Encoding: chunked\r\n\r\n", "sent trailers that frame");
}

static void interim_answers_have_no_body(void **state)
{
	refuse("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
		"sent an interim answer with a body");
	refuse("HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n",
		"sent an interim answer with a body");
	refuse("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "sent a body with 204");
	refuse("HTTP/1.1 101 Switching\r\n\r\n", "changed the protocol unasked");
}

static void repeat(struct buffer *b, const char *text, int count)
{
	for (int i = 0; i < count; i++)
		buffer_add_text(b, text_of(text));
}

/* What is at the limit passes, and one more of it is refused. */
static void expect_limit(
	const char *before, const char *item, int most, const char *after, const char *error)
{
	for (int more = 0; more < 2; more++) {
		struct buffer b = {.arena = arena_new(0)};
		struct reading r;
		begin(&r, 0);
		repeat(&b, before, 1);
		repeat(&b, item, most + more);
		repeat(&b, after, 1);
		feed(&r, buffer_text(&b));
		if (more)
			assert_string_equal(r.answer.error, error);
		else
			assert_null(r.answer.error);
		clear(&r);
		arena_free(&b.arena);
	}
}

static void there_are_limits(void **state)
{
	const int fixed = sizeof(H "A: \r\nContent-Length: 0\r\n\r\n") - 1;
	const int behind = sizeof("HTTP/1.1 200\r\nA: \r\n\r\n") - 1;
	expect_limit("", "HTTP/1.1 102 P\r\n\r\n", ANSWER_INTERIM_MAX,
		H "Content-Length: 0\r\n\r\n", "sent too many interim answers");
	expect_limit(H "Content-Length: 0\r\n", "A: b\r\n", UPSTREAM_HEADERS_MAX - 1, "\r\n",
		"sent too many headers");
	expect_limit(H "A: ", "x", UPSTREAM_HEAD_MAX - fixed, "\r\nContent-Length: 0\r\n\r\n",
		"sent headers that are too long");
	expect_limit(C "0\r\n", "A: b\r\n", UPSTREAM_HEADERS_MAX, "\r\n", "sent too many headers");
	expect_limit(C "0\r\nA: ", "x", UPSTREAM_HEAD_MAX - behind, "\r\n\r\n",
		"sent headers that are too long");
	expect_limit(C, "0", ANSWER_CHUNK_LINE_MAX - 1, "\r\n\r\n", "sent a chunk that is none");
	expect_limit(C "1;", "x", ANSWER_CHUNK_LINE_MAX - 3, "\r\na\r\n0\r\n\r\n",
		"sent a chunk that is none");
}

/* Even without the end of a line. */
static void a_long_head_is_refused_as_it_comes(void **state)
{
	struct reading r;
	struct text piece =
		TEXT("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	begin(&r, 0);
	feed(&r, TEXT(H "A: "));
	for (size_t i = 0; i <= UPSTREAM_HEAD_MAX / piece.size; i++)
		feed(&r, piece);
	assert_string_equal(r.answer.error, "sent headers that are too long");
	clear(&r);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_has_a_head_and_a_body),
		TEST(the_connection_is_kept_if_both_say_so),
		TEST(a_body_may_last_until_the_end),
		TEST(some_answers_have_no_body),
		TEST(a_coding_without_a_body_ends_the_connection),
		TEST(chunks_are_put_together),
		TEST(chunks_may_have_trailers),
		TEST(interim_answers_come_before),
		TEST(the_protocol_changes_if_that_was_asked),
		TEST(what_follows_the_end_is_left),
		TEST(an_answer_may_break_off),
		TEST(the_first_byte_begins_it),
		TEST(what_is_not_http_1_is_refused),
		TEST(lines_end_in_cr_lf),
		TEST(headers_are_not_folded),
		TEST(headers_are_names_and_values),
		TEST(a_value_has_no_nul),
		TEST(there_is_one_length),
		TEST(only_chunked_is_a_coding),
		TEST(chunks_are_whole),
		TEST(trailers_do_not_frame),
		TEST(interim_answers_have_no_body),
		TEST(there_are_limits),
		TEST(a_long_head_is_refused_as_it_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
