/*
 * A stream of questions, each with one answer: receive, answer, send, and again. One message is
 * under way at a time, so that a client that does not read costs one message. All of it runs on
 * the call's queue.
 */
#include "server/rpc/internal.h"

typedef bool stream_answer(struct rpc *rpc, struct arena *a, struct text request,
	struct text *response, struct status *status);

struct stream {
	struct tag tag; /* of the one batch in flight */
	struct rpc_call *c;
	stream_answer *answer;
	grpc_byte_buffer *message; /* received, or being sent */
};

static void receive_message(struct stream *s);

static void batch(
	struct stream *s, const grpc_op *ops, size_t count, void (*run)(struct tag *, bool))
{
	s->tag.run = run;
	rpc_call_hold(s->c);
	rpc_call_batch(s->c, ops, count, &s->tag);
}

static void sent(struct tag *tag, bool ok)
{
	struct stream *s = TAG_OWNER(tag, struct stream, tag);
	struct rpc_call *c = s->c;
	grpc_byte_buffer_destroy(s->message);
	if (ok)
		receive_message(s);
	else
		fail(&c->base, STATUS_CANCELLED, "the client has gone");
	rpc_call_drop(c);
}

static void send_message(struct stream *s, struct text response)
{
	grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_INITIAL_METADATA}};
	size_t count = s->c->greeted ? 1 : 2;
	s->message = rpc_buffer(response);
	s->c->greeted = true;
	ops[0].data.send_message.send_message = s->message;
	batch(s, ops, count, sent);
}

static void answer(struct stream *s)
{
	struct call *base = &s->c->base;
	struct rpc *rpc = s->c->queue->rpc;
	struct arena *a = arena_new(rpc->options.arena_limit);
	struct status status = {.message = ""};
	struct text response = TEXT("");
	bool ok = s->answer(rpc, a, rpc_bytes(a, s->message), &response, &status);
	grpc_byte_buffer_destroy(s->message);
	if (ok)
		send_message(s, response);
	else
		fail(base, status.code, "%s", status.message);
	arena_free(&a);
}

static void received(struct tag *tag, bool ok)
{
	struct stream *s = TAG_OWNER(tag, struct stream, tag);
	struct rpc_call *c = s->c;
	if (s->message) {
		answer(s);
	} else {
		c->base.status.code = STATUS_OK;
		c->base.finish(&c->base);
	}
	rpc_call_drop(c);
}

static void receive_message(struct stream *s)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	s->message = NULL;
	op.data.recv_message.recv_message = &s->message;
	batch(s, &op, 1, received);
}

enum next rpc_stream(struct call *c, stream_answer *each)
{
	struct stream *s = ARENA_NEW(c->arena, struct stream);
	s->c = rpc_call_of(c);
	s->answer = each;
	receive_message(s);
	return NEXT_LANE;
}
