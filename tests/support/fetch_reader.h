/*
 * Reader: a fetch stream and what the last read of it has brought, for the unit tests of the http
 * lane, which run on one lane and against one peer. A failed expectation fails the running test.
 * After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_FETCH_READER_H
#define JUNCTION_TESTS_SUPPORT_FETCH_READER_H

#include "server/lane/fetch_stream.h"
#include "tests/support/fetch_trial.h"

static struct fetch_lane *lane;
static struct peer *peer;

static inline int set_up(void **state)
{
	lane = fetch_start(&usual);
	return 0;
}

static inline int tear_down(void **state)
{
	fetch_stop(&lane);
	peer_stop(&peer);
	return 0;
}

/* --- a reader --------------------------------------------------------------------------------- */

struct reader {
	struct fetch_read read; /* first */
	struct fetch_stream *stream;
	struct arena *arena;
	atomic_bool cancelled;
	sem_t done;
	/* Of the last read. */
	bool good, reached;
	int status;
	struct buffer piece;
	struct status error;
};

static inline void on_read(
	struct fetch_read *read, const struct fetch_response *response, const struct status *error)
{
	struct reader *r = (struct reader *)read;

	r->good = response != NULL;
	r->reached = fetch_stream_reached(r->stream);
	r->piece.size = 0;
	if (response) {
		r->status = response->status;
		buffer_add_text(&r->piece, response->body);
	} else {
		r->error = *error;
		r->error.message = arena_string(r->arena, text_of(error->message));
	}
	sem_post(&r->done);
}

static inline void start_read(struct reader *r)
{
	r->read = (struct fetch_read){.cancelled = &r->cancelled, .done = on_read};
	fetch_stream_read(r->stream, &r->read);
}

static inline void wait_read(struct reader *r)
{
	while (sem_wait(&r->done) != 0)
		;
}

static inline void next(struct reader *r)
{
	start_read(r);
	wait_read(r);
}

/* The request lacks its URL. */
static inline struct reader *open_request(struct fetch_request request, int port, int64_t deadline)
{
	struct reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	sem_init(&r->done, 0, 0);
	r->arena = r->piece.arena = arena_new(0);
	request.url = arena_printf(r->arena, "http://127.0.0.1:%d/", port);
	r->stream = fetch_stream_open(lane, &request, deadline);
	assert_non_null(r->stream);
	return r;
}

static inline struct reader *open_timed(int port, int64_t timeout_ms, struct text body)
{
	struct fetch_request request = {
		.method = body.data ? "POST" : "GET",
		.connect_timeout_ms = 60000,
		.total_timeout_ms = timeout_ms,
		.body = body,
	};

	return open_request(request, port, CLOCK_NEVER);
}

static inline struct reader *open_peer(void (*serve)(struct peer *, int))
{
	peer = peer_start(serve);
	return open_timed(peer_port(peer), 60000, (struct text){0});
}

static inline void leave(struct reader *r)
{
	fetch_stream_close(&r->stream);
	arena_free(&r->arena);
	sem_destroy(&r->done);
	free(r);
}

static inline void assert_begins(struct reader *r, int status)
{
	next(r);
	if (!r->good)
		fail_msg("%s", r->error.message);
	assert_int_equal(r->status, status);
	assert_int_equal(r->piece.size, 0);
}

static inline void assert_ends(struct reader *r)
{
	next(r);
	assert_true(r->good);
	assert_int_equal(r->piece.size, 0);
}

static inline void assert_broken(struct reader *r, enum status_code code, const char *part)
{
	next(r);
	assert_false(r->good);
	if (r->error.code != code || !strstr(r->error.message, part))
		fail_msg("%s: %s", status_name(r->error.code), r->error.message);
}

#endif
