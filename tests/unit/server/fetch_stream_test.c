/* Answers taken piece by piece, of real HTTP peers, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fetch_reader.h"

enum { PIECE = 16 * 1024, LARGE = 64 * 1024 * 1024 };

/* --- whole answers ---------------------------------------------------------------------------- */

static void say_hello(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 201 Made\r\nContent-Length: 5\r\n\r\nhello");
}

static void an_answer_comes_as_header_pieces_and_end(void **state)
{
	struct reader *r = open_peer(say_hello);

	assert_begins(r, 201);
	assert_true(r->reached);
	next(r);
	assert_int_equal(r->piece.size, 5);
	assert_memory_equal(r->piece.data, "hello", 5);
	assert_ends(r);
	assert_ends(r);
	assert_non_null(strstr(peer_request(peer, 0), "Accept-Encoding: identity\r\n"));
	leave(r);
}

static void say_nothing(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n"
				 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				 "0\r\nX-Trailer: 1\r\n\r\n");
}

static void an_empty_answer_has_a_header_and_an_end(void **state)
{
	struct reader *r = open_peer(say_nothing);

	assert_begins(r, 200);
	assert_ends(r);
	leave(r);
}

static void say_encoded(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
				 "Content-Length: 4\r\n\r\nzzzz");
}

static void what_is_encoded_stays_so(void **state)
{
	struct reader *r = open_peer(say_encoded);

	assert_begins(r, 200);
	next(r);
	assert_true(r->good);
	assert_memory_equal(r->piece.data, "zzzz", 4);
	leave(r);
}

/* --- large and slow --------------------------------------------------------------------------- */

static atomic_size_t written;

/* The number of each 4 bytes. */
static void say_large(struct peer *p, int socket)
{
	uint32_t words[PIECE / 4], n = 0;

	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
	atomic_store(&written, 0);
	while (n < LARGE / 4) {
		for (size_t i = 0; i < PIECE / 4; i++)
			words[i] = n++;
		if (send(socket, words, sizeof(words), MSG_NOSIGNAL) != sizeof(words))
			return;
		atomic_fetch_add(&written, sizeof(words));
	}
}

static void a_large_answer_comes_whole_in_pieces_of_bounded_size(void **state)
{
	struct reader *r = open_peer(say_large);
	size_t total = 0;

	assert_begins(r, 200);
	for (next(r); r->good && r->piece.size > 0; next(r)) {
		assert_in_range(r->piece.size, 1, FETCH_PIECE_SIZE);
		for (size_t i = 0; i + 4 <= r->piece.size && total % 4 == 0; i += 4096) {
			uint32_t word;
			memcpy(&word, r->piece.data + i, 4);
			assert_int_equal(word, (total + i) / 4);
		}
		total += r->piece.size;
	}
	assert_true(r->good);
	assert_int_equal(total, LARGE);
	leave(r);
}

/* Until it has not moved for a while: the peer waits for us. */
static size_t settled(void)
{
	size_t before, now = atomic_load(&written);
	int still = 0;

	while (still < 20) {
		before = now;
		usleep(10000);
		now = atomic_load(&written);
		still = now == before && now > 0 ? still + 1 : 0;
	}
	return now;
}

static void who_does_not_read_holds_the_peer_up(void **state)
{
	struct reader *r = open_peer(say_large);
	size_t held, total = 0;

	atomic_store(&written, 0);
	assert_begins(r, 200);
	held = settled(); /* what the sockets take */
	assert_true(held < LARGE / 2);
	for (next(r); r->good && r->piece.size > 0; next(r))
		total += r->piece.size;
	assert_int_equal(total, LARGE);
	leave(r);
}

static void who_leaves_breaks_the_transfer_off(void **state)
{
	struct reader *r = open_peer(say_large);

	assert_begins(r, 200);
	next(r);
	leave(r);
	peer_wait_closed(peer, 1);
	while (fetch_depth(lane) > 0)
		usleep(1000);
}

static void drip(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		usleep(200000);
		peer_say(socket, "x");
	}
}

static void a_slow_drip_is_no_silence(void **state)
{
	struct reader *r;

	peer = peer_start(drip);
	r = open_timed(peer_port(peer), 1500, (struct text){0});
	assert_begins(r, 200);
	for (int i = 0; i < 10; i += (int)r->piece.size) {
		next(r);
		assert_true(r->good);
		assert_true(r->piece.size > 0);
	}
	assert_ends(r);
	leave(r);
}

static void stop_after_header(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
	peer_hold(socket);
}

static void silence_counts_while_somebody_waits(void **state)
{
	struct reader *r;

	peer = peer_start(stop_after_header);
	r = open_timed(peer_port(peer), 1000, (struct text){0});
	assert_begins(r, 200);
	next(r);
	assert_int_equal(r->piece.size, 1);
	usleep(1500000); /* nobody waits: longer than the silence that is allowed */
	assert_int_equal(fetch_depth(lane), 1);
	start_read(r);
	wait_read(r);
	assert_false(r->good);
	assert_int_equal(r->error.code, STATUS_DEADLINE_EXCEEDED);
	assert_non_null(
		strstr(r->error.message, "did not go on with its answer: nothing came for"));
	assert_int_equal(fetch_depth(lane), 0);
	leave(r);
}

static void hold_up(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_hold(socket);
}

static void a_header_that_does_not_come_times_out(void **state)
{
	struct reader *r;

	peer = peer_start(hold_up);
	r = open_timed(peer_port(peer), 120, (struct text){0});
	assert_broken(r, STATUS_DEADLINE_EXCEEDED, "did not answer: timed out");
	assert_true(r->reached);
	leave(r);
}

static void a_reader_that_has_gone_takes_the_transfer_along(void **state)
{
	struct reader *r = open_peer(stop_after_header);

	assert_begins(r, 200);
	next(r);
	start_read(r);
	atomic_store(&r->cancelled, true);
	wait_read(r);
	assert_false(r->good);
	assert_int_equal(r->error.code, STATUS_CANCELLED);
	peer_wait_closed(peer, 1);
	leave(r);
}

/* --- broken ----------------------------------------------------------------------------------- */

static void cut_length(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}

static void cut_chunk(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				 "5\r\nhello\r\n");
}

static void bad_chunk(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
	peer_hold(socket);
}

static void what_is_cut_short_is_lost_after_what_came(void **state)
{
	static void (*const bad[])(struct peer *, int) = {cut_length, cut_chunk, bad_chunk};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct reader *r = open_peer(bad[i]);

		assert_begins(r, 200);
		next(r);
		assert_true(r->good);
		assert_int_equal(r->piece.size, 5);
		assert_broken(r, STATUS_DATA_LOSS, "broke off its answer");
		assert_broken(r, STATUS_DATA_LOSS, "broke off its answer");
		leave(r);
		peer_stop(&peer);
	}
}

static void break_off(struct peer *p, int socket)
{
	peer_read(p, socket);
}

static void an_answer_that_never_begins_is_unavailable(void **state)
{
	struct reader *r = open_peer(break_off);

	assert_broken(r, STATUS_UNAVAILABLE, "broke off before its answer");
	assert_true(r->reached);
	leave(r);
}

static void who_was_not_reached_is_told_apart(void **state)
{
	int port;
	struct reader *r;

	peer = peer_start(say_hello);
	port = peer_port(peer);
	peer_stop(&peer);
	r = open_timed(port, 60000, TEXT("body"));
	assert_broken(r, STATUS_UNAVAILABLE, "was not reached: connection refused");
	assert_false(r->reached);
	leave(r);
}

static void take_nothing(struct peer *p, int socket)
{
	peer_hold(socket);
}

static void closing_while_the_request_is_being_sent_is_safe(void **state)
{
	static char body[4 * 1024 * 1024];

	peer = peer_start(take_nothing);
	for (int i = 0; i < 20; i++) {
		char *copy = malloc(sizeof(body));
		struct reader *r;

		assert_non_null(copy);
		memset(copy, 'x', sizeof(body));
		r = open_timed(peer_port(peer), 60000, (struct text){copy, sizeof(body)});
		free(copy); /* it is the stream's own */
		leave(r);
	}
	while (fetch_depth(lane) > 0)
		usleep(1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_as_header_pieces_and_end),
		TEST(an_empty_answer_has_a_header_and_an_end),
		TEST(what_is_encoded_stays_so),
		TEST(a_large_answer_comes_whole_in_pieces_of_bounded_size),
		TEST(who_does_not_read_holds_the_peer_up),
		TEST(who_leaves_breaks_the_transfer_off),
		TEST(a_slow_drip_is_no_silence),
		TEST(silence_counts_while_somebody_waits),
		TEST(a_header_that_does_not_come_times_out),
		TEST(a_reader_that_has_gone_takes_the_transfer_along),
		TEST(what_is_cut_short_is_lost_after_what_came),
		TEST(an_answer_that_never_begins_is_unavailable),
		TEST(who_was_not_reached_is_told_apart),
		TEST(closing_while_the_request_is_being_sent_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
