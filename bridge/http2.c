/*
 * Http2: nghttp2 does the protocol, a wire the bytes. nghttp2 knows its streams by the user data,
 * which is taken away from it when a stream is left: what comes for it later is dropped.
 *
 * The connection's window is consumed at once, so that a stream whose data nobody takes holds up no
 * other. Silence is broken by a ping, and a connection that does not answer it is lost.
 */
#include "bridge/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "bridge/wire.h"

#define CONNECTION_WINDOW (16 * 1024 * 1024)
#define HEADERS_MAX       48
#define LOOK_MS           5000 /* between looks at whether the server is there */
#define OPEN_LOOKS        1    /* until a connection that does not open is given up */
#define SILENT_LOOKS      2    /* until one that is silent is pinged */
#define LOST_LOOKS        4    /* until it is given up */
#define GATHER            (64 * 1024)

struct http2 {
	const char *authority;
	bool tls;
	struct wire *wire;
	nghttp2_session *session;
	struct loop_timer *timer;
	TAILQ_HEAD(, http2_stream) streams;
	bool settled;       /* the server's settings have come */
	bool retired;       /* by us, or by the server's GOAWAY */
	const char *broken; /* why, or NULL */
	int silent;         /* looks since something came */
	size_t gathered;
	char out[GATHER];
};

static struct http2_stream *stream_of(struct http2 *c, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(c->session, id) : NULL;
}

static void detach(struct http2_stream *s)
{
	TAILQ_REMOVE(&s->connection->streams, s, link);
	nghttp2_session_set_stream_user_data(s->connection->session, s->id, NULL);
	s->connection = NULL;
}

/* --- what nghttp2 calls --------------------------------------------------------------------- */

static bool is_final(const nghttp2_frame *frame)
{
	return frame->headers.cat == NGHTTP2_HCAT_HEADERS ||
	       frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	struct http2_stream *s = stream_of(user, frame->hd.stream_id);
	(void)session, (void)flags;
	if (s && frame->hd.type == NGHTTP2_HEADERS)
		s->events->header(s, (struct text){(const char *)name, name_size},
			(struct text){(const char *)value, value_size}, is_final(frame));
	return 0;
}

static void end(struct http2_stream *s)
{
	struct http2 *c = s->connection;
	int32_t id = s->id;
	bool whole = s->whole;
	detach(s);
	/* The server does not want the rest of the request. */
	if (!whole)
		nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	s->events->ended(s);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2 *c = user;
	struct http2_stream *s = stream_of(c, frame->hd.stream_id);
	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		c->settled = true;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->retired = true;
	if (!s || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		end(s);
	else if (frame->hd.type == NGHTTP2_HEADERS)
		s->events->begun(s);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t size, void *user)
{
	struct http2_stream *s = stream_of(user, id);
	(void)flags;
	nghttp2_session_consume_connection(session, size);
	if (s)
		s->events->data(s, (struct text){(const char *)bytes, size});
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct http2_stream *s = stream_of(user, id);
	(void)session;
	if (!s)
		return 0;
	detach(s);
	s->events->broken(s, error);
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session;
	struct http2_stream *s = stream_of(user, frame->hd.stream_id);
	if (s && frame->hd.type == NGHTTP2_HEADERS)
		s->sent = true;
	return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t room,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http2_stream *s = stream_of(user, id);
	bool last = false;
	(void)session, (void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t size = s->events->read(s, (char *)bytes, room, &last);
	if (last) {
		s->whole = true;
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return size || last ? (ssize_t)size : NGHTTP2_ERR_DEFERRED;
}

/* --- the connection ------------------------------------------------------------------------- */

static void received(void *arg, struct text bytes)
{
	struct http2 *c = arg;
	c->silent = 0;
	ssize_t taken =
		nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes.data, bytes.size);
	if (taken < 0)
		c->broken = nghttp2_strerror((int)taken);
}

static void look(void *arg)
{
	struct http2 *c = arg;
	c->silent++;
	if (c->silent >= (c->settled ? LOST_LOOKS : OPEN_LOOKS))
		c->broken = "the server does not answer";
	else if (c->silent == SILENT_LOOKS)
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
}

static void open_session(struct http2 *c)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	CHECK(nghttp2_option_new(&option) == 0);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	/* A grpc-message may end in a blank. */
	nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
	CHECK(nghttp2_session_client_new2(&c->session, callbacks, c, option) == 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 * 1024},
	};
	CHECK(nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
		      sizeof(settings) / sizeof(*settings)) == 0);
	CHECK(nghttp2_session_set_local_window_size(
		      c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0);
}

static const struct wire_events wire_events = {.received = received};

struct http2 *http2_open(struct loop *loop, const struct http2_options *options)
{
	struct http2 *c = check_calloc(1, sizeof(*c));
	c->authority = options->authority;
	c->tls = options->tls != NULL;
	TAILQ_INIT(&c->streams);
	open_session(c);
	c->timer = loop_every(loop, LOOK_MS, look, c);
	c->wire = wire_open(loop_uv(loop), &(struct wire_options){
						   .target = options->target,
						   .tls = options->tls,
						   .name = options->name,
						   .protocol = "h2",
						   .events = &wire_events,
						   .arg = c,
					   });
	return c;
}

void http2_close(struct http2 **connection)
{
	struct http2 *c = *connection;
	struct http2_stream *s;
	if (!c)
		return;
	while ((s = TAILQ_FIRST(&c->streams))) {
		detach(s);
		s->events->broken(s, (uint32_t)HTTP2_LOST);
	}
	loop_timer_stop(&c->timer);
	wire_close(&c->wire);
	nghttp2_session_del(c->session);
	free(c);
	*connection = NULL;
}

static bool is_gone(const struct http2 *c)
{
	return c->broken || wire_state(c->wire) == WIRE_LOST ||
	       (!c->gathered && !nghttp2_session_want_read(c->session) &&
		       !nghttp2_session_want_write(c->session));
}

enum http2_state http2_state(const struct http2 *c)
{
	if (is_gone(c))
		return HTTP2_GONE;
	if (!c->settled)
		return HTTP2_OPENING;
	if (!c->retired && nghttp2_session_check_request_allowed(c->session))
		return HTTP2_READY;
	return TAILQ_EMPTY(&c->streams) ? HTTP2_GONE : HTTP2_GOING;
}

const char *http2_reason(const struct http2 *c)
{
	if (c->broken)
		return c->broken;
	return wire_state(c->wire) == WIRE_LOST ? wire_reason(c->wire) : "closed";
}

void http2_retire(struct http2 *c)
{
	c->retired = true;
}

bool http2_is_retired(const struct http2 *c)
{
	return c->retired && !c->broken;
}

static void write_gathered(struct http2 *c)
{
	if (c->gathered)
		wire_write(c->wire, (struct text){c->out, c->gathered});
	c->gathered = 0;
}

void http2_flush(struct http2 *c)
{
	while (wire_takes(c->wire) && !c->broken) {
		const uint8_t *bytes;
		ssize_t size = nghttp2_session_mem_send(c->session, &bytes);
		if (size < 0)
			c->broken = nghttp2_strerror((int)size);
		if (size <= 0)
			break;
		if (c->gathered + (size_t)size > GATHER)
			write_gathered(c);
		CHECK((size_t)size <= GATHER);
		memcpy(c->out + c->gathered, bytes, (size_t)size);
		c->gathered += (size_t)size;
	}
	write_gathered(c);
}

/* --- streams -------------------------------------------------------------------------------- */

static nghttp2_nv pair(struct text name, struct text value, bool changing)
{
	return (nghttp2_nv){(uint8_t *)name.data, (uint8_t *)value.data, name.size, value.size,
		changing ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

void http2_request(struct http2 *c, struct http2_stream *s, const char *path,
	const struct http2_header *headers, size_t count)
{
	nghttp2_nv all[HEADERS_MAX] = {
		pair(TEXT(":method"), TEXT("POST"), false),
		pair(TEXT(":scheme"), c->tls ? TEXT("https") : TEXT("http"), false),
		pair(TEXT(":path"), text_of(path), false),
		pair(TEXT(":authority"), text_of(c->authority), false),
	};
	const size_t own = 4;
	const nghttp2_data_provider body = {.read_callback = on_read};
	CHECK(own + count <= HEADERS_MAX);
	for (size_t i = 0; i < count; i++)
		all[own + i] = pair(headers[i].name, headers[i].value, headers[i].changing);
	s->sent = s->whole = false;
	s->connection = c;
	TAILQ_INSERT_TAIL(&c->streams, s, link);
	s->id = nghttp2_submit_request(c->session, NULL, all, own + count, &body, s);
	if (s->id > 0)
		return;
	/* Their numbers have run out, which makes this a connection for no more requests. */
	TAILQ_REMOVE(&c->streams, s, link);
	s->connection = NULL;
	c->retired = true;
	s->events->broken(s, HTTP2_REFUSED);
}

void http2_resume(struct http2_stream *s)
{
	if (s->connection)
		nghttp2_session_resume_data(s->connection->session, s->id);
}

void http2_consume(struct http2_stream *s, size_t size)
{
	if (s->connection && size)
		nghttp2_session_consume_stream(s->connection->session, s->id, size);
}

void http2_leave(struct http2_stream *s)
{
	struct http2 *c = s->connection;
	if (!c)
		return;
	detach(s);
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
}
