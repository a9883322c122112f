/*
 * Watch: the connections that are open, looked at four times a second, so that no client holds one
 * by being slow. libmicrohttpd closes a connection on which nothing at all moves; what a client
 * does that sends or takes a byte now and then is found here:
 *
 * - a request's head must be complete header_ms after its first byte;
 * - a body that we wait for, and a reply that we send, must move at least rate bytes a second, over
 *   each window_ms.
 *
 * Who breaks a rule has its socket shut down; libmicrohttpd then finds the connection closed. One
 * thread, which drives the connections too; the bytes are counted by the kernel. The entry is its
 * owner's, and must be removed before its socket is closed.
 */
#ifndef JUNCTION_BRIDGE_WATCH_H
#define JUNCTION_BRIDGE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;

struct watch_options {
	int64_t header_ms; /* 0: no limit */
	int64_t rate;      /* bytes a second; 0: no limit */
	int64_t window_ms;
};

enum watch_phase {
	WATCH_HEAD,  /* between requests, or in a head */
	WATCH_BODY,  /* the client sends, we wait for it */
	WATCH_REPLY, /* we send, the client takes */
	WATCH_OURS,  /* we are the ones to be waited for, or silence is allowed: nothing is asked */
};

struct watch_entry {
	struct watch_entry *next, *previous;
	int fd;
	unsigned phase; /* counted up with each change, the phase in the lowest bits */
	unsigned seen;  /* the phase that since belongs to */
	bool moved;     /* WATCH_HEAD: bytes have come */
	bool cut;
	int64_t since;  /* the start of the head, or of the window */
	uint64_t bytes; /* received or taken at since */
	void (*tick)(void *arg, bool gone);
	void *tick_arg;
	int64_t ticked;
};

#define WATCH_STEP_MS 50

struct watch *watch_open(const struct watch_options *options);
/* Every WATCH_STEP_MS. */
void watch_step(struct watch *w);
void watch_close(struct watch **w); /* NULL allowed; no entry is left */

/* fd: a connected TCP socket, in WATCH_HEAD. */
void watch_add(struct watch *w, struct watch_entry *e, int fd);
void watch_remove(struct watch *w, struct watch_entry *e);

void watch_enter(struct watch_entry *e, enum watch_phase phase);

/* From now on tick(arg, gone) is called once a second, and gone says whether the client has closed
 * its end (or is not there any more), which nobody else sees while the connection is suspended.
 * Without a call of watch_*. tick NULL: not called any more. Independent of the phase; ends with
 * watch_remove(). */
void watch_stream(struct watch_entry *e, void (*tick)(void *arg, bool gone), void *arg);

#endif
