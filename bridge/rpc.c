/*
 * Rpc: each unary call is one batch of the six operations of a unary client, one completion, and
 * then done() on the thread of the channel's queue. The flight is what C core writes into; it lies
 * in the call's arena and is empty of C core's references before done() runs.
 */
#include "bridge/rpc.h"

#include "bridge/rpc_channel.h"
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/time.h>

#define OPERATIONS 6

struct flight {
	struct rpc_tag tag; /* first: landed() */
	struct rpc_link link;
	struct rpc_call *call;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *received;
	grpc_status_code code;
	grpc_slice message;
};

static struct text received_bytes(struct arena *a, grpc_byte_buffer *received)
{
	struct text bytes = {"", 0};
	grpc_byte_buffer_reader reader;
	grpc_slice slice;
	if (!received || !grpc_byte_buffer_reader_init(&reader, received))
		return bytes;
	struct buffer whole = {.arena = a};
	buffer_reserve(&whole, grpc_byte_buffer_length(received) + 1);
	while (grpc_byte_buffer_reader_next(&reader, &slice)) {
		buffer_add_text(&whole, rpc_text(&slice));
		grpc_slice_unref(slice);
	}
	grpc_byte_buffer_reader_destroy(&reader);
	return buffer_text(&whole);
}

static void landed(struct rpc_tag *tag, bool success)
{
	struct flight *f = (struct flight *)tag;
	(void)success;
	struct rpc_call *call = f->call;
	struct arena *a = call->arena;
	call->status = rpc_status(a, f->code, &f->message);
	if (f->code == GRPC_STATUS_OK)
		call->response = received_bytes(a, f->received);
	else
		call->details = rpc_details(a, &f->trailing);
	rpc_land(&f->link);
	grpc_metadata_array_destroy(&f->initial);
	grpc_metadata_array_destroy(&f->trailing);
	grpc_slice_unref(f->message);
	grpc_byte_buffer_destroy(f->received);
	grpc_call_unref(f->link.core);
	call->done(call);
}

static void fill_receiving(grpc_op *ops, struct flight *f)
{
	ops[0].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[0].data.recv_initial_metadata.recv_initial_metadata = &f->initial;
	ops[1].op = GRPC_OP_RECV_MESSAGE;
	ops[1].data.recv_message.recv_message = &f->received;
	ops[2].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[2].data.recv_status_on_client.trailing_metadata = &f->trailing;
	ops[2].data.recv_status_on_client.status = &f->code;
	ops[2].data.recv_status_on_client.status_details = &f->message;
}

/* When start_batch returns, the flight may have landed: only locals are touched afterwards. */
static void launch(struct flight *f)
{
	grpc_metadata metadata[METADATA_MAX];
	size_t count = rpc_fill_metadata(metadata, f->call->metadata);
	grpc_byte_buffer *message = rpc_payload(f->call->request);
	grpc_op ops[OPERATIONS] = {0};
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[0].data.send_initial_metadata.metadata = metadata;
	ops[0].data.send_initial_metadata.count = count;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = message;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	fill_receiving(ops + 3, f);

	rpc_batch(f->link.core, ops, OPERATIONS, &f->tag);
	grpc_byte_buffer_destroy(message);
	rpc_empty_metadata(metadata, count);
}

void rpc_start(struct rpc *rpc, struct rpc_call *call)
{
	struct flight *f = ARENA_NEW(call->arena, struct flight);
	gpr_timespec deadline = gpr_time_add(
		gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(call->timeout_ms, GPR_TIMESPAN));
	f->tag.run = landed;
	f->call = call;
	call->response = call->details = (struct text){"", 0};
	if (!rpc_take_off(rpc, &f->link, call->method, deadline)) {
		status_set(
			&call->status, call->arena, STATUS_UNAVAILABLE, "the bridge is stopping");
		call->done(call);
		return;
	}
	grpc_metadata_array_init(&f->initial);
	grpc_metadata_array_init(&f->trailing);
	launch(f);
}
