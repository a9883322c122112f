/*
 * Trial: a wire and what it told, for its unit tests: "opened, {hello}, ended". The peers speak TLS
 * if tls is set. A failed expectation fails the running test. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_WIRE_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_WIRE_TRIAL_H

#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/loop.h"
#include "bridge/wire.h"
#include "tests/support/http_peer.h"
#include "tests/support/tls_peer.h"

/* --- a wire and what it told ------------------------------------------------------------------ */

struct trial {
	struct wire_options options;
	struct wire *wire;
	struct arena *arena;
	struct buffer log; /* "opened, {hello}, ended" */
	size_t received;
	bool in_bytes, silent;
	bool inside;    /* a function of wire.h */
	const char *at; /* within this event act() is called */
	void (*act)(struct trial *t);
	const char *last;    /* with this event it is over, as far as the test is concerned */
	struct trial *other; /* whom it is given to */
	sem_t over;
};

static struct loop *loop;

static inline void say(struct trial *t, const char *event)
{
	assert_false(t->inside);
	buffer_printf(&t->log, "%s%s%s", t->in_bytes ? "}" : "", t->log.size ? ", " : "", event);
	t->in_bytes = false;
	if (t->at && !strcmp(t->at, event))
		t->act(t);
	if (t->last && !strcmp(t->last, event))
		sem_post(&t->over);
}

static inline void on_opened(void *arg)
{
	say(arg, "opened");
}

static inline void on_received(void *arg, struct text bytes)
{
	struct trial *t = arg;
	assert_false(t->inside);
	assert_in_range(bytes.size, 1, WIRE_PIECE);
	t->received += bytes.size;
	if (!t->silent && !t->in_bytes)
		buffer_printf(&t->log, "%s{", t->log.size ? ", " : "");
	t->in_bytes = !t->silent;
	if (!t->silent)
		buffer_add_text(&t->log, bytes);
	if (t->at && !strcmp(t->at, "received"))
		t->act(t);
	if (t->last && !strcmp(t->last, "received"))
		sem_post(&t->over);
}

static inline void on_drained(void *arg)
{
	say(arg, "drained");
}

static inline void on_ended(void *arg)
{
	say(arg, "ended");
}

static inline void on_lost(void *arg)
{
	say(arg, "lost");
}

static const struct wire_events events = {.opened = on_opened,
	.received = on_received,
	.drained = on_drained,
	.ended = on_ended,
	.lost = on_lost};

static inline struct trial *trial_to(const char *host, int port, const char *last)
{
	struct trial *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->arena = arena_new(0);
	t->log.arena = t->arena;
	t->last = last;
	t->options = (struct wire_options){.target = arena_printf(t->arena, "%s:%d", host, port),
		.name = host,
		.events = &events,
		.arg = t};
	sem_init(&t->over, 0, 0);
	return t;
}

static inline struct trial *trial_new(const struct peer *p, const char *last)
{
	return trial_to("127.0.0.1", peer_port(p), last);
}

static inline void launch(void *arg)
{
	struct trial *t = arg;
	t->inside = true;
	t->wire = wire_open(loop_uv(loop), &t->options);
	t->inside = false;
}

static inline void await(struct trial *t)
{
	while (sem_wait(&t->over) != 0)
		;
}

static inline void run(struct trial *t)
{
	loop_run(loop, launch, t);
	await(t);
}

static inline void shut(void *arg)
{
	wire_close(&((struct trial *)arg)->wire);
}

static inline void finish(struct trial *t)
{
	loop_run(loop, shut, t);
	sem_destroy(&t->over);
	arena_free(&t->arena);
	free(t);
}

static inline void expect(struct trial *t, const char *log)
{
	run(t);
	loop_run(loop, shut, t);
	buffer_add_char(&t->log, '\0');
	assert_string_equal(t->log.data, log);
	finish(t);
}

/* --- the peer --------------------------------------------------------------------------------- */

static SSL_CTX *tls; /* NULL: plain */
static struct tls_party authority, party;
static SSL_CTX *client;

static inline void serve_hello(struct peer *p, int socket)
{
	SSL *ssl = tls ? tls_accept(tls, socket) : NULL;
	if (ssl) {
		SSL_write(ssl, "hello", 5);
		SSL_shutdown(ssl);
		SSL_free(ssl);
	} else if (!tls) {
		peer_say(socket, "hello");
	}
}

/* Each test once plain and once in TLS. */
static inline struct trial *trial_of(const struct peer *p, const char *last)
{
	struct trial *t = trial_to("localhost", peer_port(p), last);
	t->options.tls = tls ? client : NULL;
	return t;
}

/* --- all of it -------------------------------------------------------------------------------- */

static inline int open_loop(void **state)
{
	loop = loop_new("trial");
	loop_start(loop);
	return 0;
}

static inline int close_loop(void **state)
{
	loop_stop(&loop);
	return 0;
}

static inline int open_with_tls(void **state)
{
	tls = tls_server_new(&party, NULL);
	return open_loop(state);
}

static inline int close_with_tls(void **state)
{
	SSL_CTX_free(tls);
	tls = NULL;
	return close_loop(state);
}

static inline int setup(void **state)
{
	char path[] = "/tmp/wire-ca-XXXXXX";
	signal(SIGPIPE, SIG_IGN);
	authority = tls_party_new(NULL, NULL);
	party = tls_party_new("DNS:localhost,IP:127.0.0.1", &authority);
	tls_write(&authority, path);
	client = wire_tls_new("http/1.1");
	assert_true(wire_tls_trust(client, path));
	assert_false(wire_tls_trust(client, "/tmp/no-such-file.pem"));
	unlink(path);
	return 0;
}

static inline int teardown(void **state)
{
	wire_tls_release(&client);
	tls_party_free(&authority);
	tls_party_free(&party);
	return 0;
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)
#define TLS(name)                                                                                  \
	((const struct CMUnitTest){#name " (TLS)", name, open_with_tls, close_with_tls, NULL})
#define BOTH(name) PLAIN(name), TLS(name)

#endif
