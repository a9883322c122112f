/*
 * A gRPC server whose every answer the test gives itself: calls come one after another
 * (peer_take()), and are answered when and as the test wants. For unit tests of the bridge.
 */
#ifndef JUNCTION_TESTS_ROUTE_PEER_H
#define JUNCTION_TESTS_ROUTE_PEER_H

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/check.h"
#include "proto/runtime/guard.h"

#define PEER_WAIT_S 30 /* then a test has failed */

struct peer_call {
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_completion_queue *queue;
	struct arena *arena;
	struct text request; /* serialized */
	struct peer_call *next;
};

static struct {
	grpc_server *core;
	grpc_completion_queue *queue;
	pthread_t thread;
	char target[32];
	pthread_mutex_t lock;
	struct peer_call *first, **last;
	sem_t arrived;
} peer;

static inline bool peer_wait(sem_t *sem)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PEER_WAIT_S;
	return !sem_timedwait(sem, &until);
}

/* --- one call -------------------------------------------------------------------------------- */

static inline void peer_run(struct peer_call *c, grpc_op *ops, size_t count)
{
	CHECK(grpc_call_start_batch(c->call, ops, count, c, NULL) == GRPC_CALL_OK);
	grpc_completion_queue_pluck(c->queue, c, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
}

static inline void peer_read(struct peer_call *c)
{
	grpc_byte_buffer *message = NULL;
	grpc_byte_buffer_reader reader;
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &message;
	peer_run(c, &op, 1);
	CHECK(message && grpc_byte_buffer_reader_init(&reader, message));
	grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
	c->request = arena_text(c->arena,
		(struct text){(const char *)GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all)});
	grpc_slice_unref(all);
	grpc_byte_buffer_reader_destroy(&reader);
	grpc_byte_buffer_destroy(message);
}

static inline bool peer_is(const struct peer_call *c, const char *path)
{
	return !grpc_slice_str_cmp(c->details.method, path);
}

static inline const void *peer_request(
	struct peer_call *c, const ProtobufCMessageDescriptor *descriptor)
{
	struct status status;
	const void *message = guard_unpack(c->arena, descriptor, c->request, &status);
	CHECK(message);
	return message;
}

/* NULL: it has none. */
static inline const char *peer_metadata(const struct peer_call *c, const char *key)
{
	for (size_t i = 0; i < c->metadata.count; i++)
		if (!grpc_slice_str_cmp(c->metadata.metadata[i].key, key)) {
			grpc_slice value = c->metadata.metadata[i].value;
			return arena_string(
				c->arena, (struct text){(const char *)GRPC_SLICE_START_PTR(value),
						  GRPC_SLICE_LENGTH(value)});
		}
	return NULL;
}

static inline void peer_begin(struct peer_call *c)
{
	grpc_metadata id = {.key = grpc_slice_from_static_string("x-request-id"),
		.value = grpc_slice_from_static_string("1")};
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	op.data.send_initial_metadata.metadata = &id;
	op.data.send_initial_metadata.count = 1;
	peer_run(c, &op, 1);
}

static inline void peer_send(struct peer_call *c, const ProtobufCMessage *message)
{
	struct text wire = guard_pack(c->arena, message);
	grpc_slice bytes = grpc_slice_from_copied_buffer(wire.data, wire.size);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&bytes, 1);
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
	op.data.send_message.send_message = buffer;
	peer_run(c, &op, 1);
	grpc_byte_buffer_destroy(buffer);
	grpc_slice_unref(bytes);
}

static inline void peer_free(struct peer_call *c)
{
	if (c->call)
		grpc_call_unref(c->call);
	grpc_call_details_destroy(&c->details);
	grpc_metadata_array_destroy(&c->metadata);
	grpc_completion_queue_shutdown(c->queue);
	grpc_completion_queue_destroy(c->queue);
	arena_free(&c->arena);
	free(c);
}

/* Ends and frees it. */
static inline void peer_end(struct peer_call *c, grpc_status_code code)
{
	grpc_slice message = grpc_slice_from_static_string(code ? "so it is" : "");
	grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
	op.data.send_status_from_server.status = code;
	op.data.send_status_from_server.status_details = &message;
	peer_run(c, &op, 1);
	peer_free(c);
}

/* --- calls ----------------------------------------------------------------------------------- */

/* The next one, in the order of their coming. */
static inline struct peer_call *peer_take(void)
{
	CHECK(peer_wait(&peer.arrived));
	pthread_mutex_lock(&peer.lock);
	struct peer_call *c = peer.first;
	peer.first = c->next;
	if (!peer.first)
		peer.last = &peer.first;
	pthread_mutex_unlock(&peer.lock);
	peer_read(c);
	return c;
}

static inline void *peer_accept(void *arg)
{
	(void)arg;
	for (;;) {
		struct peer_call *c = check_calloc(1, sizeof(*c));
		c->queue = grpc_completion_queue_create_for_pluck(NULL);
		c->arena = arena_new(0);
		grpc_call_details_init(&c->details);
		grpc_metadata_array_init(&c->metadata);
		CHECK(grpc_server_request_call(peer.core, &c->call, &c->details, &c->metadata,
			      c->queue, peer.queue, c) == GRPC_CALL_OK);
		grpc_event e = grpc_completion_queue_next(
			peer.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (!e.success) {
			peer_free(c);
			return NULL;
		}
		pthread_mutex_lock(&peer.lock);
		*peer.last = c;
		peer.last = &c->next;
		pthread_mutex_unlock(&peer.lock);
		sem_post(&peer.arrived);
	}
}

static inline void peer_start(void)
{
	grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
	grpc_init();
	peer.core = grpc_server_create(NULL, NULL);
	peer.queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(peer.core, peer.queue, NULL);
	int port = grpc_server_add_http2_port(peer.core, "127.0.0.1:0", plain);
	CHECK(port > 0);
	snprintf(peer.target, sizeof(peer.target), "127.0.0.1:%d", port);
	grpc_server_credentials_release(plain);
	grpc_server_start(peer.core);
	peer.last = &peer.first;
	CHECK(!pthread_mutex_init(&peer.lock, NULL) && !sem_init(&peer.arrived, 0, 0));
	CHECK(!pthread_create(&peer.thread, NULL, peer_accept, NULL));
}

static inline void peer_stop(void)
{
	grpc_completion_queue *last = grpc_completion_queue_create_for_pluck(NULL);
	grpc_server_shutdown_and_notify(peer.core, last, NULL);
	grpc_server_cancel_all_calls(peer.core);
	grpc_completion_queue_pluck(last, NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	pthread_join(peer.thread, NULL);
	for (struct peer_call *c = peer.first, *next; c; c = next) {
		next = c->next;
		peer_free(c);
	}
	peer.first = NULL;
	grpc_completion_queue_shutdown(peer.queue);
	grpc_completion_queue_next(peer.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	grpc_server_destroy(peer.core);
	grpc_completion_queue_destroy(peer.queue);
	grpc_completion_queue_destroy(last);
	grpc_shutdown_blocking();
}

#endif
