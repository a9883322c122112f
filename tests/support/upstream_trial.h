/*
 * Trial: a request to a node and what was told of it, for the unit tests of the gateway's upstream.
 * All that is told is written down in t->log: "sent, 200 OK, {hello}, end". A failed expectation
 * fails the running test. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_UPSTREAM_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_UPSTREAM_TRIAL_H

#include <semaphore.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/loop.h"
#include "bridge/gateway/upstream.h"
#include "tests/support/http_peer.h"

static struct loop *trial_loop;
static struct upstream_pool *trial_pool;

struct trial {
	struct upstream_request request;
	struct endpoint *endpoint;
	struct upstream *upstream;
	struct arena *arena;
	struct buffer log;
	size_t body; /* bytes */
	bool silent; /* pieces of the body are counted only */
	bool in_body;
	const char *at; /* within this event, or before "start", act() is called */
	void (*act)(struct trial *t);
	enum upstream_failure failure; /* of "failed" */
	bool inside;                   /* a function of upstream.h */
	struct wire *wire;             /* of 101, if take is set */
	bool take;
	struct text rest;
	struct trial *next; /* what act() starts, if it does */
	sem_t over;         /* it has ended, failed or been dropped */
};

static inline void trial_log(struct trial *t, const char *event, const char *text, size_t size)
{
	assert_false(t->inside);
	if (t->in_body)
		buffer_add_text(&t->log, TEXT("}"));
	t->in_body = false;
	if (t->log.size)
		buffer_add_text(&t->log, TEXT(", "));
	buffer_add(&t->log, text, size);
	if (t->at && !strcmp(t->at, event))
		t->act(t);
}

static inline void trial_say(struct trial *t, const char *event)
{
	trial_log(t, event, event, strlen(event));
}

static inline void trial_drop(struct trial *t)
{
	upstream_drop(&t->upstream);
	sem_post(&t->over);
}

static inline void trial_on_sent(void *owner)
{
	trial_say(owner, "sent");
}

static inline void trial_on_drained(void *owner)
{
	struct trial *t = owner;
	if (t->at && !strcmp(t->at, "drained"))
		t->act(t);
}

static inline void trial_on_go_on(void *owner)
{
	trial_say(owner, "go on");
}

static inline void trial_on_head(void *owner, const struct upstream_head *head)
{
	struct trial *t = owner;
	char *line = arena_printf(t->arena, "%d %.*s", head->status, TEXT_ARGS(head->reason));
	if (t->take && head->status == 101) {
		t->wire = upstream_take_wire(&t->upstream, &t->rest);
		t->rest = arena_text(t->arena, t->rest);
	}
	trial_log(t, "head", line, strlen(line));
	if (t->wire)
		sem_post(&t->over);
}

static inline void trial_on_body(void *owner, struct text piece)
{
	struct trial *t = owner;
	assert_false(t->inside);
	t->body += piece.size;
	if (!t->silent && !t->in_body)
		buffer_add_text(&t->log, TEXT(", {"));
	t->in_body = !t->silent;
	if (!t->silent)
		buffer_add_text(&t->log, piece);
	if (t->at && !strcmp(t->at, "body"))
		t->act(t);
}

static inline void trial_on_end(void *owner, const struct upstream_header *trailers, size_t count)
{
	struct trial *t = owner;
	struct buffer line = {.arena = t->arena};
	buffer_printf(&line, "end");
	for (size_t i = 0; i < count; i++)
		buffer_printf(&line, " %.*s=%.*s", TEXT_ARGS(trailers[i].name),
			TEXT_ARGS(trailers[i].value));
	t->upstream = NULL;
	trial_log(t, "end", line.data, line.size);
	sem_post(&t->over);
}

static inline void trial_on_failed(void *owner, enum upstream_failure failure, const char *sentence)
{
	struct trial *t = owner;
	t->upstream = NULL;
	t->failure = failure;
	trial_log(t, "failed", sentence, strlen(sentence));
	sem_post(&t->over);
}

static const struct upstream_events trial_events = {
	.sent = trial_on_sent,
	.drained = trial_on_drained,
	.go_on = trial_on_go_on,
	.head = trial_on_head,
	.body = trial_on_body,
	.end = trial_on_end,
	.failed = trial_on_failed,
};

/* --- a trial ---------------------------------------------------------------------------------- */

#define TRIAL_GET "GET / HTTP/1.1\r\nHost: node\r\n\r\n"

static inline struct trial *trial_to(const char *host, int port, bool tls, bool configured)
{
	struct trial *t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->arena = arena_new(0);
	t->log.arena = t->arena;
	t->endpoint = endpoint_hold(host, port, tls, configured);
	sem_init(&t->over, 0, 0);
	t->request = (struct upstream_request){.head = TEXT(TRIAL_GET),
		.connect_timeout_ms = 60000,
		.events = &trial_events,
		.owner = t};
	return t;
}

static inline struct trial *trial_new(const struct peer *p)
{
	return trial_to("127.0.0.1", peer_port(p), false, true);
}

/* On the loop. */
static inline void trial_launch(void *trial)
{
	struct trial *t = trial;
	t->inside = true;
	t->upstream = upstream_start(trial_pool, t->endpoint, &t->request);
	t->inside = false;
	if (t->at && !strcmp(t->at, "start"))
		t->act(t);
}

static inline void trial_start(struct trial *t)
{
	loop_run(trial_loop, trial_launch, t);
}

static inline void trial_nothing(void *arg)
{
}

/* Until its last callback has returned. */
static inline void trial_wait(struct trial *t)
{
	while (sem_wait(&t->over) != 0)
		;
	loop_run(trial_loop, trial_nothing, NULL);
	buffer_add_char(&t->log, '\0');
}

static inline void trial_run(struct trial *t)
{
	trial_start(t);
	trial_wait(t);
}

static inline void trial_free(struct trial *t)
{
	endpoint_release(&t->endpoint);
	sem_destroy(&t->over);
	arena_free(&t->arena);
	free(t);
}

/* One whose all was told so. */
static inline void trial_expect(struct trial *t, const char *log)
{
	trial_run(t);
	assert_string_equal(t->log.data, log);
	trial_free(t);
}

/* --- the loop and the pool -------------------------------------------------------------------- */

static struct upstream_pool_options trial_options = {.idle_per_endpoint = 8, .idle_ms = 60000};

static inline void trial_open_pool(void *arg)
{
	trial_options.loop = trial_loop;
	trial_pool = upstream_pool_open(&trial_options);
}

static inline void trial_close_pool(void *arg)
{
	upstream_pool_close(&trial_pool);
}

static inline int trial_setup(void **state)
{
	trial_loop = loop_new("trial");
	loop_start(trial_loop);
	loop_run(trial_loop, trial_open_pool, NULL);
	return 0;
}

static inline int trial_teardown(void **state)
{
	loop_run(trial_loop, trial_close_pool, NULL);
	loop_stop(&trial_loop);
	return 0;
}

/* With another pool from now on. */
static inline void trial_renew_pool(const struct upstream_pool_options *options)
{
	loop_run(trial_loop, trial_close_pool, NULL);
	trial_options = *options;
	loop_run(trial_loop, trial_open_pool, NULL);
}

#endif
