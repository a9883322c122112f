/* Each message is a batch of its own, tagged by a member that is not at the exchange's address,
 * which tags the batch of the call. One is under way at a time; C core completes it when there is
 * room for the next one, or when the call is over. */
#include <stdlib.h>

#include "base/check.h"
#include "client/internal.h"

struct junction_sink {
	struct exchange exchange;
	const ProtobufCMessageDescriptor *response;
	bool refused; /* the server takes no more */
};

struct junction_sink *junction_sink_open(
	struct junction *j, const char *method, const ProtobufCMessageDescriptor *response)
{
	struct junction_sink *sink = check_calloc(1, sizeof(*sink));

	sink->response = response;
	exchange_begin(&sink->exchange, j, method, NULL, EXCHANGE_FOREVER, true);
	return sink;
}

static bool is_open(struct junction_sink *sink)
{
	exchange_ready(&sink->exchange, EXCHANGE_FOREVER);
	return !sink->refused && !sink->exchange.settled;
}

/* False if it did not go out. */
static bool batch(struct junction_sink *sink, grpc_op op)
{
	struct exchange *e = &sink->exchange;
	grpc_event event;

	CHECK(grpc_call_start_batch(e->call, &op, 1, &sink->refused, NULL) == GRPC_CALL_OK);
	event = grpc_completion_queue_pluck(
		e->queue, &sink->refused, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	return event.success;
}

bool junction_sink_put(struct junction_sink *sink, const ProtobufCMessage *message)
{
	grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};

	if (!is_open(sink))
		return false;
	op.data.send_message.send_message = message_pack(message);
	sink->refused = !batch(sink, op);
	grpc_byte_buffer_destroy(op.data.send_message.send_message);
	return !sink->refused;
}

struct junction_reply *junction_sink_end(struct junction_sink **sink, struct junction_error *error)
{
	struct exchange *e = &(*sink)->exchange;
	struct junction_reply *reply = NULL;

	if (is_open(*sink))
		batch(*sink, (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT});
	exchange_settle(e, EXCHANGE_FOREVER);
	if (e->code == GRPC_STATUS_OK)
		reply = reply_decode(e->payload, (*sink)->response, error);
	else
		exchange_refusal(e, error);
	junction_sink_close(sink);
	return reply;
}

void junction_sink_close(struct junction_sink **sink)
{
	if (!*sink)
		return;
	exchange_end(&(*sink)->exchange);
	free(*sink);
	*sink = NULL;
}
