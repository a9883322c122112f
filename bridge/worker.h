/*
 * Worker: runs a daemon of libmicrohttpd on a loop, and the watch over its connections.
 *
 * On the loop's thread, but for worker_take() and worker_load().
 */
#ifndef JUNCTION_BRIDGE_WORKER_H
#define JUNCTION_BRIDGE_WORKER_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "bridge/watch.h"

struct loop;

struct worker {
	struct loop *loop;
	struct MHD_Daemon *daemon; /* without threads and listening socket, with epoll */
	struct watch *watch;
	/* A connection that was taken could not be added; it is closed. */
	void (*refused)(void *arg, const struct sockaddr *peer);
	void *arg;
	/* The worker's. */
	struct loop_timer *timer;
	struct uv_poll_s *poll;
	unsigned ticks;
	unsigned runs;          /* of the daemon */
	bool due;               /* the daemon is to be run */
	atomic_int connections; /* taken, and not gone yet */
};

/* The first part is set. The daemon and the watch are the worker's from now on. */
void worker_open(struct worker *w);
/* No connection may be suspended, but for those that have been resumed. */
void worker_close(struct worker *w);

/* A connection was resumed, for one: the daemon is run before the loop waits again. Within its
 * callbacks too: then it is run once more. */
void worker_make_due(struct worker *w);

/* Any thread: the daemon gets this connection. */
void worker_take(struct worker *w, int fd, const struct sockaddr *peer, socklen_t size);
/* One that was taken has gone. */
void worker_lose(struct worker *w);
/* Any thread: how many there are. */
int worker_load(const struct worker *w);

#endif
