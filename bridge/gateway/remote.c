#include "bridge/gateway/remote.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

static _Thread_local bool reading;

/* libmicrohttpd reads too, whenever something has come: it finds nothing. */
static ssize_t pull(gnutls_transport_ptr_t fd, void *bytes, size_t size)
{
	if (reading)
		return recv((int)(intptr_t)fd, bytes, size, 0);
	errno = EAGAIN;
	return -1;
}

static ssize_t answer_of(ssize_t result)
{
	if (result >= 0)
		return result;
	errno = gnutls_error_is_fatal((int)result) ? ECONNRESET : EAGAIN;
	return -1;
}

struct text remote_take(const struct remote *p, struct text came, struct arena *a)
{
	gnutls_transport_set_pull_function(p->tls, pull);
	size_t pending = gnutls_record_check_pending(p->tls);
	char *bytes = arena_alloc(a, came.size + pending);
	if (came.size)
		memcpy(bytes, came.data, came.size);
	ssize_t more = pending ? gnutls_record_recv(p->tls, bytes + came.size, pending) : 0;
	return (struct text){bytes, came.size + (more > 0 ? (size_t)more : 0)};
}

ssize_t remote_read(const struct remote *p, void *bytes, size_t size)
{
	if (!p->tls)
		return recv(p->fd, bytes, size, 0);
	reading = true;
	ssize_t result = gnutls_record_recv(p->tls, bytes, size);
	reading = false;
	return answer_of(result);
}

ssize_t remote_write(const struct remote *p, const char *bytes, size_t size)
{
	size_t sent = 0;
	if (!p->tls)
		return send(p->fd, bytes, size, MSG_NOSIGNAL);
	/* One call sends one record. */
	while (sent < size) {
		ssize_t result = gnutls_record_send(p->tls, bytes + sent, size - sent);
		if (result <= 0)
			return sent ? (ssize_t)sent : answer_of(result);
		sent += (size_t)result;
	}
	return (ssize_t)sent;
}

void remote_end(const struct remote *p)
{
	if (p->tls)
		gnutls_bye(p->tls, GNUTLS_SHUT_WR);
	shutdown(p->fd, SHUT_WR);
}
