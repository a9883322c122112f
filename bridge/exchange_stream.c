/*
 * Exchange, streams: a client stream's call starts when its headers are there, since the server may
 * be done with it before the body is; a server stream's when its request is complete, as for any
 * other call. What comes after a client stream's reply stands is only drained.
 */
#include "bridge/exchange_parts.h"

static const struct reply_header stream_headers[] = {
	{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}, {0}};

static void take_request(void *arg, struct text message)
{
	struct exchange *x = arg;
	stream_put(x->stream, message);
}

static void answer_stream(struct exchange *x)
{
	x->reply_arena = arena_new(0);
	if (stream_has_begun(x->stream))
		x->reply = (struct reply){.http = 200,
			.stream = x->stream,
			.content_type = x->stream_type,
			.headers = stream_headers};
	else
		exchange_reply_call(x, *stream_status(x->stream), stream_response(x->stream),
			stream_details(x->stream));
}

static void stream_ready(void *arg)
{
	struct exchange *x = arg;
	answer_stream(x);
	exchange_wake(x);
}

void exchange_make_stream(struct exchange *x)
{
	enum form form = form_accepted(x->accept, &x->stream_type);
	x->stream = stream_new(&(struct stream_options){
		.method = x->match.method,
		.route = x->match.route,
		.form = form,
		.int64_as_number = reply_int64_as_number(x->profile),
		.keepalive_ms = x->bridge->keepalive_ms,
		.connection = x->connection,
		.ready = stream_ready,
		.owner = x,
	});
}

/* --- a client stream ------------------------------------------------------------------------ */

void exchange_open_intake(struct exchange *x)
{
	struct status status;
	exchange_make_stream(x);
	x->intake = (struct intake){
		.match = &x->match,
		.query = x->uri.query,
		.limit = x->bridge->front.body_limit,
		.take = take_request,
		.arg = x,
	};
	if (!intake_open(&x->intake, x->arena, &status)) {
		exchange_refuse(x, &status);
		exchange_refuse_early(x);
		return;
	}
	stream_start(x->stream, x->bridge->rpc, &x->headers.metadata);
	exchange_enter(x, EXCHANGE_BODY);
}

static void refuse_intake(struct exchange *x, const struct status *status)
{
	stream_cancel(x->stream);
	exchange_refuse(x, status);
	x->refused = true;
}

bool exchange_read_stream(struct exchange *x, struct text piece)
{
	struct status status;
	if (stream_is_over(x->stream)) {
		answer_stream(x);
		x->refused = true;
		return exchange_drain(x, piece.size);
	}
	if (intake_read(&x->intake, piece, x->arena, &status))
		stream_hold(x->stream);
	else
		refuse_intake(x, &status);
	return true;
}

bool exchange_end_intake(struct exchange *x)
{
	struct status status;
	if (!intake_end(&x->intake, x->arena, &status)) {
		refuse_intake(x, &status);
		return false;
	}
	stream_put_end(x->stream);
	return true;
}

/* What a stream would begin with, without a call. */
void exchange_answer_head(struct exchange *x)
{
	x->reply = (struct reply){.http = 200, .endless = true, .headers = stream_headers};
	form_accepted(x->accept, &x->reply.content_type);
}
