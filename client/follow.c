/* The thread opens the stream, hands its messages on and, when it ends, opens it again after the
 * last cursor. */
#include <stdlib.h>

#include "base/check.h"
#include "client/internal.h"

enum { PAUSE_MOST_MS = 10000 };

/* A stream ends with the token that it was opened with; there is a newer one by then. */
static bool token_ended(struct junction_stream *stream, const struct junction_error *error)
{
	struct exchange *e = stream_exchange(stream);

	return error->code == STATUS_UNAUTHENTICATED && e->keeper && keeper_renewed(e->keeper, e);
}

static void hand_on(struct following *f, struct junction_reply *reply, bool first)
{
	const char *cursor = f->message(f, junction_reply_message(reply), first);

	if (cursor) {
		free(f->cursor);
		f->cursor = check_strdup(cursor);
	}
	f->worker.failures = 0;
	junction_reply_free(&reply);
}

/* Until it ends; why, in error. True: only its token has ended. */
static bool follow(struct following *f, struct junction_error *error)
{
	struct junction_reply *reply;
	enum junction_next next;
	bool first = true;

	*f->after = f->cursor;
	struct junction_stream *stream =
		junction_stream_open(f->j, f->method, f->request, f->response);
	worker_calls(&f->worker, stream_exchange(stream));
	while ((next = junction_stream_next(stream, EXCHANGE_FOREVER, &reply, error)) ==
		JUNCTION_NEXT_MESSAGE) {
		hand_on(f, reply, first);
		first = false;
	}
	if (next == JUNCTION_NEXT_END)
		error_set(error, STATUS_UNAVAILABLE, "the server ended the stream");
	worker_calls(&f->worker, NULL);
	bool ended = token_ended(stream, error);
	junction_stream_close(&stream);
	return ended;
}

static void *run(void *context)
{
	struct following *f = context;
	struct junction_error error;
	bool go_on = true;

	while (go_on) {
		bool resume = follow(f, &error);
		go_on = worker_pause(&f->worker, 0);
		if (!go_on || resume)
			continue;
		f->failed(f, &error);
		go_on = worker_back_off(&f->worker, PAUSE_MOST_MS);
	}
	return NULL;
}

ProtobufCMessage *following_copy(struct following *f, const ProtobufCMessage *request)
{
	f->arena = arena_new(0);
	f->request = message_copy(f->arena, request);
	return f->request;
}

void following_start(struct following *f)
{
	f->cursor = check_strdup(*f->after);
	worker_open(&f->worker);
	worker_start(&f->worker, run, f);
}

void following_stop(struct following *f)
{
	worker_stop(&f->worker);
	worker_close(&f->worker);
	free(f->cursor);
	arena_free(&f->arena);
}
