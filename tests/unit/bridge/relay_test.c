/* Bytes both ways between two sockets: ends, losses, slow sides, idle ones. */
#include "bridge/gateway/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/loop.h"
#include "tests/support/tls_peer.h"

static struct loop *loop;
static int listener, port;

static int setup(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	loop = loop_new("relay test");
	loop_start(loop);
	int small = 65536; /* of what is accepted: so little fits into the system's buffers */
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	CHECK(!setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	CHECK(!bind(listener, (struct sockaddr *)&address, size) && !listen(listener, 100));
	CHECK(!getsockname(listener, (struct sockaddr *)&address, &size));
	port = ntohs(address.sin_port);
	return 0;
}

static int teardown(void **state)
{
	close(listener);
	loop_stop(&loop);
	return 0;
}

/* --- a relay between two ends of the test's --------------------------------------------------- */

struct trial {
	int client, node; /* the test's ends */
	int fd;           /* the relay's */
	struct relay_options options;
	struct relay *relay;
	uint64_t to_node, to_client;
	bool in_open;
	int64_t ended_at;
	sem_t opened, lost, ended;
};

static void on_opened(void *arg)
{
	struct trial *t = arg;
	wire_hold(t->options.wire, true);
	sem_post(&t->opened);
}

static void on_received(void *arg, struct text bytes)
{
	(void)arg, (void)bytes;
	CHECK(false);
}

static void on_lost(void *arg)
{
	struct trial *t = arg;
	sem_post(&t->lost);
}

static const struct wire_events before = {
	.opened = on_opened, .received = on_received, .lost = on_lost};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static void on_ended(void *owner, uint64_t to_node, uint64_t to_client)
{
	struct trial *t = owner;
	CHECK(!t->in_open && t->relay && loop_current() == loop);
	t->relay = NULL;
	t->to_node = to_node;
	t->to_client = to_client;
	t->ended_at = clock_now();
	close(t->fd);
	sem_post(&t->ended);
}

static SSL_CTX *tls; /* of the wire; NULL: plain */

static void open_wire(void *arg)
{
	struct trial *t = arg;
	char target[32];
	snprintf(target, sizeof(target), "127.0.0.1:%d", port);
	t->options.wire = wire_open(loop_uv(loop), &(struct wire_options){.target = target,
							   .tls = tls,
							   .name = "localhost",
							   .events = &before,
							   .arg = t});
}

static void open_relay(void *arg)
{
	struct trial *t = arg;
	t->in_open = true;
	t->relay = relay_open(&t->options);
	t->in_open = false;
}

static void connect_node(struct trial *t)
{
	*t = (struct trial){.options = {.loop = loop, .ended = on_ended, .owner = t}};
	sem_init(&t->opened, 0, 0);
	sem_init(&t->lost, 0, 0);
	sem_init(&t->ended, 0, 0);
	loop_run(loop, open_wire, t);
	t->node = accept(listener, NULL, NULL);
	CHECK(t->node >= 0);
}

/* As libmicrohttpd gives it of clients with TLS. */
static void pair_client(struct trial *t)
{
	int ends[2];
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	t->client = ends[0];
	t->options.client.fd = t->fd = ends[1];
}

static void dial_client(struct trial *t)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port)};
	t->client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(t->client, (struct sockaddr *)&address, sizeof(address)));
	t->options.client.fd = t->fd = accept(listener, NULL, NULL);
	CHECK(t->fd >= 0);
}

static void start(struct trial *t)
{
	wait_for(&t->opened);
	loop_run(loop, open_relay, t);
}

/* tcp: the client's side too. */
static void begin(struct trial *t, bool tcp)
{
	connect_node(t);
	if (tcp)
		dial_client(t);
	else
		pair_client(t);
	start(t);
}

static void finish(struct trial *t)
{
	close(t->client);
	close(t->node);
	sem_destroy(&t->opened);
	sem_destroy(&t->lost);
	sem_destroy(&t->ended);
}

static void say(int fd, const char *bytes)
{
	CHECK(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL) == (ssize_t)strlen(bytes));
}

/* Exactly that comes. */
static void hear(int fd, const char *expected)
{
	char bytes[256] = "";
	size_t size = strlen(expected);
	assert_int_equal(recv(fd, bytes, size, MSG_WAITALL), size);
	assert_memory_equal(bytes, expected, size);
}

static void hear_end(int fd)
{
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void reset(int fd)
{
	struct linger none = {.l_onoff = 1};
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
	close(fd);
}

/* --- bytes and ends --------------------------------------------------------------------------- */

static void bytes_go_both_ways(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		for (int i = 0; i < 100; i++) {
			say(t.client, "ping");
			hear(t.node, "ping");
			say(t.node, "gotcha");
			hear(t.client, "gotcha");
		}
		close(t.client);
		hear_end(t.node);
		close(t.node);
		wait_for(&t.ended);
		assert_int_equal(t.to_node, 400);
		assert_int_equal(t.to_client, 600);
		t.client = t.node = -1;
		finish(&t);
	}
}

static void what_came_already_comes_first(void **state)
{
	struct trial t;
	connect_node(&t);
	pair_client(&t);
	t.options.from_client = TEXT("from client, ");
	t.options.from_node = TEXT("from node, ");
	say(t.client, "more of the client");
	say(t.node, "more of the node");
	start(&t);
	hear(t.node, "from client, more of the client");
	hear(t.client, "from node, more of the node");
	shutdown(t.client, SHUT_WR);
	shutdown(t.node, SHUT_WR);
	wait_for(&t.ended);
	assert_int_equal(t.to_node, 31);
	assert_int_equal(t.to_client, 27);
	finish(&t);
}

static void a_client_that_has_sent_all_still_gets_the_rest(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		say(t.client, "all");
		shutdown(t.client, SHUT_WR);
		hear(t.node, "all");
		hear_end(t.node);
		for (int i = 0; i < 10; i++) {
			say(t.node, "more");
			hear(t.client, "more");
		}
		close(t.node);
		hear_end(t.client);
		wait_for(&t.ended);
		t.node = -1;
		finish(&t);
	}
}

static void a_node_that_has_sent_all_still_gets_the_rest(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		say(t.node, "all");
		shutdown(t.node, SHUT_WR);
		hear(t.client, "all");
		hear_end(t.client);
		for (int i = 0; i < 10; i++) {
			say(t.client, "more");
			hear(t.node, "more");
		}
		close(t.client);
		hear_end(t.node);
		wait_for(&t.ended);
		t.client = -1;
		finish(&t);
	}
}

/* --- losses ----------------------------------------------------------------------------------- */

static void what_came_before_a_reset_of_the_node_is_delivered(void **state)
{
	struct trial t;
	begin(&t, true);
	say(t.node, "last");
	hear(t.client, "last");
	reset(t.node);
	wait_for(&t.ended);
	hear_end(t.client);
	assert_int_equal(t.to_client, 4);
	t.node = -1;
	finish(&t);
}

static void what_came_before_a_reset_of_the_client_is_delivered(void **state)
{
	struct trial t;
	begin(&t, true);
	say(t.client, "last");
	hear(t.node, "last");
	reset(t.client);
	hear_end(t.node);
	wait_for(&t.ended);
	assert_int_equal(t.to_node, 4);
	t.client = -1;
	finish(&t);
}

static void a_client_that_has_gone_ends_it_when_something_comes_for_it(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		say(t.client, "bye");
		close(t.client);
		hear(t.node, "bye");
		hear_end(t.node);
		/* The node does not end it. */
		while (sem_trywait(&t.ended))
			send(t.node, "more", 4, MSG_NOSIGNAL);
		t.client = -1;
		finish(&t);
	}
}

static void break_off(void *arg)
{
	struct trial *t = arg;
	relay_break_off(t->relay);
	CHECK(!t->relay);
}

static void it_may_be_broken_off(void **state)
{
	struct trial t;
	begin(&t, false);
	say(t.client, "x");
	hear(t.node, "x");
	loop_run(loop, break_off, &t);
	hear_end(t.node);
	hear_end(t.client);
	assert_int_equal(sem_trywait(&t.ended), 0);
	assert_int_equal(t.to_node, 1);
	finish(&t);
}

static void open_and_break_off(void *arg)
{
	open_relay(arg);
	break_off(arg);
}

static void it_may_be_broken_off_at_once(void **state)
{
	struct trial t;
	connect_node(&t);
	pair_client(&t);
	t.options.from_node = t.options.from_client = TEXT("never mind");
	wait_for(&t.opened);
	loop_run(loop, open_and_break_off, &t);
	hear_end(t.client);
	finish(&t);
}

/* --- slow sides ------------------------------------------------------------------------------- */

enum { LARGE = 64 * 1024 * 1024, MUCH = 16 * 1024 * 1024 };

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

/* Until the other side takes no more, or all has gone: how much. */
static size_t flood(int from)
{
	static unsigned char piece[65536];
	size_t sent = 0;
	struct pollfd p = {.fd = from, .events = POLLOUT};
	while (sent < LARGE && poll(&p, 1, 500) > 0) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = byte_at(sent + i);
		ssize_t size = send(from, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += size > 0 ? (size_t)size : 0;
	}
	return sent;
}

static size_t drain(int to)
{
	static unsigned char piece[65536];
	size_t got = 0;
	ssize_t size;
	while ((size = recv(to, piece, sizeof(piece), 0)) > 0)
		for (ssize_t i = 0; i < size; i++)
			CHECK(piece[i] == byte_at(got++));
	return got;
}

/* It stops when little has been taken; then all comes, to the end. */
static void check_flood(int from, int to)
{
	size_t sent = flood(from);
	assert_true(sent < MUCH);
	shutdown(from, SHUT_WR);
	assert_int_equal(drain(to), sent);
}

static void a_slow_client_holds_the_node(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		check_flood(t.node, t.client);
		say(t.client, "still here");
		hear(t.node, "still here");
		close(t.client);
		wait_for(&t.ended);
		t.client = -1;
		finish(&t);
	}
}

static void a_slow_node_holds_the_client(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		check_flood(t.client, t.node);
		say(t.node, "still here");
		hear(t.client, "still here");
		close(t.node);
		wait_for(&t.ended);
		t.node = -1;
		finish(&t);
	}
}

static void what_waits_for_a_client_is_delivered_after_the_node_has_gone(void **state)
{
	struct trial t;
	begin(&t, false);
	size_t sent = flood(t.node);
	shutdown(t.client, SHUT_WR);
	hear_end(t.node);
	close(t.node);
	assert_int_equal(drain(t.client), sent);
	wait_for(&t.ended);
	assert_int_equal(t.to_client, sent);
	t.node = -1;
	finish(&t);
}

static void what_waits_for_a_node_is_delivered_after_the_client_has_gone(void **state)
{
	struct trial t;
	begin(&t, false);
	size_t sent = flood(t.client);
	close(t.client);
	shutdown(t.node, SHUT_WR);
	assert_int_equal(drain(t.node), sent);
	wait_for(&t.ended);
	assert_int_equal(t.to_node, sent);
	t.client = -1;
	finish(&t);
}

static void a_client_that_goes_while_much_waits_ends_it(void **state)
{
	struct trial t;
	for (int tcp = 0; tcp < 2; tcp++) {
		begin(&t, tcp);
		assert_true(flood(t.node) < MUCH);
		reset(t.client);
		wait_for(&t.ended);
		t.client = -1;
		finish(&t);
	}
}

static void what_waits_for_a_node_is_delivered_after_a_reset_of_the_client(void **state)
{
	struct trial t;
	/* It is found by sending to the client, or by reading on. */
	for (int sending = 0; sending < 2; sending++) {
		begin(&t, true);
		flood(t.client);
		reset(t.client);
		if (sending)
			say(t.node, "to nobody");
		shutdown(t.node, SHUT_WR);
		size_t got = drain(t.node);
		wait_for(&t.ended);
		assert_int_equal(got, t.to_node);
		t.client = -1;
		finish(&t);
	}
}

static void let_wire(void *arg)
{
	struct trial *t = arg;
	wire_hold(t->options.wire, false);
}

static void what_came_of_a_wire_that_was_lost_before_is_delivered(void **state)
{
	static unsigned char rest[4 * 1024 * 1024];
	struct trial t;
	for (size_t i = 0; i < sizeof(rest); i++)
		rest[i] = byte_at(i);
	connect_node(&t);
	pair_client(&t);
	wait_for(&t.opened);
	reset(t.node);
	loop_run(loop, let_wire, &t);
	wait_for(&t.lost);
	t.node = -1;
	t.options.from_node = (struct text){(char *)rest, sizeof(rest)};
	loop_run(loop, open_relay, &t);
	assert_int_equal(drain(t.client), sizeof(rest));
	wait_for(&t.ended);
	finish(&t);
}

/* --- TLS towards the node --------------------------------------------------------------------- */

static void ends_pass_through_tls(void **state)
{
	struct tls_party authority = tls_party_new(NULL, NULL);
	struct tls_party party = tls_party_new("DNS:localhost", &authority);
	SSL_CTX *server = tls_server_new(&party, "\x08http/1.1");
	char ca[] = "/tmp/relay-test-XXXXXX";
	struct trial t;
	char bytes[8];
	tls_write(&authority, ca);
	tls = wire_tls_new("\x08http/1.1");
	assert_true(wire_tls_trust(tls, ca));
	unlink(ca);
	connect_node(&t);
	pair_client(&t);
	SSL *ssl = tls_accept(server, t.node);
	assert_non_null(ssl);
	assert_int_equal(SSL_write(ssl, "early", 5), 5);
	start(&t);
	hear(t.client, "early");
	say(t.client, "hello");
	assert_int_equal(SSL_read(ssl, bytes, sizeof(bytes)), 5);
	shutdown(t.client, SHUT_WR);
	assert_int_equal(SSL_read(ssl, bytes, sizeof(bytes)), 0);
	assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(SSL_write(ssl, "rest", 4), 4);
	hear(t.client, "rest");
	SSL_shutdown(ssl);
	hear_end(t.client);
	wait_for(&t.ended);
	SSL_free(ssl);
	finish(&t);
	wire_tls_release(&tls);
	SSL_CTX_free(server);
	tls_party_free(&party);
	tls_party_free(&authority);
}

/* --- idle ones -------------------------------------------------------------------------------- */

static void an_idle_one_is_ended_others_are_not(void **state)
{
	struct trial idle, patient, unlimited;
	begin(&unlimited, false);
	connect_node(&patient);
	pair_client(&patient);
	patient.options.idle_ms = 3600000;
	start(&patient);
	connect_node(&idle);
	pair_client(&idle);
	idle.options.idle_ms = 1;
	start(&idle);
	wait_for(&idle.ended);
	hear_end(idle.client);
	hear_end(idle.node);
	say(patient.client, "here");
	hear(patient.node, "here");
	say(unlimited.node, "here");
	hear(unlimited.client, "here");
	loop_run(loop, break_off, &patient);
	loop_run(loop, break_off, &unlimited);
	finish(&idle);
	finish(&patient);
	finish(&unlimited);
}

static bool echo(struct trial *t)
{
	char byte;
	return send(t->client, "x", 1, MSG_NOSIGNAL) == 1 && recv(t->node, &byte, 1, 0) == 1;
}

/* It is not ended before nothing has moved for so long, however slow the machine is. */
static void what_moves_is_not_idle(void **state)
{
	enum { IDLE_MS = 300 };
	struct trial t;
	int64_t start_time = clock_now(), last = start_time;
	connect_node(&t);
	pair_client(&t);
	t.options.idle_ms = IDLE_MS;
	start(&t);
	for (bool alive = true; alive && last - start_time < 2 * CLOCK_SECOND;) {
		int64_t now = clock_now();
		alive = echo(&t);
		last = alive ? now : last;
	}
	wait_for(&t.ended);
	assert_true(t.ended_at - last >= (IDLE_MS - 20) * CLOCK_MS);
	finish(&t);
}

enum { IDLE = 1000 };

static void an_idle_one_costs_little(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	static struct trial trials[IDLE];
	struct rlimit files = {5000, 5000};
	size_t wires, relays, used;
	setrlimit(RLIMIT_NOFILE, &files);
	wires = mallinfo2().uordblks;
	for (int i = 0; i < IDLE; i++) {
		connect_node(&trials[i]);
		pair_client(&trials[i]);
		wait_for(&trials[i].opened);
	}
	relays = mallinfo2().uordblks;
	for (int i = 0; i < IDLE; i++) {
		loop_run(loop, open_relay, &trials[i]);
		say(trials[i].client, "hello");
		hear(trials[i].node, "hello");
		say(trials[i].node, "hello");
		hear(trials[i].client, "hello");
	}
	used = mallinfo2().uordblks;
	print_message("bytes of each: relay %zu, wire %zu\n", (used - relays) / IDLE,
		(relays - wires) / IDLE);
	assert_true(used - relays < IDLE * 512);
	assert_true(used - wires < IDLE * 2048);
	for (int i = 0; i < IDLE; i++) {
		loop_run(loop, break_off, &trials[i]);
		finish(&trials[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(what_came_already_comes_first),
		cmocka_unit_test(a_client_that_has_sent_all_still_gets_the_rest),
		cmocka_unit_test(a_node_that_has_sent_all_still_gets_the_rest),
		cmocka_unit_test(what_came_before_a_reset_of_the_node_is_delivered),
		cmocka_unit_test(what_came_before_a_reset_of_the_client_is_delivered),
		cmocka_unit_test(a_client_that_has_gone_ends_it_when_something_comes_for_it),
		cmocka_unit_test(it_may_be_broken_off),
		cmocka_unit_test(it_may_be_broken_off_at_once),
		cmocka_unit_test(a_slow_client_holds_the_node),
		cmocka_unit_test(a_slow_node_holds_the_client),
		cmocka_unit_test(what_waits_for_a_client_is_delivered_after_the_node_has_gone),
		cmocka_unit_test(what_waits_for_a_node_is_delivered_after_the_client_has_gone),
		cmocka_unit_test(a_client_that_goes_while_much_waits_ends_it),
		cmocka_unit_test(what_waits_for_a_node_is_delivered_after_a_reset_of_the_client),
		cmocka_unit_test(what_came_of_a_wire_that_was_lost_before_is_delivered),
		cmocka_unit_test(ends_pass_through_tls),
		cmocka_unit_test(an_idle_one_is_ended_others_are_not),
		cmocka_unit_test(what_moves_is_not_idle),
		cmocka_unit_test(an_idle_one_costs_little),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
