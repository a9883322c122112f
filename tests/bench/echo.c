/*
 * The limit that the server is measured against: bare C core. Each of two completion queues has its
 * thread and its armed slots. A call of Echo is one message in, the same message out, nothing else.
 * A call of Count asks in field 1 for so many messages, which carry 1, 2, ... in field 1; each is
 * sent when C core has taken the one before, with leave to gather them.
 *
 * usage: bench_echo ADDRESS   prints "listening grpc ADDRESS", ends with SIGTERM
 */
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { QUEUES = 2, SLOTS = 256, STREAMS = 4 };

static grpc_server *server;
static grpc_completion_queue *queues[QUEUES];
static void *echo_method, *count_method;

struct slot {
	int queue;
	bool counts; /* a call of Count */
	grpc_call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload;
	int cancelled;
	enum { WAITING, COUNTING, ANSWERING } state;
	uint64_t count, sent;
};

static void arm(struct slot *s)
{
	s->state = WAITING;
	s->payload = NULL;
	grpc_metadata_array_init(&s->metadata);
	grpc_server_request_registered_call(server, s->counts ? count_method : echo_method,
		&s->call, &s->deadline, &s->metadata, &s->payload, queues[s->queue],
		queues[s->queue], s);
}

static void start(struct slot *s, const grpc_op *ops, size_t count)
{
	CHECK(grpc_call_start_batch(s->call, ops, count, s, NULL) == GRPC_CALL_OK);
}

static void answer(struct slot *s)
{
	s->state = ANSWERING;
	grpc_op ops[4] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->payload},
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
			.data.send_status_from_server.status = GRPC_STATUS_OK},
		{.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			.data.recv_close_on_server.cancelled = &s->cancelled},
	};
	if (!s->payload)
		memmove(ops + 1, ops + 2, 2 * sizeof(*ops));
	start(s, ops, s->payload ? 4 : 3);
}

/* A varint after the tag of field 1, 0 if there is none. */
static uint64_t read_count(grpc_byte_buffer *payload)
{
	uint64_t value = 0;
	grpc_byte_buffer_reader reader;
	if (!payload || !grpc_byte_buffer_reader_init(&reader, payload))
		return 0;
	grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
	const uint8_t *bytes = GRPC_SLICE_START_PTR(all);
	for (size_t i = 1; i < GRPC_SLICE_LENGTH(all) && i <= 10; i++)
		value |= (uint64_t)(bytes[i] & 0x7f) << 7 * (i - 1);
	grpc_slice_unref(all);
	grpc_byte_buffer_reader_destroy(&reader);
	return value;
}

static grpc_byte_buffer *number_message(uint64_t number)
{
	uint8_t bytes[11] = {0x08};
	size_t size = 1;
	for (; number >= 0x80; number >>= 7)
		bytes[size++] = (uint8_t)(number | 0x80);
	bytes[size++] = (uint8_t)number;
	grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, size);
	grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return message;
}

static void begin_count(struct slot *s)
{
	s->state = COUNTING;
	s->sent = 0;
	s->count = read_count(s->payload);
	start(s, &(grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA}, 1);
}

static void send_next(struct slot *s)
{
	grpc_byte_buffer *message = number_message(++s->sent);
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE,
		.flags = GRPC_WRITE_BUFFER_HINT,
		.data.send_message.send_message = message};
	start(s, &op, 1);
	grpc_byte_buffer_destroy(message);
}

static void end_count(struct slot *s)
{
	s->state = ANSWERING;
	grpc_op ops[2] = {
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
			.data.send_status_from_server.status = GRPC_STATUS_OK},
		{.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			.data.recv_close_on_server.cancelled = &s->cancelled},
	};
	start(s, ops, 2);
}

static void finish(struct slot *s)
{
	grpc_metadata_array_destroy(&s->metadata);
	grpc_byte_buffer_destroy(s->payload);
	if (s->call)
		grpc_call_unref(s->call);
	s->call = NULL;
	arm(s);
}

static void advance(struct slot *s, bool success)
{
	if (s->state == WAITING && success && s->counts)
		begin_count(s);
	else if (s->state == WAITING && success)
		answer(s);
	else if (s->state == COUNTING && success && s->sent < s->count)
		send_next(s);
	else if (s->state == COUNTING)
		end_count(s);
	else
		finish(s);
}

static void *run(void *queue)
{
	for (;;) {
		grpc_event event =
			grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		advance(event.tag, event.success);
	}
}

static void *method_of(const char *path)
{
	return grpc_server_register_method(
		server, path, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	grpc_init();
	server = grpc_server_create(NULL, NULL);
	echo_method = method_of("/junction.bench.Echo/Echo");
	count_method = method_of("/junction.bench.Echo/Count");
	for (int i = 0; i < QUEUES; i++) {
		queues[i] = grpc_completion_queue_create_for_next(NULL);
		grpc_server_register_completion_queue(server, queues[i], NULL);
	}
	grpc_server_credentials *insecure = grpc_insecure_server_credentials_create();
	int port = grpc_server_add_http2_port(server, argv[1], insecure);
	grpc_server_credentials_release(insecure);
	CHECK(port > 0);
	grpc_server_start(server);
	pthread_t threads[QUEUES];
	for (int i = 0; i < QUEUES; i++) {
		for (int k = 0; k < SLOTS + STREAMS; k++) {
			struct slot *s = check_calloc(1, sizeof(*s));
			s->queue = i;
			s->counts = k >= SLOTS;
			arm(s);
		}
		CHECK(pthread_create(&threads[i], NULL, run, queues[i]) == 0);
	}
	printf("listening grpc 127.0.0.1:%d\nready\n", port);
	fflush(stdout);
	pthread_join(threads[0], NULL);
	return 0;
}
