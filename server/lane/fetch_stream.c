/*
 * Design: a fetch job with an arena of its own, so that it may outlive its user until the lane has
 * let go of it. All but opening, reading, putting and closing happens on the lane's thread.
 *
 * curl's callbacks fill the buffer and post a task that serves the reader: a done() must not run
 * inside curl, since it may end what curl works on. Once the buffer is full the transfer is paused;
 * it goes on when the buffer has been handed over, so that the next piece gathers while the user
 * passes that one on. Likewise sending is paused while nothing is put.
 *
 * curl stops sending when an answer of 300 or more begins before the body's end, and closes the
 * connection. It does so only at the end of the answer if that says "Connection: close", and in
 * neither case while sending is paused: so the stream goes by the status itself, and lets go.
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
	struct fetch_put *putter;
	struct text rest; /* of what is put: not yet with curl */
	uint64_t left;    /* of the body: not yet with curl */
	uint64_t sent;
	bool held;    /* sending is paused */
	bool refused; /* the answer came first, and the peer wants no more of the body */
	size_t size;  /* of what waits in piece */
	char *piece;  /* FETCH_PIECE_SIZE; NULL before the first bytes */
};

static struct fetch_stream *stream_of(struct fetch_job *job)
{
	return (struct fetch_stream *)job;
}

/* Silence counts while somebody waits. The time until the header of an answer to a request that
 * was given whole is the lane's. */
static void set_expiry(struct fetch_stream *s)
{
	int64_t silent = clock_now() + s->request.total_timeout_ms * CLOCK_MS;
	bool waits = s->reader || s->putter;

	if (s->transfer && (s->begun || s->request.body_follows))
		s->transfer->expires = waits && silent < s->job.deadline ? silent : s->job.deadline;
}

static void free_if_over(struct fetch_stream *s)
{
	struct arena *arena = s->arena;

	if (!s->closed || !s->ended || s->posted)
		return;
	arena_free(&arena);
	free(s->piece);
	free(s);
}

static void set_pauses(struct fetch_stream *s)
{
	int pauses = (s->paused ? CURLPAUSE_RECV : 0) | (s->held ? CURLPAUSE_SEND : 0);

	CHECK(curl_easy_pause(s->transfer->easy, pauses) == CURLE_OK);
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
	set_pauses(s);
}

static void serve_reader(struct fetch_stream *s)
{
	struct fetch_response response = s->response;

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

/* --- putting ---------------------------------------------------------------------------------- */

static void serve_putter(struct fetch_stream *s)
{
	struct fetch_put *put = s->putter;
	bool taken = s->rest.size == 0, over = s->refused || s->ended;

	if (!taken && !over)
		return;
	s->putter = NULL;
	s->rest = (struct text){0};
	s->job.cancelled = &s->closed;
	set_expiry(s);
	put->done(put, taken && (!over || s->left == 0));
}

static void let_go(struct fetch_stream *s)
{
	if (!s->held || !s->transfer)
		return;
	s->held = false;
	set_pauses(s);
}

/* --- serving ---------------------------------------------------------------------------------- */

static void serve(struct fetch_stream *s)
{
	if (s->refused)
		let_go(s);
	if (s->putter)
		serve_putter(s);
	else if (s->reader)
		serve_reader(s);
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
	if (s->posted || !(s->reader || s->putter || s->refused))
		return;
	s->posted = true;
	loop_post(s->loop, &s->serve_task);
}

static void enter_read(struct loop_task *task)
{
	struct fetch_read *read = (struct fetch_read *)task;
	struct fetch_stream *s = read->stream;

	CHECK(!s->reader && !s->putter && !s->closed);
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

static void enter_put(struct loop_task *task)
{
	struct fetch_put *put = (struct fetch_put *)task;
	struct fetch_stream *s = put->stream;

	CHECK(!s->reader && !s->putter && !s->closed);
	CHECK(put->bytes.size <= s->left);
	s->putter = put;
	s->rest = put->bytes;
	s->job.cancelled = put->cancelled;
	set_expiry(s);
	let_go(s);
	serve(s);
}

void fetch_stream_put(struct fetch_stream *s, struct fetch_put *put)
{
	put->stream = s;
	put->task.run = enter_put;
	loop_post(s->loop, &put->task);
}

bool fetch_stream_reached(const struct fetch_stream *s)
{
	return s->job.reached;
}

/* --- the transfer ----------------------------------------------------------------------------- */

void fetch_stream_enter(struct fetch_stream *s, struct transfer *t)
{
	s->transfer = t;
	set_expiry(s);
}

void fetch_stream_begin(struct fetch_stream *s)
{
	s->response = s->transfer->response;
	s->begun = true;
	s->refused = s->left > 0 && s->response.status >= 300;
	set_expiry(s);
	post_serve(s);
}

bool fetch_stream_take(struct fetch_stream *s, struct text bytes)
{
	CHECK(bytes.size <= FETCH_PIECE_SIZE);
	s->paused = s->size + bytes.size > FETCH_PIECE_SIZE;
	if (s->paused)
		return false;
	if (!s->piece)
		s->piece = check_malloc(FETCH_PIECE_SIZE);
	memcpy(s->piece + s->size, bytes.data, bytes.size);
	s->size += bytes.size;
	set_expiry(s);
	post_serve(s);
	return true;
}

size_t fetch_stream_give(struct fetch_stream *s, char *to, size_t room)
{
	size_t size = s->rest.size < room ? s->rest.size : room;

	if (s->refused || s->left == 0)
		return 0;
	s->held = size == 0;
	if (s->held)
		return CURL_READFUNC_PAUSE;
	memcpy(to, s->rest.data, size);
	s->rest = text_from(s->rest, size);
	s->left -= size;
	if (s->rest.size == 0)
		post_serve(s);
	return size;
}

void fetch_stream_sent(struct fetch_stream *s, uint64_t size)
{
	if (size == s->sent)
		return;
	s->sent = size;
	set_expiry(s);
}

bool fetch_stream_sends(const struct fetch_stream *s, bool *put)
{
	*put = s->putter || s->left == 0;
	return s->sent < s->request.body_size && !s->refused;
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
	if (from->accept_encoding)
		s->request.accept_encoding = arena_string(s->arena, text_of(from->accept_encoding));
	s->request.body_size = from->body_follows ? from->body_size : 0;
	s->left = s->request.body_size;
	if (from->body.data)
		s->request.body = arena_text(s->arena, from->body);
}

static void run_close(struct loop_task *task)
{
	struct fetch_stream *s =
		(struct fetch_stream *)((char *)task - offsetof(struct fetch_stream, close_task));

	CHECK(!s->reader && !s->putter);
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
