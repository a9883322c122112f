/*
 * What a call sends and receives besides its status. One batch is under way at a time, and the step
 * that follows it runs on the call's queue when it has come back, so that a client that does not
 * read costs one message.
 *
 * grpc gives no message both at the end of the client's messages and if the client has left. Which
 * of both it is shows when initial metadata is sent, which fails on the latter. And it completes
 * initial metadata when it is written, but does not write it with a message that is held back.
 */
#include "server/rpc/internal.h"

#include <stdlib.h>

#include "proto/runtime/guard.h"

static void batch(
	struct rpc_call *c, const grpc_op *ops, size_t count, void (*run)(struct tag *tag, bool ok))
{
	c->batch.run = run;
	rpc_call_hold(c);
	rpc_call_batch(c, ops, count, &c->batch);
}

/* What comes after the end of the credentials is not looked at. */
static enum next run_then(struct call *c)
{
	return call_still_known(c) ? ((call_step *)c->then)(c) : failed(c);
}

static enum next end_without_client(struct call *c)
{
	const struct rpc_call *r = rpc_call_of(c);
	enum status_code broken = (enum status_code)atomic_load(&r->broken);
	if (broken != STATUS_OK)
		return fail(c, broken, "%s", r->broken_message);
	if (clock_now() >= c->deadline)
		return fail(c, STATUS_DEADLINE_EXCEEDED, "the deadline has passed");
	return fail(c, STATUS_CANCELLED, "the client has gone");
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void begun(struct tag *tag, bool ok)
{
	struct rpc_call *c = TAG_OWNER(tag, struct rpc_call, batch);
	if (ok)
		c->after(&c->base);
	else
		end_without_client(&c->base);
	rpc_call_drop(c);
}

void rpc_stream_begin(struct call *base, call_step *then)
{
	struct rpc_call *c = rpc_call_of(base);
	grpc_op op = {0};
	grpc_metadata id;
	if (c->begun) {
		then(base);
		return;
	}
	c->begun = true;
	c->after = then;
	rpc_call_greet(c, &op, &id);
	batch(c, &op, 1, begun);
	grpc_slice_unref(id.value);
}

/* --- messages --------------------------------------------------------------------------------- */

static void sent(struct tag *tag, bool ok)
{
	struct rpc_call *c = TAG_OWNER(tag, struct rpc_call, batch);
	grpc_byte_buffer_destroy(c->message);
	c->message = NULL;
	if (ok)
		run_then(&c->base);
	else
		end_without_client(&c->base);
	rpc_call_drop(c);
}

/* Packed where it stays until it has been sent: a large message is copied once. */
static grpc_byte_buffer *pack(const ProtobufCMessage *message)
{
	void *room;
	struct text bytes = guard_pack_alone(message, &room);
	grpc_slice slice =
		grpc_slice_new_with_user_data((char *)bytes.data, bytes.size, free, room);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

void rpc_stream_send(struct call *base, const ProtobufCMessage *message, bool more)
{
	struct rpc_call *c = rpc_call_of(base);
	grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE}};
	grpc_metadata id = {0};
	size_t count = 1;
	c->message = pack(message);
	rpc_observe_sent(c, grpc_byte_buffer_length(c->message));
	call_end_turn(base);
	ops[0].data.send_message.send_message = c->message;
	if (!c->begun)
		rpc_call_greet(c, &ops[count++], &id);
	else if (more)
		ops[0].flags = GRPC_WRITE_BUFFER_HINT;
	c->begun = true;
	batch(c, ops, count, sent);
	grpc_slice_unref(id.value);
}

static void received(struct tag *tag, bool ok)
{
	struct rpc_call *c = TAG_OWNER(tag, struct rpc_call, batch);
	grpc_byte_buffer *message = c->message;
	c->message = NULL;
	if (!ok)
		end_without_client(&c->base);
	else if (!message)
		rpc_stream_begin(&c->base, run_then);
	else if (rpc_call_decode(c, c->base.turn, message))
		run_then(&c->base);
	else
		failed(&c->base);
	grpc_byte_buffer_destroy(message);
	rpc_call_drop(c);
}

void rpc_stream_receive(struct call *base)
{
	struct rpc_call *c = rpc_call_of(base);
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &c->message;
	batch(c, &op, 1, received);
}
