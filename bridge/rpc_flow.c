/*
 * Rpc flow: messages are taken from what arrives without a copy where they are complete, else they
 * wait in a queue. While a message is wanted all that has come is consumed, so that one may be
 * larger than the window; else the window fills, and the server waits.
 *
 * A call that the server has refused to look at is made again, once, from what was kept of it;
 * one whose request had not even left may be so as often as it takes.
 */
#include "bridge/rpc_flow.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "bridge/rpc_channel.h"

#define RECEIVE_MAX (64 * 1024 * 1024)
#define PREFIX      5           /* gRPC's, before a message: compressed or not, length */
#define ROOM        (64 * 1024) /* unsent, from which on no message is asked for */
#define KEPT_MAX    (64 * 1024) /* for making the call again; of a unary call all is kept */

static struct rpc_flow *flow_of(struct http2_stream *s)
{
	return (struct rpc_flow *)s;
}

static size_t unsent(const struct rpc_flow *f)
{
	return f->out.size - f->sent;
}

/* --- the end -------------------------------------------------------------------------------- */

void rpc_flow_finish(struct rpc_flow *f, enum status_code code, const char *message)
{
	if (f->over)
		return;
	f->over = true;
	f->status = (struct status){.code = code, .message = message};
	http2_leave(&f->stream);
	channel_end_flow(f);
}

void rpc_flow_clear(struct rpc_flow *f)
{
	queue_free(&f->in);
	queue_free(&f->out);
}

static void finish_ended(struct rpc_flow *f)
{
	struct status status = rpc_end_status(&f->end, f->arena);
	if (status.code == STATUS_OK && f->in.size)
		rpc_flow_finish(f, STATUS_INTERNAL, "the server's last message is cut short");
	else
		rpc_flow_finish(f, status.code, status.message);
}

/* --- receiving ------------------------------------------------------------------------------ */

/* The message at the start of bytes, if all of it is there. */
static bool find_message(struct text bytes, struct text *message)
{
	if (bytes.size < PREFIX)
		return false;
	const unsigned char *p = (const unsigned char *)bytes.data;
	size_t size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	*message = (struct text){bytes.data + PREFIX, size};
	return bytes.size - PREFIX >= size;
}

/* Of the prefix, as soon as that is there. */
static bool check_prefix(struct rpc_flow *f, struct text bytes)
{
	struct text message = {0};
	if (bytes.size < PREFIX)
		return true;
	find_message(bytes, &message);
	if (*bytes.data)
		rpc_flow_finish(
			f, STATUS_INTERNAL, "the server's message is compressed, unasked for");
	else if (message.size > RECEIVE_MAX)
		rpc_flow_finish(f, STATUS_RESOURCE_EXHAUSTED, "the server's message is too large");
	return !f->over;
}

/* Gives what is wanted; returns how many bytes that took. */
static size_t give(struct rpc_flow *f, struct text bytes)
{
	struct text message, rest = bytes;
	while (!f->over && f->wanted && check_prefix(f, rest) && find_message(rest, &message)) {
		f->wanted = false;
		f->gave = f->events->lull != NULL;
		rest = text_from(rest, PREFIX + message.size);
		f->events->message(f, message);
	}
	if (f->gave && !f->over)
		channel_make_busy(f);
	return bytes.size - rest.size;
}

static void settle_window(struct rpc_flow *f)
{
	if (!f->wanted && f->in.size)
		return;
	http2_consume(&f->stream, f->held);
	f->held = 0;
}

static void on_data(struct http2_stream *s, struct text bytes)
{
	struct rpc_flow *f = flow_of(s);
	f->held += bytes.size;
	if (!f->end.grpc || f->end.http != 200) {
		/* Some other program's words. */
		http2_consume(s, f->held);
		f->held = 0;
		return;
	}
	if (f->in.size) {
		queue_add(&f->in, bytes);
		queue_drop(&f->in, give(f, queue_text(&f->in)));
	} else {
		size_t taken = give(f, bytes);
		if (!f->over)
			queue_add(&f->in, text_from(bytes, taken));
	}
	if (!f->over)
		settle_window(f);
}

static void on_header(struct http2_stream *s, struct text name, struct text value, bool final)
{
	struct rpc_flow *f = flow_of(s);
	rpc_end_header(&f->end, f->arena, name, value, final);
}

static void on_begun(struct http2_stream *s)
{
	struct rpc_flow *f = flow_of(s);
	f->once = true;
	if (f->end.begun && f->events->begun)
		f->events->begun(f);
}

static void end_if_given(struct rpc_flow *f)
{
	struct text message;
	if (f->ended && !f->over && !find_message(queue_text(&f->in), &message))
		finish_ended(f);
}

static void on_ended(struct http2_stream *s)
{
	struct rpc_flow *f = flow_of(s);
	f->ended = true;
	end_if_given(f);
}

static bool may_try_again(const struct rpc_flow *f, uint32_t error)
{
	return error == HTTP2_REFUSED && !f->once && (!f->stream.sent || !f->retried);
}

static void on_broken(struct http2_stream *s, uint32_t error)
{
	struct rpc_flow *f = flow_of(s);
	if (may_try_again(f, error)) {
		f->retried |= s->sent;
		f->sent = 0;
		channel_make_wait(f);
	} else if (error == (uint32_t)HTTP2_LOST) {
		rpc_flow_finish(
			f, STATUS_UNAVAILABLE, "the connection to the Junction server was lost");
	} else {
		struct status status = rpc_end_broken(error);
		rpc_flow_finish(f, status.code, status.message);
	}
}

/* --- sending -------------------------------------------------------------------------------- */

/* Of a stream, what has been sent is kept only as long as it is little. */
static void forget_sent(struct rpc_flow *f)
{
	f->once |= f->endless && f->sent > KEPT_MAX;
	if (!f->once)
		return;
	queue_drop(&f->out, f->sent);
	f->sent = 0;
}

static size_t on_read(struct http2_stream *s, char *bytes, size_t room, bool *last)
{
	struct rpc_flow *f = flow_of(s);
	size_t size = unsent(f) < room ? unsent(f) : room;
	if (size)
		memcpy(bytes, queue_text(&f->out).data + f->sent, size);
	f->sent += size;
	forget_sent(f);
	*last = f->closed && !unsent(f);
	if (f->writing && unsent(f) < ROOM)
		channel_make_busy(f);
	return size;
}

static const struct http2_events events = {
	.header = on_header,
	.begun = on_begun,
	.data = on_data,
	.ended = on_ended,
	.read = on_read,
	.broken = on_broken,
};

void rpc_flow_send(struct rpc_flow *f, struct text message)
{
	uint32_t n = (uint32_t)message.size;
	const char prefix[PREFIX] = {0, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
	CHECK(!f->closed && message.size <= UINT32_MAX);
	queue_add(&f->out, (struct text){prefix, PREFIX});
	queue_add(&f->out, message);
	if (f->writing && unsent(f) < ROOM)
		channel_make_busy(f);
	http2_resume(&f->stream);
}

void rpc_flow_close(struct rpc_flow *f)
{
	f->closed = true;
	http2_resume(&f->stream);
}

void rpc_flow_read(struct rpc_flow *f)
{
	f->wanted = true;
	if (f->in.size || f->held)
		channel_make_busy(f);
}

void rpc_flow_work(struct rpc_flow *f)
{
	if (f->writing && unsent(f) < ROOM) {
		f->writing = false;
		f->events->writable(f);
	}
	if (!f->over && f->wanted && f->in.size)
		queue_drop(&f->in, give(f, queue_text(&f->in)));
	if (f->gave) {
		f->gave = false;
		f->events->lull(f);
	}
	if (f->over)
		return;
	settle_window(f);
	end_if_given(f);
}

/* --- the request ---------------------------------------------------------------------------- */

void rpc_flow_request(struct rpc_flow *f, struct http2 *connection)
{
	struct http2_header headers[METADATA_MAX + 4];
	char timeout[24];
	size_t count = 0;
	if (f->timeout_ms) {
		int64_t left = f->timeout_ms - (clock_now() - f->started) / CLOCK_MS;
		int size =
			snprintf(timeout, sizeof(timeout), "%lldm", left > 0 ? (long long)left : 1);
		headers[count++] =
			(struct http2_header){TEXT("grpc-timeout"), {timeout, (size_t)size}, false};
	}
	headers[count++] =
		(struct http2_header){TEXT("content-type"), TEXT("application/grpc"), false};
	headers[count++] = (struct http2_header){TEXT("te"), TEXT("trailers"), false};
	headers[count++] = (struct http2_header){
		TEXT("user-agent"), TEXT("junction-bridge/" JUNCTION_VERSION), false};
	for (size_t i = 0; f->metadata && i < f->metadata->count; i++) {
		const struct metadata *m = &f->metadata->items[i];
		headers[count++] = (struct http2_header){m->key, m->value, true};
	}
	f->stream.events = &events;
	f->end = (struct rpc_end){0};
	http2_request(connection, &f->stream, f->method->path, headers, count);
}
