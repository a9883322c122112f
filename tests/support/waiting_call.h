/* A call without a server, which waits for what is followed. Any thread starts it and awaits its
 * end. */
#ifndef JUNCTION_TESTS_SUPPORT_WAITING_CALL_H
#define JUNCTION_TESTS_SUPPORT_WAITING_CALL_H

#include <poll.h>

#include "server/call.h"
#include "tests/support/lane_trial.h"

struct waiting_call {
	struct call call; /* first */
	void (*wait)(struct waiting_call *w);
	int64_t revision; /* that it waits for */
	int64_t seen;     /* by the step that it goes on with, which ends with failed() */
	atomic_bool ended;
};

static void waiting_finish(struct call *c)
{
	atomic_store(&((struct waiting_call *)c)->ended, true);
}

static void waiting_run(void *arg)
{
	struct waiting_call *w = arg;

	w->wait(w);
}

static struct waiting_call *waiting_start(
	struct loop *loop, int64_t revision, void (*wait)(struct waiting_call *w))
{
	static const struct call_transport transport = {.finish = waiting_finish};
	struct arena *arena = arena_new(0);
	struct waiting_call *w = ARENA_NEW(arena, struct waiting_call);

	w->call.arena = w->call.turn = arena;
	w->call.transport = &transport;
	w->call.deadline = clock_now() + 600 * CLOCK_SECOND;
	w->wait = wait;
	w->revision = revision;
	trial_together(loop, waiting_run, w);
	return w;
}

static void waiting_await(struct waiting_call *w)
{
	while (!atomic_load(&w->ended))
		poll(NULL, 0, 1);
}

static void waiting_free(struct waiting_call *w)
{
	struct arena *arena = w->call.arena;

	arena_free(&arena);
}

#endif
