/* Nodes that are not there, break off, say garbage, or are not who they should be. */
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/tls_peer.h"
#include "tests/support/upstream_trial.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void expect_failure(struct trial *t, enum upstream_failure failure, const char *log)
{
	trial_run(t);
	assert_string_equal(t->log.data, log);
	assert_int_equal(t->failure, failure);
	trial_free(t);
}

/* --- no connection ---------------------------------------------------------------------------- */

static void hold_open(struct peer *p, int socket)
{
	peer_hold(socket);
}

static void one_that_is_not_there_is_not_reached(void **state)
{
	struct peer *p = peer_start(hold_open);
	int port = peer_port(p);
	peer_stop(&p);
	expect_failure(trial_to("127.0.0.1", port, false, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: connection refused");
	expect_failure(trial_to("::1", port, false, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: connection refused");
}

static void a_name_that_is_none_is_not_reached(void **state)
{
	struct trial *t = trial_to("nowhere.invalid", 80, false, true);
	trial_run(t);
	assert_int_equal(t->failure, UPSTREAM_NOT_REACHED);
	assert_true(text_starts(buffer_text(&t->log), TEXT("cannot be reached: ")));
	trial_free(t);
}

/* A port that takes no connections: its queue is full. */
static int listen_full(int *sockets, size_t count, int *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	for (size_t i = 0; i < count; i++) {
		sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(sockets[i], (struct sockaddr *)&address, size);
	}
	*port = ntohs(address.sin_port);
	return listener;
}

static void connecting_takes_no_longer_than_it_may(void **state)
{
	int sockets[4], port;
	int listener = listen_full(sockets, 4, &port);
	struct trial *t = trial_to("127.0.0.1", port, false, true);
	t->request.connect_timeout_ms = 50;
	expect_failure(t, UPSTREAM_CONNECT_TIMEOUT, "was not connected to in time");
	for (int i = 0; i < 4; i++)
		close(sockets[i]);
	close(listener);
}

static void one_may_be_dropped_while_connecting(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "nowhere.invalid"};
	int sockets[4], port;
	int listener = listen_full(sockets, 4, &port);
	for (int i = 0; i < 3; i++) {
		struct trial *t = trial_to(hosts[i], port, false, true);
		t->at = "start";
		t->act = trial_drop;
		trial_expect(t, "");
	}
	for (int i = 0; i < 4; i++)
		close(sockets[i]);
	close(listener);
}

static void allow(void *policy)
{
	upstream_pool_allow(trial_pool, policy);
}

static void serve_ok(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, OK);
}

/* Of a name each address is looked at; a configured node may be at loopback. */
static void what_the_policy_refuses_is_not_connected_to(void **state)
{
	struct peer *p = peer_start(serve_ok);
	int port = peer_port(p);
	expect_failure(trial_to("127.0.0.1", port, false, false), UPSTREAM_NOT_ALLOWED,
		"must not be connected to: 127.0.0.1 is a loopback address, not allowed by "
		"configuration");
	struct trial *t = trial_to("localhost", port, false, false);
	trial_run(t);
	assert_int_equal(t->failure, UPSTREAM_NOT_ALLOWED);
	trial_free(t);
	expect_failure(trial_to("169.254.169.254", 80, false, true), UPSTREAM_NOT_ALLOWED,
		"must not be connected to: 169.254.169.254 is link-local");
	assert_int_equal(peer_connections(p), 0);
	trial_expect(trial_to("127.0.0.1", port, false, true), "sent, 200 OK, {hello}, end");
	loop_run(trial_loop, allow, &(struct egress_policy){.loopback = true});
	trial_expect(trial_to("127.0.0.1", port, false, false), "sent, 200 OK, {hello}, end");
	peer_stop(&p);
}

static void own_listeners_are_refused(void **state)
{
	struct peer *p = peer_start(serve_ok);
	struct sockaddr_storage own = {0};
	*(struct sockaddr_in *)&own = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)peer_port(p)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	loop_run(trial_loop, allow, &(struct egress_policy){.own = &own, .own_count = 1});
	memset(&own, 0, sizeof(own));
	expect_failure(trial_new(p), UPSTREAM_NOT_ALLOWED,
		"must not be connected to: 127.0.0.1 is an address that Junction itself listens "
		"on");
	peer_stop(&p);
}

/* --- broken off ------------------------------------------------------------------------------- */

static const char *answer;
static atomic_size_t cut;
static atomic_bool reset;

static void set_linger(int socket)
{
	struct linger linger = {.l_onoff = 1};
	setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void serve_cut(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_write(socket, answer, atomic_load(&cut));
	if (atomic_load(&reset))
		set_linger(socket);
}

static void expect_break(struct peer *p, size_t size)
{
	struct trial *t = trial_new(p);
	atomic_store(&cut, size);
	trial_run(t);
	assert_int_equal(t->failure, size ? UPSTREAM_BROKEN_OFF : UPSTREAM_NOT_ANSWERED);
	assert_non_null(strstr(t->log.data,
		size ? ", broke off its answer" : "sent, closed the connection without an answer"));
	assert_null(strstr(t->log.data, "end"));
	trial_free(t);
}

static const char *const answers[] = {OK,
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	"3\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n"};

static void an_answer_may_break_off_at_any_byte(void **state)
{
	struct peer *p = peer_start(serve_cut);
	atomic_store(&reset, false);
	for (int i = 0; i < 2; i++) {
		answer = answers[i];
		for (size_t size = 0; size < strlen(answer); size++)
			expect_break(p, size);
	}
	peer_stop(&p);
}

/* A reset may take what came before it along. */
static void an_answer_may_be_reset_at_any_byte(void **state)
{
	struct peer *p = peer_start(serve_cut);
	atomic_store(&reset, true);
	answer = answers[1];
	for (size_t size = 0; size < strlen(answer); size++) {
		struct trial *t = trial_new(p);
		atomic_store(&cut, size);
		trial_run(t);
		if (t->failure != UPSTREAM_BROKEN_OFF)
			assert_int_equal(t->failure, UPSTREAM_NOT_ANSWERED);
		assert_null(strstr(t->log.data, "end"));
		trial_free(t);
	}
	peer_stop(&p);
}

/* Whether the reset comes with the last bytes or behind them. */
static void a_body_that_is_reset_is_not_complete(void **state)
{
	struct peer *p = peer_start(serve_cut);
	atomic_store(&reset, true);
	answer = "HTTP/1.1 200 OK\r\n\r\nhello";
	atomic_store(&cut, strlen(answer));
	for (int i = 0; i < 100; i++) {
		struct trial *t = trial_new(p);
		trial_run(t);
		assert_null(strstr(t->log.data, "end"));
		trial_free(t);
	}
	peer_stop(&p);
}

/* So many bytes of the second answer. */
static void serve_second(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, OK);
	if (peer_read(p, socket))
		peer_write(socket, OK, atomic_load(&cut));
}

static void a_kept_connection_may_be_stale(void **state)
{
	struct peer *p = peer_start(serve_second);
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	atomic_store(&cut, 0);
	expect_failure(
		trial_new(p), UPSTREAM_STALE, "sent, closed the connection without an answer");
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	atomic_store(&cut, 1);
	expect_failure(trial_new(p), UPSTREAM_BROKEN_OFF, "sent, broke off its answer");
	peer_stop(&p);
}

static void put_some(struct trial *t)
{
	upstream_put(t->upstream, TEXT("hello"));
}

/* The node sends no more while the body is still to come. */
static void serve_half(struct peer *p, int socket)
{
	char bytes[1];
	if (!peer_read_head(p, socket) || peer_take(socket, bytes, 1) != 1)
		return;
	shutdown(socket, SHUT_WR);
	peer_hold(socket);
}

static void one_may_stop_talking_while_it_is_talked_to(void **state)
{
	struct peer *p = peer_start(serve_half);
	struct trial *t = trial_new(p);
	t->request.head = TEXT("POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\n");
	t->request.has_body = true;
	t->at = "start";
	t->act = put_some;
	expect_failure(t, UPSTREAM_NOT_ANSWERED, "sent, closed the connection without an answer");
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

static char large[8 * 1024 * 1024];

static void put_large(struct trial *t)
{
	upstream_put(t->upstream, (struct text){large, sizeof(large)});
	upstream_put_end(t->upstream, NULL, 0);
}

/* Reads nothing of the body, which is reset then. */
static void serve_refusal(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
	shutdown(socket, SHUT_WR);
	peer_hold(socket);
}

static void a_refusal_comes_before_the_body_is_sent(void **state)
{
	struct peer *p = peer_start(serve_refusal);
	struct trial *t = trial_new(p);
	t->request.head = TEXT("POST / HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n");
	t->request.has_body = true;
	t->at = "start";
	t->act = put_large;
	trial_expect(t, "sent, 413 Large, end");
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

/* --- garbage ---------------------------------------------------------------------------------- */

static void serve_garbage(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, answer);
	peer_hold(socket);
}

/* The kinds are those of upstream_answer_test. */
static void garbage_is_malformed(void **state)
{
	static const char *const said[] = {"SSH-2.0-x\r\n", "did not answer in HTTP/1",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"said twice how long its answer is", "HTTP/1.1 101 Changed\r\n\r\n",
		"changed the protocol unasked"};
	struct peer *p = peer_start(serve_garbage);
	for (int i = 0; i < 6; i += 2) {
		char log[256];
		answer = said[i];
		snprintf(log, sizeof(log), "sent, %s", said[i + 1]);
		expect_failure(trial_new(p), UPSTREAM_MALFORMED, log);
		peer_wait_closed(p, i / 2 + 1);
	}
	answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld";
	expect_failure(trial_new(p), UPSTREAM_MALFORMED,
		"sent, 200 OK, {hello}, sent a chunk that is none");
	peer_stop(&p);
}

static void launch_next(struct trial *t)
{
	trial_launch(t->next);
}

static void another_may_start_where_one_has_failed(void **state)
{
	struct peer *p = peer_start(serve_cut);
	struct trial *t = trial_new(p), *next = trial_new(p);
	atomic_store(&reset, false);
	atomic_store(&cut, 0);
	t->at = "failed";
	t->act = launch_next;
	t->next = next;
	expect_failure(t, UPSTREAM_NOT_ANSWERED, "sent, closed the connection without an answer");
	trial_wait(next);
	assert_int_equal(next->failure, UPSTREAM_NOT_ANSWERED);
	trial_free(next);
	peer_stop(&p);
}

/* --- https ------------------------------------------------------------------------------------ */

static struct tls_party authority, node, stranger;
static char ca_file[] = "/tmp/upstream-ca-XXXXXX";
static SSL_CTX *tls;
static atomic_bool truncated;

static void serve_tls(struct peer *p, int socket)
{
	char bytes[256];
	SSL *ssl = tls_accept(tls, socket);
	if (!ssl)
		return;
	while (SSL_read(ssl, bytes, sizeof(bytes)) > 0) {
		if (SSL_write(ssl, answer, (int)strlen(answer)) <= 0 || !strstr(answer, "Length"))
			break;
	}
	if (!atomic_load(&truncated))
		SSL_shutdown(ssl);
	SSL_free(ssl);
}

static int setup_tls(void **state)
{
	authority = tls_party_new(NULL, NULL);
	node = tls_party_new("DNS:localhost,IP:127.0.0.1", &authority);
	stranger = tls_party_new("DNS:elsewhere.example", &authority);
	tls_write(&authority, ca_file);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int teardown_tls(void **state)
{
	unlink(ca_file);
	tls_party_free(&authority);
	tls_party_free(&node);
	tls_party_free(&stranger);
	return 0;
}

static void use_ca(const char *file)
{
	trial_renew_pool(&(struct upstream_pool_options){
		.idle_per_endpoint = 8, .idle_ms = 60000, .ca_file = file});
}

static struct peer *start_tls(const struct tls_party *party, const char *protocol)
{
	tls = tls_server_new(party, protocol);
	atomic_store(&truncated, false);
	return peer_start(serve_tls);
}

static void stop_tls(struct peer **p)
{
	peer_stop(p);
	SSL_CTX_free(tls);
	use_ca(NULL);
}

static void a_node_may_speak_tls(void **state)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1"};
	static const char *const protocols[] = {NULL, "\x08http/1.1"};
	for (int i = 0; i < 4; i++) {
		struct peer *p = start_tls(&node, protocols[i / 2]);
		use_ca(ca_file);
		answer = OK;
		for (int k = 0; k < 3; k++)
			trial_expect(trial_to(hosts[i % 2], peer_port(p), true, true),
				"sent, 200 OK, {hello}, end");
		assert_int_equal(peer_connections(p), 1);
		stop_tls(&p);
	}
}

static void a_node_shows_who_it_is(void **state)
{
	struct peer *p = start_tls(&stranger, NULL);
	answer = OK;
	use_ca(ca_file);
	expect_failure(trial_to("localhost", peer_port(p), true, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: handshake: hostname mismatch");
	expect_failure(trial_to("127.0.0.1", peer_port(p), true, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: handshake: IP address mismatch");
	stop_tls(&p);
	p = start_tls(&node, NULL);
	expect_failure(trial_to("localhost", peer_port(p), true, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: handshake: unable to get local issuer certificate");
	use_ca("/tmp/no-such-file.pem");
	expect_failure(trial_to("localhost", peer_port(p), true, true), UPSTREAM_NOT_REACHED,
		"cannot be reached: handshake: unable to get local issuer certificate");
	stop_tls(&p);
}

static void one_without_tls_is_not_reached(void **state)
{
	struct peer *p = peer_start(serve_garbage);
	struct trial *t = trial_to("127.0.0.1", peer_port(p), true, true);
	t->request.connect_timeout_ms = 50;
	expect_failure(t, UPSTREAM_CONNECT_TIMEOUT, "was not connected to in time");
	peer_stop(&p);
	p = peer_start(serve_cut);
	t = trial_to("127.0.0.1", peer_port(p), true, true);
	trial_start(t);
	peer_stop(&p);
	trial_wait(t);
	assert_int_equal(t->failure, UPSTREAM_NOT_REACHED);
	trial_free(t);
}

/* The end of TLS says that a body until the end is whole; the end of TCP does not. */
static void a_body_in_tls_is_not_cut_short(void **state)
{
	struct peer *p = start_tls(&node, NULL);
	use_ca(ca_file);
	answer = "HTTP/1.1 200 OK\r\n\r\nhello";
	trial_expect(trial_to("localhost", peer_port(p), true, true), "sent, 200 OK, {hello}, end");
	atomic_store(&truncated, true);
	expect_failure(trial_to("localhost", peer_port(p), true, true), UPSTREAM_BROKEN_OFF,
		"sent, 200 OK, {hello}, broke off its answer");
	stop_tls(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_is_not_there_is_not_reached),
		TEST(a_name_that_is_none_is_not_reached),
		TEST(connecting_takes_no_longer_than_it_may),
		TEST(one_may_be_dropped_while_connecting),
		TEST(what_the_policy_refuses_is_not_connected_to),
		TEST(own_listeners_are_refused),
		TEST(an_answer_may_break_off_at_any_byte),
		TEST(an_answer_may_be_reset_at_any_byte),
		TEST(a_body_that_is_reset_is_not_complete),
		TEST(a_kept_connection_may_be_stale),
		TEST(one_may_stop_talking_while_it_is_talked_to),
		TEST(a_refusal_comes_before_the_body_is_sent),
		TEST(garbage_is_malformed),
		TEST(another_may_start_where_one_has_failed),
		TEST(a_node_may_speak_tls),
		TEST(a_node_shows_who_it_is),
		TEST(one_without_tls_is_not_reached),
		TEST(a_body_in_tls_is_not_cut_short),
	};
	return cmocka_run_group_tests(tests, setup_tls, teardown_tls);
}
