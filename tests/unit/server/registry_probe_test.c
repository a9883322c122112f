/* One check of one node: real listeners that answer well, badly, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/registry/probe.h"
#include "tests/support/http_peer.h"

static struct loop *loop;
static struct fetch_lane *lane;
static const struct egress_policy loopback = {.loopback = true};
static const struct egress_policy nothing = {0};

static void open_lane(const struct egress_policy *policy)
{
	const struct fetch_options options = {
		.egress = policy, .connections = 4, .connections_per_host = 4, .queue_limit = 4};

	fetch_stop(&lane);
	lane = fetch_start(&options);
}

static int start(void **state)
{
	loop = loop_new("home");
	loop_start(loop);
	open_lane(&loopback);
	return 0;
}

static int stop(void **state)
{
	fetch_stop(&lane);
	loop_stop(&loop);
	return 0;
}

/* --- one probe ------------------------------------------------------------------------------ */

static sem_t over;
static char verdict[512]; /* why it failed, or "passed" */

static void landed(struct probe *p)
{
	snprintf(verdict, sizeof verdict, "%s", p->passed ? "passed" : p->reason);
	probe_free(p);
	sem_post(&over);
}

/* path "" is a TCP check. */
static const char *probe(int port, const char *protocol, const char *path, int64_t timeout_ms)
{
	const struct address address = {
		.host = TEXT("127.0.0.1"), .protocol = text_of(protocol), .port = port};

	sem_init(&over, 0, 0);
	assert_non_null(probe_start(lane, loop,
		&(struct probe_target){address, text_of(path), false, timeout_ms}, landed, NULL));
	while (sem_wait(&over) != 0)
		;
	sem_destroy(&over);
	return verdict;
}

/* --- peers ---------------------------------------------------------------------------------- */

static const char *answer;

static void say_answer(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, answer);
}

static void hang(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_hold(socket);
}

static void say_too_much(struct peer *p, int socket)
{
	static const char block[PROBE_BODY_LIMIT] = "x";

	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	peer_write(socket, block, sizeof block);
	peer_write(socket, block, 1);
}

static int closed_port(void)
{
	struct peer *p = peer_start(hang);
	int port = peer_port(p);

	peer_stop(&p);
	return port;
}

/* --- TCP ------------------------------------------------------------------------------------ */

static void tcp_passes_when_a_connection_stands_and_sends_nothing(void **state)
{
	struct peer *p = peer_start(hang);

	assert_string_equal(probe(peer_port(p), "https", "", 20000), "passed");
	assert_string_equal(probe(peer_port(p), "http", "", 20000), "passed");
	/* Each is closed at once: the peer's wait for a request ends. */
	peer_wait_closed(p, 2);
	assert_int_equal(peer_requests(p), 0);
	peer_stop(&p);
	assert_string_equal(probe(closed_port(), "http", "", 20000), "connection refused");
}

static void an_address_that_the_policy_refuses_fails(void **state)
{
	struct peer *p = peer_start(hang);

	open_lane(&nothing);
	assert_string_equal(
		probe(peer_port(p), "http", "", 20000), "address refused by egress policy");
	assert_string_equal(
		probe(peer_port(p), "http", "/", 20000), "address refused by egress policy");
	assert_int_equal(peer_connections(p), 0);
	open_lane(&loopback);
	peer_stop(&p);
}

static void a_full_lane_begins_nothing(void **state)
{
	const struct fetch_options options = {
		.egress = &loopback, .connections = 1, .connections_per_host = 1, .queue_limit = 0};
	const struct address address = {.host = TEXT("127.0.0.1"), .port = 1};

	fetch_stop(&lane);
	lane = fetch_start(&options);
	assert_null(probe_start(
		lane, loop, &(struct probe_target){address, TEXT(""), false, 1000}, landed, NULL));
	open_lane(&loopback);
}

/* --- HTTP ----------------------------------------------------------------------------------- */

static void the_answer_decides(void **state)
{
#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body
#define TEN      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	static const struct {
		const char *answer, *verdict;
	} cases[] = {
		{OK(""), "passed"},
		{OK("up"), "passed"},
		{"HTTP/1.1 204 No Content\r\n\r\n", "passed"},
		{"HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n", "passed"},
		{"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "status 302"},
		{"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", "status 404"},
		{"HTTP/1.1 503 X\r\nContent-Length: 14\r\n\r\n{\"code\":\"200\"}", "status 503"},
		{OK("{\"code\":\"200\"}"), "passed"},
		{OK("{\"a\":1, \"code\": 200 }"), "passed"},
		{OK("{\"code\":\"500\"}"), "code is \"500\""},
		{OK("{\"code\":500}"), "code is 500"},
		{OK("{\"code\":2000}"), "code is 2000"},
		{OK("{\"code\":null}"), "code is null"},
		{OK("{\"data\":{\"code\":500}}"), "passed"},
		{OK("[{\"code\":500}]"), "passed"},
		{OK("{\"code\":500"), "passed"}, /* no JSON */
		/* What is shown of it is 40 bytes at most, and whole characters. */
		{OK("{\"code\":\"" TEN TEN TEN "\"}"),
			"code is \"" TEN "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
			"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"},
		{"", "broke off before its answer: Server returned nothing (no headers, no data)"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
			"broke off its answer: Transferred a partial file"},
	};
	struct peer *p = peer_start(say_answer);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		answer = cases[i].answer;
		assert_string_equal(
			probe(peer_port(p), "http", "/up?a=1", 20000), cases[i].verdict);
		assert_ptr_equal(strstr(peer_request(p, (int)i), "GET /up?a=1 HTTP/1.1\r\n"),
			peer_request(p, (int)i));
	}
	peer_stop(&p);
}

static void keep_open(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void each_check_makes_a_connection_of_its_own(void **state)
{
	struct peer *p = peer_start(keep_open);

	for (int i = 1; i <= 3; i++) {
		assert_string_equal(probe(peer_port(p), "http", "/", 20000), "passed");
		peer_wait_closed(p, i);
	}
	assert_int_equal(peer_connections(p), 3);
	peer_stop(&p);
}

static void no_answer_in_time_fails(void **state)
{
	struct peer *p = peer_start(hang);

	assert_string_equal(probe(peer_port(p), "http", "/", 100), "no answer within 100 ms");
	assert_string_equal(probe(closed_port(), "http", "/", 20000), "connection refused");
	peer_stop(&p);
}

static void an_answer_beyond_the_limit_fails(void **state)
{
	struct peer *p = peer_start(say_too_much);

	assert_string_equal(
		probe(peer_port(p), "http", "/", 20000), "the answer is beyond 65536 bytes");
	peer_stop(&p);
}

static atomic_int first_byte;

static void note_first_byte(struct peer *p, int socket)
{
	unsigned char byte = 0;

	recv(socket, &byte, 1, 0);
	atomic_store(&first_byte, byte);
}

static void https_asks_for_tls(void **state)
{
	struct peer *p = peer_start(note_first_byte);

	probe(peer_port(p), "https", "/", 20000);
	assert_int_equal(atomic_load(&first_byte), 0x16); /* a TLS handshake */
	assert_string_not_equal(verdict, "passed");
	probe(peer_port(p), "", "/", 20000);
	assert_int_equal(atomic_load(&first_byte), 'G');
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_passes_when_a_connection_stands_and_sends_nothing),
		cmocka_unit_test(an_address_that_the_policy_refuses_fails),
		cmocka_unit_test(a_full_lane_begins_nothing),
		cmocka_unit_test(the_answer_decides),
		cmocka_unit_test(each_check_makes_a_connection_of_its_own),
		cmocka_unit_test(no_answer_in_time_fails),
		cmocka_unit_test(an_answer_beyond_the_limit_fails),
		cmocka_unit_test(https_asks_for_tls),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
