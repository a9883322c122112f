/* Calls to a gRPC server that this test runs: it echoes, refuses, or never answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "bridge/rpc.h"

/* --- the server ----------------------------------------------------------------------------- */

struct server {
	grpc_server *core;
	grpc_completion_queue *queue;
	pthread_t thread;
	char target[32];
	sem_t hanging; /* posted for each call of /t.T/Hang */
};

static struct server server;

/* Waits for the next completion of the queue, whatever its tag. */
static bool completed(void)
{
	grpc_event e =
		grpc_completion_queue_next(server.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	return e.type == GRPC_OP_COMPLETE && e.success;
}

static void run_batch(grpc_call *call, grpc_op *ops, size_t count)
{
	CHECK(grpc_call_start_batch(call, ops, count, NULL, NULL) == GRPC_CALL_OK);
	completed();
}

static grpc_byte_buffer *receive(grpc_call *call)
{
	grpc_byte_buffer *message = NULL;
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
	op.data.recv_message.recv_message = &message;
	run_batch(call, &op, 1);
	return message;
}

/* An echo says the value of x-namespace in its initial metadata's place: before the request. */
static void echo(grpc_call *call, const grpc_metadata_array *metadata)
{
	grpc_byte_buffer *request = receive(call);
	grpc_byte_buffer_reader reader;
	grpc_byte_buffer_reader_init(&reader, request);
	grpc_slice slices[2] = {grpc_empty_slice(), grpc_byte_buffer_reader_readall(&reader)};
	grpc_byte_buffer_reader_destroy(&reader);
	for (size_t i = 0; i < metadata->count; i++)
		if (grpc_slice_str_cmp(metadata->metadata[i].key, "x-namespace") == 0)
			slices[0] = grpc_slice_ref(metadata->metadata[i].value);
	grpc_byte_buffer *answer = grpc_raw_byte_buffer_create(slices, 2);
	grpc_slice none = grpc_empty_slice();
	grpc_op ops[3] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_SEND_MESSAGE},
		{.op = GRPC_OP_SEND_STATUS_FROM_SERVER}};
	ops[1].data.send_message.send_message = answer;
	ops[2].data.send_status_from_server.status_details = &none;
	run_batch(call, ops, 3);
	grpc_byte_buffer_destroy(request);
	grpc_byte_buffer_destroy(answer);
	grpc_slice_unref(slices[0]);
	grpc_slice_unref(slices[1]);
}

static void refuse(grpc_call *call)
{
	grpc_slice message = grpc_slice_from_static_string("not \xc3\xa9 so");
	grpc_metadata details = {.key = grpc_slice_from_static_string("grpc-status-details-bin"),
		.value = grpc_slice_from_static_buffer("\x00\xff!", 3)};
	grpc_op ops[2] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_SEND_STATUS_FROM_SERVER}};
	ops[1].data.send_status_from_server.status = GRPC_STATUS_ABORTED;
	ops[1].data.send_status_from_server.status_details = &message;
	ops[1].data.send_status_from_server.trailing_metadata = &details;
	ops[1].data.send_status_from_server.trailing_metadata_count = 1;
	run_batch(call, ops, 2);
}

static void hang(grpc_call *call)
{
	int cancelled;
	grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
	op.data.recv_close_on_server.cancelled = &cancelled;
	sem_post(&server.hanging);
	run_batch(call, &op, 1);
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		grpc_call *call = NULL;
		grpc_call_details details;
		grpc_metadata_array metadata;
		grpc_call_details_init(&details);
		grpc_metadata_array_init(&metadata);
		CHECK(grpc_server_request_call(server.core, &call, &details, &metadata,
			      server.queue, server.queue, NULL) == GRPC_CALL_OK);
		bool more = completed();
		if (more && !grpc_slice_str_cmp(details.method, "/t.T/Echo"))
			echo(call, &metadata);
		else if (more && !grpc_slice_str_cmp(details.method, "/t.T/Refuse"))
			refuse(call);
		else if (more)
			hang(call);
		if (call)
			grpc_call_unref(call);
		grpc_metadata_array_destroy(&metadata);
		grpc_call_details_destroy(&details);
		if (!more)
			return NULL;
	}
}

/* port 0 takes a free one. */
static void start_server(int port)
{
	grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
	char address[32];
	server.core = grpc_server_create(NULL, NULL);
	server.queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(server.core, server.queue, NULL);
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	port = grpc_server_add_http2_port(server.core, address, plain);
	CHECK(port > 0);
	snprintf(server.target, sizeof(server.target), "127.0.0.1:%d", port);
	grpc_server_credentials_release(plain);
	grpc_server_start(server.core);
	CHECK(!sem_init(&server.hanging, 0, 0));
	CHECK(!pthread_create(&server.thread, NULL, serve, NULL));
}

static void stop_server(void)
{
	grpc_completion_queue *last = grpc_completion_queue_create_for_pluck(NULL);
	grpc_server_shutdown_and_notify(server.core, last, NULL);
	grpc_server_cancel_all_calls(server.core);
	grpc_completion_queue_pluck(last, NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	pthread_join(server.thread, NULL);
	grpc_completion_queue_shutdown(server.queue);
	grpc_completion_queue_next(server.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	grpc_server_destroy(server.core);
	grpc_completion_queue_destroy(server.queue);
	grpc_completion_queue_destroy(last);
	sem_destroy(&server.hanging);
}

/* --- the client ----------------------------------------------------------------------------- */

enum { ECHO, REFUSE, HANG };

static const struct api_method methods[] = {
	{.path = "/t.T/Echo"}, {.path = "/t.T/Refuse"}, {.path = "/t.T/Hang"}};

struct probe {
	struct rpc_call call;
	sem_t done;
};

static struct rpc *rpc;

static int start(void **state)
{
	(void)state;
	grpc_init();
	start_server(0);
	rpc = rpc_new(&(struct rpc_options){server.target, 2, {0}});
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rpc_stop(rpc);
	rpc_free(&rpc);
	stop_server();
	grpc_shutdown_blocking();
	return 0;
}

static void post_done(struct rpc_call *call)
{
	sem_post(&((struct probe *)call)->done);
}

static void begin(struct probe *p, int method, struct text request, int64_t ms)
{
	p->call = (struct rpc_call){.method = &methods[method],
		.arena = arena_new(0),
		.request = request,
		.timeout_ms = ms,
		.done = post_done};
	CHECK(!sem_init(&p->done, 0, 0));
}

static void wait_done(struct probe *p)
{
	while (sem_wait(&p->done))
		;
	sem_destroy(&p->done);
}

static void end(struct probe *p)
{
	arena_free(&p->call.arena);
}

static void run(struct probe *p, int method, struct text request, int64_t ms)
{
	begin(p, method, request, ms);
	rpc_start(rpc, &p->call);
	wait_done(p);
}

static void a_call_brings_back_the_response(void **state)
{
	(void)state;
	struct probe p;
	run(&p, ECHO, TEXT("a\0b"), 60000);
	assert_int_equal(p.call.status.code, STATUS_OK);
	assert_true(text_equal(p.call.response, TEXT("a\0b")));
	end(&p);
	run(&p, ECHO, TEXT(""), 60000);
	assert_int_equal(p.call.status.code, STATUS_OK);
	assert_int_equal(p.call.response.size, 0);
	end(&p);
}

static void a_large_response_arrives_whole(void **state)
{
	(void)state;
	struct probe p;
	size_t size = 3 * 1024 * 1024;
	char *large = check_malloc(size);
	for (size_t i = 0; i < size; i++)
		large[i] = (char)(i * 7);
	run(&p, ECHO, (struct text){large, size}, 60000);
	assert_int_equal(p.call.status.code, STATUS_OK);
	assert_true(text_equal(p.call.response, (struct text){large, size}));
	end(&p);
	free(large);
}

static void metadata_goes_along(void **state)
{
	(void)state;
	struct probe p;
	struct metadata_list list = {.count = 0};
	metadata_add_own(&list, TEXT("x-namespace"), TEXT("blue:"));
	begin(&p, ECHO, TEXT("sky"), 60000);
	p.call.metadata = &list;
	rpc_start(rpc, &p.call);
	wait_done(&p);
	assert_true(text_equal(p.call.response, TEXT("blue:sky")));
	end(&p);
}

static void a_refusal_brings_back_code_message_and_details(void **state)
{
	(void)state;
	struct probe p;
	run(&p, REFUSE, TEXT("x"), 60000);
	assert_int_equal(p.call.status.code, STATUS_ABORTED);
	assert_string_equal(p.call.status.message, "not \xc3\xa9 so");
	assert_true(text_equal(p.call.details, TEXT("\x00\xff!")));
	end(&p);
}

static void a_call_ends_with_its_deadline(void **state)
{
	(void)state;
	struct probe p;
	run(&p, HANG, TEXT(""), 20);
	assert_int_equal(p.call.status.code, STATUS_DEADLINE_EXCEEDED);
	end(&p);
}

static void stopping_ends_calls_in_progress_and_refuses_new_ones(void **state)
{
	(void)state;
	struct probe hanging, late;
	begin(&hanging, HANG, TEXT(""), 600000);
	rpc_start(rpc, &hanging.call);
	while (sem_wait(&server.hanging))
		;
	rpc_stop(rpc);
	assert_int_equal(sem_trywait(&hanging.done), 0);
	assert_int_equal(hanging.call.status.code, STATUS_UNAVAILABLE);
	sem_destroy(&hanging.done);
	end(&hanging);
	run(&late, ECHO, TEXT(""), 60000);
	assert_int_equal(late.call.status.code, STATUS_UNAVAILABLE);
	end(&late);
	rpc_free(&rpc);
	rpc = rpc_new(&(struct rpc_options){server.target, 1, {0}});
}

static void a_server_that_comes_back_is_found_again(void **state)
{
	(void)state;
	struct probe p;
	int port = atoi(strchr(server.target, ':') + 1);
	run(&p, ECHO, TEXT("x"), 60000);
	assert_int_equal(p.call.status.code, STATUS_OK);
	end(&p);
	stop_server();
	run(&p, ECHO, TEXT("x"), 60000);
	assert_int_equal(p.call.status.code, STATUS_UNAVAILABLE);
	end(&p);
	start_server(port);
	do {
		run(&p, ECHO, TEXT("x"), 60000);
		end(&p);
	} while (p.call.status.code == STATUS_UNAVAILABLE);
	assert_int_equal(p.call.status.code, STATUS_OK);
}

static void a_server_that_is_not_there_is_unavailable(void **state)
{
	(void)state;
	struct rpc *lost =
		rpc_new(&(struct rpc_options){"unix:/nonexistent/junction.sock", 1, {0}});
	struct probe p;
	begin(&p, ECHO, TEXT(""), 60000);
	rpc_start(lost, &p.call);
	wait_done(&p);
	assert_int_equal(p.call.status.code, STATUS_UNAVAILABLE);
	assert_null(strstr(p.call.status.message, "nonexistent"));
	end(&p);
	rpc_stop(lost);
	rpc_free(&lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_brings_back_the_response),
		cmocka_unit_test(a_large_response_arrives_whole),
		cmocka_unit_test(metadata_goes_along),
		cmocka_unit_test(a_refusal_brings_back_code_message_and_details),
		cmocka_unit_test(a_call_ends_with_its_deadline),
		cmocka_unit_test(stopping_ends_calls_in_progress_and_refuses_new_ones),
		cmocka_unit_test(a_server_that_comes_back_is_found_again),
		cmocka_unit_test(a_server_that_is_not_there_is_unavailable),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
