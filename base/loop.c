/* The inbox is a lock-free stack that its one reader takes whole and turns round. Whoever pushes
 * onto an empty one wakes the loop by uv_async_send(); what is pushed meanwhile needs no wake-up.
 * After ROUNDS takings the loop looks at its sockets before it goes on, so that tasks that post
 * tasks starve nobody.
 * Stopping: uv_async_send() comes after the push, so the loop may see the last task while its
 * poster is still about to touch the loop; `posting` counts those, and the loop waits for them to
 * be gone. */
#include "base/loop.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define ROUNDS     16
#define HOOKS_MOST 8

struct hook {
	void (*run)(void *arg);
	void *arg;
};

struct wait_hook {
	bool (*run)(void *arg);
	void *arg;
};

struct loop_timer {
	uv_timer_t handle; /* first: the handle's address is the timer's */
	struct loop *loop;
	struct loop_timer *next, **back; /* among the loop's timers */
	void (*run)(void *arg);
	void *arg;
};

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t prepare;
	_Atomic(struct loop_task *) inbox; /* newest first */
	atomic_int posting;
	pthread_t thread;
	bool started;
	char name[16];
	bool draining; /* the three that follow: loop's thread */
	bool stopping;
	struct loop_timer *timers;
	struct loop_task stop;
	struct hook hooks[HOOKS_MOST];
	int hook_count;
	struct wait_hook wait_hooks[HOOKS_MOST];
	int wait_hook_count;
};

static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
	return current;
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

static void check_thread(const struct loop *l)
{
	CHECK(!l->started || current == l);
}

void loop_post(struct loop *l, struct loop_task *task)
{
	bool own = current == l;

	if (!own)
		atomic_fetch_add_explicit(&l->posting, 1, memory_order_relaxed);
	struct loop_task *newest = atomic_load_explicit(&l->inbox, memory_order_relaxed);
	do
		task->next = newest;
	while (!atomic_compare_exchange_weak_explicit(
		&l->inbox, &newest, task, memory_order_acq_rel, memory_order_relaxed));
	/* While it drains, the loop's own thread looks again before it waits. */
	if (!newest && !(own && l->draining))
		CHECK(uv_async_send(&l->wake) == 0);
	if (!own)
		atomic_fetch_sub_explicit(&l->posting, 1, memory_order_release);
}

/* All that waits, oldest first. */
static struct loop_task *take_all(struct loop *l)
{
	struct loop_task *newest = atomic_exchange_explicit(&l->inbox, NULL, memory_order_acquire);
	struct loop_task *oldest = NULL;

	while (newest) {
		struct loop_task *before = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = before;
	}
	return oldest;
}

static void drain(struct loop *l)
{
	struct loop_task *task;
	int rounds = 0;

	l->draining = true;
	while (rounds < ROUNDS && (task = take_all(l))) {
		rounds++;
		while (task) {
			struct loop_task *next = task->next; /* run() may free the task */
			task->run(task);
			task = next;
		}
	}
	l->draining = false;
	for (int i = 0; rounds && i < l->hook_count; i++)
		l->hooks[i].run(l->hooks[i].arg);
	if (rounds == ROUNDS)
		CHECK(uv_async_send(&l->wake) == 0);
}

static void on_wake(uv_async_t *wake)
{
	struct loop *l = wake->data;

	drain(l);
	if (l->stopping)
		uv_stop(&l->uv);
}

/* After ROUNDS it looks at its sockets first, without waiting. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct loop *l = prepare->data;
	bool again = true;

	for (int rounds = 0; again && rounds < ROUNDS; rounds++) {
		again = false;
		for (int i = 0; i < l->wait_hook_count; i++)
			again |= l->wait_hooks[i].run(l->wait_hooks[i].arg);
	}
	if (again)
		CHECK(uv_async_send(&l->wake) == 0);
}

static void on_stop(struct loop_task *task)
{
	current->stopping = true;
}

static bool is_idle(struct loop *l)
{
	return atomic_load_explicit(&l->posting, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&l->inbox, memory_order_acquire) == NULL;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	struct loop *l = arg;

	if (handle != (uv_handle_t *)&l->wake && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void free_timer(uv_handle_t *handle)
{
	free(handle);
}

/* Closing may post, and what is posted may open: once more until all is quiet. */
static void wind_up(struct loop *l)
{
	uv_unref((uv_handle_t *)&l->wake);
	do {
		while (!is_idle(l)) {
			drain(l);
			uv_run(&l->uv, UV_RUN_NOWAIT); /* a task may be waiting for its timer */
			sched_yield();
		}
		while (l->timers)
			loop_timer_stop(&(struct loop_timer *){l->timers});
		uv_walk(&l->uv, close_handle, l);
		uv_run(&l->uv, UV_RUN_DEFAULT);
	} while (!is_idle(l) || uv_loop_alive(&l->uv));
	uv_close((uv_handle_t *)&l->wake, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

static void *run_loop(void *arg)
{
	struct loop *l = arg;

	current = l;
	pthread_setname_np(pthread_self(), l->name);
	while (!l->stopping)
		uv_run(&l->uv, UV_RUN_DEFAULT);
	wind_up(l);
	return NULL;
}

struct loop *loop_new(const char *name)
{
	struct loop *l = check_calloc(1, sizeof(*l));

	CHECK(strlen(name) < sizeof(l->name));
	strcpy(l->name, name);
	l->stop.run = on_stop;
	CHECK(uv_loop_init(&l->uv) == 0);
	CHECK(uv_async_init(&l->uv, &l->wake, on_wake) == 0);
	l->wake.data = l;
	CHECK(uv_prepare_init(&l->uv, &l->prepare) == 0);
	l->prepare.data = l;
	return l;
}

/* The thread starts with all signals blocked: they are the main thread's. */
void loop_start(struct loop *l)
{
	sigset_t all, before;

	CHECK(!l->started);
	l->started = true;
	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	CHECK(pthread_create(&l->thread, NULL, run_loop, l) == 0);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

void loop_stop(struct loop **l)
{
	CHECK(current != *l);
	if (!(*l)->started)
		loop_start(*l);
	loop_post(*l, &(*l)->stop);
	CHECK(pthread_join((*l)->thread, NULL) == 0);
	CHECK(uv_loop_close(&(*l)->uv) == 0);
	free(*l);
	*l = NULL;
}

void loop_on_idle(struct loop *l, void (*run)(void *arg), void *arg)
{
	CHECK(!l->started && l->hook_count < HOOKS_MOST);
	l->hooks[l->hook_count++] = (struct hook){run, arg};
}

void loop_before_wait(struct loop *l, bool (*run)(void *arg), void *arg)
{
	check_thread(l);
	CHECK(l->wait_hook_count < HOOKS_MOST);
	l->wait_hooks[l->wait_hook_count++] = (struct wait_hook){run, arg};
	CHECK(uv_prepare_start(&l->prepare, on_prepare) == 0);
}

void loop_forget_wait(struct loop *l, void *arg)
{
	int kept = 0;

	check_thread(l);
	for (int i = 0; i < l->wait_hook_count; i++)
		if (l->wait_hooks[i].arg != arg)
			l->wait_hooks[kept++] = l->wait_hooks[i];
	l->wait_hook_count = kept;
}

struct errand {
	struct loop_task task; /* first: run_errand() */
	void (*run)(void *arg);
	void *arg;
	sem_t done;
};

static void run_errand(struct loop_task *task)
{
	struct errand *e = (struct errand *)task;
	e->run(e->arg);
	CHECK(!sem_post(&e->done));
}

void loop_run(struct loop *l, void (*run)(void *arg), void *arg)
{
	struct errand e = {.task.run = run_errand, .run = run, .arg = arg};

	CHECK(current != l);
	CHECK(!sem_init(&e.done, 0, 0));
	loop_post(l, &e.task);
	while (sem_wait(&e.done))
		;
	sem_destroy(&e.done);
}

static void on_timer(uv_timer_t *handle)
{
	struct loop_timer *t = (struct loop_timer *)handle;
	t->run(t->arg);
}

/* The loop's idea of now is as old as its round, or as loop_new(): it is refreshed first. */
static struct loop_timer *start_timer(
	struct loop *l, uint64_t ms, uint64_t repeat, void (*run)(void *arg), void *arg)
{
	struct loop_timer *t = check_calloc(1, sizeof(*t));

	check_thread(l);
	t->loop = l;
	t->run = run;
	t->arg = arg;
	t->next = l->timers;
	t->back = &l->timers;
	if (t->next)
		t->next->back = &t->next;
	l->timers = t;
	uv_update_time(&l->uv);
	CHECK(uv_timer_init(&l->uv, &t->handle) == 0);
	CHECK(uv_timer_start(&t->handle, on_timer, ms, repeat) == 0);
	return t;
}

struct loop_timer *loop_every(struct loop *l, uint64_t ms, void (*run)(void *arg), void *arg)
{
	CHECK(ms > 0);
	return start_timer(l, ms, ms, run, arg);
}

struct loop_timer *loop_after(struct loop *l, uint64_t ms, void (*run)(void *arg), void *arg)
{
	return start_timer(l, ms, 0, run, arg);
}

void loop_timer_stop(struct loop_timer **timer)
{
	struct loop_timer *t = *timer;

	if (!t)
		return;
	check_thread(t->loop);
	*t->back = t->next;
	if (t->next)
		t->next->back = t->back;
	uv_close((uv_handle_t *)&t->handle, free_timer);
	*timer = NULL;
}
