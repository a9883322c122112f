/* Bytes to and from real sockets, plain and in TLS. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/wire_trial.h"

static sem_t go;

/* All that came, after the client's end of it. */
static void serve_echo(struct peer *p, int socket)
{
	char bytes[64];
	SSL *ssl = tls ? tls_accept(tls, socket) : NULL;
	int size = 0, got = 1;
	while (got > 0 && size < (int)sizeof(bytes)) {
		got = ssl ? SSL_read(ssl, bytes + size, (int)sizeof(bytes) - size)
			  : (int)recv(socket, bytes + size, sizeof(bytes) - (size_t)size, 0);
		size += got > 0 ? got : 0;
	}
	if (ssl) {
		SSL_write(ssl, bytes, size);
		SSL_shutdown(ssl);
		SSL_free(ssl);
	} else {
		peer_write(socket, bytes, (size_t)size);
	}
}

/* --- what comes ------------------------------------------------------------------------------- */

static void what_comes_is_told(void **state)
{
	struct peer *p = peer_start(serve_hello);
	expect(trial_of(p, "ended"), "opened, {hello}, ended");
	peer_stop(&p);
}

static void an_end_is_a_loss_to_whom_does_not_care(void **state)
{
	static const struct wire_events few = {.received = on_received, .lost = on_lost};
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_of(p, "lost");
	t->options.events = &few;
	run(t);
	assert_string_equal(wire_reason(t->wire), "closed by the server");
	assert_int_equal(wire_state(t->wire), WIRE_LOST);
	finish(t);
	peer_stop(&p);
}

static void serve_reset(struct peer *p, int socket)
{
	struct linger linger = {.l_onoff = 1};
	SSL *ssl = tls ? tls_accept(tls, socket) : NULL;
	if (ssl)
		SSL_write(ssl, "hello", 5);
	else
		peer_say(socket, "hello");
	SSL_free(ssl);
	setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Even if libuv sees it together with the last bytes. */
static void a_reset_is_no_end(void **state)
{
	struct peer *p = peer_start(serve_reset);
	for (int i = 0; i < 100; i++) {
		struct trial *t = trial_of(p, "lost");
		run(t);
		assert_null(memmem(t->log.data, t->log.size, "ended", 5));
		finish(t);
	}
	peer_stop(&p);
}

static void send_parts(struct trial *t)
{
	const struct text parts[] = {TEXT("a"), TEXT(""), TEXT("bc"), TEXT("def")};
	t->inside = true;
	wire_write_all(t->wire, parts, 4);
	wire_write(t->wire, TEXT("ghi"));
	wire_shutdown(t->wire);
	t->inside = false;
}

static void an_end_of_ours_leaves_the_other_way_open(void **state)
{
	struct peer *p = peer_start(serve_echo);
	struct trial *t = trial_of(p, "ended");
	t->at = "opened";
	t->act = send_parts;
	expect(t, "opened, {abcdefghi}, ended");
	peer_stop(&p);
}

static void serve_ended_first(struct peer *p, int socket)
{
	char bytes[5];
	shutdown(socket, SHUT_WR);
	if (peer_take(socket, bytes, sizeof(bytes)) == sizeof(bytes))
		sem_post(&go);
	peer_hold(socket);
}

static void send_bytes(struct trial *t)
{
	wire_write(t->wire, TEXT("after"));
}

static void an_end_of_theirs_leaves_our_way_open(void **state)
{
	struct peer *p = peer_start(serve_ended_first);
	struct trial *t = trial_new(p, "ended");
	sem_init(&go, 0, 0);
	t->at = "ended";
	t->act = send_bytes;
	run(t);
	while (sem_wait(&go) != 0)
		;
	finish(t);
	peer_stop(&p);
}

static void serve_gone(struct peer *p, int socket)
{
	(void)p, (void)socket;
}

static void send_more(void *arg)
{
	struct trial *t = arg;
	t->inside = true;
	for (int i = 0; i < 10; i++)
		wire_write(t->wire, TEXT("more"));
	t->inside = false;
}

static void writing_to_one_that_has_gone_is_a_loss(void **state)
{
	struct peer *p = peer_start(serve_gone);
	struct trial *t = trial_new(p, "ended");
	run(t);
	t->last = "lost";
	peer_wait_closed(p, 1);
	/* Until the answer to it, a reset, makes writing fail. */
	for (int value = 0; !value; sched_yield()) {
		loop_run(loop, send_more, t);
		sem_getvalue(&t->over, &value);
	}
	assert_int_equal(wire_state(t->wire), WIRE_LOST);
	assert_non_null(memmem(t->log.data, t->log.size, "ended, lost", 11));
	finish(t);
	peer_stop(&p);
}

/* --- what waits ------------------------------------------------------------------------------- */

enum { LARGE = 32 * 1024 * 1024 };
static char large[LARGE];
static atomic_size_t moved;

static void serve_sink(struct peer *p, int socket)
{
	static char bytes[65536];
	SSL *ssl = tls ? tls_accept(tls, socket) : NULL;
	int got = 1;
	while (sem_wait(&go) != 0)
		;
	while (got > 0) {
		got = ssl ? SSL_read(ssl, bytes, sizeof(bytes))
			  : (int)recv(socket, bytes, sizeof(bytes), 0);
		atomic_fetch_add(&moved, got > 0 ? (size_t)got : 0);
	}
	SSL_free(ssl);
}

static void send_large(struct trial *t)
{
	t->inside = true;
	assert_true(wire_takes(t->wire));
	wire_write(t->wire, (struct text){large, LARGE});
	t->inside = false;
	assert_false(wire_takes(t->wire));
	assert_true(wire_waiting(t->wire) > LARGE / 4);
	sem_post(&go);
}

static void what_the_socket_does_not_take_waits(void **state)
{
	struct peer *p = peer_start(serve_sink);
	struct trial *t = trial_of(p, "drained");
	sem_init(&go, 0, 0);
	atomic_store(&moved, 0);
	t->at = "opened";
	t->act = send_large;
	run(t);
	assert_int_equal(wire_waiting(t->wire), 0);
	assert_true(wire_takes(t->wire));
	loop_run(loop, shut, t);
	peer_wait_closed(p, 1);
	assert_int_equal(atomic_load(&moved), LARGE);
	finish(t);
	peer_stop(&p);
}

static void drop_large(struct trial *t)
{
	send_large(t);
	wire_close(&t->wire);
}

static void what_waits_goes_with_the_wire(void **state)
{
	struct peer *p = peer_start(serve_sink);
	struct trial *t = trial_of(p, "opened");
	sem_init(&go, 0, 0);
	t->at = "opened";
	t->act = drop_large;
	expect(t, "opened");
	peer_wait_closed(p, 1);
	peer_stop(&p);
}

/* --- holding ---------------------------------------------------------------------------------- */

static void serve_flood(struct peer *p, int socket)
{
	SSL *ssl = tls ? tls_accept(tls, socket) : NULL;
	for (size_t at = 0; at < LARGE; at += 65536) {
		if (ssl)
			SSL_write(ssl, large, 65536);
		else
			peer_write(socket, large, 65536);
		atomic_fetch_add(&moved, 65536);
	}
	if (ssl)
		SSL_shutdown(ssl);
	SSL_free(ssl);
}

static void hold(struct trial *t)
{
	t->inside = true;
	wire_hold(t->wire, true);
	t->inside = false;
}

static void resume(void *arg)
{
	struct trial *t = arg;
	t->at = NULL;
	t->last = "ended";
	t->inside = true;
	wire_hold(t->wire, false);
	t->inside = false;
}

static void what_is_held_does_not_come(void **state)
{
	struct peer *p = peer_start(serve_flood);
	struct trial *t = trial_of(p, "received");
	t->silent = true;
	t->at = "received";
	t->act = hold;
	atomic_store(&moved, 0);
	run(t);
	size_t before = t->received;
	while (atomic_load(&moved) < 4 * WIRE_PIECE)
		sched_yield();
	loop_run(loop, resume, t);
	assert_in_range(before, 1, WIRE_PIECE);
	await(t);
	assert_int_equal(t->received, LARGE);
	finish(t);
	peer_stop(&p);
}

static void hold_again(struct trial *t)
{
	hold(t);
	sem_post(&go);
}

/* Piece by piece, the end too. */
static void it_may_be_held_at_each_piece(void **state)
{
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_of(p, NULL);
	sem_init(&go, 0, 0);
	t->at = "received";
	t->act = hold_again;
	loop_run(loop, launch, t);
	while (sem_wait(&go) != 0)
		;
	peer_wait_closed(p, 1);
	loop_run(loop, resume, t);
	await(t);
	assert_true(text_equal(buffer_text(&t->log), TEXT("opened, {hello}, ended")));
	finish(t);
	peer_stop(&p);
}

static void launch_held(void *arg)
{
	launch(arg);
	hold(arg);
}

static void it_may_be_held_from_the_start(void **state)
{
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_of(p, "opened");
	loop_run(loop, launch_held, t);
	await(t);
	peer_wait_closed(p, 1);
	assert_int_equal(t->received, 0);
	loop_run(loop, resume, t);
	await(t);
	assert_true(text_equal(buffer_text(&t->log), TEXT("opened, {hello}, ended")));
	finish(t);
	peer_stop(&p);
}

/* --- looking -------------------------------------------------------------------------------- */

static bool quiet;

static void look(void *arg)
{
	quiet = wire_is_quiet(((struct trial *)arg)->wire);
}

static void speak_when_told(struct peer *p, int socket)
{
	while (sem_wait(&go) != 0)
		;
	peer_say(socket, "x");
	peer_hold(socket);
}

static void end_when_told(struct peer *p, int socket)
{
	while (sem_wait(&go) != 0)
		;
}

static void it_is_quiet_until_something_waits_to_be_read(void **state)
{
	void (*const serve[])(struct peer *, int) = {speak_when_told, end_when_told};
	for (size_t i = 0; i < 2; i++) {
		struct peer *p = peer_start(serve[i]);
		struct trial *t = trial_of(p, "opened");
		sem_init(&go, 0, 0);
		loop_run(loop, launch_held, t);
		await(t);
		loop_run(loop, look, t);
		assert_true(quiet);
		sem_post(&go);
		while (quiet)
			loop_run(loop, look, t);
		assert_int_equal(t->received, 0);
		finish(t);
		peer_stop(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(what_comes_is_told),
		BOTH(an_end_is_a_loss_to_whom_does_not_care),
		BOTH(a_reset_is_no_end),
		BOTH(an_end_of_ours_leaves_the_other_way_open),
		PLAIN(an_end_of_theirs_leaves_our_way_open),
		PLAIN(writing_to_one_that_has_gone_is_a_loss),
		BOTH(what_the_socket_does_not_take_waits),
		BOTH(what_waits_goes_with_the_wire),
		BOTH(what_is_held_does_not_come),
		BOTH(it_may_be_held_at_each_piece),
		BOTH(it_may_be_held_from_the_start),
		PLAIN(it_is_quiet_until_something_waits_to_be_read),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
