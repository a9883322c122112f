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
 * sent: that fails on the former, which is dropped without running its step.
 */
#include "server/rpc/internal.h"

#include <grpc/byte_buffer_reader.h>

#include "base/check.h"
#include "base/log.h"
#include "proto/runtime/guard.h"

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
	struct arena *arena = c->base.arena;
	grpc_byte_buffer_destroy(c->reply);
	grpc_call_unref(c->call);
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
	rpc_call_drop(TAG_OWNER(tag, struct rpc_call, sent));
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

struct text rpc_bytes(struct arena *a, grpc_byte_buffer *buffer)
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
			if (all.size == 0)
				buffer_add_text(&all, bytes);
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

/* --- the end ---------------------------------------------------------------------------------- */

static void log_failure(const struct rpc_call *c)
{
	const struct status *s = &c->base.status;
	bool ours = s->code == STATUS_INTERNAL || s->code == STATUS_UNKNOWN ||
		    s->code == STATUS_DATA_LOSS;
	log_event(ours ? LOG_ERROR : LOG_DEBUG, "call failed",
		LOG_SLICE("trace", c->base.caller.trace), LOG_SLICE("method", c->path),
		LOG_TEXT("code", status_name(s->code)), LOG_TEXT("message", s->message));
}

/* Any thread. After the batch has started, the call may be gone. */
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
	if (!c->greeted)
		ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
	if (s->code == STATUS_OK && !c->streaming) {
		c->reply = rpc_buffer(base->response);
		ops[count].op = GRPC_OP_SEND_MESSAGE;
		ops[count++].data.send_message.send_message = c->reply;
	}
	grpc_op *end = &ops[count++];
	end->op = GRPC_OP_SEND_STATUS_FROM_SERVER;
	end->data.send_status_from_server.status = (grpc_status_code)s->code;
	grpc_slice message = grpc_empty_slice();
	grpc_metadata details = {0};
	if (s->code != STATUS_OK) {
		log_failure(c);
		message = grpc_slice_from_copied_string(s->message);
		end->data.send_status_from_server.status_details = &message;
	}
	if (s->code != STATUS_OK && s->field) {
		struct text bytes = rpc_status_details(base->arena, s);
		details.key = grpc_slice_from_static_string("grpc-status-details-bin");
		details.value = grpc_slice_from_copied_buffer(bytes.data, bytes.size);
		end->data.send_status_from_server.trailing_metadata_count = 1;
		end->data.send_status_from_server.trailing_metadata = &details;
	}
	c->sent.run = sent;
	rpc_call_batch(c, ops, count, &c->sent);
	grpc_slice_unref(message);
	grpc_slice_unref(details.value);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* The client's deadline or the longest that counts, whichever is earlier, on clock_now(). */
static int64_t deadline_on_clock(gpr_timespec deadline, int64_t longest_ms)
{
	int64_t now = clock_now();
	gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
	if (left.tv_sec < 0)
		return now;
	if (left.tv_sec > longest_ms / 1000)
		return now + longest_ms * CLOCK_MS;
	int64_t ns = left.tv_sec * CLOCK_SECOND + left.tv_nsec;
	return now + (ns < longest_ms * CLOCK_MS ? ns : longest_ms * CLOCK_MS);
}

struct rpc_call *rpc_call_new(struct queue *q, grpc_call *call, const struct api_method *method,
	struct text path, gpr_timespec deadline)
{
	const struct rpc_options *options = &q->rpc->options;
	struct arena *arena = arena_new(options->arena_limit);
	struct rpc_call *c = ARENA_NEW(arena, struct rpc_call);
	c->base.arena = arena;
	c->base.method = method;
	c->base.deadline = deadline_on_clock(deadline, options->default_deadline_ms);
	c->base.status.message = "";
	c->base.finish = finish;
	c->queue = q;
	c->call = call;
	c->path = method ? path : arena_text(arena, path);
	c->streaming = method && method->client_streaming;
	c->closed.run = closed;
	atomic_init(&c->refs, 2);
	if (atomic_fetch_add(&q->rpc->calls, 1) >= options->call_limit)
		status_set(&c->base.status, arena, STATUS_RESOURCE_EXHAUSTED,
			"too many calls in progress (limit %d)", options->call_limit);
	return c;
}

static void run_with_empty_message(struct rpc_call *c)
{
	const ProtobufCMessageDescriptor *type = c->base.method->input->descriptor;
	ProtobufCMessage *empty = arena_alloc(c->base.arena, type->sizeof_message);
	protobuf_c_message_init(type, empty);
	c->base.request = empty;
	((call_step *)c->base.then)(&c->base);
}

static void greeted(struct tag *tag, bool ok)
{
	struct rpc_call *c = TAG_OWNER(tag, struct rpc_call, sent);
	c->greeted = true;
	if (ok)
		run_with_empty_message(c);
	else
		fail(&c->base, STATUS_CANCELLED, "the client has gone");
	rpc_call_drop(c);
}

static void greet(struct rpc_call *c, call_step *step)
{
	grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
	c->base.then = (void *)step;
	c->sent.run = greeted;
	rpc_call_hold(c);
	rpc_call_batch(c, &op, 1, &c->sent);
}

static bool decode(struct rpc_call *c, grpc_byte_buffer *request)
{
	struct call *b = &c->base;
	b->request = guard_unpack(
		b->arena, b->method->input->descriptor, rpc_bytes(b->arena, request), &b->status);
	return b->request != NULL;
}

void rpc_call_begin(struct rpc_call *c, call_step *step, grpc_byte_buffer *request)
{
	if (c->base.status.code != STATUS_OK)
		failed(&c->base);
	else if (c->streaming)
		step(&c->base);
	else if (!request)
		greet(c, step);
	else if (decode(c, request))
		step(&c->base);
	else
		failed(&c->base);
	settle(c);
}
