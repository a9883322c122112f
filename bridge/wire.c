/*
 * Wire: a libuv stream and, between it and the owner, TLS if that is wanted (wire_tls.c).
 *
 * libuv frees nothing before its callbacks have come: the socket and the lookup of a name are
 * objects of their own, which forget the wire when that is closed; so after each callback to the
 * owner the socket is asked whether there still is one. Addresses of a name are tried in turn, each
 * with a new socket. Failed writes are not looked at while there is something to read: reading
 * fails too, after what the server said last. A loss that is found in the owner's own call is told
 * by a timer of no time.
 */
#include "bridge/wire_parts.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/option.h"

#define PARTS_MOST 4

struct lookup {
	uv_getaddrinfo_t request; /* first */
	struct wire *wire;        /* NULL: closed */
};

struct nudge {
	uv_timer_t timer;  /* first */
	struct wire *wire; /* NULL: closed */
};

struct pending {
	uv_write_t request; /* first */
	char bytes[];
};

static _Thread_local char block[WIRE_PIECE];

void wire_fail(struct wire *w, const char *reason)
{
	if (w->state == WIRE_LOST)
		return;
	w->state = WIRE_LOST;
	snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

/* --- what the owner is told: the last touch of a callback ------------------------------------ */

static void tell(struct wire *w, void (*event)(void *arg))
{
	if (event)
		event(w->arg);
}

static void tell_loss(struct wire *w)
{
	if (w->state != WIRE_LOST || w->told)
		return;
	w->told = true;
	tell(w, w->events->lost);
}

static void free_nudge(uv_handle_t *timer)
{
	free(timer);
}

static void drop_nudge(struct wire *w)
{
	if (!w->nudge)
		return;
	w->nudge->wire = NULL;
	uv_close((uv_handle_t *)&w->nudge->timer, free_nudge);
	w->nudge = NULL;
}

static void on_nudge(uv_timer_t *timer)
{
	struct wire *w = ((struct nudge *)timer)->wire;
	const struct socket *s = w->socket;
	drop_nudge(w);
	if (w->ssl && !w->held)
		wire_tls_read(s, (struct text){0});
	if (!s || s->wire)
		tell_loss(w);
}

/* The owner hears from the loop what was found within a function of his. */
static void nudge(struct wire *w)
{
	if (w->nudge)
		return;
	w->nudge = check_calloc(1, sizeof(*w->nudge));
	w->nudge->wire = w;
	CHECK(uv_timer_init(w->uv, &w->nudge->timer) == 0);
	CHECK(uv_timer_start(&w->nudge->timer, on_nudge, 0, 0) == 0);
}

static void tell_loss_soon(struct wire *w)
{
	if (w->state == WIRE_LOST && !w->told)
		nudge(w);
}

/* --- writing -------------------------------------------------------------------------------- */

static void lose_writing(struct wire *w, int error)
{
	w->mute = true;
	if (w->ended)
		wire_fail(w, uv_strerror(error));
}

static void on_written(uv_write_t *request, int error)
{
	const struct socket *s = request->handle->data;
	struct wire *w = s->wire;
	free(request);
	if (!w)
		return;
	if (error) {
		lose_writing(w, error);
		tell_loss(w);
	} else if (wire_takes(w)) {
		tell(w, w->events->drained);
	}
}

static size_t size_of(const uv_buf_t *buffers, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += buffers[i].len;
	return size;
}

/* All but the first so many bytes, which have gone. */
static void keep(struct wire *w, const uv_buf_t *buffers, size_t count, size_t gone)
{
	size_t size = 0;
	struct pending *p = check_malloc(sizeof(*p) + size_of(buffers, count) - gone);
	for (size_t i = 0; i < count; i++) {
		size_t skipped = gone < buffers[i].len ? gone : buffers[i].len;
		gone -= skipped;
		memcpy(p->bytes + size, buffers[i].base + skipped, buffers[i].len - skipped);
		size += buffers[i].len - skipped;
	}
	uv_buf_t buffer = uv_buf_init(p->bytes, (unsigned)size);
	int error = uv_write(&p->request, &w->socket->stream, &buffer, 1, on_written);
	if (!error)
		return;
	free(p);
	lose_writing(w, error);
}

void wire_send(struct wire *w, const uv_buf_t *buffers, size_t count)
{
	if (w->mute)
		return;
	int sent = uv_try_write(&w->socket->stream, buffers, (unsigned)count);
	if (sent < 0 && sent != UV_EAGAIN)
		lose_writing(w, sent);
	else if (sent < 0 || (size_t)sent < size_of(buffers, count))
		keep(w, buffers, count, sent > 0 ? (size_t)sent : 0);
}

size_t wire_waiting(const struct wire *w)
{
	return w->socket ? uv_stream_get_write_queue_size(&w->socket->stream) : 0;
}

bool wire_takes(const struct wire *w)
{
	return w->state == WIRE_OPEN && !wire_waiting(w);
}

bool wire_is_quiet(const struct wire *w)
{
	char byte;
	uv_os_fd_t fd;
	return w->state == WIRE_OPEN && !uv_fileno(&w->socket->handle, &fd) &&
	       recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

void wire_write_all(struct wire *w, const struct text *parts, size_t count)
{
	uv_buf_t buffers[PARTS_MOST];
	CHECK(count <= PARTS_MOST);
	if (w->state != WIRE_OPEN)
		return;
	for (size_t i = 0; i < count; i++)
		buffers[i] = uv_buf_init((char *)parts[i].data, (unsigned)parts[i].size);
	if (w->ssl)
		wire_tls_write(w, buffers, count);
	else
		wire_send(w, buffers, count);
	tell_loss_soon(w);
}

void wire_write(struct wire *w, struct text bytes)
{
	wire_write_all(w, &bytes, 1);
}

static void on_shut(uv_shutdown_t *request, int error)
{
	(void)error;
	free(request);
}

void wire_shutdown(struct wire *w)
{
	if (w->state != WIRE_OPEN)
		return;
	if (w->ssl)
		wire_tls_shutdown(w);
	uv_shutdown_t *request = check_malloc(sizeof(*request));
	if (uv_shutdown(request, &w->socket->stream, on_shut))
		free(request);
	tell_loss_soon(w);
}

/* --- reading -------------------------------------------------------------------------------- */

void wire_begin(struct wire *w)
{
	w->state = WIRE_OPEN;
	wire_hold(w, w->held);
	tell(w, w->events->opened);
}

void wire_end(struct wire *w)
{
	w->ended = true;
	if (!w->events->ended)
		wire_fail(w, "closed by the server");
	else
		tell(w, w->events->ended);
}

static void lend_block(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	(void)handle, (void)wanted;
	*buffer = uv_buf_init(block, sizeof(block));
}

/* libuv tells a reset as an end if something was read at the same time. */
static int true_error(const struct wire *w, int error)
{
	int pending = 0;
	socklen_t size = sizeof(pending);
	uv_os_fd_t fd;
	if (error == UV_EOF && !uv_fileno(&w->socket->handle, &fd) &&
		!getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size) && pending)
		return uv_translate_sys_error(pending);
	return error;
}

static void lose_reading(struct wire *w, int error)
{
	uv_read_stop(&w->socket->stream);
	error = true_error(w, error);
	if (error == UV_EOF && !w->ssl)
		wire_end(w);
	else if (!w->ended)
		wire_fail(w, error == UV_EOF ? "closed by the server" : uv_strerror(error));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	const struct socket *s = stream->data;
	struct wire *w = s->wire;
	if (!w || !size)
		return;
	struct text bytes = {buffer->base, size > 0 ? (size_t)size : 0};
	if (size < 0)
		lose_reading(w, (int)size);
	else if (w->ssl)
		wire_tls_read(s, bytes);
	else
		w->events->received(w->arg, bytes);
	if (s->wire)
		tell_loss(s->wire);
}

void wire_hold(struct wire *w, bool hold)
{
	w->held = hold;
	if (w->state != WIRE_OPEN)
		return;
	if (hold)
		uv_read_stop(&w->socket->stream);
	else if (!w->ended)
		uv_read_start(&w->socket->stream, lend_block, on_read);
	if (!hold && w->ssl && wire_tls_has_more(w))
		nudge(w);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void free_socket(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop_socket(struct wire *w)
{
	struct socket *s = w->socket;
	if (!s)
		return;
	w->socket = NULL;
	s->wire = NULL;
	uv_close(&s->handle, free_socket);
}

static struct socket *new_socket(struct wire *w)
{
	struct socket *s = check_calloc(1, sizeof(*s));
	s->wire = w;
	s->request.data = s;
	w->socket = s;
	return s;
}

static void drop_addresses(struct wire *w)
{
	if (w->addresses)
		uv_freeaddrinfo(w->addresses);
	w->addresses = w->next = NULL;
}

static void try_next(struct wire *w);

static void on_connected(uv_connect_t *request, int error)
{
	const struct socket *s = request->data;
	struct wire *w = s->wire;
	if (!w)
		return;
	if (error) {
		drop_socket(w);
		snprintf(w->reason, sizeof(w->reason), "%s", uv_strerror(error));
		try_next(w);
		tell_loss(w);
		return;
	}
	drop_addresses(w);
	if (!w->tls) {
		wire_begin(w);
		return;
	}
	CHECK(uv_read_start(&w->socket->stream, lend_block, on_read) == 0);
	wire_tls_start(w);
	tell_loss(w);
}

static bool may_connect(struct wire *w, const struct sockaddr *address)
{
	char space[sizeof(w->reason)];
	const char *why = w->refuse ? w->refuse(w->arg, address, space) : NULL;
	w->tried |= !why;
	w->refused = !w->tried;
	if (w->refused)
		snprintf(w->reason, sizeof(w->reason), "%s", why);
	return !why;
}

static void try_next(struct wire *w)
{
	while (w->next) {
		const struct addrinfo *address = w->next;
		w->next = address->ai_next;
		if (!may_connect(w, address->ai_addr))
			continue;
		struct socket *s = new_socket(w);
		CHECK(uv_tcp_init(w->uv, &s->tcp) == 0);
		s->handle.data = s;
		uv_tcp_nodelay(&s->tcp, 1);
		int error = uv_tcp_connect(&s->request, &s->tcp, address->ai_addr, on_connected);
		if (!error)
			return;
		drop_socket(w);
		snprintf(w->reason, sizeof(w->reason), "%s", uv_strerror(error));
	}
	w->state = WIRE_LOST;
}

static void on_found(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
	struct lookup *lookup = (struct lookup *)request;
	struct wire *w = lookup->wire;
	free(lookup);
	if (!w) {
		uv_freeaddrinfo(found);
		return;
	}
	w->lookup = NULL;
	w->addresses = w->next = found;
	if (error)
		wire_fail(w, uv_strerror(error));
	else
		try_next(w);
	tell_loss(w);
}

/* A numeric address is known at once. */
static void look_up(struct wire *w, const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	if (!getaddrinfo(host, port, &hints, &w->addresses)) {
		w->next = w->addresses;
		try_next(w);
		return;
	}
	hints.ai_flags = AI_NUMERICSERV;
	w->lookup = check_calloc(1, sizeof(*w->lookup));
	w->lookup->wire = w;
	int error = uv_getaddrinfo(w->uv, &w->lookup->request, on_found, host, port, &hints);
	if (error) {
		free(w->lookup);
		w->lookup = NULL;
		wire_fail(w, uv_strerror(error));
	}
}

static void connect_unix(struct wire *w, const char *path)
{
	struct socket *s = new_socket(w);
	CHECK(uv_pipe_init(w->uv, &s->pipe, 0) == 0);
	s->handle.data = s;
	uv_pipe_connect(&s->request, &s->pipe, path, on_connected);
}

struct wire *wire_open(uv_loop_t *uv, const struct wire_options *options)
{
	struct wire *w = check_calloc(1, sizeof(*w));
	char host[256], service[8];
	int port;
	w->events = options->events;
	w->arg = options->arg;
	w->refuse = options->refuse;
	w->name = options->name;
	w->protocol = options->protocol;
	w->uv = uv;
	wire_tls_hold(w, options->tls);
	if (!strncmp(options->target, "unix:", 5)) {
		connect_unix(w, options->target + 5);
	} else if (option_address(options->target, host, &port) && *host) {
		snprintf(service, sizeof(service), "%d", port);
		look_up(w, host, service);
	} else {
		wire_fail(w, "not ADDRESS:PORT or unix:PATH");
	}
	tell_loss_soon(w);
	return w;
}

void wire_give(struct wire *w, const struct wire_events *events, void *arg)
{
	w->events = events;
	w->arg = arg;
}

void wire_close(struct wire **wire)
{
	struct wire *w = *wire;
	if (!w)
		return;
	wire_tls_free(w);
	if (w->lookup) {
		w->lookup->wire = NULL;
		uv_cancel((uv_req_t *)&w->lookup->request);
	}
	drop_nudge(w);
	drop_socket(w);
	drop_addresses(w);
	free(w);
	*wire = NULL;
}

enum wire_state wire_state(const struct wire *w)
{
	return w->state;
}

const char *wire_reason(const struct wire *w)
{
	return w->reason;
}

bool wire_is_refused(const struct wire *w)
{
	return w->state == WIRE_LOST && w->refused;
}
