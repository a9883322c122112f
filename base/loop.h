/*
 * Loop: a thread that runs a libuv loop, an inbox through which other threads hand it tasks, and
 * timers. What a loop's tasks own belongs to that thread alone.
 */
#ifndef JUNCTION_BASE_LOOP_H
#define JUNCTION_BASE_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;

/* Embedded in what is handed over; belongs to the loop from loop_post() until run() is called. */
struct loop_task {
	struct loop_task *next;
	void (*run)(struct loop_task *task); /* on the loop's thread */
};

struct loop *loop_new(const char *name); /* name of the thread, at most 15 bytes */
void loop_start(struct loop *l);         /* starts the thread, all signals blocked */
/* Stops the thread once everything posted before has run, closes what is left open, frees. The
 * owners of handles close them in a task posted before. Not from the loop's own thread. */
void loop_stop(struct loop **l);

/* Any thread. Tasks of one poster run in order; one wake-up for a burst. */
void loop_post(struct loop *l, struct loop_task *task);
/* The loop of the calling thread, or NULL. */
struct loop *loop_current(void);
uv_loop_t *loop_uv(struct loop *l); /* loop's thread only, or before loop_start() */

/* Runs once after each round in which tasks ran, when the inbox is empty: the place to flush what
 * the tasks have gathered. At most 8 hooks. Before loop_start(). */
void loop_on_idle(struct loop *l, void (*run)(void *arg), void *arg);

/* Runs before each wait for events, in the order they were given: the place to do once what a round
 * has gathered. True says that there may be something new for the others: all run again. At most 8.
 * Loop's thread, or before loop_start(). */
void loop_before_wait(struct loop *l, bool (*run)(void *arg), void *arg);
void loop_forget_wait(struct loop *l, void *arg); /* not from within one */

/* Has it run on the loop's thread, and waits for that. Not from the loop's own thread. */
void loop_run(struct loop *l, void (*run)(void *arg), void *arg);

/* Timers: loop's thread, or before loop_start(). */
struct loop_timer;
struct loop_timer *loop_every(struct loop *l, uint64_t ms, void (*run)(void *arg), void *arg);
struct loop_timer *loop_after(struct loop *l, uint64_t ms, void (*run)(void *arg), void *arg);
void loop_timer_stop(struct loop_timer **t); /* NULL allowed; also after it ran */

#endif
