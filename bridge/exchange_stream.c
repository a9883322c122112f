/*
 * Exchange, streams: a client stream's call starts when its headers are there, since the server may
 * be done with it before the body is; a server stream's when its request is complete, as for any
 * other call. What comes after a client stream's reply stands is only drained.
 */
#include "bridge/exchange_parts.h"

#include "proto/runtime/transcode.h"

static const struct reply_header stream_headers[] = {
	{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}, {0}};
/* The bytes are a third party's: no browser shall take them for a page of ours. */
static const struct reply_header bytes_headers[] = {{"Cache-Control", "no-store"},
	{"X-Accel-Buffering", "no"}, {"Content-Security-Policy", "sandbox"}, {0}};

static bool is_bytes(const struct exchange *x)
{
	return form_is_bytes(x->match.method, x->match.route);
}

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
			.content_type =
				is_bytes(x) ? stream_content_type(x->stream) : x->stream_type,
			.headers = is_bytes(x) ? bytes_headers : stream_headers};
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
		.form = is_bytes(x) ? FORM_BYTES : form,
		.int64_as_number = reply_int64_as_number(x->profile),
		.keepalive_ms = x->bridge->keepalive_ms,
		.connection = x->connection,
		.ready = stream_ready,
		.owner = x,
	});
}

bool exchange_resume(struct exchange *x, ProtobufCMessage *message, struct status *status)
{
	const struct api_method *method = x->match.method;
	if (method->resume < 0 || !x->last_event_id.size)
		return true;
	const char *field = method->input->descriptor->fields[method->resume].name;
	return message_field_from_text(
		x->arena, method->input, text_of(field), x->last_event_id, message, status);
}

/* --- a client stream ------------------------------------------------------------------------ */

/* A signature is over the whole body. */
static bool may_stream(const struct exchange *x, struct status *status)
{
	if (!exchange_shows_key(x))
		return true;
	return status_set(status, x->arena, STATUS_UNAUTHENTICATED,
		"the key headers (APP_KEY, SIGNATURE) are not taken with a body that is streamed: "
		"use the header Authorization");
}

void exchange_open_intake(struct exchange *x)
{
	struct status status;
	exchange_make_stream(x);
	x->intake = (struct intake){
		.match = &x->match,
		.query = x->uri.query,
		.content_type = x->content_type,
		.length = x->headers.length,
		.headers = x->sent,
		.limit = x->bridge->front.body_limit,
		.take = take_request,
		.arg = x,
	};
	if (!may_stream(x, &status) || !intake_open(&x->intake, x->arena, &status)) {
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
	if (!intake_read(&x->intake, piece, x->arena, &status)) {
		refuse_intake(x, &status);
		return true;
	}
	if (!x->connection.more(x->connection.arg))
		intake_flush(&x->intake);
	stream_hold(x->stream);
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
	if (is_bytes(x))
		x->reply.content_type = form_bytes_type(x->arena, "");
}
