/* Bodies put to real HTTP peers that answer before they have come, or break off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fetch_writer.h"

/* --- answers before the body's end ------------------------------------------------------------ */

#define TOO_LARGE "HTTP/1.1 413 Too Large\r\n"

/* Closing a socket with unread data resets the connection. */
static void refuse_and_close(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	while (sem_wait(&may_go_on) != 0)
		;
	peer_say(socket, TOO_LARGE "Connection: close\r\nContent-Length: 3\r\n\r\nbig");
}

static void refuse_without_a_length(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, TOO_LARGE "\r\nbig");
	shutdown(socket, SHUT_WR);
	wait_gone(socket);
}

static void refuse_and_keep(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, TOO_LARGE "Content-Length: 3\r\n\r\nbig");
	wait_gone(socket);
}

static void refuse_closing_and_keep(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, TOO_LARGE "Connection: close\r\nContent-Length: 3\r\n\r\nbig");
	wait_gone(socket);
}

static void refuse_in_chunks(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, TOO_LARGE "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "3\r\nbig\r\n0\r\n\r\n");
	wait_gone(socket);
}

static void refuse_and_take_all(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, TOO_LARGE "Connection: close\r\nContent-Length: 3\r\n\r\nbig");
	take_body(p, socket);
}

static void (*const refusing[])(struct peer *, int) = {refuse_without_a_length, refuse_and_keep,
	refuse_closing_and_keep, refuse_in_chunks, refuse_and_take_all};

enum { REFUSING = sizeof(refusing) / sizeof(*refusing) };

static void assert_refused(struct reader *r)
{
	assert_begins(r, 413);
	next(r);
	assert_true(r->good);
	assert_int_equal(r->piece.size, 3);
	assert_memory_equal(r->piece.data, "big", 3);
	assert_ends(r);
}

/* While it is sending, curl may meet the reset before the answer. */
static void a_refusal_before_a_reset_is_read(void **state)
{
	struct reader *r = post(refuse_and_close, 2 * SOCKETS);

	hold_up(r);
	sem_post(&may_go_on);
	wait_put();
	assert_false(writer.wanted);
	assert_refused(r);
	leave(r);
}

static void a_refusal_ends_the_puts_and_is_read(void **state)
{
	for (int i = 0; i < REFUSING; i++) {
		struct reader *r = post(refusing[i], 2 * SOCKETS);

		assert_unwanted(r, i % 2 == 0 ? 5 * MIB : 100 * KIB);
		assert_refused(r);
		leave(r);
		peer_stop(&peer);
	}
}

/* The peer answers while curl waits for the next piece. */
static void a_refusal_comes_between_puts_too(void **state)
{
	for (int i = 0; i < REFUSING; i++) {
		struct reader *r = post(refusing[i], 2 * SOCKETS);

		peer_wait_requests(peer, 1);
		usleep(20000); /* for the answer to come first: either order is right */
		assert_unwanted(r, 100);
		assert_refused(r);
		leave(r);
		peer_stop(&peer);
	}
}

/* Though not all is put, and it has not been told to stop. */
static void a_refusal_can_be_read_at_once(void **state)
{
	for (int i = 0; i < REFUSING - 1; i++) {
		struct reader *r = post(refusing[i], 2 * SOCKETS);

		assert_refused(r);
		leave(r);
		peer_stop(&peer);
	}
}

static void a_connection_with_half_a_request_is_not_used_again(void **state)
{
	struct reader *r = post(refuse_and_keep, 100 * KIB);

	assert_true(put(r, 1) || true);
	peer_wait_requests(peer, 1);
	assert_unwanted(r, 1);
	assert_refused(r);
	leave(r);
	peer_wait_closed(peer, 1);
}

static void answer_first(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
	peer_say(socket, take_body(p, socket) ? "good" : "bad!");
}

static void an_early_acceptance_is_no_refusal(void **state)
{
	struct reader *r = post(answer_first, SOCKETS);

	while (writer.at < SOCKETS)
		assert_true(put(r, MIB));
	assert_good(r);
	leave(r);
}

/* An answer that fills all buffers holds sending up no more than receiving. */
static void answer_a_lot_first(struct peer *p, int socket)
{
	static char bytes[16 * MIB];
	char length[100];

	if (!peer_read_head(p, socket))
		return;
	snprintf(length, sizeof(length), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
		16 * MIB + 4);
	peer_say(socket, length);
	peer_write(socket, bytes, 4 * KIB);
	if (!take_body(p, socket))
		return;
	peer_write(socket, bytes, 16 * MIB - 4 * KIB);
	peer_say(socket, "good");
}

static void a_body_goes_on_while_its_answer_waits(void **state)
{
	struct reader *r = post(answer_a_lot_first, SOCKETS);
	size_t total = 0;

	while (writer.at < SOCKETS)
		assert_true(put(r, MIB));
	assert_begins(r, 200);
	for (next(r); r->good && r->piece.size > 0; next(r))
		total += r->piece.size;
	assert_true(r->good);
	assert_int_equal(total, 16 * MIB + 4);
	leave(r);
}

static void accept_half(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood");
	wait_gone(socket);
}

static void who_accepts_and_says_that_it_closes_wants_no_more(void **state)
{
	struct reader *r = post(accept_half, 2 * SOCKETS);

	assert_unwanted(r, MIB);
	assert_good(r);
	leave(r);
}

/* --- broken ----------------------------------------------------------------------------------- */

static void reset(int socket)
{
	struct linger at_once = {.l_onoff = 1};

	setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void reset_half(struct peer *p, int socket)
{
	char bytes[100 * KIB];

	if (peer_read_head(p, socket))
		peer_take(socket, bytes, sizeof(bytes));
	reset(socket);
}

static void hang_up(struct peer *p, int socket)
{
	peer_read_head(p, socket);
}

static void who_breaks_off_is_unavailable(void **state)
{
	static void (*const bad[])(struct peer *, int) = {reset_half, hang_up};

	for (int i = 0; i < 2; i++) {
		struct reader *r = post(bad[i], 2 * SOCKETS);

		assert_unwanted(r, 100 * KIB);
		assert_broken(r, STATUS_UNAVAILABLE, "broke off before its answer");
		assert_true(r->reached);
		assert_int_equal(peer_requests(peer), 1);
		leave(r);
		peer_stop(&peer);
	}
}

static void who_was_not_reached_wants_nothing(void **state)
{
	struct reader *r;

	int port;

	peer = peer_start(take_all);
	port = peer_port(peer);
	peer_stop(&peer);
	r = open_body_at(port, "POST", 2, 60000);
	assert_unwanted(r, 1);
	assert_broken(r, STATUS_UNAVAILABLE, "was not reached: connection refused");
	assert_false(r->reached);
	leave(r);
}

static void die_when_used_again(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	take_body(p, socket);
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
	peer_read_head(p, socket);
	reset(socket);
}

static void a_body_is_not_sent_again_when_a_kept_connection_dies(void **state)
{
	for (int i = 0; i < 20; i++) {
		struct reader *r = post(die_when_used_again, 1);

		assert_true(put(r, 1));
		assert_good(r);
		leave(r);
		r = open_body("POST", SOCKETS, 60000);
		if (i % 2 == 0)
			assert_unwanted(r, MIB);
		else
			while (fetch_depth(lane) > 0)
				usleep(1000);
		assert_broken(r, STATUS_UNAVAILABLE, "closed a kept connection without an answer");
		assert_true(r->reached);
		leave(r);
		assert_int_equal(peer_requests(peer), 2);
		peer_stop(&peer);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refusal_before_a_reset_is_read),
		TEST(a_refusal_ends_the_puts_and_is_read),
		TEST(a_refusal_comes_between_puts_too),
		TEST(a_refusal_can_be_read_at_once),
		TEST(a_connection_with_half_a_request_is_not_used_again),
		TEST(an_early_acceptance_is_no_refusal),
		TEST(a_body_goes_on_while_its_answer_waits),
		TEST(who_accepts_and_says_that_it_closes_wants_no_more),
		TEST(who_breaks_off_is_unavailable),
		TEST(who_was_not_reached_wants_nothing),
		TEST(a_body_is_not_sent_again_when_a_kept_connection_dies),
	};

	writer_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
