/*
 * Design: a fetch job with an arena of its own, so that it may outlive its user until the lane has
 * let go of it. All but opening, reading and closing happens on the lane's thread.
 *
 * curl's callbacks fill the buffer and post a task that serves the reader: a done() must not run
 * inside curl, since it may end what curl works on. Once the buffer is full the transfer is paused;
 * it goes on when the buffer has been handed over, so that the next piece gathers while the user
 * passes that one on.
 */
#include "server/lane/fetch_stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/lane/fetch_transfer.h"

struct fetch_stream {
	struct fetch_job job; /* first: stream_of() */
	struct fetch_request request;
	struct arena *arena;
	struct loop *loop;
	struct loop_task serve_task, close_task;

	/* The lane thread's. */
	struct transfer *transfer; /* from the header until the end */
	struct fetch_response response;
	struct status error;
	bool begun, told; /* the header has come, has been read */
	bool ended, failed;
	bool paused, posted; /* posted: serve_task is on its way */
	atomic_bool closed;
	struct fetch_read *reader;
	size_t size; /* of what waits in piece */
	char piece[FETCH_PIECE_SIZE];
};

static struct fetch_stream *stream_of(struct fetch_job *job)
{
	return (struct fetch_stream *)job;
}

/* Silence counts while somebody waits. */
static void set_expiry(struct fetch_stream *s)
{
	int64_t silent = clock_now() + s->request.total_timeout_ms * CLOCK_MS;

	if (s->transfer)
		s->transfer->expires =
			s->reader && silent < s->job.deadline ? silent : s->job.deadline;
}

static void free_if_over(struct fetch_stream *s)
{
	struct arena *arena = s->arena;

	if (!s->closed || !s->ended || s->posted)
		return;
	arena_free(&arena);
	free(s);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void answer(
	struct fetch_stream *s, const struct fetch_response *response, const struct status *error)
{
	struct fetch_read *read = s->reader;

	s->reader = NULL;
	s->job.cancelled = &s->closed;
	set_expiry(s);
	read->done(read, response, error);
}

static void go_on(struct fetch_stream *s)
{
	s->size = 0;
	if (!s->paused || !s->transfer)
		return;
	s->paused = false;
	CHECK(curl_easy_pause(s->transfer->easy, CURLPAUSE_CONT) == CURLE_OK);
}

static void serve(struct fetch_stream *s)
{
	struct fetch_response response = s->response;

	if (!s->reader)
		return;
	if (s->begun && !s->told) {
		s->told = true;
		answer(s, &response, NULL);
	} else if (s->size > 0) {
		response.body = (struct text){s->piece, s->size};
		answer(s, &response, NULL);
		go_on(s);
	} else if (s->failed) {
		answer(s, NULL, &s->error);
	} else if (s->ended) {
		answer(s, &response, NULL);
	}
}

static void run_serve(struct loop_task *task)
{
	struct fetch_stream *s =
		(struct fetch_stream *)((char *)task - offsetof(struct fetch_stream, serve_task));

	s->posted = false;
	serve(s);
	free_if_over(s);
}

static void post_serve(struct fetch_stream *s)
{
	if (!s->reader || s->posted)
		return;
	s->posted = true;
	loop_post(s->loop, &s->serve_task);
}

static void enter_read(struct loop_task *task)
{
	struct fetch_read *read = (struct fetch_read *)task;
	struct fetch_stream *s = read->stream;

	CHECK(!s->reader && !s->closed);
	s->reader = read;
	s->job.cancelled = read->cancelled;
	set_expiry(s);
	serve(s);
}

void fetch_stream_read(struct fetch_stream *s, struct fetch_read *read)
{
	read->stream = s;
	read->task.run = enter_read;
	loop_post(s->loop, &read->task);
}

bool fetch_stream_reached(const struct fetch_stream *s)
{
	return s->job.reached;
}

/* --- the transfer ----------------------------------------------------------------------------- */

void fetch_stream_begin(struct fetch_stream *s, struct transfer *t)
{
	s->transfer = t;
	s->response = t->response;
	s->begun = true;
	set_expiry(s);
	post_serve(s);
}

bool fetch_stream_take(struct fetch_stream *s, struct text bytes)
{
	CHECK(bytes.size <= sizeof(s->piece));
	s->paused = s->size + bytes.size > sizeof(s->piece);
	if (s->paused)
		return false;
	memcpy(s->piece + s->size, bytes.data, bytes.size);
	s->size += bytes.size;
	set_expiry(s);
	post_serve(s);
	return true;
}

static void on_done(
	struct fetch_job *job, const struct fetch_response *response, const struct status *error)
{
	struct fetch_stream *s = stream_of(job);

	s->transfer = NULL;
	s->ended = true;
	s->failed = !response;
	if (error)
		s->error = *error;
	serve(s);
	free_if_over(s);
}

/* --- life ------------------------------------------------------------------------------------- */

static void copy_request(struct fetch_stream *s, const struct fetch_request *from)
{
	struct fetch_header *headers =
		arena_array(s->arena, from->header_count, sizeof(struct fetch_header));

	for (size_t i = 0; i < from->header_count; i++) {
		headers[i].name = arena_text(s->arena, from->headers[i].name);
		headers[i].value = arena_text(s->arena, from->headers[i].value);
	}
	s->request = *from;
	s->request.headers = headers;
	s->request.method = arena_string(s->arena, text_of(from->method));
	s->request.url = arena_string(s->arena, text_of(from->url));
	if (from->body.data)
		s->request.body = arena_text(s->arena, from->body);
}

static void run_close(struct loop_task *task)
{
	struct fetch_stream *s =
		(struct fetch_stream *)((char *)task - offsetof(struct fetch_stream, close_task));

	CHECK(!s->reader);
	s->closed = true; /* the sweep finds it, as a job whose caller has gone */
	free_if_over(s);
}

struct fetch_stream *fetch_stream_open(
	struct fetch_lane *lane, const struct fetch_request *request, int64_t deadline)
{
	struct fetch_stream *s = check_calloc(1, sizeof(*s));

	s->arena = arena_new(0);
	s->loop = fetch_loop(lane);
	copy_request(s, request);
	s->serve_task.run = run_serve;
	s->close_task.run = run_close;
	s->job = (struct fetch_job){
		.arena = s->arena,
		.request = &s->request,
		.deadline = deadline,
		.cancelled = &s->closed,
		.done = on_done,
		.stream = s,
	};
	if (fetch_submit(lane, &s->job))
		return s;
	arena_free(&s->arena);
	free(s);
	return NULL;
}

void fetch_stream_close(struct fetch_stream **s)
{
	struct fetch_stream *closing = *s;

	*s = NULL;
	if (closing)
		loop_post(closing->loop, &closing->close_task);
}
