/*
 * Listener, replies: what libmicrohttpd is given to send. Headers and bodies lie in the exchange's
 * arena and are not copied; what comes piece by piece is asked for while there is room.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "bridge/gateway/forward.h"
#include "bridge/listener_parts.h"
#include "bridge/tls.h"

#define STREAM_BLOCK (16 * 1024)
#define SOURCE_BLOCK (64 * 1024) /* of what has at least as much */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value)
		CHECK(MHD_add_response_header(response, name, value) == MHD_YES);
}

static ssize_t read_body(void *arg, uint64_t position, char *bytes, size_t room)
{
	struct connection *conn = arg;
	(void)position;
	ssize_t taken = stream_take(conn->stream, bytes, room);
	if (taken == STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (taken == STREAM_BROKEN)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (taken != STREAM_LATER)
		listener_go_on(conn, WATCH_REPLY);
	return taken;
}

static void add_trailers(struct connection *conn, const struct reply_header *trailer)
{
	for (; trailer && trailer->name; trailer++)
		MHD_add_response_footer(conn->response, trailer->name, trailer->value);
}

static ssize_t read_source(void *arg, uint64_t position, char *bytes, size_t room)
{
	struct connection *conn = arg;
	const struct reply_source *source = exchange_reply(conn->exchange)->source;
	(void)position;
	ssize_t taken = source->take(source->arg, bytes, room);
	if (taken == STREAM_BROKEN)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (taken != STREAM_LATER)
		listener_go_on(conn, WATCH_REPLY);
	if (taken != STREAM_END)
		return taken;
	add_trailers(conn, source->trailers);
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* --- another protocol ----------------------------------------------------------------------- */

/* A connection whose socket has been taken from libmicrohttpd, with what counts it. */
struct taken {
	const struct listener *listener;
	int fd;
	struct sockaddr_storage peer;
	char trace[33]; /* for the log */
};

static void close_taken(void *arg, uint64_t to_node, uint64_t to_client)
{
	struct taken *t = arg;
	log_event(LOG_INFO, "upgraded connection ended", LOG_TEXT("trace", t->trace),
		LOG_NUMBER("bytes_in", (int64_t)to_node),
		LOG_NUMBER("bytes_out", (int64_t)to_client));
	close(t->fd);
	access_connection(-1);
	acceptor_release(t->listener->acceptor, (const struct sockaddr *)&t->peer);
	free(t);
}

/* libmicrohttpd keeps 32 KiB for each of its connections. Of one that is plain it gets something
 * else to close under the socket's number, so that it ends now, and the socket lives on. */
static void take_socket(struct connection *conn, struct MHD_Connection *c, int fd, struct text came,
	struct MHD_UpgradeResponseHandle *upgrade)
{
	struct taken *t = check_calloc(1, sizeof(*t));
	socklen_t size = sizeof(t->peer);
	t->listener = conn->place->listener;
	t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	CHECK(t->fd >= 0);
	CHECK(!getpeername(fd, (struct sockaddr *)&t->peer, &size) || errno == ENOTCONN);
	snprintf(t->trace, sizeof(t->trace), "%.*s",
		TEXT_ARGS(exchange_access(conn->exchange)->trace.id));
	CHECK(dup3(conn->place->listener->nothing, fd, O_CLOEXEC) == fd);
	conn->left = true;
	struct forward *f = exchange_take_forward(conn->exchange);
	watch_stream(&conn->watch, NULL, NULL);
	forward_upgrade(&f, (struct remote){.fd = t->fd}, came, close_taken, t);
	worker_make_due(&conn->place->worker);
	MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
}

static void close_upgrade(void *arg, uint64_t to_node, uint64_t to_client)
{
	struct connection *conn = arg;
	exchange_access(conn->exchange)->bytes_in += to_node;
	exchange_access(conn->exchange)->bytes_out += to_client;
	worker_make_due(&conn->place->worker);
	MHD_upgrade_action(conn->upgrade, MHD_UPGRADE_ACTION_CLOSE);
}

/* A TLS session cannot leave libmicrohttpd: it is used where it is. */
static void use_session(struct connection *conn, struct MHD_Connection *c, struct text came)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct remote client = {.fd = conn->fd, .tls = info->tls_session};
	struct arena *a = arena_new(0);
	struct forward *f = exchange_take_forward(conn->exchange);
	watch_stream(&conn->watch, NULL, NULL);
	forward_upgrade(&f, client, remote_take(&client, came, a), close_upgrade, conn);
	arena_free(&a);
}

static void on_upgrade(void *arg, struct MHD_Connection *c, void *context, const char *came,
	size_t size, MHD_socket fd, struct MHD_UpgradeResponseHandle *upgrade)
{
	struct connection *conn = arg;
	struct text bytes = {came, size};
	(void)context;
	conn->upgrade = upgrade;
	listener_enter(c, WATCH_OURS);
	if (tls_is_open())
		use_session(conn, c, bytes);
	else
		take_socket(conn, c, fd, bytes, upgrade);
}

/* --- bodies --------------------------------------------------------------------------------- */

static struct MHD_Response *make_source_response(
	struct connection *conn, const struct reply_source *source)
{
	size_t block = source->size < SOURCE_BLOCK ? STREAM_BLOCK : SOURCE_BLOCK;
	struct MHD_Response *response =
		MHD_create_response_from_callback(source->size, block, read_source, conn, NULL);
	if (response && source->size == MHD_SIZE_UNKNOWN && exchange_is_head(conn->exchange))
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	conn->response = response;
	return response;
}

static struct MHD_Response *make_response(struct connection *conn, struct exchange *x)
{
	const struct reply *r = exchange_reply(x);
	conn->exchange = x;
	conn->stream = r->stream;
	if (r->upgrade)
		return MHD_create_response_for_upgrade(on_upgrade, conn);
	if (r->source)
		return make_source_response(conn, r->source);
	if (r->stream || r->endless) {
		struct MHD_Response *response = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_body, conn, NULL);
		/* In chunks it would send the last one to HEAD too. */
		if (response && r->endless)
			MHD_set_response_options(
				response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
		return response;
	}
	return MHD_create_response_from_buffer(
		r->body.size, (void *)r->body.data, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result listener_reply(
	const struct listener *l, struct MHD_Connection *c, struct exchange *x)
{
	const struct reply *r = exchange_reply(x);
	struct MHD_Response *response = make_response(listener_connection(c), x);
	bool closing = r->close || atomic_load_explicit(&l->bridge->stopping, memory_order_relaxed);
	CHECK(response);
	if (!r->foreign && r->http != MHD_HTTP_NO_CONTENT)
		add_header(response, "Content-Type",
			r->content_type ? r->content_type : "application/json; charset=utf-8");
	add_header(response, "X-Content-Type-Options", r->foreign ? NULL : "nosniff");
	add_header(response, "Allow", r->allow);
	for (const char *const *challenge = r->challenges; challenge && *challenge; challenge++)
		add_header(response, "WWW-Authenticate", *challenge);
	add_header(response, "Retry-After", r->retry_after);
	for (const struct reply_header *h = r->headers; h && h->name; h++)
		add_header(response, h->name, h->value);
	for (size_t i = 0; i < FRONT_CORS_COUNT; i++)
		add_header(response, front_cors_names[i], exchange_cors(x)->values[i]);
	add_header(response, "traceparent", exchange_access(x)->parent);
	add_header(response, "X-Request-ID", exchange_access(x)->request_id);
	add_header(response, "Connection", closing ? "close" : NULL);
	listener_enter(c, WATCH_REPLY);
	enum MHD_Result result = MHD_queue_response(c, (unsigned)r->http, response);
	MHD_destroy_response(response);
	return result;
}
