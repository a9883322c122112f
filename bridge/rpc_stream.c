/*
 * Rpc stream: the status is asked for at the start, messages one by one; each operation that is
 * under way has a tag of its own and is counted. The call has ended when its status has come and
 * nothing is under way any more. The lock guards that count and `over`, nothing else: C core's
 * calls are made outside it, except cancelling, which has no callback.
 */
#include "bridge/rpc_stream.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <stdlib.h>

#include "base/check.h"
#include "bridge/rpc_channel.h"

enum operation { BEGIN, STATUS, READ, WRITE, CLOSE, OPERATION_COUNT };

struct operation_tag {
	struct rpc_tag tag; /* first */
	struct rpc_stream *stream;
};

struct rpc_flow {
	struct rpc_link link;
	struct operation_tag tags[OPERATION_COUNT];
	pthread_mutex_t lock;
	int pending; /* operations under way */
	bool over;   /* the status has come */
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *received;
	grpc_status_code code;
	grpc_slice message;
};

/* --- starting and completing operations ----------------------------------------------------- */

static bool enter(struct rpc_flow *f)
{
	pthread_mutex_lock(&f->lock);
	bool open = !f->over;
	f->pending += open;
	pthread_mutex_unlock(&f->lock);
	return open;
}

static void start(struct rpc_flow *f, const grpc_op *ops, size_t count, enum operation what)
{
	rpc_batch(f->link.core, ops, count, &f->tags[what].tag);
}

static void finish(struct rpc_stream *s)
{
	struct rpc_flow *f = s->flow;
	if (s->dirty)
		rpc_stream_lull(f->link.channel);
	s->status = rpc_status(s->arena, f->code, &f->message);
	s->details = rpc_details(s->arena, &f->trailing);
	rpc_land(&f->link);
	grpc_metadata_array_destroy(&f->initial);
	grpc_metadata_array_destroy(&f->trailing);
	grpc_slice_unref(f->message);
	grpc_call_unref(f->link.core);
	s->done(s);
}

/* The last touch of a completion. */
static void leave(struct rpc_stream *s, bool over)
{
	struct rpc_flow *f = s->flow;
	pthread_mutex_lock(&f->lock);
	f->over |= over;
	bool last = !--f->pending && f->over;
	pthread_mutex_unlock(&f->lock);
	if (last)
		finish(s);
}

static struct rpc_stream *stream_of(struct rpc_tag *tag)
{
	return ((struct operation_tag *)tag)->stream;
}

/* A refusal without messages comes as trailers only: core gives no initial metadata then. */
static void began(struct rpc_tag *tag, bool success)
{
	struct rpc_stream *s = stream_of(tag);
	const grpc_metadata_array *initial = &s->flow->initial;
	for (size_t i = 0; success && i < initial->count; i++)
		if (text_equal(rpc_text(&initial->metadata[i].key), TEXT("x-request-id"))) {
			s->began(s);
			break;
		}
	leave(s, false);
}

static void ended(struct rpc_tag *tag, bool success)
{
	(void)success;
	leave(stream_of(tag), true);
}

static void make_dirty(struct rpc_stream *s)
{
	struct channel *ch = s->flow->link.channel;
	if (s->dirty)
		return;
	s->dirty = true;
	s->next_dirty = ch->dirty;
	ch->dirty = s;
}

void rpc_stream_lull(struct channel *ch)
{
	while (ch->dirty) {
		struct rpc_stream *s = ch->dirty;
		ch->dirty = s->next_dirty;
		s->dirty = false;
		s->lull(s);
	}
}

static void received(struct rpc_tag *tag, bool success)
{
	struct rpc_stream *s = stream_of(tag);
	grpc_byte_buffer *message = s->flow->received;
	grpc_byte_buffer_reader reader;
	s->flow->received = NULL;
	if (success && message && grpc_byte_buffer_reader_init(&reader, message)) {
		grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
		make_dirty(s);
		s->received(s, rpc_text(&whole));
		grpc_slice_unref(whole);
		grpc_byte_buffer_reader_destroy(&reader);
	}
	grpc_byte_buffer_destroy(message);
	leave(s, false);
}

static void written(struct rpc_tag *tag, bool success)
{
	struct rpc_stream *s = stream_of(tag);
	if (success)
		s->written(s);
	leave(s, false);
}

static void closed(struct rpc_tag *tag, bool success)
{
	(void)success;
	leave(stream_of(tag), false);
}

/* --- what callers use ----------------------------------------------------------------------- */

static void start_begin(struct rpc_flow *f, const struct metadata_list *list)
{
	grpc_metadata metadata[METADATA_MAX];
	size_t count = rpc_fill_metadata(metadata, list);
	grpc_op ops[2] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_INITIAL_METADATA}};
	ops[0].data.send_initial_metadata.metadata = metadata;
	ops[0].data.send_initial_metadata.count = count;
	ops[1].data.recv_initial_metadata.recv_initial_metadata = &f->initial;
	CHECK(enter(f));
	start(f, ops, 2, BEGIN);
	rpc_empty_metadata(metadata, count);
}

static void start_status(struct rpc_flow *f)
{
	grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
	op.data.recv_status_on_client.trailing_metadata = &f->trailing;
	op.data.recv_status_on_client.status = &f->code;
	op.data.recv_status_on_client.status_details = &f->message;
	start(f, &op, 1, STATUS);
}

static struct rpc_flow *flow_new(struct rpc_stream *s)
{
	static void (*const runs[OPERATION_COUNT])(struct rpc_tag * tag, bool success) = {
		[BEGIN] = began,
		[STATUS] = ended,
		[READ] = received,
		[WRITE] = written,
		[CLOSE] = closed,
	};
	struct rpc_flow *f = check_calloc(1, sizeof(*f));
	for (size_t i = 0; i < OPERATION_COUNT; i++) {
		f->tags[i].tag.run = runs[i];
		f->tags[i].stream = s;
	}
	f->link.stream = true;
	CHECK(!pthread_mutex_init(&f->lock, NULL));
	return f;
}

bool rpc_stream_start(struct rpc *rpc, struct rpc_stream *s, const struct metadata_list *metadata)
{
	struct rpc_flow *f = s->flow = flow_new(s);
	if (!rpc_take_off(rpc, &f->link, s->method, gpr_inf_future(GPR_CLOCK_MONOTONIC))) {
		f->over = true;
		return status_set(
			&s->status, s->arena, STATUS_UNAVAILABLE, "the bridge is stopping");
	}
	grpc_metadata_array_init(&f->initial);
	grpc_metadata_array_init(&f->trailing);
	CHECK(enter(f)); /* the status, counted first: the call cannot end before it is asked for */
	start_begin(f, metadata);
	start_status(f);
	return true;
}

void rpc_stream_free(struct rpc_stream *s)
{
	pthread_mutex_destroy(&s->flow->lock);
	free(s->flow);
}

bool rpc_stream_write(struct rpc_stream *s, struct text message, enum rpc_write how)
{
	struct rpc_flow *f = s->flow;
	if (!enter(f))
		return false;
	grpc_byte_buffer *payload = rpc_payload(message);
	grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE,
				  .flags = how == RPC_WRITE_MORE ? GRPC_WRITE_BUFFER_HINT : 0},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}};
	ops[0].data.send_message.send_message = payload;
	start(f, ops, how == RPC_WRITE_LAST ? 2 : 1, WRITE);
	grpc_byte_buffer_destroy(payload);
	return true;
}

bool rpc_stream_close(struct rpc_stream *s)
{
	const grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
	if (!enter(s->flow))
		return false;
	start(s->flow, &op, 1, CLOSE);
	return true;
}

bool rpc_stream_read(struct rpc_stream *s)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &s->flow->received;
	if (!enter(s->flow))
		return false;
	start(s->flow, &op, 1, READ);
	return true;
}

void rpc_stream_cancel(struct rpc_stream *s, enum status_code code, const char *message)
{
	struct rpc_flow *f = s->flow;
	pthread_mutex_lock(&f->lock);
	if (!f->over)
		grpc_call_cancel_with_status(f->link.core, (grpc_status_code)code, message, NULL);
	pthread_mutex_unlock(&f->lock);
}
