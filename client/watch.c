/*
 * The thread opens the stream, hands its messages on and, when it ends, opens it again after the
 * last cursor. A snapshot has no cursor before its end: one that was broken off begins anew, as
 * what was known before it is void already.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/status.h"
#include "client/internal.h"
#include "junction/v1/registry.pb-c.h"

enum { PAUSE_MOST_MS = 10000 };

struct junction_watch {
	struct worker worker;
	struct junction *j;
	struct arena *arena; /* of the request */
	Registry__WatchRequest *request;
	char *cursor; /* the last one; empty: from the beginning */
	bool in_snapshot;
	struct junction_watch_callbacks callbacks;
};

static void hand_on(struct junction_watch *w, const Registry__WatchResponse *message)
{
	bool part = message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT;
	bool end = message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT_END;
	bool reset = (part || end) && !w->in_snapshot;

	w->in_snapshot = part;
	if (w->callbacks.message)
		w->callbacks.message(w->callbacks.context, message, reset);
	free(w->cursor);
	w->cursor = check_strdup(message->cursor);
	w->worker.failures = 0;
}

/* A stream ends with the token that it was opened with; there is a newer one by then. */
static bool token_ended(struct junction_stream *stream, const struct junction_error *error)
{
	struct exchange *e = stream_exchange(stream);

	return error->code == STATUS_UNAUTHENTICATED && e->keeper && keeper_renewed(e->keeper, e);
}

/* Until it ends; why, in error. True: only its token has ended. */
static bool follow(struct junction_watch *w, struct junction_error *error)
{
	struct junction_reply *reply;
	enum junction_next next;

	w->request->after = w->cursor;
	w->in_snapshot = false;
	struct junction_stream *stream = junction_stream_open(w->j, "/junction.v1.Registry/Watch",
		&w->request->base, &registry__watch_response__descriptor);
	worker_calls(&w->worker, stream_exchange(stream));
	while ((next = junction_stream_next(stream, EXCHANGE_FOREVER, &reply, error)) ==
		JUNCTION_NEXT_MESSAGE) {
		hand_on(w, (const Registry__WatchResponse *)junction_reply_message(reply));
		junction_reply_free(&reply);
	}
	if (next == JUNCTION_NEXT_END)
		error_set(error, STATUS_UNAVAILABLE, "the server ended the watch");
	worker_calls(&w->worker, NULL);
	bool ended = token_ended(stream, error);
	junction_stream_close(&stream);
	return ended;
}

static void *run(void *context)
{
	struct junction_watch *w = context;
	struct junction_error error;
	bool go_on = true;

	while (go_on) {
		bool resume = follow(w, &error);
		go_on = worker_pause(&w->worker, 0);
		if (!go_on || resume)
			continue;
		if (w->callbacks.troubled)
			w->callbacks.troubled(w->callbacks.context, &error);
		go_on = worker_back_off(&w->worker, PAUSE_MOST_MS);
	}
	return NULL;
}

struct junction_watch *junction_watch_start(struct junction *j,
	const struct Registry__WatchRequest *request,
	const struct junction_watch_callbacks *callbacks)
{
	struct junction_watch *w = check_calloc(1, sizeof(*w));
	w->j = j;
	w->arena = arena_new(0);
	w->request = (Registry__WatchRequest *)message_copy(w->arena, &request->base);
	w->cursor = check_strdup(w->request->after);
	w->callbacks = *callbacks;
	worker_open(&w->worker);
	worker_start(&w->worker, run, w);
	return w;
}

void junction_watch_stop(struct junction_watch **watch)
{
	struct junction_watch *w = *watch;

	if (!w)
		return;
	worker_stop(&w->worker);
	worker_close(&w->worker);
	free(w->cursor);
	arena_free(&w->arena);
	free(w);
	*watch = NULL;
}
