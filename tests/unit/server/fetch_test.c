/* The http lane against real HTTP peers, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "tests/support/fetch_trial.h"

/* --- requests and answers --------------------------------------------------------------------- */

static void say_hello(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket,
			"HTTP/1.1 200 All Right\r\nContent-Length: 5\r\nX-One:  1 \r\n\r\nhello");
}

static void an_answer_comes_with_status_reason_headers_and_body(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_hello, "GET", NULL, &peer);

	assert_body(t, 200, "hello");
	assert_string_equal(t->response->reason.data, "All Right");
	assert_int_equal(t->response->header_count, 2);
	assert_string_equal(t->response->headers[1].name.data, "X-One");
	assert_string_equal(t->response->headers[1].value.data, "1");
	assert_non_null(strstr(peer_request(peer, 0), "GET / HTTP/1.1\r\n"));
	assert_non_null(strstr(peer_request(peer, 0), "User-Agent: junction/" JUNCTION_VERSION));
	assert_null(strstr(peer_request(peer, 0), "Content-Length"));
	finish(t, peer);
}

static void give_body(struct trial *t)
{
	static const struct fetch_header headers[] = {
		{{"content-type", 12}, {"text/x", 6}}, {{"x-empty", 7}, {"", 0}}};

	t->request.body = TEXT("a body");
	t->request.headers = headers;
	t->request.header_count = 2;
}

static void any_method_may_carry_a_body(void **state)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		struct peer *peer;
		struct trial *t = once(say_hello, methods[i], give_body, &peer);
		const char *request = peer_request(peer, 0);

		assert_body(t, 200, "hello");
		assert_memory_equal(request, methods[i], strlen(methods[i]));
		assert_non_null(strstr(request, "content-type: text/x\r\n"));
		assert_non_null(strstr(request, "x-empty:\r\n"));
		assert_non_null(strstr(request, "Content-Length: 6\r\n"));
		assert_non_null(strstr(request, "\r\n\r\na body"));
		finish(t, peer);
	}
}

static void post_put_and_patch_without_a_body_say_so(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		struct peer *peer;
		struct trial *t = once(say_hello, methods[i], NULL, &peer);

		assert_body(t, 200, "hello");
		assert_non_null(strstr(peer_request(peer, 0), "Content-Length: 0\r\n"));
		assert_null(strcasestr(peer_request(peer, 0), "content-type"));
		finish(t, peer);
	}
}

/* Beyond 1 MiB curl would send the header first and wait for 100 Continue. */
static char long_body[1024 * 1024 + 1];

static void give_long_body(struct trial *t)
{
	memset(long_body, 'x', sizeof(long_body));
	t->request.body = (struct text){long_body, sizeof(long_body)};
}

static void a_long_body_is_sent_without_asking_first(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_hello, "POST", give_long_body, &peer);

	assert_body(t, 200, "hello");
	assert_null(strcasestr(peer_request(peer, 0), "expect:"));
	finish(t, peer);
}

static void say_head(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
}

static void head_does_not_wait_for_a_body(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_head, "HEAD", NULL, &peer);

	assert_body(t, 200, "");
	assert_memory_equal(peer_request(peer, 0), "HEAD ", 5);
	finish(t, peer);
}

static void say_redirect(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 302 Found\r\nLocation: /other\r\nSet-Cookie: a=b\r\n"
				 "Content-Length: 0\r\n\r\n");
}

static void a_redirect_is_not_followed(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_redirect, "GET", NULL, &peer);

	assert_body(t, 302, "");
	assert_int_equal(peer_requests(peer), 1);
	finish(t, peer);
}

static void say_no_content(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
				 "HTTP/1.1 204 No Content\r\nX-Late: 1\r\n\r\n");
}

static void an_interim_answer_is_no_part_of_the_final_one(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_no_content, "GET", NULL, &peer);

	assert_body(t, 204, "");
	assert_int_equal(t->response->header_count, 1);
	assert_string_equal(t->response->headers[0].name.data, "X-Late");
	finish(t, peer);
}

static void say_gzip(struct peer *p, int socket)
{
	static const char body[] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x48\xcd\xc9\xc9\x57"
		"\xb2\x52\x4a\xaf\xca\x2c\x50\xaa\x05\x00\xf6\x4f\x05\x6f\x10\x00\x00\x00";

	while (peer_read(p, socket)) {
		peer_say(socket,
			"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 36\r\n\r\n");
		peer_write(socket, body, 36);
	}
}

static void a_compressed_body_is_decoded(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_gzip, "GET", NULL, &peer);

	assert_body(t, 200, "{\"hello\":\"gzip\"}");
	assert_non_null(strstr(peer_request(peer, 0), "Accept-Encoding: gzip, deflate\r\n"));
	finish(t, peer);
}

static void say_chunks(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				 "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
}

static void chunks_are_joined_and_trailers_left_out(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_chunks, "GET", NULL, &peer);

	assert_body(t, 200, "abcde");
	assert_int_equal(t->response->header_count, 1);
	finish(t, peer);
}

static void connections_are_kept_and_shared_within_their_limits(void **state)
{
	enum { JOBS = 300 };
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(say_hello);
	struct trial *trials[JOBS];

	for (int i = 0; i < JOBS; i++) {
		trials[i] = trial_new("POST", peer_port(peer), "/");
		assert_true(fetch_submit(lane, &trials[i]->job));
	}
	for (int i = 0; i < JOBS; i++) {
		trial_wait(trials[i]);
		assert_body(trials[i], 200, "hello");
		trial_free(trials[i]);
	}
	assert_int_equal(peer_requests(peer), JOBS);
	assert_in_range(peer_connections(peer), 1, usual.connections_per_host);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void run_once(struct fetch_lane *lane, struct peer *peer, bool fresh)
{
	struct trial *t = trial_new("GET", peer_port(peer), "/");

	t->request.fresh = fresh;
	trial_run(t, lane);
	assert_body(t, 200, "hello");
	trial_free(t);
}

static void a_fresh_request_neither_takes_nor_leaves_a_connection(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(say_hello);

	run_once(lane, peer, false);
	run_once(lane, peer, true);
	peer_wait_closed(peer, 1);
	run_once(lane, peer, true);
	peer_wait_closed(peer, 2);
	assert_int_equal(peer_connections(peer), 3);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void connect_only_ends_when_the_connection_stands_and_sends_nothing(void **state)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct peer *peer = peer_start(say_hello);

	/* Also beside a connection that is kept. */
	run_once(lane, peer, false);
	for (int i = 1; i <= 2; i++) {
		struct trial *t = trial_new("GET", peer_port(peer), "/");

		t->request.connect_only = true;
		trial_run(t, lane);
		assert_body(t, 0, "");
		trial_free(t);
		peer_wait_closed(peer, i);
	}
	run_once(lane, peer, false);
	assert_int_equal(peer_requests(peer), 2);
	fetch_stop(&lane);
	peer_stop(&peer);
}

static void proxies_named_in_the_environment_are_not_used(void **state)
{
	struct peer *peer;
	struct trial *t;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	t = once(say_hello, "GET", NULL, &peer);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_body(t, 200, "hello");
	finish(t, peer);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void say_exactly_the_limit(struct peer *p, int socket)
{
	static char body[64 * 1024];

	memset(body, 'y', sizeof(body));
	while (peer_read(p, socket)) {
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n");
		peer_write(socket, body, sizeof(body));
	}
}

static void set_one_less(struct trial *t)
{
	t->request.response_limit--;
}

static void a_body_of_the_limit_passes_and_one_beyond_is_refused(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_exactly_the_limit, "GET", NULL, &peer);

	assert_int_equal(t->response->body.size, 65536);
	finish(t, peer);
	t = once(say_exactly_the_limit, "GET", set_one_less, &peer);
	assert_failed(t, STATUS_RESOURCE_EXHAUSTED, "body is beyond 65535 bytes");
	finish(t, peer);
}

static void say_without_end(struct peer *p, int socket)
{
	char bytes[4096] = {0};

	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\n\r\n");
	while (send(socket, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
}

static void an_endless_body_is_broken_off(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_without_end, "GET", NULL, &peer);

	assert_failed(t, STATUS_RESOURCE_EXHAUSTED, "too large");
	finish(t, peer);
}

/* 200,000 zeros in 229 bytes. */
static void say_bomb(struct peer *p, int socket)
{
	char body[229] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2"
			 "\xa0\xf5\x4f\x6d\x06\x7f\xa0";

	memcpy(body + 218, "\x80\xd7\x00\x7b\x58\xe0\x5c\x40\x0d\x03\x00", 11);
	while (peer_read(p, socket)) {
		peer_say(socket,
			"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 229\r\n\r\n");
		peer_write(socket, body, sizeof(body));
	}
}

static void the_limit_counts_decoded_bytes(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_bomb, "GET", NULL, &peer);

	assert_failed(t, STATUS_RESOURCE_EXHAUSTED, "body is beyond 65536 bytes");
	finish(t, peer);
}

static void say_long_header(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 2000; i++)
		peer_say(socket, "X-Long: 0123456789012345678901234567890123456789\r\n");
	peer_say(socket, "Content-Length: 0\r\n\r\n");
	peer_hold(socket);
}

static void a_header_beyond_64_kib_is_refused(void **state)
{
	struct peer *peer;
	struct trial *t = once(say_long_header, "GET", NULL, &peer);

	assert_failed(t, STATUS_RESOURCE_EXHAUSTED, "header is beyond 65536 bytes");
	finish(t, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_with_status_reason_headers_and_body),
		cmocka_unit_test(any_method_may_carry_a_body),
		cmocka_unit_test(post_put_and_patch_without_a_body_say_so),
		cmocka_unit_test(a_long_body_is_sent_without_asking_first),
		cmocka_unit_test(head_does_not_wait_for_a_body),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(an_interim_answer_is_no_part_of_the_final_one),
		cmocka_unit_test(a_compressed_body_is_decoded),
		cmocka_unit_test(chunks_are_joined_and_trailers_left_out),
		cmocka_unit_test(connections_are_kept_and_shared_within_their_limits),
		cmocka_unit_test(a_fresh_request_neither_takes_nor_leaves_a_connection),
		cmocka_unit_test(connect_only_ends_when_the_connection_stands_and_sends_nothing),
		cmocka_unit_test(proxies_named_in_the_environment_are_not_used),
		cmocka_unit_test(a_body_of_the_limit_passes_and_one_beyond_is_refused),
		cmocka_unit_test(an_endless_body_is_broken_off),
		cmocka_unit_test(the_limit_counts_decoded_bytes),
		cmocka_unit_test(a_header_beyond_64_kib_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
