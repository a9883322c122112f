#include "server/extension/process_watch.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

struct watch {
	uv_poll_t poll; /* first: the handle's address is the watch's */
	int fd;
	void (*readable)(void *arg);
	void *arg;
};

/* A descriptor in error is read too: reading tells what is wrong. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = (struct watch *)poll;
	w->readable(w->arg);
}

struct watch *watch_open(struct loop *l, int fd, void (*readable)(void *arg), void *arg)
{
	struct watch *w = check_calloc(1, sizeof(*w));

	w->fd = fd;
	w->readable = readable;
	w->arg = arg;
	CHECK(uv_poll_init(loop_uv(l), &w->poll, fd) == 0);
	CHECK(uv_poll_start(&w->poll, UV_READABLE, on_poll) == 0);
	return w;
}

static void free_watch(uv_handle_t *handle)
{
	free(handle);
}

/* The loop forgets the descriptor before it is closed: uv_close() stops the polling at once. */
void watch_close(struct watch **watch)
{
	struct watch *w = *watch;

	if (!w)
		return;
	uv_close((uv_handle_t *)&w->poll, free_watch);
	close(w->fd);
	*watch = NULL;
}
