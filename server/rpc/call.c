/*
 * One call from acceptance to its last reference.
 *
 * A first step that replies at once, as reads from memory do, costs one batch: the status is sent
 * together with the request for RECV_CLOSE_ON_SERVER. A call that its first step hands to a lane
 * is watched by a batch of its own, started when the step has returned. The lane may finish the
 * call in that very moment on its own thread: whoever exchanges `watched` first asks for the
 * close, the other does not.
 *
 * A call that is torn down between its acceptance and its message arrives without a message, as
 * does a call of a client that never sends one. Which of both it is shows when initial metadata is
 * sent: that fails on the former, which is dropped without running its step. In the same way the
 * end of a client's messages is told from a client that has left.
 */
#include "server/rpc/internal.h"

#include <grpc/byte_buffer_reader.h>

#include "base/check.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/rpc_status.h"

/* --- references and batches ------------------------------------------------------------------- */

void rpc_call_hold(struct rpc_call *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void rpc_call_drop(struct rpc_call *c)
{
	if (atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	struct rpc *rpc = c->queue->rpc;
	struct arena *arena = c->base.arena, *turn = c->base.turn;
	grpc_byte_buffer_destroy(c->message);
	grpc_call_unref(c->call);
	if (turn != arena)
		arena_free(&turn);
	arena_free(&arena);
	rpc_leave(rpc, &rpc->calls);
}

void rpc_call_batch(struct rpc_call *c, const grpc_op *ops, size_t count, struct tag *tag)
{
	TAG_GIVE(tag);
	CHECK(grpc_call_start_batch(c->call, ops, count, tag, NULL) == GRPC_CALL_OK);
}

static void closed(struct tag *tag, bool ok)
{
	struct rpc_call *c = TAG_OWNER(tag, struct rpc_call, closed);
	if (c->cancelled)
		atomic_store(&c->base.cancelled, true);
	rpc_call_drop(c);
}

static void sent(struct tag *tag, bool ok)
{
	rpc_call_drop(TAG_OWNER(tag, struct rpc_call, batch));
}

/* The end of the rpc thread's part. */
static void settle(struct rpc_call *c)
{
	if (!atomic_exchange(&c->watched, true)) {
		grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
		op.data.recv_close_on_server.cancelled = &c->cancelled;
		rpc_call_hold(c);
		rpc_call_batch(c, &op, 1, &c->closed);
	}
	rpc_call_drop(c);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* In place if it is one slice, else copied into the arena; the buffer must outlive the text. */
static struct text bytes_of(struct arena *a, grpc_byte_buffer *buffer)
{
	grpc_byte_buffer_reader reader;
	CHECK(grpc_byte_buffer_reader_init(&reader, buffer));
	grpc_slice *first, *next;
	struct text bytes = TEXT("");
	if (grpc_byte_buffer_reader_peek(&reader, &first)) {
		bytes = (struct text){
			(const char *)GRPC_SLICE_START_PTR(*first), GRPC_SLICE_LENGTH(*first)};
		struct buffer all = {.arena = a};
		while (grpc_byte_buffer_reader_peek(&reader, &next)) {
			if (all.size == 0) {
				buffer_reserve(&all, grpc_byte_buffer_length(buffer));
				buffer_add_text(&all, bytes);
			}
			buffer_add(&all, GRPC_SLICE_START_PTR(*next), GRPC_SLICE_LENGTH(*next));
			bytes = buffer_text(&all);
		}
	}
	grpc_byte_buffer_reader_destroy(&reader);
	return bytes;
}

grpc_byte_buffer *rpc_buffer(struct text bytes)
{
	grpc_slice slice = grpc_slice_from_copied_buffer(bytes.data, bytes.size);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

bool rpc_call_decode(struct rpc_call *c, struct arena *a, grpc_byte_buffer *message)
{
	struct call *b = &c->base;
	struct text bytes = bytes_of(a, message);
	rpc_observe_received(c, bytes.size);
	b->request = guard_unpack(a, b->method->input->descriptor, bytes, &b->status);
	return b->request != NULL;
}

/* --- the end ---------------------------------------------------------------------------------- */

static grpc_metadata request_id(const struct rpc_call *c)
{
	struct text id = c->base.caller.trace.request_id;
	return (grpc_metadata){.key = grpc_slice_from_static_string("x-request-id"),
		.value = grpc_slice_from_copied_buffer(id.data, id.size)};
}

void rpc_call_greet(struct rpc_call *c, grpc_op *op, grpc_metadata *id)
{
	*id = request_id(c);
	op->op = GRPC_OP_SEND_INITIAL_METADATA;
	op->data.send_initial_metadata.count = 1;
	op->data.send_initial_metadata.metadata = id;
}

/* What the status of a failure refers to, until the batch has started. */
struct failure {
	grpc_slice message;
	grpc_metadata trailing[2];
};

static void fill_failure(struct rpc_call *c, grpc_op *end, struct failure *f)
{
	const struct status *s = &c->base.status;
	size_t count = 0;
	if (!c->begun)
		f->trailing[count++] = request_id(c);
	const Google__Rpc__Status *whole = rpc_status(c->base.arena, s);
	if (whole->n_details) {
		struct text bytes = guard_pack(c->base.arena, &whole->base);
		f->trailing[count++] = (grpc_metadata){
			.key = grpc_slice_from_static_string("grpc-status-details-bin"),
			.value = grpc_slice_from_copied_buffer(bytes.data, bytes.size)};
	}
	f->message = grpc_slice_from_copied_string(s->message);
	end->data.send_status_from_server.status_details = &f->message;
	end->data.send_status_from_server.trailing_metadata_count = count;
	end->data.send_status_from_server.trailing_metadata = f->trailing;
}

/* Any thread. After the batch has started, the call may be gone. A failure that is all that is sent
 * goes without initial metadata of ours, so that it travels as trailers alone. */
static void finish(struct call *base)
{
	struct rpc_call *c = rpc_call_of(base);
	const struct status *s = &base->status;
	grpc_op ops[4] = {0};
	size_t count = 0;
	if (!atomic_exchange(&c->watched, true)) {
		ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
		ops[count++].data.recv_close_on_server.cancelled = &c->cancelled;
	}
	grpc_metadata id = {0};
	struct failure failure = {0};
	if (!c->begun && s->code == STATUS_OK)
		rpc_call_greet(c, &ops[count++], &id);
	else if (!c->begun)
		ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
	if (s->code == STATUS_OK && base->response.data) {
		rpc_observe_sent(c, base->response.size);
		c->message = rpc_buffer(base->response);
		ops[count].op = GRPC_OP_SEND_MESSAGE;
		ops[count++].data.send_message.send_message = c->message;
	}
	grpc_op *end = &ops[count++];
	end->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	end->data.send_status_from_server.status = (grpc_status_code)s->code;
	if (s->code != STATUS_OK)
		fill_failure(c, end, &failure);
	rpc_observe_end(c);
	c->batch.run = sent;
	rpc_call_batch(c, ops, count, &c->batch);
	grpc_slice_unref(id.value);
	grpc_slice_unref(failure.message);
	grpc_slice_unref(failure.trailing[0].value);
	grpc_slice_unref(failure.trailing[1].value);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void break_off(struct call *base, enum status_code code, const char *message)
{
	struct rpc_call *c = rpc_call_of(base);
	c->broken_message = message;
	atomic_store(&c->broken, (int)code);
	grpc_call_cancel_with_status(c->call, (grpc_status_code)code, message, NULL);
}

static const struct call_transport transport = {
	finish, rpc_stream_begin, rpc_stream_send, rpc_stream_receive, break_off};

/* On clock_now(); CLOCK_NEVER if that is beyond its reach. */
static int64_t deadline_on_clock(gpr_timespec deadline)
{
	int64_t now = clock_now();
	gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
	if (left.tv_sec < 0)
		return now;
	if (left.tv_sec >= (CLOCK_NEVER - now) / CLOCK_SECOND - 1)
		return CLOCK_NEVER;
	return now + left.tv_sec * CLOCK_SECOND + left.tv_nsec;
}

/* A stream may go on for as long as its client wants, a call of a third party for as long as is
 * registered for that one; other calls may not. */
static void set_times(struct call *c, gpr_timespec deadline, bool streams, int64_t longest_ms)
{
	int64_t longest = clock_now() + longest_ms * CLOCK_MS;
	bool calls = c->method && c->method->access == API_ACCESS_CALL;
	c->lane_limit = longest_ms * CLOCK_MS;
	c->deadline = deadline_on_clock(deadline);
	if (!streams && !calls && c->deadline > longest)
		c->deadline = longest;
}

struct rpc_call *rpc_call_new(struct queue *q, grpc_call *call, const struct api_method *method,
	struct text path, gpr_timespec deadline)
{
	const struct rpc_options *options = &q->rpc->options;
	struct arena *arena = arena_new(options->arena_limit);
	struct rpc_call *c = ARENA_NEW(arena, struct rpc_call);
	bool streams = method && (method->client_streaming || method->server_streaming);
	c->base.arena = arena;
	c->base.turn = streams ? arena_new(options->arena_limit) : arena;
	c->base.method = method;
	c->started = clock_now();
	set_times(&c->base, deadline, streams, options->default_deadline_ms);
	c->base.status.message = "";
	c->base.transport = &transport;
	c->queue = q;
	c->call = call;
	c->path = method ? path : arena_text(arena, path);
	c->closed.run = closed;
	atomic_init(&c->refs, 2);
	if (atomic_fetch_add(&q->rpc->calls, 1) >= options->call_limit)
		status_set(&c->base.status, arena, STATUS_RESOURCE_EXHAUSTED,
			"too many calls in progress (limit %d)", options->call_limit);
	return c;
}

static enum next run_with_empty_message(struct call *c)
{
	const ProtobufCMessageDescriptor *type = c->method->input->descriptor;
	ProtobufCMessage *empty = arena_alloc(c->arena, type->sizeof_message);
	protobuf_c_message_init(type, empty);
	c->request = empty;
	return ((call_step *)c->then)(c);
}

void rpc_call_begin(struct rpc_call *c, call_step *step, grpc_byte_buffer *request)
{
	c->base.then = (void *)step;
	if (c->base.status.code != STATUS_OK || !call_admit(&c->base))
		failed(&c->base);
	else if (c->base.method->client_streaming)
		step(&c->base);
	else if (!request)
		rpc_stream_begin(&c->base, run_with_empty_message);
	else if (rpc_call_decode(c, c->base.arena, request))
		step(&c->base);
	else
		failed(&c->base);
	settle(c);
}
