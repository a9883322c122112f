/*
 * Watch: the kernel counts the bytes of each connection (TCP_INFO), so that a look at it costs one
 * system call and a request nothing but a store when its phase changes. That store counts the
 * changes: a look that finds another count starts anew, however short the phases between were.
 *
 * Where bytes of a client wait to be read, or none of ours wait to be taken, we are the slow ones,
 * and nobody is cut off. Each step looks at a part of the list, so that many connections do not
 * hold up the loop for long.
 */
#include "bridge/watch.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define STEPS      (250 / WATCH_STEP_MS) /* until all have been looked at */
#define PHASE_BITS 2
#define PHASE_MASK ((1U << PHASE_BITS) - 1)

struct watch {
	struct watch_options options;
	struct watch_entry *first;
	size_t count;
	struct watch_entry *cursor; /* the next to be looked at, NULL: the first */
	int64_t cut;                /* connections, so far */
};

/* --- one connection ------------------------------------------------------------------------- */

static uint64_t count_bytes(const struct watch_entry *e, enum watch_phase phase)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	if (getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return 0;
	return phase == WATCH_REPLY ? info.tcpi_bytes_acked : info.tcpi_bytes_received;
}

static bool is_waited_for(const struct watch_entry *e, enum watch_phase phase)
{
	int bytes = 0;
	if (phase == WATCH_REPLY)
		return !ioctl(e->fd, SIOCOUTQ, &bytes) && bytes;
	return !ioctl(e->fd, SIOCINQ, &bytes) && !bytes;
}

static bool is_gone(const struct watch_entry *e)
{
	struct pollfd p = {.fd = e->fd, .events = POLLRDHUP};
	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

static void cut_off(struct watch *w, struct watch_entry *e, const char *reason)
{
	e->cut = true;
	log_event(LOG_DEBUG, "slow client cut off", LOG_TEXT("reason", reason),
		LOG_NUMBER("so_far", ++w->cut));
	shutdown(e->fd, SHUT_RDWR);
}

static void look_at_head(struct watch *w, struct watch_entry *e, int64_t now)
{
	if (!w->options.header_ms)
		return;
	if (!e->moved) {
		e->moved = count_bytes(e, WATCH_HEAD) != e->bytes;
		e->since = now;
	} else if (now - e->since >= w->options.header_ms * CLOCK_MS) {
		cut_off(w, e, "the request's head took too long");
	}
}

static void look_at_flow(
	struct watch *w, struct watch_entry *e, enum watch_phase phase, int64_t now)
{
	int64_t window = w->options.window_ms;
	if (!w->options.rate || now - e->since < window * CLOCK_MS)
		return;
	uint64_t bytes = count_bytes(e, phase);
	uint64_t wanted = (uint64_t)(w->options.rate * window / 1000);
	if (bytes - e->bytes < wanted && is_waited_for(e, phase))
		cut_off(w, e,
			phase == WATCH_BODY ? "the body came too slowly"
					    : "the reply was taken too slowly");
	e->bytes = bytes;
	e->since = now;
}

static void start_phase(struct watch_entry *e, unsigned phase, int64_t now)
{
	e->seen = phase;
	e->since = now;
	e->moved = false;
	e->bytes = count_bytes(e, phase & PHASE_MASK);
}

static void look(struct watch *w, struct watch_entry *e, int64_t now)
{
	unsigned phase = e->phase;
	if (e->tick && now - e->ticked >= CLOCK_SECOND) {
		e->ticked = now;
		e->tick(e->tick_arg, is_gone(e));
	}
	if (e->cut || (phase & PHASE_MASK) == WATCH_OURS)
		return;
	if (phase != e->seen)
		start_phase(e, phase, now);
	else if ((phase & PHASE_MASK) == WATCH_HEAD)
		look_at_head(w, e, now);
	else
		look_at_flow(w, e, phase & PHASE_MASK, now);
}

/* --- all of them ---------------------------------------------------------------------------- */

void watch_step(struct watch *w)
{
	int64_t now = clock_now();
	for (size_t looks = (w->count + STEPS - 1) / STEPS; looks; looks--) {
		struct watch_entry *e = w->cursor ? w->cursor : w->first;
		w->cursor = e->next;
		look(w, e, now);
	}
}

struct watch *watch_open(const struct watch_options *options)
{
	struct watch *w = check_calloc(1, sizeof(*w));
	w->options = *options;
	return w;
}

void watch_close(struct watch **w)
{
	if (!*w)
		return;
	CHECK(!(*w)->first);
	free(*w);
	*w = NULL;
}

void watch_add(struct watch *w, struct watch_entry *e, int fd)
{
	*e = (struct watch_entry){.fd = fd, .phase = WATCH_HEAD, .seen = WATCH_HEAD};
	e->next = w->first;
	if (e->next)
		e->next->previous = e;
	w->first = e;
	w->count++;
}

void watch_remove(struct watch *w, struct watch_entry *e)
{
	w->count--;
	if (w->cursor == e)
		w->cursor = e->next;
	if (e->next)
		e->next->previous = e->previous;
	if (e->previous)
		e->previous->next = e->next;
	else
		w->first = e->next;
}

void watch_enter(struct watch_entry *e, enum watch_phase phase)
{
	e->phase = ((e->phase >> PHASE_BITS) + 1) << PHASE_BITS | phase;
}

void watch_stream(struct watch_entry *e, void (*tick)(void *arg, bool gone), void *arg)
{
	e->tick = tick;
	e->tick_arg = arg;
	e->ticked = clock_now();
}
