/* Bodies put piece by piece, to real HTTP peers, fast and slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fetch_writer.h"

/* --- bodies of all sizes ---------------------------------------------------------------------- */

static void bodies_of_all_sizes_arrive_as_they_were_put(void **state)
{
	static const struct {
		size_t size, piece;
	} bodies[] = {{1, 1}, {2, 1}, {64 * KIB, 64 * KIB}, {5 * MIB, 99991}, {5 * MIB, 5 * MIB},
		{300 * KIB, 17 * KIB}};

	peer = peer_start(take_all);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct reader *r = open_body("POST", bodies[i].size, 60000);
		char length[64];

		while (writer.at < bodies[i].size) {
			size_t left = bodies[i].size - writer.at;

			assert_true(put(r, left < bodies[i].piece ? left : bodies[i].piece));
		}
		assert_good(r);
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", bodies[i].size);
		assert_non_null(strstr(peer_request(peer, (int)i), length));
		leave(r);
	}
}

static void an_empty_body_needs_no_put(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "GET"};

	peer = peer_start(take_all);
	for (int i = 0; i < 3; i++) {
		struct reader *r = open_body(methods[i], 0, 60000);

		if (i > 0)
			assert_true(put(r, 0));
		assert_good(r);
		assert_non_null(strstr(peer_request(peer, i), "\r\nContent-Length: 0\r\n"));
		leave(r);
	}
}

static void an_empty_piece_is_none(void **state)
{
	struct reader *r = post(take_all, 2);

	assert_true(put(r, 0));
	assert_true(put(r, 1));
	assert_true(put(r, 0));
	assert_true(put(r, 1));
	assert_good(r);
	leave(r);
}

static void a_body_goes_with_every_method_and_as_it_is(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH", "GET", "DELETE"};

	peer = peer_start(take_all);
	for (int i = 0; i < 5; i++) {
		struct reader *r = open_body(methods[i], 100 * KIB, 60000);
		const char *head;

		assert_true(put(r, 100 * KIB));
		assert_good(r);
		head = peer_request(peer, i);
		assert_int_equal(strncmp(head, methods[i], strlen(methods[i])), 0);
		assert_int_equal(head[strlen(methods[i])], ' ');
		assert_non_null(strstr(head, "\r\nContent-Length: 102400\r\n"));
		assert_null(strstr(head, "Transfer-Encoding"));
		assert_null(strstr(head, "Expect"));
		assert_null(strstr(head, "Content-Type"));
		leave(r);
	}
	assert_int_equal(peer_connections(peer), 1); /* kept after each upload */
}

static void accepted_encodings_are_the_requests(void **state)
{
	struct fetch_request request = {
		.method = "GET",
		.connect_timeout_ms = 60000,
		.total_timeout_ms = 60000,
		.accept_encoding = "gzip",
	};
	struct reader *r;

	peer = peer_start(take_all);
	r = open_request(request, peer_port(peer), CLOCK_NEVER);
	assert_good(r);
	assert_non_null(strstr(peer_request(peer, 0), "\r\nAccept-Encoding: gzip\r\n"));
	leave(r);
}

/* --- slow peers ------------------------------------------------------------------------------- */

static void take_later(struct peer *p, int socket)
{
	if (!peer_read_head(p, socket))
		return;
	while (sem_wait(&may_go_on) != 0)
		;
	if (take_body(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
}

static void who_does_not_take_holds_the_put_up_in_constant_memory(void **state)
{
	struct reader *r = post(take_later, 128 * (uint64_t)MIB);
	size_t before = mallinfo2().uordblks;

	hold_up(r);
	assert_in_range(writer.at, MIB, SOCKETS);
	assert_true(mallinfo2().uordblks < before + 2 * MIB);
	sem_post(&may_go_on);
	wait_put();
	while (writer.at < 128 * (uint64_t)MIB)
		assert_true(put(r, MIB));
	assert_good(r);
	leave(r);
}

/* 64 KiB every 20 ms. */
static void take_slowly(struct peer *p, int socket)
{
	char bytes[64 * KIB];
	int small = 64 * KIB;

	setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (!peer_read_head(p, socket))
		return;
	while (peer_take(socket, bytes, sizeof(bytes)) == sizeof(bytes))
		usleep(20000);
}

static void a_peer_that_takes_slowly_is_not_silent(void **state)
{
	struct reader *r;
	int64_t longest = 0;

	peer = peer_start(take_slowly);
	r = open_body("POST", SOCKETS, 1000);
	for (int i = 0; i < 2; i++) { /* the first one goes into the sockets */
		int64_t begun = clock_now();

		assert_true(put(r, 8 * MIB));
		longest = clock_now() - begun;
	}
	assert_true(longest > 1500 * CLOCK_MS);
	leave(r);
}

static void take_nothing(struct peer *p, int socket)
{
	if (peer_read_head(p, socket))
		wait_gone(socket);
}

static void silence_counts_while_a_put_waits(void **state)
{
	struct reader *r;

	peer = peer_start(take_nothing);
	r = open_body("POST", 2 * SOCKETS, 200);
	assert_unwanted(r, MIB);
	assert_broken(r, STATUS_DEADLINE_EXCEEDED,
		"did not take the request: nothing of it went for 200 ms");
	assert_true(r->reached);
	leave(r);
}

static void who_puts_slowly_may(void **state)
{
	struct reader *r;

	peer = peer_start(take_all);
	r = open_body("POST", 2, 1000);
	assert_true(put(r, 1));
	usleep(1500000); /* longer than the silence that is allowed */
	assert_true(put(r, 1));
	usleep(1500000);
	assert_good(r);
	leave(r);
}

static void the_time_until_the_header_begins_after_the_body(void **state)
{
	struct reader *r;

	peer = peer_start(take_nothing);
	r = open_body("POST", 1, 1000);
	assert_true(put(r, 1));
	assert_broken(r, STATUS_DEADLINE_EXCEEDED, "did not answer: timed out");
	leave(r);
}

static struct reader *open_until(int64_t deadline, uint64_t size)
{
	struct fetch_request request = {
		.method = "POST",
		.connect_timeout_ms = 60000,
		.total_timeout_ms = 60000,
		.body_follows = true,
		.body_size = size,
	};

	writer.at = 0;
	peer = peer_start(take_nothing);
	return open_request(request, peer_port(peer), deadline);
}

static void the_deadline_ends_a_put(void **state)
{
	struct reader *r = open_until(clock_now() + 1500 * CLOCK_MS, 2 * SOCKETS);

	assert_unwanted(r, MIB);
	assert_broken(r, STATUS_DEADLINE_EXCEEDED, "did not take the whole request: timed out");
	leave(r);
}

static void the_deadline_ends_a_wait_for_the_next_put(void **state)
{
	struct reader *r = open_until(clock_now() + 1500 * CLOCK_MS, 2);

	assert_true(put(r, 1));
	while (fetch_depth(lane) > 0)
		usleep(1000);
	assert_false(put(r, 1));
	assert_broken(r, STATUS_DEADLINE_EXCEEDED, "was not sent the whole request in time");
	leave(r);
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void who_has_gone_ends_its_put(void **state)
{
	struct reader *r = post(take_nothing, 2 * SOCKETS);
	int64_t gone;

	hold_up(r);
	atomic_store(&r->cancelled, true);
	gone = clock_now();
	wait_put();
	assert_false(writer.wanted);
	assert_true(clock_now() < gone + 20 * CLOCK_SECOND); /* not the minute that it has */
	assert_int_equal(fetch_depth(lane), 0);
	assert_broken(r, STATUS_CANCELLED, "the caller has gone");
	leave(r);
}

static void who_leaves_between_puts_breaks_the_transfer_off(void **state)
{
	for (int i = 0; i < 10; i++) {
		struct reader *r = post(take_all, 2 * MIB);

		assert_true(put(r, i % 2 == 0 ? 1 : MIB));
		leave(r);
		while (fetch_depth(lane) > 0)
			usleep(1000);
		peer_stop(&peer);
	}
}

static void the_end_of_the_lane_ends_a_put(void **state)
{
	struct reader *r = post(take_nothing, 2 * SOCKETS);

	hold_up(r);
	atomic_store(&stopped, r);
	fetch_stop(&lane);
	wait_put();
	assert_false(writer.wanted);
	wait_read(r);
	assert_int_equal(r->error.code, STATUS_UNAVAILABLE);
	assert_string_equal(r->error.message, "Junction is stopping");
	atomic_store(&stopped, NULL);
	leave(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bodies_of_all_sizes_arrive_as_they_were_put),
		TEST(an_empty_body_needs_no_put),
		TEST(an_empty_piece_is_none),
		TEST(a_body_goes_with_every_method_and_as_it_is),
		TEST(accepted_encodings_are_the_requests),
		TEST(who_does_not_take_holds_the_put_up_in_constant_memory),
		TEST(a_peer_that_takes_slowly_is_not_silent),
		TEST(silence_counts_while_a_put_waits),
		TEST(who_puts_slowly_may),
		TEST(the_time_until_the_header_begins_after_the_body),
		TEST(the_deadline_ends_a_put),
		TEST(the_deadline_ends_a_wait_for_the_next_put),
		TEST(who_has_gone_ends_its_put),
		TEST(who_leaves_between_puts_breaks_the_transfer_off),
		TEST(the_end_of_the_lane_ends_a_put),
	};

	writer_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
