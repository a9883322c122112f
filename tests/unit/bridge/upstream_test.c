/* Requests to nodes: real sockets, and a peer that says what a test wants. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/upstream_trial.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* --- answers ---------------------------------------------------------------------------------- */

static const char *answer; /* to every request */

static void serve(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, answer);
}

static void an_answer_is_told_as_it_comes(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK;
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	assert_string_equal(peer_request(p, 0), TRIAL_GET);
	peer_stop(&p);
}

static void answers_are_framed_in_any_way(void **state)
{
	struct peer *p = peer_start(serve);
	answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n";
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end X-Sum=7");
	answer = "HTTP/1.1 204 None\r\n\r\n";
	trial_expect(trial_new(p), "sent, 204 None, end");
	answer = "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n";
	trial_expect(trial_new(p), "sent, 304 Same, end");
	answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
	struct trial *t = trial_new(p);
	t->request.is_head = true;
	trial_expect(t, "sent, 200 OK, end");
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

static void serve_until_close(struct peer *p, int socket)
{
	if (peer_read(p, socket))
		peer_say(socket, "HTTP/1.1 200 OK\r\n\r\nhello");
}

static void a_body_may_end_with_the_connection(void **state)
{
	struct peer *p = peer_start(serve_until_close);
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 2);
	peer_stop(&p);
}

static void serve_slowly(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		for (const char *at = answer; *at; at++)
			peer_write(socket, at, 1);
}

static void an_answer_may_come_byte_by_byte(void **state)
{
	struct peer *p = peer_start(serve_slowly);
	answer =
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n";
	trial_expect(trial_new(p), "sent, go on, 200 OK, {hello}, end X-Sum=7");
	trial_expect(trial_new(p), "sent, go on, 200 OK, {hello}, end X-Sum=7");
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

/* --- kept connections ------------------------------------------------------------------------- */

static void a_connection_is_used_again(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK;
	for (int i = 0; i < 3; i++)
		trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 1);
	struct trial *t = trial_new(p);
	t->request.fresh = true;
	trial_expect(t, "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 2);
	peer_stop(&p);
}

static void start_next(struct trial *t)
{
	trial_launch(t->next);
}

static void the_next_request_may_start_in_the_end_of_one(void **state)
{
	struct peer *p = peer_start(serve);
	struct trial *first = trial_new(p), *second = trial_new(p);
	answer = OK;
	first->next = second;
	first->at = "end";
	first->act = start_next;
	trial_expect(first, "sent, 200 OK, {hello}, end");
	trial_wait(second);
	assert_string_equal(second->log.data, "sent, 200 OK, {hello}, end");
	trial_free(second);
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

static void one_that_says_close_is_not_used_again(void **state)
{
	struct peer *p = peer_start(serve);
	answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	trial_expect(trial_new(p), "sent, 200 OK, end");
	peer_wait_closed(p, 1);
	answer = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n";
	trial_expect(trial_new(p), "sent, 200 OK, end");
	peer_wait_closed(p, 2);
	peer_stop(&p);
}

/* What is behind an answer's end would be taken for the next one's. */
static void one_that_says_more_than_asked_is_not_used_again(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	peer_wait_closed(p, 1);
	answer = OK;
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 2);
	peer_stop(&p);
}

static sem_t speak;

static void serve_unasked(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, OK);
	while (sem_wait(&speak) != 0)
		;
	peer_say(socket, answer);
	peer_hold(socket);
}

static void one_that_speaks_unasked_is_closed(void **state)
{
	struct peer *p = peer_start(serve_unasked);
	sem_init(&speak, 0, 0);
	answer = "HTTP/1.1 408 Timeout\r\n\r\n";
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	sem_post(&speak);
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

static void serve_half(struct peer *p, int socket)
{
	if (!peer_read(p, socket))
		return;
	peer_say(socket, OK);
	while (sem_wait(&speak) != 0)
		;
	shutdown(socket, SHUT_WR);
	peer_hold(socket);
}

static void one_that_the_node_closes_is_closed(void **state)
{
	struct peer *p = peer_start(serve_half);
	sem_init(&speak, 0, 0);
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	sem_post(&speak);
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

static void one_that_is_old_is_closed(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK;
	trial_renew_pool(&(struct upstream_pool_options){.idle_per_endpoint = 8, .idle_ms = 50});
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	peer_wait_closed(p, 1);
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	peer_wait_closed(p, 2);
	peer_stop(&p);
	trial_renew_pool(&(struct upstream_pool_options){.idle_per_endpoint = 8, .idle_ms = 60000});
}

static atomic_int gathered;

/* Answers when that many requests are here. */
static void serve_together(struct peer *p, int socket)
{
	while (peer_read(p, socket)) {
		peer_wait_requests(p, atomic_load(&gathered));
		peer_say(socket, OK);
	}
}

static void no_more_are_kept_than_allowed(void **state)
{
	enum { COUNT = 12, KEPT = 8 };
	struct peer *p = peer_start(serve_together);
	struct trial *trials[COUNT];
	atomic_store(&gathered, COUNT);
	for (int i = 0; i < COUNT; i++)
		trial_start(trials[i] = trial_new(p));
	for (int i = 0; i < COUNT; i++) {
		trial_wait(trials[i]);
		assert_string_equal(trials[i]->log.data, "sent, 200 OK, {hello}, end");
		trial_free(trials[i]);
	}
	peer_wait_closed(p, COUNT - KEPT);
	atomic_store(&gathered, COUNT + KEPT);
	for (int i = 0; i < KEPT; i++)
		trial_start(trials[i] = trial_new(p));
	for (int i = 0; i < KEPT; i++) {
		trial_wait(trials[i]);
		trial_free(trials[i]);
	}
	assert_int_equal(peer_connections(p), COUNT);
	peer_stop(&p);
}

/* --- dropping --------------------------------------------------------------------------------- */

static void serve_all(struct peer *p, int socket)
{
	if (peer_read_head(p, socket))
		peer_say(socket, "HTTP/1.1 100 Continue\r\n\r\n" OK);
	peer_hold(socket);
}

/* Within any callback, and before the first; the connection is closed. */
static void it_may_be_dropped_at_any_time(void **state)
{
	static const char *const moments[] = {"start", "sent", "go on", "head", "body"};
	static const char *const logs[] = {
		"", "sent", "sent, go on", "sent, go on, 200 OK", "sent, go on, 200 OK, {hello"};
	struct peer *p = peer_start(serve_all);
	for (int i = 0; i < 5; i++) {
		struct trial *t = trial_new(p);
		t->at = moments[i];
		t->act = trial_drop;
		trial_expect(t, logs[i]);
		if (i)
			peer_wait_closed(p, i);
	}
	peer_stop(&p);
}

static void drop_and_start(struct trial *t)
{
	trial_drop(t);
	trial_launch(t->next);
}

static void another_may_start_where_one_is_dropped(void **state)
{
	static const char *const moments[] = {"sent", "go on", "head", "body"};
	struct peer *p = peer_start(serve_all);
	for (int i = 0; i < 4; i++) {
		struct trial *t = trial_new(p), *next = trial_new(p);
		t->at = moments[i];
		t->act = drop_and_start;
		t->next = next;
		t->request.fresh = next->request.fresh = true;
		trial_run(t);
		trial_wait(next);
		assert_string_equal(next->log.data, "sent, go on, 200 OK, {hello}, end");
		trial_free(t);
		trial_free(next);
	}
	peer_stop(&p);
}

static void names_are_resolved(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK;
	trial_expect(
		trial_to("localhost", peer_port(p), false, true), "sent, 200 OK, {hello}, end");
	peer_stop(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_told_as_it_comes),
		TEST(answers_are_framed_in_any_way),
		TEST(a_body_may_end_with_the_connection),
		TEST(an_answer_may_come_byte_by_byte),
		TEST(a_connection_is_used_again),
		TEST(the_next_request_may_start_in_the_end_of_one),
		TEST(one_that_says_close_is_not_used_again),
		TEST(one_that_says_more_than_asked_is_not_used_again),
		TEST(one_that_speaks_unasked_is_closed),
		TEST(one_that_the_node_closes_is_closed),
		TEST(one_that_is_old_is_closed),
		TEST(no_more_are_kept_than_allowed),
		TEST(it_may_be_dropped_at_any_time),
		TEST(another_may_start_where_one_is_dropped),
		TEST(names_are_resolved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
