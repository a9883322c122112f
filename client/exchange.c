/*
 * Each call brings a completion queue of its own and plucks from it, so that calls of several
 * threads never wait for each other. One batch holds all that happens once in a call; the messages
 * of a stream are batches of their own beside it.
 *
 * A call whose token has yet to come exists without its batch; whoever waits for something of it
 * waits for the token first. So to begin never waits, and a call can be cancelled from its
 * beginning.
 */
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "client/internal.h"
#include "proto/runtime/guard.h"

enum { ARENA_LIMIT = 512 << 20 };

void error_set(struct junction_error *error, int code, const char *message)
{
	error->code = code;
	snprintf(error->message, sizeof(error->message), "%s", message);
}

static gpr_timespec deadline_in(int64_t ms)
{
	if (ms < 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

grpc_byte_buffer *message_pack(const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
	grpc_slice_unref(slice);
	return buffer;
}

static grpc_call *make_call(struct exchange *e)
{
	int64_t left = (e->until - clock_now()) / CLOCK_MS;
	grpc_slice path = grpc_slice_from_copied_string(e->method);
	if (e->until == CLOCK_NEVER)
		left = EXCHANGE_FOREVER;
	else if (left < 0)
		left = 0;
	grpc_call *call = grpc_channel_create_call(e->j->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
		e->queue, path, NULL, deadline_in(left), NULL);
	grpc_slice_unref(path);
	return call;
}

static size_t fill_metadata(const struct exchange *e, grpc_metadata metadata[2])
{
	size_t count = 0;

	if (e->j->space)
		metadata[count++] = (grpc_metadata){
			.key = grpc_slice_from_static_string("x-namespace"),
			.value = grpc_slice_from_static_string(e->j->space),
		};
	if (e->keeper)
		metadata[count++] = (grpc_metadata){
			.key = grpc_slice_from_static_string("authorization"),
			.value = e->bearer,
		};
	return count;
}

static void start(struct exchange *e)
{
	grpc_metadata metadata[2];
	grpc_op ops[6] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA,
			.data.send_initial_metadata = {.count = fill_metadata(e, metadata),
				.metadata = metadata}},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &e->initial},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
			.data.recv_status_on_client = {.trailing_metadata = &e->trailing,
				.status = &e->code,
				.status_details = &e->details}},
	};
	size_t count = 3;

	if (e->request) {
		/* A copy, which C core empties. */
		e->sent = grpc_byte_buffer_copy(e->request);
		ops[count].op = GRPC_OP_SEND_MESSAGE;
		ops[count++].data.send_message.send_message = e->sent;
		ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	}
	if (e->one_answer) {
		ops[count].op = GRPC_OP_RECV_MESSAGE;
		ops[count++].data.recv_message.recv_message = &e->payload;
	}
	e->begun = grpc_call_start_batch(e->call, ops, count, e, NULL) == GRPC_CALL_OK;
	/* C core refuses metadata with illegal values this way. */
	if (!e->begun)
		exchange_fail(
			e, STATUS_INVALID_ARGUMENT, "the namespace is not a legal header value");
}

static void begin(struct exchange *e, struct junction *j, struct keeper *keeper, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ms, bool one_answer)
{
	*e = (struct exchange){.j = j,
		.keeper = keeper,
		.method = method,
		.until = timeout_ms < 0 ? CLOCK_NEVER : clock_now() + timeout_ms * CLOCK_MS,
		.one_answer = one_answer,
		.details = grpc_empty_slice(),
		.bearer = grpc_empty_slice()};
	grpc_metadata_array_init(&e->initial);
	grpc_metadata_array_init(&e->trailing);
	if (j->fault) {
		exchange_fail(e, STATUS_INVALID_ARGUMENT, j->fault);
		return;
	}
	e->queue = grpc_completion_queue_create_for_pluck(NULL);
	e->call = make_call(e);
	e->request = request ? message_pack(request) : NULL;
	exchange_ready(e, 0);
}

void exchange_begin(struct exchange *e, struct junction *j, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ms, bool one_answer)
{
	begin(e, j, j->keeper, method, request, timeout_ms, one_answer);
}

void exchange_begin_plain(struct exchange *e, struct junction *j, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ms, bool one_answer)
{
	begin(e, j, NULL, method, request, timeout_ms, one_answer);
}

bool exchange_ready(struct exchange *e, int64_t timeout_ms)
{
	struct junction_error error = {0};

	if (e->begun || e->settled)
		return true;
	if (e->keeper && !keeper_give(e->keeper, e, timeout_ms, &error))
		return false;
	if (error.code)
		exchange_fail(e, (enum status_code)error.code, error.message);
	else
		start(e);
	return true;
}

bool exchange_wait(struct exchange *e, void *tag, int64_t timeout_ms)
{
	grpc_event event =
		grpc_completion_queue_pluck(e->queue, tag, deadline_in(timeout_ms), NULL);
	return event.type == GRPC_OP_COMPLETE;
}

/* What one call has left behind. */
static void forget_call(struct exchange *e)
{
	grpc_byte_buffer_destroy(e->sent);
	grpc_byte_buffer_destroy(e->payload);
	grpc_slice_unref(e->details);
	grpc_slice_unref(e->bearer);
	grpc_metadata_array_destroy(&e->initial);
	grpc_metadata_array_destroy(&e->trailing);
}

/* By the message: third parties' refusals have the code, too. */
static bool token_refused(const struct exchange *e)
{
	return e->keeper && e->code == GRPC_STATUS_UNAUTHENTICATED &&
	       grpc_slice_str_cmp(e->details, STATUS_TOKEN_REFUSED) == 0;
}

/* The server has refused the token: of a unary call nothing was done, and it is made once more. */
static bool repeat(struct exchange *e)
{
	if (!token_refused(e) || !keeper_refused(e->keeper, e) || e->repeated || !e->request ||
		!e->one_answer)
		return false;
	forget_call(e);
	e->sent = e->payload = NULL;
	e->details = e->bearer = grpc_empty_slice();
	grpc_metadata_array_init(&e->initial);
	grpc_metadata_array_init(&e->trailing);
	e->begun = false;
	e->repeated = true;
	keeper_set_call(e->keeper, e, make_call(e));
	return true;
}

bool exchange_settle(struct exchange *e, int64_t timeout_ms)
{
	do {
		if (e->settled)
			return true;
		if (!exchange_ready(e, timeout_ms))
			return false;
		if (e->settled)
			return true;
		if (!exchange_wait(e, e, timeout_ms))
			return false;
	} while (repeat(e));
	e->settled = true;
	if (e->code == GRPC_STATUS_UNAVAILABLE)
		client_attend(e->j);
	return true;
}

void exchange_fail(struct exchange *e, enum status_code code, const char *reason)
{
	if (e->begun) {
		exchange_cancel(e);
		exchange_settle(e, EXCHANGE_FOREVER);
	}
	grpc_slice_unref(e->details);
	e->code = (grpc_status_code)code;
	e->details = grpc_slice_from_copied_string(reason);
	e->settled = true;
}

void exchange_cancel(struct exchange *e)
{
	if (e->keeper)
		keeper_cancel(e->keeper, e);
	else if (e->call)
		grpc_call_cancel(e->call, NULL);
}

void exchange_end(struct exchange *e)
{
	if (!e->settled) {
		exchange_cancel(e);
		exchange_settle(e, EXCHANGE_FOREVER);
	}
	if (e->call) {
		grpc_call_unref(e->call);
		grpc_completion_queue_shutdown(e->queue);
		grpc_completion_queue_destroy(e->queue);
	}
	grpc_byte_buffer_destroy(e->request);
	forget_call(e);
}

void exchange_refusal(const struct exchange *e, struct junction_error *error)
{
	error->code = e->code;
	snprintf(error->message, sizeof(error->message), "%.*s", (int)GRPC_SLICE_LENGTH(e->details),
		(const char *)GRPC_SLICE_START_PTR(e->details));
}

struct junction_reply *reply_decode(grpc_byte_buffer *payload,
	const ProtobufCMessageDescriptor *response, struct junction_error *error)
{
	struct junction_reply *reply = check_calloc(1, sizeof(*reply));
	reply->arena = arena_new(ARENA_LIMIT);
	struct status status = {0};
	if (payload) {
		grpc_byte_buffer_reader reader;
		grpc_byte_buffer_reader_init(&reader, payload);
		grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
		grpc_byte_buffer_reader_destroy(&reader);
		struct text wire = {
			(const char *)GRPC_SLICE_START_PTR(all), GRPC_SLICE_LENGTH(all)};
		reply->message = guard_unpack(reply->arena, response, wire, &status);
		grpc_slice_unref(all);
	}
	if (!reply->message) {
		error_set(error, STATUS_INTERNAL, "the server's answer cannot be read");
		junction_reply_free(&reply);
	}
	return reply;
}

static void *give(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void leave(void *arena, void *memory)
{
}

/* By the trusting unpacker, which takes all that pack() writes: what is wrong in a request is for
 * the server to say. */
ProtobufCMessage *message_copy(struct arena *a, const ProtobufCMessage *message)
{
	ProtobufCAllocator allocator = {.alloc = give, .free = leave, .allocator_data = a};
	struct text wire = guard_pack(a, message);
	ProtobufCMessage *copy = protobuf_c_message_unpack(
		message->descriptor, &allocator, wire.size, (const uint8_t *)wire.data);
	CHECK(copy);
	return copy;
}
