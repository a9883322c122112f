/*
 * The limit that the server is measured against: a bare C core echo. Each of two completion queues
 * has its thread and its armed slots; a call is one message in, the same message out, nothing else.
 *
 * usage: bench_echo ADDRESS   prints "listening grpc ADDRESS", ends with SIGTERM
 */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { QUEUES = 2, SLOTS = 256 };

static grpc_server *server;
static grpc_completion_queue *queues[QUEUES];
static void *method;

struct slot {
	int queue;
	grpc_call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload;
	int cancelled;
	enum { WAITING, ANSWERING } state;
};

static void arm(struct slot *s)
{
	s->state = WAITING;
	s->payload = NULL;
	grpc_metadata_array_init(&s->metadata);
	grpc_server_request_registered_call(server, method, &s->call, &s->deadline, &s->metadata,
		&s->payload, queues[s->queue], queues[s->queue], s);
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
	CHECK(grpc_call_start_batch(s->call, ops, s->payload ? 4 : 3, s, NULL) == GRPC_CALL_OK);
}

static void *run(void *queue)
{
	for (;;) {
		grpc_event event =
			grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		struct slot *s = event.tag;
		if (s->state == WAITING && event.success) {
			answer(s);
			continue;
		}
		grpc_metadata_array_destroy(&s->metadata);
		grpc_byte_buffer_destroy(s->payload);
		if (s->call)
			grpc_call_unref(s->call);
		s->call = NULL;
		arm(s);
	}
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	grpc_init();
	server = grpc_server_create(NULL, NULL);
	method = grpc_server_register_method(server, "/junction.bench.Echo/Echo", NULL,
		GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
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
		for (int k = 0; k < SLOTS; k++) {
			struct slot *s = check_calloc(1, sizeof(*s));
			s->queue = i;
			arm(s);
		}
		CHECK(pthread_create(&threads[i], NULL, run, queues[i]) == 0);
	}
	printf("listening grpc 127.0.0.1:%d\nready\n", port);
	fflush(stdout);
	pthread_join(threads[0], NULL);
	return 0;
}
