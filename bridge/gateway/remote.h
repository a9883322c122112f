/*
 * Remote: the client at the other end of a connection that has changed the protocol (101), plain or
 * within the TLS session that libmicrohttpd has begun.
 *
 * libmicrohttpd's own way with such sessions tells neither side that the other has ended. So the
 * session is taken from it, though it goes on owning it and the socket.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_REMOTE_H
#define JUNCTION_BRIDGE_GATEWAY_REMOTE_H

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include "base/arena.h"

struct remote {
	int fd;               /* not blocking; not closed here */
	gnutls_session_t tls; /* NULL: plain */
};

/* Nobody else reads from the session any more: on the thread of its daemon, from the handler of the
 * upgrade. Gives what has come already: `came`, and what was deciphered after it; in the arena. */
struct text remote_take(const struct remote *p, struct text came, struct arena *a);
/* Like recv() and send(): -1 with EAGAIN if there is nothing or no room now; then what was to be
 * sent is given again, the same bytes. */
ssize_t remote_read(const struct remote *p, void *bytes, size_t size);
ssize_t remote_write(const struct remote *p, const char *bytes, size_t size);
/* It is told that nothing more will be written. */
void remote_end(const struct remote *p);

#endif
