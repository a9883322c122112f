/* Bodies both ways, and what becomes of a connection that changes its protocol. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/upstream_trial.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static const char *answer; /* to every request */

static void serve(struct peer *p, int socket)
{
	while (peer_read(p, socket))
		peer_say(socket, answer);
}

/* --- bodies ----------------------------------------------------------------------------------- */

static void put_body(struct trial *t)
{
	t->inside = true;
	upstream_put(t->upstream, TEXT("hello, "));
	upstream_put(t->upstream, TEXT(""));
	upstream_put(t->upstream, TEXT("world"));
	upstream_put_end(t->upstream, NULL, 0);
	t->inside = false;
}

static struct trial *trial_post(const struct peer *p, const char *at, void (*act)(struct trial *t))
{
	struct trial *t = trial_new(p);
	t->request.head = TEXT("POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n");
	t->request.has_body = true;
	t->at = at;
	t->act = act;
	return t;
}

/* On a new connection, on a kept one, and when the head has left. */
static void a_body_goes_with_its_head(void **state)
{
	struct peer *p = peer_start(serve);
	answer = OK;
	trial_expect(trial_post(p, "start", put_body), "sent, 200 OK, {hello}, end");
	trial_expect(trial_post(p, "start", put_body), "sent, 200 OK, {hello}, end");
	trial_expect(trial_post(p, "sent", put_body), "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 1);
	for (int i = 0; i < 3; i++)
		assert_string_equal(peer_request(p, i),
			"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nhello, world");
	peer_stop(&p);
}

static const char chunked[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "7\r\nhello, \r\n5\r\nworld\r\n0\r\n";
static char taken[256];

static void serve_chunked(struct peer *p, int socket)
{
	size_t size = strlen(answer);
	while (peer_take(socket, taken, size) == size)
		peer_say(socket, OK);
}

static void a_body_goes_in_chunks(void **state)
{
	static const char *const moments[] = {"start", "start", "sent"};
	struct peer *p = peer_start(serve_chunked);
	char expected[256];
	snprintf(expected, sizeof(expected), "%s\r\n", chunked);
	answer = expected;
	for (int i = 0; i < 3; i++) {
		struct trial *t = trial_post(p, moments[i], put_body);
		t->request.head = TEXT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
		t->request.chunked = true;
		trial_expect(t, "sent, 200 OK, {hello}, end");
		assert_memory_equal(taken, expected, strlen(expected));
	}
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

static void put_trailers(struct trial *t)
{
	const struct upstream_header trailers[] = {
		{TEXT("X-Sum"), TEXT("7")}, {TEXT("X-Empty"), TEXT("")}};
	upstream_put(t->upstream, TEXT("hello, "));
	upstream_put(t->upstream, TEXT("world"));
	upstream_put_end(t->upstream, trailers, 2);
}

static void chunks_end_in_trailers(void **state)
{
	struct peer *p = peer_start(serve_chunked);
	struct trial *t = trial_post(p, "start", put_trailers);
	char expected[256];
	snprintf(expected, sizeof(expected), "%sX-Sum: 7\r\nX-Empty: \r\n\r\n", chunked);
	answer = expected;
	t->request.head = TEXT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
	t->request.chunked = true;
	trial_expect(t, "sent, 200 OK, {hello}, end");
	assert_memory_equal(taken, expected, strlen(expected));
	peer_stop(&p);
}

enum { PIECE = 100000, PIECES = 200, ROOM = 256 * 1024 };
static int pieces;
static size_t most_waiting;

static void put_pieces(struct trial *t)
{
	static char piece[PIECE];
	while (pieces < PIECES && upstream_waiting(t->upstream) < ROOM) {
		upstream_put(t->upstream, (struct text){piece, PIECE});
		if (upstream_waiting(t->upstream) > most_waiting)
			most_waiting = upstream_waiting(t->upstream);
		if (++pieces == PIECES)
			upstream_put_end(t->upstream, NULL, 0);
	}
}

static void put_first_pieces(struct trial *t)
{
	t->at = "drained";
	put_pieces(t);
}

static void serve_large(struct peer *p, int socket)
{
	char *bytes = malloc(PIECE);
	int got = 0;
	if (peer_read_head(p, socket))
		while (got < PIECES && peer_take(socket, bytes, PIECE) == PIECE)
			got++;
	free(bytes);
	if (got == PIECES)
		peer_say(socket, OK);
	peer_hold(socket);
}

static void a_large_body_waits_for_the_node(void **state)
{
	static const char *const moments[] = {"start", "sent"};
	struct peer *p = peer_start(serve_large);
	for (int i = 0; i < 2; i++) {
		struct trial *t = trial_post(p, moments[i], put_first_pieces);
		pieces = 0;
		t->request.head = TEXT("POST / HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n");
		t->request.fresh = true;
		t->act = put_first_pieces;
		trial_expect(t, "sent, 200 OK, {hello}, end");
	}
	assert_true(most_waiting > 0 && most_waiting < ROOM + 2 * PIECE);
	peer_stop(&p);
}

static void serve_continue(struct peer *p, int socket)
{
	char body[12];
	while (peer_read_head(p, socket)) {
		peer_say(socket, "HTTP/1.1 100 Continue\r\n\r\n");
		if (peer_take(socket, body, sizeof(body)) == sizeof(body))
			peer_say(socket, OK);
	}
}

static void a_body_may_wait_until_it_is_asked_for(void **state)
{
	struct peer *p = peer_start(serve_continue);
	trial_expect(trial_post(p, "go on", put_body), "sent, go on, 200 OK, {hello}, end");
	trial_expect(trial_post(p, "go on", put_body), "sent, go on, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

static void put_some(struct trial *t)
{
	upstream_put(t->upstream, TEXT("hello"));
}

/* An answer before the body has been put; nobody knows then what the node has read of it. */
static void serve_early(struct peer *p, int socket)
{
	if (peer_read_head(p, socket))
		peer_say(socket, OK);
	peer_hold(socket);
}

static void an_early_answer_is_told_and_the_connection_closed(void **state)
{
	struct peer *p = peer_start(serve_early);
	trial_expect(trial_post(p, "start", put_some), "sent, 200 OK, {hello}, end");
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

static void it_may_be_dropped_when_there_is_room(void **state)
{
	struct peer *p = peer_start(serve_early);
	struct trial *t = trial_post(p, "drained", trial_drop);
	t->request.fresh = true;
	trial_run(t);
	trial_free(t);
	peer_stop(&p);
}

/* --- holding ---------------------------------------------------------------------------------- */

enum { LARGE = 32 * 1024 * 1024 };
static atomic_size_t written;
static sem_t speak;

static void serve_flood(struct peer *p, int socket)
{
	static const char bytes[65536];
	if (!peer_read(p, socket))
		return;
	peer_say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
	for (size_t i = 0; i < LARGE / sizeof(bytes); i++) {
		peer_write(socket, bytes, sizeof(bytes));
		atomic_fetch_add(&written, sizeof(bytes));
	}
	peer_hold(socket);
}

static void hold_once(struct trial *t)
{
	upstream_hold(t->upstream, true);
	t->at = NULL;
	sem_post(&speak);
}

static void resume(void *arg)
{
	struct trial *t = arg;
	assert_in_range(t->body, 1, 2 * WIRE_PIECE);
	t->inside = true;
	upstream_hold(t->upstream, false);
	t->inside = false;
}

static void what_is_held_does_not_come(void **state)
{
	struct peer *p = peer_start(serve_flood);
	struct trial *t = trial_new(p);
	sem_init(&speak, 0, 0);
	t->silent = true;
	t->at = "body";
	t->act = hold_once;
	trial_start(t);
	while (sem_wait(&speak) != 0)
		;
	while (atomic_load(&written) < 4 * WIRE_PIECE)
		sched_yield();
	loop_run(trial_loop, resume, t);
	trial_wait(t);
	assert_string_equal(t->log.data, "sent, 200 OK, end");
	assert_int_equal(t->body, LARGE);
	trial_free(t);
	peer_stop(&p);
}

/* The end comes though it is held, and the connection works for the next. */
static void a_short_answer_is_complete_though_held(void **state)
{
	struct peer *p = peer_start(serve);
	struct trial *t = trial_new(p);
	answer = OK;
	sem_init(&speak, 0, 0);
	t->at = "head";
	t->act = hold_once;
	trial_expect(t, "sent, 200 OK, {hello}, end");
	trial_expect(trial_new(p), "sent, 200 OK, {hello}, end");
	assert_int_equal(peer_connections(p), 1);
	peer_stop(&p);
}

/* --- upgrades --------------------------------------------------------------------------------- */

static void serve_upgrade(struct peer *p, int socket)
{
	char bytes[5];
	if (!peer_read(p, socket))
		return;
	peer_say(socket,
		"HTTP/1.1 101 Changed\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nahead");
	while (peer_take(socket, bytes, sizeof(bytes)) == sizeof(bytes))
		peer_write(socket, bytes, sizeof(bytes));
}

static sem_t echoed;

static void on_echo(void *arg, struct text bytes)
{
	struct trial *t = arg;
	buffer_add_text(&t->log, bytes);
	t->body += bytes.size;
	if (t->body == 5)
		sem_post(&echoed);
}

static const struct wire_events echo_events = {.received = on_echo};

static void use_wire(void *arg)
{
	struct trial *t = arg;
	assert_int_equal(wire_state(t->wire), WIRE_OPEN);
	wire_give(t->wire, &echo_events, t);
	wire_hold(t->wire, false);
	wire_write(t->wire, TEXT("after"));
}

static void close_wire(void *arg)
{
	wire_close(&((struct trial *)arg)->wire);
}

static void the_wire_of_an_upgrade_is_given_away(void **state)
{
	struct peer *p = peer_start(serve_upgrade);
	struct trial *t = trial_new(p);
	sem_init(&echoed, 0, 0);
	t->request.upgrade = t->take = true;
	trial_run(t);
	assert_string_equal(t->log.data, "sent, 101 Changed");
	assert_true(text_equal(t->rest, TEXT("ahead")));
	t->log.size = 0;
	loop_run(trial_loop, use_wire, t);
	while (sem_wait(&echoed) != 0)
		;
	loop_run(trial_loop, close_wire, t);
	assert_true(text_equal(buffer_text(&t->log), TEXT("after")));
	trial_free(t);
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

static void an_upgrade_may_be_answered_otherwise(void **state)
{
	struct peer *p = peer_start(serve);
	struct trial *t = trial_new(p);
	answer = OK;
	t->request.upgrade = t->take = true;
	trial_expect(t, "sent, 200 OK, {hello}, end");
	peer_stop(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_goes_with_its_head),
		TEST(a_body_goes_in_chunks),
		TEST(chunks_end_in_trailers),
		TEST(a_large_body_waits_for_the_node),
		TEST(a_body_may_wait_until_it_is_asked_for),
		TEST(an_early_answer_is_told_and_the_connection_closed),
		TEST(what_is_held_does_not_come),
		TEST(a_short_answer_is_complete_though_held),
		TEST(the_wire_of_an_upgrade_is_given_away),
		TEST(an_upgrade_may_be_answered_otherwise),
		TEST(it_may_be_dropped_when_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
