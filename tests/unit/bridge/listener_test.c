/* HTTP over real connections, in front of a server that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "bridge/listener.h"
#include "bridge/probe.h"

#define BODY_LIMIT 200000

static struct router *router;
static struct bridge bridge;
static struct listener *listener;
static struct arena *arena;
static struct sockaddr_in address;

static void open_all(void)
{
	static const char *const none[] = {NULL};
	static const char *const addresses[] = {"127.0.0.1:0", NULL};
	router = router_new();
	router_add(router, api_methods, api_method_count);
	router_add(router, probe_methods, PROBE_COUNT);
	bridge = (struct bridge){
		.router = router,
		.front = {none, none, BODY_LIMIT},
		.rpc = rpc_new(&(struct rpc_options){"unix:/nonexistent/junction.sock", 2, {0}}),
		.rpc_timeout_ms = 60000,
	};
	listener = listener_open(&(struct listener_options){addresses, 64, 0, 60, {0}}, &bridge);
	CHECK(listener);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(strchr(listener_address(listener, 0), ':') + 1));
}

static void close_all(void)
{
	if (listener) {
		rpc_stop(bridge.rpc);
		listener_close(&listener);
	}
	rpc_free(&bridge.rpc);
	router_free(&router);
}

static int start(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	arena = arena_new(0);
	open_all();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close_all();
	arena_free(&arena);
	return 0;
}

/* --- a client -------------------------------------------------------------------------------- */

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* As much as the other side takes. */
static void put(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, 0);
		if (n <= 0)
			return;
		bytes += n;
		size -= (size_t)n;
	}
}

/* All that comes until the other side closes. */
static const char *take(int fd)
{
	struct buffer all = {.arena = arena};
	for (;;) {
		ssize_t n = recv(fd, buffer_reserve(&all, 4096), 4096, 0);
		if (n <= 0)
			break;
		all.size += (size_t)n;
	}
	close(fd);
	return arena_string(arena, buffer_text(&all));
}

static const char *send_all(const char *bytes, size_t size)
{
	int fd = dial();
	CHECK(fd >= 0);
	put(fd, bytes, size);
	return take(fd);
}

static const char *ask(const char *request)
{
	return send_all(request, strlen(request));
}

/* A POST of size bytes x; chunked if the head says so. */
static const char *post(const char *head, size_t size, bool chunked)
{
	struct buffer b = {.arena = arena};
	buffer_add_text(&b, text_of(head));
	if (chunked)
		buffer_printf(&b, "%zx\r\n", size);
	memset(buffer_reserve(&b, size), 'x', size);
	b.size += size;
	if (chunked)
		buffer_add_text(&b, TEXT("\r\n0\r\n\r\n"));
	return send_all(b.data, b.size);
}

static void assert_starts(const char *answer, const char *start_of)
{
	if (strncmp(answer, start_of, strlen(start_of)))
		fail_msg("wanted %s, got %s", start_of, answer);
}

static void assert_holds(const char *answer, const char *part)
{
	if (!strstr(answer, part))
		fail_msg("wanted %s in %s", part, answer);
}

static int count(const char *answer, const char *part)
{
	int n = 0;
	for (; (answer = strstr(answer, part)); answer += strlen(part))
		n++;
	return n;
}

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

/* --- tests ----------------------------------------------------------------------------------- */

static void the_bridge_answers_for_itself(void **state)
{
	(void)state;
	const char *alive = ask("GET /healthz HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(alive, "HTTP/1.1 200 ");
	assert_holds(alive, "Content-Type: application/json; charset=utf-8\r\n");
	assert_holds(alive, "X-Content-Type-Options: nosniff\r\n");
	assert_holds(alive, "\r\n\r\n{\"status\":\"ok\"}");
	assert_holds(ask("GET /mw/server/health HTTP/1.1\r\n" HOST CLOSE "\r\n"),
		"\r\n\r\n{\"code\":\"200\",\"message\":\"success\",\"mssage\":\"success\"}");
}

static void without_a_server_it_is_not_ready(void **state)
{
	(void)state;
	const char *answer = ask("GET /readyz HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(answer, "HTTP/1.1 503 ");
	assert_holds(answer, "Retry-After: 1\r\n");
}

static void without_a_server_calls_are_unavailable_in_their_profile(void **state)
{
	(void)state;
	const char *answer = ask("GET /mw/services HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(answer, "HTTP/1.1 503 ");
	assert_holds(answer, "{\"code\":\"503\",");
	answer = ask("POST /v1/server/get HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(answer, "HTTP/1.1 200 ");
	assert_holds(answer, "{\"retcode\":100,");
}

static void requests_share_a_connection(void **state)
{
	(void)state;
	const char *answer = ask("GET /healthz HTTP/1.1\r\n" HOST "\r\n"
				 "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
				 "POST /v1/server/get HTTP/1.1\r\n" HOST
				 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
				 "GET /healthz HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_int_equal(count(answer, "HTTP/1.1 200 "), 3);
	assert_int_equal(count(answer, "HTTP/1.1 404 "), 1);
}

static void another_verb_is_told_what_is_allowed(void **state)
{
	(void)state;
	const char *answer = ask("DELETE /mw/call HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(answer, "HTTP/1.1 405 ");
	assert_holds(answer, "Allow: POST, OPTIONS\r\n");
}

static void a_request_whose_end_is_in_doubt_closes_the_connection(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n",
		"Content-Length: 2\r\nContent-Length: 2\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding:\r\n chunked\r\n",
		"Content-Length : 2\r\n",
		"Content-Length: -2\r\n",
		"Host: localhost\r\n",
		"Host : localhost\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const char *answer = ask(arena_printf(arena,
			"POST /v1/server/get HTTP/1.1\r\n" HOST "%s\r\n{}"
			"GET /healthz HTTP/1.1\r\n" HOST "\r\n",
			heads[i]));
		assert_starts(answer, "HTTP/1.1 400 ");
		assert_int_equal(count(answer, "HTTP/1.1 200 "), 0);
	}
	assert_starts(ask("GET /healthz HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 ");
	assert_starts(ask("GET /healthz HTTP/1.0\r\n\r\n"), "HTTP/1.1 400 ");
}

static void a_target_with_a_blank_or_dots_is_refused(void **state)
{
	(void)state;
	assert_starts(ask("GET /mw/a b HTTP/1.1\r\n" HOST CLOSE "\r\n"), "HTTP/1.1 400 ");
	assert_starts(ask("GET /mw/%2e%2e/x HTTP/1.1\r\n" HOST CLOSE "\r\n"), "HTTP/1.1 400 ");
}

static void foreign_hosts_and_pages_are_refused(void **state)
{
	(void)state;
	assert_starts(ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "HTTP/1.1 421 ");
	assert_starts(ask("GET /healthz HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n"),
		"HTTP/1.1 403 ");
	assert_starts(ask("GET /healthz HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n"),
		"HTTP/1.1 403 ");
}

static void a_body_beyond_the_limit_is_refused_before_it_is_sent(void **state)
{
	(void)state;
	const char *answer = ask("POST /v1/server/get HTTP/1.1\r\n" HOST
				 "Expect: 100-continue\r\nContent-Length: 200001\r\n\r\n");
	assert_starts(answer, "HTTP/1.1 413 ");
	assert_holds(answer, "{\"retcode\":100,");
	assert_starts(post("POST /mw/call HTTP/1.1\r\n" HOST CLOSE "Content-Length: 200000\r\n\r\n",
			      BODY_LIMIT, false),
		"HTTP/1.1 400 ");
}

static void a_chunked_body_beyond_the_limit_is_refused_or_given_up(void **state)
{
	(void)state;
	const char *head = "POST /mw/call HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
	assert_starts(post(head, BODY_LIMIT + 1000, true), "HTTP/1.1 413 ");
	assert_string_equal(post(head, BODY_LIMIT + 1000000, true), "");
}

static void a_small_body_is_read_before_its_refusal(void **state)
{
	(void)state;
	const char *answer = ask("POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}"
				 "GET /healthz HTTP/1.1\r\n" HOST CLOSE "\r\n");
	assert_starts(answer, "HTTP/1.1 404 ");
	assert_int_equal(count(answer, "HTTP/1.1 200 "), 1);
}

static void very_long_headers_are_refused(void **state)
{
	char *request = arena_alloc(arena, 100100);
	(void)state;
	int size = sprintf(request, "GET /healthz HTTP/1.1\r\n" HOST "X-Long: ");
	memset(request + size, 'a', 90000);
	memcpy(request + size + 90000, "\r\n\r\n", 4);
	assert_starts(send_all(request, (size_t)size + 90004), "HTTP/1.1 431 ");
}

static void draining_waits_for_the_request_in_progress_and_accepts_no_more(void **state)
{
	(void)state;
	const char *head = "POST /v1/server/get HTTP/1.1\r\n" HOST
			   "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
	const char *go_on = "HTTP/1.1 100 Continue\r\n\r\n";
	char bytes[32];
	int fd = dial();
	put(fd, head, strlen(head));
	assert_int_equal(recv(fd, bytes, strlen(go_on), MSG_WAITALL), strlen(go_on));
	assert_memory_equal(bytes, go_on, strlen(go_on));
	assert_false(listener_drain(listener, 1));
	assert_int_equal(dial(), -1);
	put(fd, "{}", 2);
	const char *answer = take(fd);
	assert_starts(answer, "HTTP/1.1 200 ");
	assert_holds(answer, "Connection: close\r\n");
	assert_true(listener_drain(listener, 60000));
	close_all();
	open_all();
}

static void an_address_in_use_is_said_so(void **state)
{
	(void)state;
	const char *const taken[] = {"127.0.0.1:0", listener_address(listener, 0), NULL};
	assert_null(listener_open(&(struct listener_options){taken, 64, 0, 60, {0}}, &bridge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bridge_answers_for_itself),
		cmocka_unit_test(without_a_server_it_is_not_ready),
		cmocka_unit_test(without_a_server_calls_are_unavailable_in_their_profile),
		cmocka_unit_test(requests_share_a_connection),
		cmocka_unit_test(another_verb_is_told_what_is_allowed),
		cmocka_unit_test(a_request_whose_end_is_in_doubt_closes_the_connection),
		cmocka_unit_test(a_target_with_a_blank_or_dots_is_refused),
		cmocka_unit_test(foreign_hosts_and_pages_are_refused),
		cmocka_unit_test(a_body_beyond_the_limit_is_refused_before_it_is_sent),
		cmocka_unit_test(a_chunked_body_beyond_the_limit_is_refused_or_given_up),
		cmocka_unit_test(a_small_body_is_read_before_its_refusal),
		cmocka_unit_test(very_long_headers_are_refused),
		cmocka_unit_test(draining_waits_for_the_request_in_progress_and_accepts_no_more),
		cmocka_unit_test(an_address_in_use_is_said_so),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
