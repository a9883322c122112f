#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/loop.h"
#include "tests/unit/base/child.h"

/* A task that adds its number to a list that belongs to the loop's thread. */
struct entry {
	struct loop_task task;
	int *numbers, *count, number;
};

static void append(struct loop_task *task)
{
	struct entry *e = (struct entry *)task;

	e->numbers[(*e->count)++] = e->number;
	free(e);
}

static void post_number(struct loop *l, int *numbers, int *count, int number)
{
	struct entry *e = check_malloc(sizeof(*e));

	*e = (struct entry){{.run = append}, numbers, count, number};
	loop_post(l, &e->task);
}

static void tasks_of_one_poster_run_in_order_and_all_before_the_stop(void **state)
{
	enum { COUNT = 10000 };
	static int numbers[COUNT];
	int count = 0;
	struct loop *l = loop_new("order");

	for (int i = 0; i < 100; i++)
		post_number(l, numbers, &count, i);
	loop_start(l);
	for (int i = 100; i < COUNT; i++)
		post_number(l, numbers, &count, i);
	loop_stop(&l);
	assert_null(l);
	assert_int_equal(count, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(numbers[i], i);
}

static void what_was_posted_runs_even_if_the_loop_never_started(void **state)
{
	int number = 0, count = 0;
	struct loop *l = loop_new("unstarted");

	post_number(l, &number, &count, 7);
	loop_stop(&l);
	assert_int_equal(count, 1);
	assert_int_equal(number, 7);
}

enum { POSTERS = 4, EACH = 5000 };

struct posters {
	struct loop *loop;
	int numbers[POSTERS * EACH];
	int count;
	atomic_int next;
};

static void *post_many(void *arg)
{
	struct posters *p = arg;
	int poster = atomic_fetch_add(&p->next, 1);

	for (int i = 0; i < EACH; i++)
		post_number(p->loop, p->numbers, &p->count, poster * EACH + i);
	return NULL;
}

static void several_posters_lose_nothing_and_keep_their_own_order(void **state)
{
	static struct posters p;
	int expected[POSTERS] = {0};
	pthread_t threads[POSTERS];

	p.loop = loop_new("many");
	loop_start(p.loop);
	for (int i = 0; i < POSTERS; i++)
		pthread_create(&threads[i], NULL, post_many, &p);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	loop_stop(&p.loop);
	assert_int_equal(p.count, POSTERS * EACH);
	for (int i = 0; i < p.count; i++)
		assert_int_equal(p.numbers[i] % EACH, expected[p.numbers[i] / EACH]++);
}

struct witness {
	struct loop_task task;
	struct loop *loop;
	bool on_loop, signals_blocked;
	char thread[16];
};

static void look(struct loop_task *task)
{
	struct witness *w = (struct witness *)task;
	sigset_t blocked;

	w->on_loop = loop_current() == w->loop && loop_uv(w->loop)->data == NULL;
	pthread_getname_np(pthread_self(), w->thread, sizeof(w->thread));
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	w->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT);
}

static void a_task_runs_on_the_named_thread_with_signals_blocked(void **state)
{
	struct witness w = {.task.run = look, .loop = loop_new("fifteen-letters")};
	sigset_t blocked;

	loop_start(w.loop);
	loop_post(w.loop, &w.task);
	loop_stop(&(struct loop *){w.loop});
	assert_true(w.on_loop);
	assert_string_equal(w.thread, "fifteen-letters");
	assert_true(w.signals_blocked);
	assert_null(loop_current());
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	assert_false(sigismember(&blocked, SIGTERM));
}

/* Two loops hand one task to and fro; its arrival is what the other waits for. */
struct ball {
	struct loop_task task;
	struct loop *loops[2];
	int left;
	uv_sem_t done;
};

static void throw_back(struct loop_task *task)
{
	struct ball *b = (struct ball *)task;

	if (b->left-- == 0)
		uv_sem_post(&b->done);
	else
		loop_post(b->loops[b->left % 2], task);
}

static void a_sleeping_loop_is_woken_by_every_task(void **state)
{
	struct ball b = {.task.run = throw_back, .left = 2000};

	assert_int_equal(uv_sem_init(&b.done, 0), 0);
	for (int i = 0; i < 2; i++) {
		b.loops[i] = loop_new("ball");
		loop_start(b.loops[i]);
	}
	loop_post(b.loops[0], &b.task);
	uv_sem_wait(&b.done);
	uv_sem_destroy(&b.done);
	loop_stop(&b.loops[0]);
	loop_stop(&b.loops[1]);
	assert_int_equal(b.left, -1);
}

/* A poster that dawdles inside loop_post(), between the push and the wake-up: libuv's function is
 * replaced by one that first wakes the loop, lets the task run and the stop begin, and then wakes
 * it once more. */
struct dawdler {
	struct loop_task task;
	struct loop *loop;
	atomic_bool ran, stopping, stopped;
	bool outlived;
};

static _Thread_local struct dawdler *dawdler;

int uv_async_send(uv_async_t *handle)
{
	int (*real)(uv_async_t *) = (int (*)(uv_async_t *))dlsym(RTLD_NEXT, "uv_async_send");
	struct dawdler *d = dawdler;

	if (d) {
		real(handle);
		while (!atomic_load(&d->ran) || !atomic_load(&d->stopping))
			sched_yield();
		for (int i = 0; i < 5000 && !d->outlived; i++) {
			sched_yield();
			d->outlived = atomic_load(&d->stopped);
		}
	}
	return real(handle);
}

static void note_run(struct loop_task *task)
{
	atomic_store(&((struct dawdler *)task)->ran, true);
}

static void *stop_after_run(void *arg)
{
	struct dawdler *d = arg;
	struct loop *l = d->loop;

	while (!atomic_load(&d->ran))
		sched_yield();
	atomic_store(&d->stopping, true);
	loop_stop(&l);
	atomic_store(&d->stopped, true);
	return NULL;
}

static void a_stop_waits_for_posters_that_are_still_inside(void **state)
{
	struct dawdler d = {.task.run = note_run, .loop = loop_new("dawdle")};
	pthread_t stopper;

	loop_start(d.loop);
	pthread_create(&stopper, NULL, stop_after_run, &d);
	dawdler = &d;
	loop_post(d.loop, &d.task);
	dawdler = NULL;
	pthread_join(stopper, NULL);
	assert_false(d.outlived);
}

struct rounds {
	struct loop_task task;
	struct loop *loop;
	int left;
	int tasks, gathered, flushes, second;
};

static void gather(struct loop_task *task)
{
	struct rounds *r = (struct rounds *)task;

	r->tasks++;
	r->gathered++;
	if (--r->left > 0)
		loop_post(r->loop, task);
}

static void flush(void *arg)
{
	struct rounds *r = arg;

	r->flushes++;
	r->gathered = 0;
}

static void flush_second(void *arg)
{
	struct rounds *r = arg;
	r->second = r->flushes;
}

static void hooks_run_once_after_a_burst_in_their_order(void **state)
{
	struct rounds r = {.task.run = gather, .left = 5};

	r.loop = loop_new("idle");
	loop_on_idle(r.loop, flush, &r);
	loop_on_idle(r.loop, flush_second, &r);
	loop_post(r.loop, &r.task);
	loop_start(r.loop);
	loop_stop(&(struct loop *){r.loop});
	assert_int_equal(r.tasks, 5);
	assert_int_equal(r.gathered, 0);
	/* The stop is a task too, and may come as a round of its own. */
	assert_in_range(r.flushes, 1, 2);
	assert_int_equal(r.second, r.flushes);
}

struct endless {
	struct loop_task task;
	struct loop *loop;
	bool enough;
	uv_sem_t rung;
};

static void go_on(struct loop_task *task)
{
	struct endless *e = (struct endless *)task;

	if (!e->enough)
		loop_post(e->loop, task);
}

static void say_enough(void *arg)
{
	struct endless *e = arg;

	e->enough = true;
	uv_sem_post(&e->rung);
}

static void tasks_that_post_themselves_do_not_starve_timers(void **state)
{
	struct endless e = {.task.run = go_on, .loop = loop_new("endless")};
	struct loop *l = e.loop;

	uv_sem_init(&e.rung, 0);
	loop_after(l, 1, say_enough, &e);
	loop_post(l, &e.task);
	loop_start(l);
	uv_sem_wait(&e.rung);
	loop_stop(&l);
	uv_sem_destroy(&e.rung);
	assert_true(e.enough);
}

static void a_stop_waits_for_the_timer_that_a_task_waits_for(void **state)
{
	struct endless e = {.task.run = go_on, .loop = loop_new("patient")};
	struct loop *l = e.loop;

	uv_sem_init(&e.rung, 0);
	loop_after(l, 1, say_enough, &e);
	loop_post(l, &e.task);
	loop_stop(&l);
	uv_sem_destroy(&e.rung);
	assert_true(e.enough);
}

struct ticks {
	struct loop_task task;
	struct loop_timer *every, *once, *never;
	int ticked, once_ran, never_ran;
	uv_sem_t done;
};

static void never(void *arg)
{
	((struct ticks *)arg)->never_ran++;
}

static void once(void *arg)
{
	((struct ticks *)arg)->once_ran++;
}

static void tick(void *arg)
{
	struct ticks *t = arg;

	if (++t->ticked < 5 || !t->once_ran)
		return;
	loop_timer_stop(&t->every); /* within its own run */
	loop_timer_stop(&t->once);  /* after it ran */
	loop_timer_stop(&t->once);  /* NULL by now */
	uv_sem_post(&t->done);
}

static void start_timers(struct loop_task *task)
{
	struct ticks *t = (struct ticks *)task;

	t->every = loop_every(loop_current(), 1, tick, t);
	t->once = loop_after(loop_current(), 0, once, t);
	t->never = loop_after(loop_current(), 3600000, never, t);
	struct loop_timer *stopped = loop_after(loop_current(), 0, never, t);
	loop_timer_stop(&stopped);
	assert_null(stopped);
}

static void timers_run_once_or_again_until_they_are_stopped(void **state)
{
	struct ticks t = {.task.run = start_timers};
	struct loop *l = loop_new("timers");

	uv_sem_init(&t.done, 0);
	loop_start(l);
	loop_post(l, &t.task);
	uv_sem_wait(&t.done);
	loop_stop(&l); /* frees the one that never ran */
	uv_sem_destroy(&t.done);
	assert_true(t.ticked >= 5);
	assert_int_equal(t.once_ran, 1);
	assert_int_equal(t.never_ran, 0);
	assert_null(t.every);
	assert_null(t.once);
}

static void ring(void *arg)
{
	uv_sem_post(arg);
}

static void timers_may_be_set_before_the_start(void **state)
{
	struct loop *l = loop_new("early");
	uv_sem_t done;

	uv_sem_init(&done, 0);
	struct loop_timer *dropped = loop_every(l, 1, ring, &done);
	loop_timer_stop(&dropped);
	loop_after(l, 1, ring, &done);
	loop_start(l);
	uv_sem_wait(&done);
	loop_stop(&l);
	assert_int_equal(uv_sem_trywait(&done), UV_EAGAIN);
	uv_sem_destroy(&done);
}

static void count_signal(uv_signal_t *handle, int number)
{
}

static void handles_left_open_are_closed_by_the_stop(void **state)
{
	struct loop *l = loop_new("left");
	uv_timer_t timer;
	uv_signal_t interrupts;
	uv_idle_t idle;

	assert_int_equal(uv_timer_init(loop_uv(l), &timer), 0);
	assert_int_equal(uv_signal_init(loop_uv(l), &interrupts), 0);
	assert_int_equal(uv_signal_start(&interrupts, count_signal, SIGUSR1), 0);
	assert_int_equal(uv_idle_init(loop_uv(l), &idle), 0);
	loop_start(l);
	loop_stop(&l);
	assert_true(uv_is_closing((uv_handle_t *)&timer));
	assert_true(uv_is_closing((uv_handle_t *)&interrupts));
	assert_true(uv_is_closing((uv_handle_t *)&idle));
}

/* Work in the pool that ends only when the stop has closed what was left open; then a handle
 * is opened whose closing posts a task. */
struct late {
	struct loop_task begin, farewell;
	uv_timer_t left_open, opened_late;
	uv_work_t work;
	bool said;
};

static void say_farewell(struct loop_task *task)
{
	((struct late *)((char *)task - offsetof(struct late, farewell)))->said = true;
}

static void wait_for_the_closing(uv_work_t *work)
{
	struct late *late = work->data;

	while (!uv_is_closing((uv_handle_t *)&late->left_open))
		sched_yield();
}

static void on_closed(uv_handle_t *handle)
{
	loop_post(loop_current(), handle->data);
}

static void open_and_close(uv_work_t *work, int result)
{
	struct late *late = work->data;

	CHECK(uv_timer_init(loop_uv(loop_current()), &late->opened_late) == 0);
	late->opened_late.data = &late->farewell;
	uv_close((uv_handle_t *)&late->opened_late, on_closed);
}

static void begin_work(struct loop_task *task)
{
	struct late *late = (struct late *)task;
	uv_loop_t *uv = loop_uv(loop_current());

	late->work.data = late;
	CHECK(uv_timer_init(uv, &late->left_open) == 0);
	CHECK(uv_queue_work(uv, &late->work, wait_for_the_closing, open_and_close) == 0);
}

static void what_is_posted_during_the_stop_runs_before_its_end(void **state)
{
	struct late late = {.begin.run = begin_work, .farewell.run = say_farewell};
	struct loop *l = loop_new("late");

	loop_post(l, &late.begin);
	loop_stop(&l);
	assert_true(late.said);
}

static void stop_itself(struct loop_task *task)
{
	struct loop *l = loop_current();
	loop_stop(&l);
}

static void run_a_loop_that_stops_itself(void *arg)
{
	struct loop_task task = {.run = stop_itself};
	struct loop *l = loop_new("self");

	loop_start(l);
	loop_post(l, &task);
	for (;;)
		pause();
}

static void a_loop_that_stops_itself_aborts(void **state)
{
	struct child c = child_run(run_a_loop_that_stops_itself, NULL);

	assert_int_equal(c.signal, SIGABRT);
	assert_non_null(strstr(c.errors, "function=loop_stop"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: ThreadSanitizer cannot follow the fork of a process that has threads, and
		 * libuv's pool, once used, stays. */
		cmocka_unit_test(a_loop_that_stops_itself_aborts),
		cmocka_unit_test(tasks_of_one_poster_run_in_order_and_all_before_the_stop),
		cmocka_unit_test(what_was_posted_runs_even_if_the_loop_never_started),
		cmocka_unit_test(several_posters_lose_nothing_and_keep_their_own_order),
		cmocka_unit_test(a_task_runs_on_the_named_thread_with_signals_blocked),
		cmocka_unit_test(a_sleeping_loop_is_woken_by_every_task),
		cmocka_unit_test(a_stop_waits_for_posters_that_are_still_inside),
		cmocka_unit_test(hooks_run_once_after_a_burst_in_their_order),
		cmocka_unit_test(tasks_that_post_themselves_do_not_starve_timers),
		cmocka_unit_test(a_stop_waits_for_the_timer_that_a_task_waits_for),
		cmocka_unit_test(timers_run_once_or_again_until_they_are_stopped),
		cmocka_unit_test(timers_may_be_set_before_the_start),
		cmocka_unit_test(handles_left_open_are_closed_by_the_stop),
		cmocka_unit_test(what_is_posted_during_the_stop_runs_before_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
