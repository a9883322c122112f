/*
 * For tests of server/rpc: a stream of the C core client. Each function waits for what it starts.
 *
 * trial_stream_open(), then any number of sends and receives, trial_stream_end() for the status and
 * trial_stream_free().
 */
#ifndef JUNCTION_TESTS_RPC_STREAM_H
#define JUNCTION_TESTS_RPC_STREAM_H

#include "tests/support/rpc_trial.h"

struct trial_stream {
	struct trial *trial;
	grpc_completion_queue *cq;
	grpc_call *call;
	grpc_metadata_array initial, trailing;
	grpc_status_code code;
	grpc_slice details;
};

static inline void trial_stream_start(
	struct trial_stream *s, const grpc_op *ops, size_t count, void *tag)
{
	CHECK(grpc_call_start_batch(s->call, ops, count, tag, NULL) == GRPC_CALL_OK);
}

static inline void trial_stream_wait(struct trial_stream *s, void *tag)
{
	grpc_event e =
		grpc_completion_queue_pluck(s->cq, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	CHECK(e.type == GRPC_OP_COMPLETE);
}

static inline void trial_stream_run(struct trial_stream *s, const grpc_op *op)
{
	trial_stream_start(s, op, 1, (void *)op);
	trial_stream_wait(s, (void *)op);
}

static inline struct trial_stream *trial_stream_open(struct trial *t, const char *path)
{
	struct trial_stream *s = check_calloc(1, sizeof(*s));
	s->trial = t;
	s->cq = grpc_completion_queue_create_for_pluck(NULL);
	s->call = grpc_channel_create_call(t->channel, NULL, 0, s->cq,
		grpc_slice_from_static_string(path), NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC),
		NULL);
	grpc_op ops[2] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_INITIAL_METADATA}};
	ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY;
	ops[1].data.recv_initial_metadata.recv_initial_metadata = &s->initial;
	trial_stream_start(s, ops, 2, &s->initial);
	grpc_op end = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
	end.data.recv_status_on_client.trailing_metadata = &s->trailing;
	end.data.recv_status_on_client.status = &s->code;
	end.data.recv_status_on_client.status_details = &s->details;
	trial_stream_start(s, &end, 1, &s->code);
	return s;
}

static inline void trial_stream_send(struct trial_stream *s, struct text message)
{
	grpc_slice bytes = slice_of(message);
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
	op.data.send_message.send_message = grpc_raw_byte_buffer_create(&bytes, 1);
	trial_stream_run(s, &op);
	grpc_byte_buffer_destroy(op.data.send_message.send_message);
	grpc_slice_unref(bytes);
}

static inline void trial_stream_half_close(struct trial_stream *s)
{
	trial_stream_run(s, &(grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT});
}

/* The next message, of that type; NULL if the stream ends instead. */
static inline const void *trial_stream_receive(
	struct trial_stream *s, const ProtobufCMessageDescriptor *type)
{
	grpc_byte_buffer *got = NULL;
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	struct status status;
	op.data.recv_message.recv_message = &got;
	trial_stream_run(s, &op);
	if (!got)
		return NULL;
	const void *message =
		guard_unpack(s->trial->arena, type, text_of_buffer(s->trial->arena, got), &status);
	assert_non_null(message);
	grpc_byte_buffer_destroy(got);
	return message;
}

static inline grpc_status_code trial_stream_end(struct trial_stream *s)
{
	trial_stream_wait(s, &s->code);
	return s->code;
}

/* After the end. */
static inline void trial_stream_free(struct trial_stream *s)
{
	trial_stream_wait(s, &s->initial);
	grpc_metadata_array_destroy(&s->initial);
	grpc_metadata_array_destroy(&s->trailing);
	grpc_slice_unref(s->details);
	grpc_call_unref(s->call);
	grpc_completion_queue_shutdown(s->cq);
	grpc_completion_queue_destroy(s->cq);
	free(s);
}

#endif
