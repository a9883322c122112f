/*
 * For tests of server/rpc: a real server with steps of the test's own, and a C core client.
 *
 * One call at a time is a struct asked; wait for it with asked_wait(), free it with asked_free().
 */
#ifndef JUNCTION_TESTS_RPC_TRIAL_H
#define JUNCTION_TESTS_RPC_TRIAL_H

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* cmocka's; steps have one too */

#include "api.gen.h"
#include "base/check.h"
#include "junction/v1/registry.pb-c.h"
#include "proto/runtime/guard.h"
#include "server/rpc/rpc.h"

#define METHOD_REFLECTION API_GRPC_REFLECTION_V1ALPHA_SERVER_REFLECTION_SERVER_REFLECTION_INFO

/* --- the server ------------------------------------------------------------------------------ */

static inline struct rpc_options trial_options(const char **listen)
{
	return (struct rpc_options){
		.listen = listen,
		.threads = 2,
		.call_limit = 1000,
		.default_deadline_ms = 60000,
		.message_limit = 4 << 20,
		.metadata_limit = 16 << 10,
		.arena_limit = 8 << 20,
		.connection_age_ms = 3600000,
		.keepalive_ms = 60000,
		.ping_interval_ms = 5000,
	};
}

struct trial {
	struct rpc *rpc;
	struct stream_lane *streams;
	grpc_channel *channel;
	struct arena *arena;
};

static inline grpc_channel *trial_channel(const char *target)
{
	grpc_channel_credentials *plain = grpc_insecure_credentials_create();
	grpc_channel *channel = grpc_channel_create(target, plain, NULL);
	grpc_channel_credentials_release(plain);
	return channel;
}

static inline void trial_start(
	struct trial *t, const struct rpc_options *options, call_step *const *steps)
{
	t->streams = stream_lane_start();
	call_use_lanes(NULL, NULL, t->streams);
	t->rpc = rpc_open(options);
	assert_non_null(t->rpc);
	rpc_start(t->rpc, steps);
	t->channel = trial_channel(rpc_address(t->rpc, 0));
	t->arena = arena_new(0);
}

static inline void trial_stop(struct trial *t)
{
	grpc_channel_destroy(t->channel);
	stream_lane_drain(t->streams);
	rpc_drain(t->rpc, 0);
	rpc_stop(t->rpc);
	bells_heard(t->streams);
	rpc_free(&t->rpc);
	stream_lane_stop(&t->streams);
	arena_free(&t->arena);
}

/* --- a call ---------------------------------------------------------------------------------- */

struct pair {
	const char *key, *value;
};

struct asked {
	grpc_completion_queue *cq;
	grpc_call *call;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *message;
	grpc_status_code code;
	grpc_slice text;
};

static inline grpc_slice slice_of(struct text t)
{
	return grpc_slice_from_copied_buffer(t.data, t.size);
}

/* request.data NULL: no message at all. metadata ends with a NULL key. */
static inline struct asked *ask(grpc_channel *channel, const char *path, struct text request,
	const struct pair *metadata, int64_t deadline_ms)
{
	struct asked *q = check_calloc(1, sizeof(*q));
	grpc_metadata sent[8] = {0};
	size_t count = 0;
	for (; metadata && metadata[count].key; count++) {
		sent[count].key = grpc_slice_from_static_string(metadata[count].key);
		sent[count].value = grpc_slice_from_static_string(metadata[count].value);
	}
	gpr_timespec deadline = deadline_ms
					? gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
						  gpr_time_from_millis(deadline_ms, GPR_TIMESPAN))
					: gpr_inf_future(GPR_CLOCK_MONOTONIC);
	q->cq = grpc_completion_queue_create_for_pluck(NULL);
	q->call = grpc_channel_create_call(
		channel, NULL, 0, q->cq, grpc_slice_from_static_string(path), NULL, deadline, NULL);
	grpc_slice bytes = slice_of(request.data ? request : TEXT(""));
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&bytes, 1);
	grpc_op ops[6] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA},
		{.op = GRPC_OP_RECV_MESSAGE},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT},
		{.op = GRPC_OP_SEND_MESSAGE},
	};
	ops[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY;
	ops[0].data.send_initial_metadata.count = count;
	ops[0].data.send_initial_metadata.metadata = sent;
	ops[2].data.recv_initial_metadata.recv_initial_metadata = &q->initial;
	ops[3].data.recv_message.recv_message = &q->message;
	ops[4].data.recv_status_on_client.trailing_metadata = &q->trailing;
	ops[4].data.recv_status_on_client.status = &q->code;
	ops[4].data.recv_status_on_client.status_details = &q->text;
	ops[5].data.send_message.send_message = buffer;
	CHECK(grpc_call_start_batch(q->call, ops, request.data ? 6 : 5, q, NULL) == GRPC_CALL_OK);
	grpc_byte_buffer_destroy(buffer);
	grpc_slice_unref(bytes);
	return q;
}

static inline struct asked *asked_wait(struct asked *q)
{
	grpc_event e =
		grpc_completion_queue_pluck(q->cq, q, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	CHECK(e.type == GRPC_OP_COMPLETE);
	return q;
}

static inline void asked_free(struct asked *q)
{
	grpc_metadata_array_destroy(&q->initial);
	grpc_metadata_array_destroy(&q->trailing);
	grpc_byte_buffer_destroy(q->message);
	grpc_slice_unref(q->text);
	grpc_call_unref(q->call);
	grpc_completion_queue_shutdown(q->cq);
	grpc_completion_queue_destroy(q->cq);
	free(q);
}

static inline struct text text_of_buffer(struct arena *a, grpc_byte_buffer *buffer)
{
	grpc_byte_buffer_reader reader;
	CHECK(grpc_byte_buffer_reader_init(&reader, buffer));
	grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
	struct text t = arena_text(
		a, (struct text){(const char *)GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all)});
	grpc_slice_unref(all);
	grpc_byte_buffer_reader_destroy(&reader);
	return t;
}

static inline struct text asked_message(struct trial *t, const struct asked *q)
{
	return arena_text(t->arena, (struct text){(const char *)GRPC_SLICE_START_PTR(q->text),
					    GRPC_SLICE_LENGTH(q->text)});
}

/* The reply as message of that type; fails if there is none. */
static inline const void *asked_reply(
	struct trial *t, const struct asked *q, const ProtobufCMessageDescriptor *type)
{
	struct status status;
	assert_int_equal(q->code, GRPC_STATUS_OK);
	assert_non_null(q->message);
	const void *message =
		guard_unpack(t->arena, type, text_of_buffer(t->arena, q->message), &status);
	assert_non_null(message);
	return message;
}

static inline struct text asked_trailing(struct trial *t, const struct asked *q, const char *key)
{
	for (size_t i = 0; i < q->trailing.count; i++) {
		const grpc_metadata *m = &q->trailing.metadata[i];
		if (grpc_slice_str_cmp(m->key, key) == 0)
			return arena_text(t->arena,
				(struct text){(const char *)GRPC_SLICE_START_PTR(m->value),
					GRPC_SLICE_LENGTH(m->value)});
	}
	return (struct text){0};
}

/* Asks and waits; only the code matters. */
static inline grpc_status_code ask_code(struct trial *t, const char *path, struct text request)
{
	struct asked *q = asked_wait(ask(t->channel, path, request, NULL, 0));
	grpc_status_code code = q->code;
	asked_free(q);
	return code;
}

#endif
