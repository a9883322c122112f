/* A snapshot has no cursor before its end: one that was broken off begins anew, as what was known
 * before it is void already. */
#include <stdlib.h>

#include "base/check.h"
#include "client/internal.h"
#include "junction/v1/registry.pb-c.h"

struct junction_watch {
	struct following following; /* first */
	bool in_snapshot;
	struct junction_watch_callbacks callbacks;
};

static const char *hand_on(struct following *f, const ProtobufCMessage *base, bool first)
{
	struct junction_watch *w = (struct junction_watch *)f;
	const Registry__WatchResponse *message = (const Registry__WatchResponse *)base;
	bool part = message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT;
	bool end = message->kind == REGISTRY__WATCH_KIND__WATCH_KIND_SNAPSHOT_END;
	bool reset = (part || end) && (first || !w->in_snapshot);

	w->in_snapshot = part;
	if (w->callbacks.message)
		w->callbacks.message(w->callbacks.context, message, reset);
	return message->cursor;
}

static void failed(struct following *f, const struct junction_error *error)
{
	struct junction_watch *w = (struct junction_watch *)f;

	if (w->callbacks.troubled)
		w->callbacks.troubled(w->callbacks.context, error);
}

struct junction_watch *junction_watch_start(struct junction *j,
	const struct Registry__WatchRequest *request,
	const struct junction_watch_callbacks *callbacks)
{
	struct junction_watch *w = check_calloc(1, sizeof(*w));
	w->following = (struct following){
		.j = j,
		.method = "/junction.v1.Registry/Watch",
		.response = &registry__watch_response__descriptor,
		.message = hand_on,
		.failed = failed,
	};
	w->callbacks = *callbacks;
	ProtobufCMessage *copy = following_copy(&w->following, &request->base);
	w->following.after = &((Registry__WatchRequest *)copy)->after;
	following_start(&w->following);
	return w;
}

void junction_watch_stop(struct junction_watch **watch)
{
	if (*watch)
		following_stop(&(*watch)->following);
	free(*watch);
	*watch = NULL;
}
