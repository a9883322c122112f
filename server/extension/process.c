#include "server/extension/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "server/extension/process_life.h"

#define SETTLE_MS 60000

static void lock(struct processes *p)
{
	CHECK(pthread_mutex_lock(&p->lock) == 0);
}

static void unlock(struct processes *p)
{
	CHECK(pthread_mutex_unlock(&p->lock) == 0);
}

static void see_ends(void)
{
	struct sigaction action;

	CHECK(sigaction(SIGCHLD, NULL, &action) == 0);
	if (action.sa_handler == SIG_IGN)
		CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

static void await_registration(struct loop_task *task)
{
	struct process *p = (struct process *)task;

	lock(p->all);
	p->posted = false;
	unlock(p->all);
	life_await_registration(p);
}

static void fill(struct processes *p, char **paths)
{
	p->list = check_calloc(p->count ? p->count : 1, sizeof(*p->list));
	for (size_t i = 0; i < p->count; i++) {
		struct process *one = &p->list[i];
		one->task.run = await_registration;
		one->all = p;
		one->path = paths[i];
		one->name = strrchr(paths[i], '/') + 1;
		one->state = PROCESS_RESTARTING;
		one->limit.loop = p->loop;
		one->limit.name = one->name;
	}
}

struct processes *processes_open(const struct processes_options *options)
{
	struct process_user user;
	char **paths;
	size_t count;

	if (!process_user_find(options->user, &user) ||
		!process_folder_read(options->folder, PROCESSES_MOST, &paths, &count))
		return NULL;
	see_ends();
	struct processes *p = check_calloc(1, sizeof(*p));
	p->options = *options;
	if (!p->options.settle_ms)
		p->options.settle_ms = SETTLE_MS;
	p->user = user;
	p->loop = loop_new("extensions");
	p->count = count;
	CHECK(pthread_mutex_init(&p->lock, NULL) == 0);
	CHECK(sem_init(&p->gone, 0, 0) == 0);
	fill(p, paths);
	free(paths);
	return p;
}

static void start_all(void *arg)
{
	struct processes *p = arg;

	for (size_t i = 0; i < p->count; i++)
		life_start(&p->list[i]);
}

/* They are children of the loop's thread: with it they would end. */
void processes_begin(struct processes *p)
{
	loop_start(p->loop);
	p->begun = true;
	loop_run(p->loop, start_all, p);
}

static struct process *find(struct processes *p, struct text name)
{
	for (size_t i = 0; i < p->count; i++)
		if (text_equal(text_of(p->list[i].name), name))
			return &p->list[i];
	return NULL;
}

bool processes_find(struct processes *p, struct text name, int *pid)
{
	struct process *found = find(p, name);

	if (!found)
		return false;
	lock(p);
	*pid = found->pid;
	unlock(p);
	return true;
}

bool processes_registered(struct processes *p, struct text name, int pid)
{
	struct process *found = find(p, name);

	if (!found)
		return false;
	lock(p);
	bool lives = pid && found->pid == pid;
	if (lives)
		found->state = PROCESS_REGISTERED;
	unlock(p);
	return lives;
}

void processes_deregistered(struct processes *p, struct text name, int pid)
{
	struct process *found = find(p, name);

	if (!found)
		return;
	/* Posted under the lock, as the loop lives as long as a process. */
	lock(p);
	if (pid && found->pid == pid && found->state == PROCESS_REGISTERED) {
		found->state = PROCESS_STARTING;
		if (!found->posted)
			loop_post(p->loop, &found->task);
		found->posted = true;
	}
	unlock(p);
}

struct process_info *processes_list(struct processes *p, struct arena *a, size_t *count)
{
	struct process_info *list = arena_array(a, p->count, sizeof(*list));

	lock(p);
	for (size_t i = 0; i < p->count; i++) {
		const struct process *one = &p->list[i];
		list[i] = (struct process_info){
			.name = arena_text(a, text_of(one->name)),
			.state = one->state,
			.pid = one->pid,
			.restarts = one->restarts,
			.last_exit = arena_text(a, text_of(one->last_exit)),
		};
	}
	unlock(p);
	*count = p->count;
	return list;
}

static void retire(void *arg)
{
	struct processes *p = arg;

	p->retired = true;
	for (size_t i = 0; i < p->count; i++)
		life_retire(&p->list[i]);
}

void processes_retire(struct processes *p)
{
	if (p->begun)
		loop_run(p->loop, retire, p);
}

static void end_all(void *arg)
{
	struct processes *p = arg;

	p->ending = true;
	for (size_t i = 0; i < p->count; i++)
		life_end(&p->list[i]);
	life_look_round(p);
}

void processes_stop(struct processes *p, int64_t term_at)
{
	if (!p->begun)
		return;
	processes_retire(p);
	p->term_at = term_at;
	loop_run(p->loop, end_all, p);
	while (sem_wait(&p->gone))
		;
	loop_stop(&p->loop);
	p->begun = false;
}

void processes_free(struct processes **processes)
{
	struct processes *p = *processes;

	if (!p)
		return;
	if (p->loop)
		loop_stop(&p->loop);
	for (size_t i = 0; i < p->count; i++)
		free(p->list[i].path);
	free(p->list);
	sem_destroy(&p->gone);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*processes = NULL;
}
