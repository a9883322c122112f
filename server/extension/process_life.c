#include "server/extension/process_life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define DOUBLINGS_MOST 6 /* 64 times restart_ms */

static void lock(struct process *p)
{
	CHECK(pthread_mutex_lock(&p->all->lock) == 0);
}

static void unlock(struct process *p)
{
	CHECK(pthread_mutex_unlock(&p->all->lock) == 0);
}

static void set_running(struct process *p)
{
	lock(p);
	p->pid = p->life.pid;
	p->state = PROCESS_STARTING;
	unlock(p);
}

static void set_ended(struct process *p, const char *how)
{
	lock(p);
	p->pid = 0;
	p->state = PROCESS_RESTARTING;
	snprintf(p->last_exit, sizeof(p->last_exit), "%s", how);
	unlock(p);
}

static void on_restart(void *arg)
{
	struct process *p = arg;

	loop_timer_stop(&p->restart);
	lock(p);
	p->restarts++;
	unlock(p);
	life_start(p);
}

/* A tenth more or less, so that what has ended together is not started together for ever. */
static int64_t around(int64_t ms)
{
	uint32_t random;

	CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
	return ms - ms / 10 + (int64_t)((double)random / UINT32_MAX * (double)(ms / 5));
}

/* How long until it is started again; -1: it is not. */
static int64_t plan_restart(struct process *p)
{
	int doublings = p->quick_ends < DOUBLINGS_MOST ? p->quick_ends : DOUBLINGS_MOST;
	int64_t ms = around(p->all->options.restart_ms << doublings);

	if (p->all->retired)
		return -1;
	p->quick_ends = doublings + 1;
	p->restart = loop_after(p->all->loop, (uint64_t)ms, on_restart, p);
	return ms;
}

static void not_started(struct process *p, const char *reason)
{
	set_ended(p, reason);
	log_event(LOG_ERROR, "extension not started", LOG_TEXT("name", p->name),
		LOG_TEXT("reason", reason), LOG_NUMBER("restart_ms", plan_restart(p)));
}

static void on_overdue(void *arg)
{
	struct process *p = arg;

	loop_timer_stop(&p->overdue);
	lock(p);
	bool overdue = p->state == PROCESS_STARTING;
	if (overdue)
		p->state = PROCESS_OVERDUE;
	unlock(p);
	if (overdue)
		log_event(LOG_WARN, "extension did not register", LOG_TEXT("name", p->name),
			LOG_NUMBER("pid", p->life.pid),
			LOG_NUMBER("ms", p->all->options.register_ms));
}

void life_await_registration(struct process *p)
{
	loop_timer_stop(&p->overdue);
	if (p->pid)
		p->overdue = loop_after(
			p->all->loop, (uint64_t)p->all->options.register_ms, on_overdue, p);
}

void life_look_round(struct processes *all)
{
	size_t running = 0;

	for (size_t i = 0; i < all->count; i++)
		running += all->list[i].pid != 0;
	if (all->ending && !running)
		CHECK(sem_post(&all->gone) == 0);
}

static void let_go(struct process *p)
{
	watch_close(&p->end);
	for (int i = 0; i < 2; i++)
		output_close(&p->output[i]);
	output_limit_end(&p->limit);
	loop_timer_stop(&p->overdue);
	loop_timer_stop(&p->term);
	loop_timer_stop(&p->kill);
}

static void on_end(void *arg)
{
	struct process *p = arg;
	char how[SPAWN_REASON_SIZE];
	int pid = p->life.pid;
	int64_t ms = (clock_now() - p->started) / CLOCK_MS;

	if (!spawn_has_ended(&p->life))
		return;
	spawn_reap(&p->life, how);
	let_go(p);
	set_ended(p, how);
	if (ms >= p->all->options.settle_ms)
		p->quick_ends = 0;
	if (p->all->options.ended)
		p->all->options.ended(p->all->options.arg, p->name, pid);
	log_event(p->all->retired ? LOG_INFO : LOG_WARN, "extension ended",
		LOG_TEXT("name", p->name), LOG_NUMBER("pid", pid), LOG_TEXT("how", how),
		LOG_NUMBER("ms", ms), LOG_NUMBER("restart_ms", plan_restart(p)));
	life_look_round(p->all);
}

/* It is known to run before it can have said anything, hence before it is the executable. */
void life_start(struct process *p)
{
	static const char *const streams[] = {"stdout", "stderr"};
	const struct spawn spawn = {p->path, &p->all->user, p->all->options.api_address};
	char reason[SPAWN_REASON_SIZE];

	if (!spawn_fork(&spawn, &p->life, reason)) {
		not_started(p, reason);
		return;
	}
	set_running(p);
	if (!spawn_await(&p->life, reason)) {
		not_started(p, reason);
		return;
	}
	p->started = clock_now();
	for (int i = 0; i < 2; i++)
		p->output[i] = output_open(p->life.output[i], streams[i], &p->limit);
	p->end = watch_open(p->all->loop, p->life.fd, on_end, p);
	log_event(LOG_INFO, "extension started", LOG_TEXT("name", p->name),
		LOG_NUMBER("pid", p->life.pid));
	life_await_registration(p);
}

void life_retire(struct process *p)
{
	loop_timer_stop(&p->restart);
}

static void on_kill(void *arg)
{
	struct process *p = arg;

	loop_timer_stop(&p->kill);
	log_event(LOG_WARN, "extension killed", LOG_TEXT("name", p->name),
		LOG_NUMBER("pid", p->life.pid));
	kill(-p->life.pid, SIGKILL);
}

static void on_term(void *arg)
{
	struct process *p = arg;

	loop_timer_stop(&p->term);
	kill(-p->life.pid, SIGTERM);
	p->kill = loop_after(p->all->loop, (uint64_t)p->all->options.stop_ms, on_kill, p);
}

void life_end(struct process *p)
{
	int64_t wait = p->all->term_at - clock_now();

	if (!p->pid)
		return;
	lock(p);
	bool registered = p->state == PROCESS_REGISTERED;
	unlock(p);
	if (registered && wait > 0)
		p->term = loop_after(p->all->loop, (uint64_t)(wait / CLOCK_MS + 1), on_term, p);
	else
		on_term(p);
}
