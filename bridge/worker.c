/*
 * Worker: a daemon without threads of its own is run when its epoll is readable, when a connection
 * has come or is resumed, and as long as it says that it has more to do. What it closes for being
 * idle it finds when it is run: so it is, a few times a second.
 */
#include "bridge/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/loop.h"

#define IDLE_TICKS 5 /* steps of the watch between runs for nothing */

/* --- running -------------------------------------------------------------------------------- */

void worker_make_due(struct worker *w)
{
	w->due = true;
}

static void tick(void *worker)
{
	struct worker *w = worker;
	watch_step(w->watch);
	w->due |= ++w->ticks % IDLE_TICKS == 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	worker_make_due(poll->data);
}

static bool run_daemon(void *worker)
{
	struct worker *w = worker;
	MHD_UNSIGNED_LONG_LONG wait;
	if (!w->due)
		return false;
	w->due = false;
	w->runs++;
	MHD_run(w->daemon);
	if (MHD_get_timeout(w->daemon, &wait) == MHD_YES && !wait)
		w->due = true;
	return true;
}

/* --- connections ---------------------------------------------------------------------------- */

struct newcomer {
	struct loop_task task; /* first */
	struct worker *worker;
	int fd;
	struct sockaddr_storage peer;
	socklen_t size;
};

static void welcome(struct loop_task *task)
{
	struct newcomer *n = (struct newcomer *)task;
	struct worker *w = n->worker;
	const struct sockaddr *peer = (const struct sockaddr *)&n->peer;
	if (MHD_add_connection(w->daemon, n->fd, peer, n->size) != MHD_YES) {
		worker_lose(w);
		w->refused(w->arg, peer);
	}
	worker_make_due(w);
	free(n);
}

void worker_take(struct worker *w, int fd, const struct sockaddr *peer, socklen_t size)
{
	struct newcomer *n = check_calloc(1, sizeof(*n));
	n->task.run = welcome;
	n->worker = w;
	n->fd = fd;
	n->size = size;
	CHECK(size <= sizeof(n->peer));
	memcpy(&n->peer, peer, size);
	atomic_fetch_add_explicit(&w->connections, 1, memory_order_relaxed);
	loop_post(w->loop, &n->task);
}

void worker_lose(struct worker *w)
{
	atomic_fetch_sub_explicit(&w->connections, 1, memory_order_relaxed);
}

int worker_load(const struct worker *w)
{
	return atomic_load_explicit(&w->connections, memory_order_relaxed);
}

/* --- life ----------------------------------------------------------------------------------- */

void worker_open(struct worker *w)
{
	int fd = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	w->timer = loop_every(w->loop, WATCH_STEP_MS, tick, w);
	w->poll = check_calloc(1, sizeof(*w->poll));
	w->poll->data = w;
	CHECK(uv_poll_init(loop_uv(w->loop), w->poll, fd) == 0);
	CHECK(uv_poll_start(w->poll, UV_READABLE, on_readable) == 0);
	loop_before_wait(w->loop, run_daemon, w);
}

static void free_poll(uv_handle_t *poll)
{
	free(poll);
}

void worker_close(struct worker *w)
{
	loop_timer_stop(&w->timer);
	uv_close((uv_handle_t *)w->poll, free_poll);
	loop_forget_wait(w->loop, w);
	MHD_stop_daemon(w->daemon);
	watch_close(&w->watch);
}
