/* One message is asked for at a time, and only when the caller wants it; a wait that ran out leaves
 * its batch open for the next. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "client/internal.h"

struct junction_stream {
	struct exchange exchange;
	const ProtobufCMessageDescriptor *response;
	bool asking; /* a batch that receives a message is open; this is its tag, since the stream's
			address is that of the exchange, which tags the batch of the call */
};

struct exchange *stream_exchange(struct junction_stream *stream)
{
	return &stream->exchange;
}

struct junction_stream *junction_stream_open(struct junction *j, const char *method,
	const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response)
{
	struct junction_stream *stream = check_calloc(1, sizeof(*stream));
	stream->response = response;
	exchange_begin(&stream->exchange, j, method, request, EXCHANGE_FOREVER, false);
	return stream;
}

static void ask(struct junction_stream *stream)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
		.data.recv_message.recv_message = &stream->exchange.payload};

	CHECK(grpc_call_start_batch(stream->exchange.call, &op, 1, &stream->asking, NULL) ==
		GRPC_CALL_OK);
	stream->asking = true;
}

static enum junction_next ended(struct junction_stream *stream, struct junction_error *error)
{
	struct exchange *e = &stream->exchange;

	exchange_settle(e, EXCHANGE_FOREVER);
	if (e->code == GRPC_STATUS_OK)
		return JUNCTION_NEXT_END;
	exchange_refusal(e, error);
	return JUNCTION_NEXT_FAILED;
}

static enum junction_next taken(
	struct junction_stream *stream, struct junction_reply **reply, struct junction_error *error)
{
	struct exchange *e = &stream->exchange;

	*reply = reply_decode(e->payload, stream->response, error);
	grpc_byte_buffer_destroy(e->payload);
	e->payload = NULL;
	if (*reply)
		return JUNCTION_NEXT_MESSAGE;
	exchange_fail(e, error->code, error->message);
	return ended(stream, error);
}

enum junction_next junction_stream_next(struct junction_stream *stream, int64_t timeout_ms,
	struct junction_reply **reply, struct junction_error *error)
{
	struct exchange *e = &stream->exchange;
	int64_t since = clock_now();

	*reply = NULL;
	if (!exchange_ready(e, timeout_ms))
		return JUNCTION_NEXT_WAIT;
	if (e->settled)
		return ended(stream, error);
	if (!stream->asking)
		ask(stream);
	int64_t left = timeout_ms - (clock_now() - since) / CLOCK_MS;
	if (!exchange_wait(e, &stream->asking, timeout_ms < 0 || left > 0 ? left : 0))
		return JUNCTION_NEXT_WAIT;
	stream->asking = false;
	return e->payload ? taken(stream, reply, error) : ended(stream, error);
}

void junction_stream_cancel(struct junction_stream *stream)
{
	exchange_cancel(&stream->exchange);
}

void junction_stream_close(struct junction_stream **stream)
{
	struct junction_stream *s = *stream;

	if (!s)
		return;
	if (s->asking) {
		exchange_cancel(&s->exchange);
		exchange_wait(&s->exchange, &s->asking, EXCHANGE_FOREVER);
	}
	exchange_end(&s->exchange);
	free(s);
	*stream = NULL;
}
