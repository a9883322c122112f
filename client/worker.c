/* The condition waits on CLOCK_MONOTONIC, so that a clock that is set wakes nobody late. */
#include <signal.h>
#include <sys/random.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "client/internal.h"

enum { FIRST_PAUSE_MS = 100 };

void thread_start(pthread_t *thread, void *(*run)(void *), void *context)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	CHECK(pthread_create(thread, NULL, run, context) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void worker_open(struct worker *w)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&w->told, &attributes);
	pthread_condattr_destroy(&attributes);
}

void worker_close(struct worker *w)
{
	pthread_cond_destroy(&w->told);
	pthread_mutex_destroy(&w->lock);
}

void worker_start(struct worker *w, void *(*run)(void *), void *context)
{
	thread_start(&w->thread, run, context);
}

void worker_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	if (w->calling)
		exchange_cancel(w->calling);
	pthread_cond_signal(&w->told);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
}

bool worker_pause(struct worker *w, int64_t ms)
{
	int64_t until = clock_now() + (ms > 0 ? ms : 0) * CLOCK_MS;
	struct timespec at = {until / CLOCK_SECOND, until % CLOCK_SECOND};

	pthread_mutex_lock(&w->lock);
	while (!w->stopping && clock_now() < until)
		pthread_cond_timedwait(&w->told, &w->lock, &at);
	bool go_on = !w->stopping;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

/* Between a half and the whole of what is due, so that many who fail at once do not come back at
 * once. */
int64_t worker_next_pause(struct worker *w, int64_t most_ms)
{
	int64_t due = FIRST_PAUSE_MS << (w->failures < 10 ? w->failures : 10);
	uint32_t random;

	w->failures++;
	if (due > most_ms)
		due = most_ms > FIRST_PAUSE_MS ? most_ms : FIRST_PAUSE_MS;
	CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
	return due / 2 + random % (due / 2 + 1);
}

bool worker_back_off(struct worker *w, int64_t most_ms)
{
	return worker_pause(w, worker_next_pause(w, most_ms));
}

void worker_calls(struct worker *w, struct exchange *e)
{
	pthread_mutex_lock(&w->lock);
	w->calling = e;
	if (e && w->stopping)
		exchange_cancel(e);
	pthread_mutex_unlock(&w->lock);
}
