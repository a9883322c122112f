/* Streaming calls to a gRPC server that this test runs: it echoes message by message, refuses, or
 * never answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "base/check.h"
#include "base/loop.h"
#include "bridge/rpc_stream.h"

/* --- the server ----------------------------------------------------------------------------- */

struct server {
	grpc_server *core;
	grpc_completion_queue *queue;
	pthread_t thread;
	char target[32];
};

static struct server server;

static bool completed(void)
{
	grpc_event e =
		grpc_completion_queue_next(server.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	return e.type == GRPC_OP_COMPLETE && e.success;
}

static void run_batch(grpc_call *call, grpc_op op)
{
	CHECK(grpc_call_start_batch(call, &op, 1, NULL, NULL) == GRPC_CALL_OK);
	completed();
}

static void send_begin(grpc_call *call, const char *key)
{
	grpc_metadata id = {.key = grpc_slice_from_static_string(key),
		.value = grpc_slice_from_static_string("1")};
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	op.data.send_initial_metadata.metadata = &id;
	op.data.send_initial_metadata.count = 1;
	run_batch(call, op);
}

static void send_status(grpc_call *call, grpc_status_code code)
{
	grpc_slice message = grpc_slice_from_static_string("so it is");
	grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
	op.data.send_status_from_server.status = code;
	op.data.send_status_from_server.status_details = &message;
	run_batch(call, op);
}

static void echo(grpc_call *call)
{
	send_begin(call, "x-request-id");
	for (;;) {
		grpc_byte_buffer *message = NULL;
		grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
		op.data.recv_message.recv_message = &message;
		run_batch(call, op);
		if (!message)
			break;
		grpc_op answer = {.op = GRPC_OP_SEND_MESSAGE};
		answer.data.send_message.send_message = message;
		run_batch(call, answer);
		grpc_byte_buffer_destroy(message);
	}
	send_status(call, GRPC_STATUS_OK);
}

static void hang(grpc_call *call)
{
	int cancelled;
	grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
	op.data.recv_close_on_server.cancelled = &cancelled;
	send_begin(call, "x-other");
	run_batch(call, op);
}

static void refuse(grpc_call *call)
{
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	run_batch(call, op);
	send_status(call, GRPC_STATUS_ABORTED);
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
			echo(call);
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

/* --- the client ----------------------------------------------------------------------------- */

enum { ECHOING, REFUSING, HANGING };

static const struct api_method methods[] = {
	{.path = "/t.T/Echo"}, {.path = "/t.T/Refuse"}, {.path = "/t.T/Hang"}};

struct probe {
	struct rpc_stream stream;
	sem_t began, received, lull, written, done;
	char message[32];
};

static struct rpc *rpc;

static int start(void **state)
{
	grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
	(void)state;
	grpc_init();
	server.core = grpc_server_create(NULL, NULL);
	server.queue = grpc_completion_queue_create_for_next(NULL);
	grpc_server_register_completion_queue(server.core, server.queue, NULL);
	int port = grpc_server_add_http2_port(server.core, "127.0.0.1:0", plain);
	CHECK(port > 0);
	snprintf(server.target, sizeof(server.target), "127.0.0.1:%d", port);
	grpc_server_credentials_release(plain);
	grpc_server_start(server.core);
	CHECK(!pthread_create(&server.thread, NULL, serve, NULL));
	rpc = rpc_new(&(struct rpc_options){.target = server.target, .threads = 1});
	return 0;
}

static int stop(void **state)
{
	grpc_completion_queue *last = grpc_completion_queue_create_for_pluck(NULL);
	(void)state;
	rpc_stop(rpc);
	rpc_free(&rpc);
	grpc_server_shutdown_and_notify(server.core, last, NULL);
	grpc_server_cancel_all_calls(server.core);
	grpc_completion_queue_pluck(last, NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	pthread_join(server.thread, NULL);
	grpc_completion_queue_shutdown(server.queue);
	grpc_completion_queue_next(server.queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	grpc_server_destroy(server.core);
	grpc_completion_queue_destroy(server.queue);
	grpc_completion_queue_destroy(last);
	grpc_shutdown_blocking();
	return 0;
}

#define POST(name)                                                                                 \
	static void on_##name(struct rpc_stream *s)                                                \
	{                                                                                          \
		sem_post(&((struct probe *)s)->name);                                              \
	}
POST(began)
POST(lull)
POST(written)
POST(done)

static void on_received(struct rpc_stream *s, struct text message)
{
	struct probe *p = (struct probe *)s;
	snprintf(p->message, sizeof(p->message), "%.*s", TEXT_ARGS(message));
	sem_post(&p->received);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static int count(sem_t *sem)
{
	int value;
	sem_getvalue(sem, &value);
	return value;
}

/* --- on the loop, where streams live --------------------------------------------------------- */

struct errand {
	struct probe *probe;
	struct text message;
	bool last, result;
	enum status_code code;
};

static void run_start(void *arg)
{
	struct errand *e = arg;
	e->result = rpc_stream_start(rpc, &e->probe->stream, NULL);
}

static void run_write(void *arg)
{
	struct errand *e = arg;
	e->result = rpc_stream_write(&e->probe->stream, e->message, e->last);
}

static void run_close(void *arg)
{
	struct errand *e = arg;
	e->result = rpc_stream_close(&e->probe->stream);
}

static void run_read(void *arg)
{
	struct errand *e = arg;
	e->result = rpc_stream_read(&e->probe->stream);
}

static void run_cancel(void *arg)
{
	struct errand *e = arg;
	rpc_stream_cancel(&e->probe->stream, e->code, e->message.data);
}

static bool run(void (*what)(void *arg), struct errand e)
{
	loop_run(rpc_loop(rpc, 0), what, &e);
	return e.result;
}

static bool put(struct probe *p, struct text message, bool last)
{
	return run(run_write, (struct errand){.probe = p, .message = message, .last = last});
}

static bool half_close(struct probe *p)
{
	return run(run_close, (struct errand){.probe = p});
}

static bool want(struct probe *p)
{
	return run(run_read, (struct errand){.probe = p});
}

static void cancel(struct probe *p, enum status_code code, const char *message)
{
	run(run_cancel, (struct errand){.probe = p, .code = code, .message = text_of(message)});
}

static bool begin(struct probe *p, int method)
{
	sem_t *const all[] = {&p->began, &p->received, &p->lull, &p->written, &p->done};
	*p = (struct probe){.stream = {.method = &methods[method],
				    .arena = arena_new(0),
				    .began = on_began,
				    .received = on_received,
				    .lull = on_lull,
				    .written = on_written,
				    .done = on_done}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		CHECK(!sem_init(all[i], 0, 0));
	return run(run_start, (struct errand){.probe = p});
}

static void end(struct probe *p)
{
	arena_free(&p->stream.arena);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void messages_go_both_ways_until_the_end(void **state)
{
	struct probe p;
	(void)state;
	assert_true(begin(&p, ECHOING));
	wait_for(&p.began);
	for (int i = 0; i < 100; i++) {
		char text[32];
		snprintf(text, sizeof(text), "message %d", i);
		assert_true(put(&p, text_of(text), false));
		wait_for(&p.written);
		assert_int_equal(count(&p.received), 0); /* nobody asked for it yet */
		assert_true(want(&p));
		wait_for(&p.received);
		wait_for(&p.lull);
		assert_string_equal(p.message, text);
	}
	assert_true(put(&p, TEXT("last"), true));
	assert_true(want(&p));
	wait_for(&p.received);
	want(&p); /* no more if the status is here already */
	wait_for(&p.done);
	assert_string_equal(p.message, "last");
	assert_int_equal(p.stream.status.code, STATUS_OK);
	assert_false(want(&p));
	end(&p);
}

static void a_stream_may_be_closed_without_a_message(void **state)
{
	struct probe p;
	(void)state;
	assert_true(begin(&p, ECHOING));
	assert_true(half_close(&p));
	want(&p); /* no more if the status is here already */
	wait_for(&p.done);
	assert_int_equal(p.stream.status.code, STATUS_OK);
	assert_int_equal(count(&p.received), 0);
	end(&p);
}

static void a_refusal_comes_without_a_beginning(void **state)
{
	struct probe p;
	(void)state;
	assert_true(begin(&p, REFUSING));
	want(&p);
	wait_for(&p.done);
	assert_int_equal(p.stream.status.code, STATUS_ABORTED);
	assert_string_equal(p.stream.status.message, "so it is");
	assert_int_equal(count(&p.began), 0);
	end(&p);
}

static void a_cancelled_call_ends_as_it_was_told(void **state)
{
	struct probe p;
	(void)state;
	assert_true(begin(&p, HANGING));
	assert_true(want(&p));
	cancel(&p, STATUS_DATA_LOSS, "enough");
	wait_for(&p.done);
	assert_int_equal(p.stream.status.code, STATUS_DATA_LOSS);
	assert_string_equal(p.stream.status.message, "enough");
	assert_int_equal(count(&p.began), 0);
	assert_false(put(&p, TEXT("x"), false));
	assert_false(half_close(&p));
	cancel(&p, STATUS_OK, "");
	end(&p);
}

static void stopping_streams_ends_them_and_refuses_new_ones(void **state)
{
	struct probe hanging, late;
	(void)state;
	assert_true(begin(&hanging, HANGING));
	rpc_stop_streams(rpc);
	wait_for(&hanging.done);
	assert_int_equal(hanging.stream.status.code, STATUS_UNAVAILABLE);
	end(&hanging);
	assert_false(begin(&late, ECHOING));
	assert_int_equal(late.stream.status.code, STATUS_UNAVAILABLE);
	assert_false(want(&late));
	end(&late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_both_ways_until_the_end),
		cmocka_unit_test(a_stream_may_be_closed_without_a_message),
		cmocka_unit_test(a_refusal_comes_without_a_beginning),
		cmocka_unit_test(a_cancelled_call_ends_as_it_was_told),
		cmocka_unit_test(stopping_streams_ends_them_and_refuses_new_ones),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
