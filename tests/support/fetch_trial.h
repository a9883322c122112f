/*
 * Trial: one fetch job and its outcome, for the unit tests of the http lane. A failed expectation
 * fails the running test. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_FETCH_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_FETCH_TRIAL_H

#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "server/lane/fetch.h"
#include "tests/support/http_peer.h"

struct trial {
	struct fetch_job job;
	struct fetch_request request;
	struct arena *arena;
	atomic_bool cancelled;
	int ended;
	const struct fetch_response *response;
	struct status error;
	sem_t done;
};

static const struct egress_policy everything = {.loopback = true, .private_ranges = true};
static const struct fetch_options usual = {
	.egress = &everything, .connections = 32, .connections_per_host = 8, .queue_limit = 1000};

static inline void on_done(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct trial *t = (struct trial *)job;

	t->ended++;
	t->response = response;
	if (!response)
		t->error = *error;
	sem_post(&t->done);
}

static inline struct trial *trial_new(const char *method, int port, const char *path)
{
	struct trial *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->arena = arena_new(0);
	sem_init(&t->done, 0, 0);
	t->request = (struct fetch_request){
		.method = method,
		.url = arena_printf(t->arena, "http://127.0.0.1:%d%s", port, path),
		.connect_timeout_ms = 60000,
		.total_timeout_ms = 60000,
		.response_limit = 64 * 1024,
	};
	t->job = (struct fetch_job){
		.arena = t->arena,
		.request = &t->request,
		.deadline = clock_now() + 100 * CLOCK_SECOND,
		.cancelled = &t->cancelled,
		.done = on_done,
	};
	return t;
}

static inline void trial_wait(struct trial *t)
{
	while (sem_wait(&t->done) != 0)
		;
}

static inline void trial_run(struct trial *t, struct fetch_lane *lane)
{
	assert_true(fetch_submit(lane, &t->job));
	trial_wait(t);
}

static inline void trial_free(struct trial *t)
{
	assert_int_equal(t->ended, 1);
	arena_free(&t->arena);
	sem_destroy(&t->done);
	free(t);
}

static inline void assert_body(const struct trial *t, int status, const char *body)
{
	if (!t->response)
		fail_msg("failed: %s", t->error.message);
	assert_int_equal(t->response->status, status);
	assert_int_equal(t->response->body.size, strlen(body));
	assert_memory_equal(t->response->body.data, body, strlen(body));
}

static inline void assert_failed(const struct trial *t, enum status_code code, const char *part)
{
	assert_null(t->response);
	if (t->error.code != code || !strstr(t->error.message, part))
		fail_msg("%s: %s", status_name(t->error.code), t->error.message);
	if (strstr(t->error.message, "was not reached") || code == STATUS_PERMISSION_DENIED)
		assert_false(t->job.reached);
	if (strstr(t->error.message, "broke off") || strstr(t->error.message, "did not"))
		assert_true(t->job.reached);
}

/* Runs one request on a lane of its own and gives its outcome. */
static inline struct trial *once(void (*serve)(struct peer *, int), const char *method,
	void (*change)(struct trial *), struct peer **peer)
{
	struct fetch_lane *lane = fetch_start(&usual);
	struct trial *t;

	*peer = peer_start(serve);
	t = trial_new(method, peer_port(*peer), "/");
	if (change)
		change(t);
	trial_run(t, lane);
	fetch_stop(&lane);
	return t;
}

static inline void finish(struct trial *t, struct peer *peer)
{
	trial_free(t);
	peer_stop(&peer);
}

#endif
