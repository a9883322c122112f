/* Rpc stream: a flow, whose functions and callbacks these are by other names. */
#include "bridge/rpc_stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "bridge/rpc_channel.h"

struct streaming {
	struct rpc_flow flow; /* first: stream_of() */
	struct rpc_stream *stream;
	struct metadata_list metadata;
};

static struct rpc_stream *stream_of(struct rpc_flow *f)
{
	return ((struct streaming *)f)->stream;
}

static void on_begun(struct rpc_flow *f)
{
	stream_of(f)->began(stream_of(f));
}

static void on_message(struct rpc_flow *f, struct text message)
{
	stream_of(f)->received(stream_of(f), message);
}

static void on_lull(struct rpc_flow *f)
{
	stream_of(f)->lull(stream_of(f));
}

static void on_writable(struct rpc_flow *f)
{
	stream_of(f)->written(stream_of(f));
}

static void on_done(struct rpc_flow *f)
{
	struct rpc_stream *s = stream_of(f);
	s->status = f->status;
	s->details = f->end.details;
	s->done(s);
}

static const struct rpc_flow_events events = {
	.begun = on_begun,
	.message = on_message,
	.lull = on_lull,
	.writable = on_writable,
	.done = on_done,
};

static void copy_metadata(struct streaming *x, struct arena *a, const struct metadata_list *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		metadata_add_own(&x->metadata, arena_text(a, list->items[i].key),
			arena_text(a, list->items[i].value));
	x->flow.metadata = &x->metadata;
}

bool rpc_stream_start(struct rpc *rpc, struct rpc_stream *s, const struct metadata_list *metadata)
{
	struct streaming *x = ARENA_NEW(s->arena, struct streaming);
	struct channel *channel = rpc_channel(rpc);
	CHECK(channel);
	x->stream = s;
	x->flow.events = &events;
	x->flow.method = s->method;
	x->flow.arena = s->arena;
	x->flow.endless = true;
	copy_metadata(x, s->arena, metadata);
	s->flow = &x->flow;
	if (channel_start_flow(channel, &x->flow))
		return true;
	x->flow.over = true;
	return status_set(&s->status, s->arena, STATUS_UNAVAILABLE, "the bridge is stopping");
}

bool rpc_stream_write(struct rpc_stream *s, struct text message, bool last)
{
	if (s->flow->over || s->flow->ended)
		return false;
	s->flow->writing = true;
	rpc_flow_send(s->flow, message);
	if (last)
		rpc_flow_close(s->flow);
	return true;
}

bool rpc_stream_close(struct rpc_stream *s)
{
	if (s->flow->over || s->flow->ended)
		return false;
	rpc_flow_close(s->flow);
	return true;
}

bool rpc_stream_read(struct rpc_stream *s)
{
	if (s->flow->over)
		return false;
	rpc_flow_read(s->flow);
	return true;
}

void rpc_stream_cancel(struct rpc_stream *s, enum status_code code, const char *message)
{
	rpc_flow_finish(s->flow, code, message);
}
