/*
 * Stream: two queues, one for each direction. `out` holds the body as the client gets it, `in` the
 * requests, each after its size.
 *
 * JSON is made of a message when it comes, and the next one is asked for at once, unless too much
 * waits; then when the client has taken enough. A suspended connection is resumed when no more
 * messages are at hand or WAKE_BYTES have come, not for each message.
 */
#include "bridge/stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "google/api/httpbody.pb-c.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"

#define WAKE_BYTES (16 * 1024)
#define MALFORMED  "the server's message cannot be read"

struct stream {
	struct rpc_stream rpc; /* first: stream_of() */
	struct stream_options options;
	int owners;
	struct arena *arena; /* of the end of the call */
	struct arena *turn;  /* of one message */
	struct queue in, out;
	bool started, in_ended, writing, in_closed;
	bool reading;   /* a message has been asked for */
	bool begun;     /* out is a body */
	bool over;      /* the call is done; status and response stand */
	bool malformed; /* the server's last message was */
	bool awaited;   /* ready() is to be called */
	bool suspended; /* by us */
	bool silent;    /* no message has been written */
	int64_t moved;  /* when the client took something last */
	size_t taken;
	struct text response;
	const char *content_type; /* of bytes */
};

static struct stream *stream_of(struct rpc_stream *rpc)
{
	return (struct stream *)rpc;
}

static bool is_down(const struct stream *s)
{
	return s->options.method->server_streaming;
}

static bool is_bytes(const struct stream *s)
{
	return s->options.form == FORM_BYTES;
}

static void wake(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	s->options.connection.resume(s->options.connection.arg);
}

/* --- life ------------------------------------------------------------------------------------ */

static void disown(struct stream *s)
{
	if (--s->owners)
		return;
	queue_free(&s->in);
	queue_free(&s->out);
	arena_free(&s->turn);
	arena_free(&s->arena);
	free(s);
}

void stream_cancel(struct stream *s)
{
	if (s->started && !s->over)
		rpc_stream_cancel(&s->rpc, STATUS_CANCELLED, "the client has gone");
}

void stream_leave(struct stream **s)
{
	if (!*s)
		return;
	stream_cancel(*s);
	disown(*s);
	*s = NULL;
}

/* --- requests -------------------------------------------------------------------------------- */

static struct text first_message(const struct stream *s)
{
	uint32_t size;
	struct text waiting = queue_text(&s->in);
	memcpy(&size, waiting.data, sizeof(size));
	return text_until(text_from(waiting, sizeof(size)), size);
}

/* Gives the server the next message, or the end, if it takes one now. */
static void pump(struct stream *s)
{
	if (!s->started || s->over || s->writing || s->in_closed)
		return;
	if (!s->in.size) {
		s->in_closed = s->in_ended;
		if (s->in_ended)
			rpc_stream_close(&s->rpc);
		return;
	}
	struct text message = first_message(s);
	size_t size = message.size + sizeof(uint32_t);
	bool last = s->in.size == size;
	s->in_closed = last && s->in_ended;
	s->writing = rpc_stream_write(&s->rpc, message, s->in_closed);
	queue_drop(&s->in, size);
	if (s->in.size < STREAM_HIGH / 2 && !is_down(s))
		wake(s);
}

void stream_put(struct stream *s, struct text message)
{
	uint32_t size = (uint32_t)message.size;
	if (!s->over) {
		queue_add(&s->in, (struct text){(const char *)&size, sizeof(size)});
		queue_add(&s->in, message);
		pump(s);
	}
}

void stream_put_end(struct stream *s)
{
	s->in_ended = true;
	pump(s);
}

static void on_written(struct rpc_stream *rpc)
{
	struct stream *s = stream_of(rpc);
	s->writing = false;
	pump(s);
}

void stream_hold(struct stream *s)
{
	if (s->in.size >= STREAM_HIGH && !s->over && !s->suspended) {
		s->suspended = true;
		s->options.connection.suspend(s->options.connection.arg);
	}
}

bool stream_is_over(const struct stream *s)
{
	return s->over;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* Whether ready() is to be called now. */
static bool take_await(struct stream *s)
{
	bool ready = s->awaited && (s->begun || s->over);
	s->awaited &= !ready;
	return ready;
}

void stream_await(struct stream *s)
{
	s->awaited = true;
	if (take_await(s))
		s->options.ready(s->options.owner);
}

static void begin(struct stream *s)
{
	if (s->begun || !is_down(s))
		return;
	if (is_bytes(s) && !s->content_type)
		s->content_type = form_bytes_type(s->arena, "");
	s->begun = s->silent = true;
	s->moved = clock_now();
	queue_add(&s->out, form_opening(s->options.form));
}

static void on_began(struct rpc_stream *rpc)
{
	struct stream *s = stream_of(rpc);
	if (!is_bytes(s))
		begin(s);
	if (take_await(s))
		s->options.ready(s->options.owner);
}

static const char *event_id(const struct stream *s, const ProtobufCMessage *message)
{
	int field = s->options.method->event_id;
	if (field < 0)
		return NULL;
	const char *base = (const char *)message;
	return *(const char *const *)(base + message->descriptor->fields[field].offset);
}

static bool message_json(struct stream *s, struct text wire, struct buffer *json, const char **id)
{
	const struct api_message *type = s->options.method->output;
	const struct transcode_options options = {.int64_as_number = s->options.int64_as_number};
	int field = s->options.route->response_body;
	struct status status;
	const ProtobufCMessage *message = guard_unpack(s->turn, type->descriptor, wire, &status);
	if (!message)
		return false;
	*id = event_id(s, message);
	if (field >= 0)
		return message_field_to_json(
			json, type, (unsigned)field, message, &options, &status);
	return message_to_json(json, type, message, &options, &status);
}

/* The first one says what they are. */
static bool message_bytes(struct stream *s, struct text wire, struct buffer *bytes)
{
	struct status status;
	const ProtobufCMessage *message =
		guard_unpack(s->turn, &google__api__http_body__descriptor, wire, &status);
	const Google__Api__HttpBody *body = (const Google__Api__HttpBody *)message;
	if (!body)
		return false;
	if (!s->content_type)
		s->content_type = form_bytes_type(s->arena, body->content_type);
	bytes->data = (char *)body->data.data;
	bytes->size = body->data.len;
	return true;
}

static bool write_message(struct stream *s, struct text wire, struct buffer *bytes, const char **id)
{
	if (is_bytes(s))
		return message_bytes(s, wire, bytes);
	buffer_reserve(bytes, 256);
	return message_json(s, wire, bytes, id);
}

static void receive_message(struct stream *s, struct text wire)
{
	struct buffer json = {.arena = s->turn};
	const char *id = NULL;
	bool good = write_message(s, wire, &json, &id);
	if (good || !is_bytes(s))
		begin(s);
	if (good) {
		form_id(&s->out, s->options.form, id);
		form_message(&s->out, s->options.form, s->silent, json.data, json.size);
		s->silent = false;
	} else {
		s->malformed = true;
		rpc_stream_cancel(&s->rpc, STATUS_INTERNAL, MALFORMED);
	}
	if (s->out.size >= WAKE_BYTES)
		wake(s);
	s->reading = good && s->out.size < STREAM_HIGH && rpc_stream_read(&s->rpc);
	bool ready = take_await(s);
	arena_clear(s->turn);
	if (ready)
		s->options.ready(s->options.owner);
}

static void on_received(struct rpc_stream *rpc, struct text wire)
{
	struct stream *s = stream_of(rpc);
	if (is_down(s))
		receive_message(s, wire);
	else
		s->response = arena_text(s->arena, wire);
}

static void on_lull(struct rpc_stream *rpc)
{
	struct stream *s = stream_of(rpc);
	if (s->out.size)
		wake(s);
}

/* The call is over. A stream that succeeded without a word is an empty one. */
static bool end(struct stream *s)
{
	s->over = true;
	if (s->malformed)
		s->rpc.status = (struct status){.code = STATUS_INTERNAL, .message = MALFORMED};
	if (s->rpc.status.code == STATUS_OK)
		begin(s);
	if (s->begun)
		form_status(&s->out, s->options.form, s->silent, s->arena, &s->rpc.status,
			s->rpc.details);
	wake(s);
	return take_await(s);
}

static void log_end(const struct stream *s)
{
	enum status_code code = s->rpc.status.code;
	if (s->begun && code != STATUS_OK)
		log_event(is_bytes(s) && code != STATUS_CANCELLED ? LOG_WARN : LOG_DEBUG,
			"stream failed", LOG_TEXT("method", s->options.method->path),
			LOG_TEXT("code", status_name(s->rpc.status.code)),
			LOG_TEXT("message", s->rpc.status.message));
}

static void on_done(struct rpc_stream *rpc)
{
	struct stream *s = stream_of(rpc);
	log_end(s);
	bool ready = end(s);
	if (ready)
		s->options.ready(s->options.owner);
	disown(s);
}

/* --- beginning ------------------------------------------------------------------------------- */

struct stream *stream_new(const struct stream_options *options)
{
	struct stream *s = check_calloc(1, sizeof(*s));
	s->options = *options;
	s->owners = 1;
	s->arena = arena_new(0);
	s->turn = arena_new(0);
	s->rpc = (struct rpc_stream){
		.method = options->method,
		.arena = s->arena,
		.began = on_began,
		.received = on_received,
		.lull = on_lull,
		.written = on_written,
		.done = on_done,
	};
	return s;
}

void stream_start(struct stream *s, struct rpc *rpc, const struct metadata_list *metadata)
{
	s->started = true;
	s->owners++;
	if (rpc_stream_start(rpc, &s->rpc, metadata)) {
		pump(s);
		s->reading = rpc_stream_read(&s->rpc);
	} else {
		s->owners--;
		s->over = true;
	}
}

/* --- the body -------------------------------------------------------------------------------- */

bool stream_has_begun(const struct stream *s)
{
	return s->begun;
}

const struct status *stream_status(const struct stream *s)
{
	return &s->rpc.status;
}

struct text stream_details(const struct stream *s)
{
	return s->rpc.details;
}

struct text stream_response(const struct stream *s)
{
	return s->response;
}

const char *stream_content_type(const struct stream *s)
{
	return s->content_type;
}

size_t stream_taken(const struct stream *s)
{
	return s->taken;
}

static void take(struct stream *s, char *bytes, size_t size)
{
	memcpy(bytes, queue_text(&s->out).data, size);
	queue_drop(&s->out, size);
	s->taken += size;
	s->moved = clock_now();
	if (!s->reading && !s->over && s->out.size < STREAM_HIGH / 2)
		s->reading = rpc_stream_read(&s->rpc);
}

ssize_t stream_take(struct stream *s, char *bytes, size_t room)
{
	ssize_t taken = STREAM_END;
	if (s->out.size) {
		size_t size = s->out.size < room ? s->out.size : room;
		take(s, bytes, size);
		taken = (ssize_t)size;
	} else if (!s->over) {
		s->suspended = true;
		s->options.connection.suspend(s->options.connection.arg);
		taken = STREAM_LATER;
	} else if (is_bytes(s) && s->rpc.status.code != STATUS_OK) {
		taken = STREAM_BROKEN;
	}
	return taken;
}

void stream_tick(void *stream, bool gone)
{
	struct stream *s = stream;
	if (!s->over && gone) {
		stream_cancel(s);
	} else if (!s->over && s->suspended && s->begun && !s->out.size && !is_bytes(s) &&
		   clock_now() - s->moved >= s->options.keepalive_ms * CLOCK_MS) {
		queue_add(&s->out, form_keepalive(s->options.form));
		wake(s);
	}
}
