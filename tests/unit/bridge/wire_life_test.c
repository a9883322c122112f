/* Wires that are opened, or cannot be, given away and closed. */
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/wire_trial.h"

static void hold_open(struct peer *p, int socket)
{
	peer_hold(socket);
}

/* --- life ------------------------------------------------------------------------------------- */

static void close_it(struct trial *t)
{
	wire_close(&t->wire);
	sem_post(&t->over);
}

static void it_may_be_closed_within_any_callback(void **state)
{
	static const char *const moments[] = {"opened", "received", "ended"};
	static const char *const logs[] = {"opened", "opened, {hello", "opened, {hello}, ended"};
	struct peer *p = peer_start(serve_hello);
	for (int i = 0; i < 3; i++) {
		struct trial *t = trial_of(p, NULL);
		t->at = moments[i];
		t->act = close_it;
		expect(t, logs[i]);
	}
	peer_stop(&p);
}

static void give(struct trial *t)
{
	wire_give(t->wire, &events, t->other);
	t->other->wire = t->wire;
	t->wire = NULL;
}

static void another_may_take_it_over(void **state)
{
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_new(p, "opened"), *other = trial_new(p, "ended");
	t->other = other;
	t->at = "opened";
	t->act = give;
	loop_run(loop, launch, t);
	await(other);
	assert_true(text_equal(buffer_text(&t->log), TEXT("opened")));
	assert_true(text_equal(buffer_text(&other->log), TEXT("{hello}, ended")));
	finish(t);
	finish(other);
	peer_stop(&p);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void expect_loss(struct trial *t, const char *reason, bool refused)
{
	run(t);
	assert_string_equal(wire_reason(t->wire), reason);
	assert_int_equal(wire_is_refused(t->wire), refused);
	assert_true(text_equal(buffer_text(&t->log), TEXT("lost")));
	finish(t);
}

static void one_that_is_not_there_is_lost(void **state)
{
	struct peer *p = peer_start(hold_open);
	int port = peer_port(p);
	peer_stop(&p);
	expect_loss(trial_to("127.0.0.1", port, "lost"), "connection refused", false);
	struct trial *t = trial_to("", 0, "lost");
	t->options.target = "nonsense";
	expect_loss(t, "not ADDRESS:PORT or unix:PATH", false);
	t = trial_to("", 0, "lost");
	t->options.target = "unix:/tmp/no-such-socket";
	expect_loss(t, "no such file or directory", false);
}

static int asked;

static const char *refuse_all(void *arg, const struct sockaddr *address, char reason[128])
{
	asked++;
	snprintf(reason, 128, "family %d", address->sa_family);
	return reason;
}

static const char *refuse_first(void *arg, const struct sockaddr *address, char reason[128])
{
	return asked++ ? NULL : "the first";
}

static void addresses_may_be_refused(void **state)
{
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_new(p, "lost");
	char reason[32];
	t->options.refuse = refuse_all;
	snprintf(reason, sizeof(reason), "family %d", AF_INET);
	expect_loss(t, reason, true);
	assert_int_equal(peer_connections(p), 0);
	peer_stop(&p);
}

/* localhost is ::1 and 127.0.0.1, where the peer is; with only one of them nothing is left. */
static void the_next_address_is_tried(void **state)
{
	struct peer *p = peer_start(serve_hello);
	struct trial *t = trial_to("localhost", peer_port(p), NULL);
	asked = 0;
	t->options.refuse = refuse_first;
	t->at = "received";
	t->act = close_it;
	struct trial *all = trial_to("localhost", peer_port(p), "lost");
	all->options.refuse = refuse_all;
	run(all);
	int addresses = asked;
	finish(all);
	asked = 0;
	if (addresses > 1)
		expect(t, "opened, {hello");
	else
		finish(t);
	peer_stop(&p);
}

static void the_server_chooses_the_protocol(void **state)
{
	static const char h2[] = "\x02h2";
	SSL_CTX *ours = wire_tls_new("h2");
	struct peer *p = peer_start(serve_hello);
	tls = tls_server_new(&party, NULL);
	SSL_CTX_set1_verify_cert_store(ours, SSL_CTX_get_cert_store(client));
	struct trial *t = trial_of(p, "lost");
	t->options.tls = ours;
	t->options.protocol = "h2";
	expect_loss(t, "the server does not choose h2 by ALPN", false);
	SSL_CTX_set_alpn_select_cb(tls, tls_choose, (void *)h2);
	t = trial_of(p, "ended");
	t->options.tls = ours;
	t->options.protocol = "h2";
	expect(t, "opened, {hello}, ended");
	peer_stop(&p);
	SSL_CTX_free(tls);
	tls = NULL;
	wire_tls_release(&ours);
}

static void serve_cut(struct peer *p, int socket)
{
	SSL *ssl = tls_accept(tls, socket);
	if (ssl)
		SSL_write(ssl, "hello", 5);
	SSL_free(ssl);
}

static void the_end_of_tcp_is_none_of_tls(void **state)
{
	struct peer *p = peer_start(serve_cut);
	expect(trial_of(p, "lost"), "opened, {hello}, lost");
	peer_stop(&p);
}

/* --- memory ----------------------------------------------------------------------------------- */

enum { IDLE = 500 };

static void an_idle_wire_costs_little(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip();
#endif
	struct trial *trials[IDLE];
	struct peer *p = peer_start(hold_open);
	for (int i = 0; i < IDLE; i++)
		trials[i] = trial_new(p, "opened");
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < IDLE; i++)
		run(trials[i]);
	size_t after = mallinfo2().uordblks;
	assert_true((after - before) / IDLE < 1500);
	for (int i = 0; i < IDLE; i++)
		finish(trials[i]);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(it_may_be_closed_within_any_callback),
		PLAIN(another_may_take_it_over),
		PLAIN(one_that_is_not_there_is_lost),
		PLAIN(addresses_may_be_refused),
		PLAIN(the_next_address_is_tried),
		PLAIN(the_server_chooses_the_protocol),
		TLS(the_end_of_tcp_is_none_of_tls),
		PLAIN(an_idle_wire_costs_little),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
