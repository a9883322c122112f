/*
 * A lane thread's life: started with its connections wanted, flushed when a round of tasks has run,
 * swept every 20 ms while it has jobs, stopped when nothing is in flight any more.
 */
#include "server/lane/lane_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/db/migrate.h"

#define SWEEP_MS 20

static _Thread_local struct lane_thread *current;

struct lane_thread *lane_thread_current(void)
{
	return current;
}

struct lane_thread *lane_thread_here(struct lanes *lanes)
{
	static atomic_uint threads;
	static _Thread_local unsigned number; /* of the calling thread, from 1 */
	if (current && current->lanes == lanes)
		return current;
	if (!number)
		number = 1 + atomic_fetch_add(&threads, 1) % (UINT32_MAX / 2);
	return &lanes->threads[(number - 1) % (unsigned)lanes->options.threads];
}

bool lane_admit(struct lanes *lanes, atomic_int *queued)
{
	int before = atomic_fetch_add_explicit(queued, 1, memory_order_relaxed);
	if (before < lanes->options.queue_limit)
		return true;
	lane_leave(queued);
	return false;
}

void lane_leave(atomic_int *queued)
{
	atomic_fetch_sub_explicit(queued, 1, memory_order_relaxed);
}

uint32_t lane_key_hash(struct text key)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < key.size; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 16777619u;
	return hash;
}

int lanes_threads(const struct lanes *lanes)
{
	return lanes->options.threads;
}

struct loop *lane_loop(struct lanes *lanes, int thread)
{
	CHECK(thread >= 0 && thread < lanes->options.threads);
	return lanes->threads[thread].loop;
}

bool lanes_ready(const struct lanes *lanes)
{
	for (int i = 0; i < lanes->options.threads; i++)
		if (!atomic_load(&lanes->threads[i].ready))
			return false;
	return true;
}

int lanes_depth(const struct lanes *lanes, enum lane_kind kind)
{
	int depth = 0;
	for (int i = 0; i < lanes->options.threads; i++) {
		const struct lane_thread *t = &lanes->threads[i];
		const atomic_int *queued[] = {&t->query.queued, &t->append.queued,
			&t->change.queued, &t->search.queued, &t->work.queued};
		depth += atomic_load_explicit(queued[kind], memory_order_relaxed);
	}
	return depth;
}

int lanes_connections(const struct lanes *lanes)
{
	return atomic_load(&lanes->up);
}

int lanes_connecting(const struct lanes *lanes)
{
	return atomic_load(&lanes->wanted);
}

/* --- hooks ---------------------------------------------------------------------------------- */

void lane_thread_connected(struct lane_thread *t)
{
	atomic_store(&t->ready, true);
	for (int i = 0; i < t->hook_count; i++)
		t->hooks[i].run(t->hooks[i].arg, t->number);
}

struct hook_task {
	struct loop_task task;
	struct hook hook;
};

/* Each thread has its own list, so that a connection that comes up meanwhile is told once. */
static void add_hook(struct loop_task *task)
{
	struct hook_task *h = CONTAINER_OF(task, struct hook_task, task);
	struct lane_thread *t = current;
	CHECK(t->hook_count < HOOKS_MOST);
	t->hooks[t->hook_count++] = h->hook;
	if (t->query.slot.link)
		h->hook.run(h->hook.arg, t->number);
	free(h);
}

void lanes_on_connect(struct lanes *lanes, void (*run)(void *arg, int thread), void *arg)
{
	for (int i = 0; i < lanes->options.threads; i++) {
		struct hook_task *h = check_calloc(1, sizeof(*h));
		h->task.run = add_hook;
		h->hook = (struct hook){run, arg};
		loop_post(lanes->threads[i].loop, &h->task);
	}
}

/* --- a thread's rounds ---------------------------------------------------------------------- */

static void flush(void *arg)
{
	struct lane_thread *t = arg;
	query_lane_flush(&t->query);
	append_lane_flush(&t->append);
	pool_lane_flush(&t->change);
	pool_lane_flush(&t->search);
}

/* Nothing is in flight any more: what is left are links, and answers that nobody waits for. */
static void end_thread(struct lane_thread *t)
{
	t->ended = true;
	connector_stop(t);
	query_lane_close(&t->query);
	append_lane_close(&t->append);
	pool_lane_close(&t->change);
	pool_lane_close(&t->search);
	uv_sem_post(&t->stopped);
}

static void sweep(void *arg)
{
	struct lane_thread *t = arg;
	bool busy = query_lane_sweep(&t->query);
	busy |= append_lane_sweep(&t->append);
	busy |= pool_lane_sweep(&t->change);
	busy |= pool_lane_sweep(&t->search);
	busy |= work_lane_sweep(&t->work, t->stopping);
	if (busy || (t->stopping && t->connector.running))
		return;
	loop_timer_stop(&t->sweep);
	if (t->stopping && !t->ended)
		end_thread(t);
}

void lane_thread_wake(struct lane_thread *t)
{
	if (!t->sweep)
		t->sweep = loop_every(t->loop, SWEEP_MS, sweep, t);
}

/* --- start and stop ------------------------------------------------------------------------- */

static void on_start(struct loop_task *task)
{
	struct lane_thread *t = CONTAINER_OF(task, struct lane_thread, start);
	current = t;
	connector_want(&t->query.slot);
	connector_want(&t->append.slot);
}

static void on_stop(struct loop_task *task)
{
	struct lane_thread *t = CONTAINER_OF(task, struct lane_thread, stop);
	t->stopping = true;
	flush(t);
	lane_thread_wake(t);
}

static bool options_valid(const struct lanes_options *o)
{
	char *problem = NULL;
	PQconninfoOption *parsed = PQconninfoParse(o->database_url, &problem);
	bool valid = parsed != NULL;
	if (!valid)
		log_event(LOG_ERROR, "the database URL is not valid",
			LOG_SLICE("reason", text_trim(text_of(problem))));
	PQconninfoFree(parsed);
	PQfreemem(problem);
	if (valid && (o->threads < 1 || o->threads > THREADS_MOST || o->change_connections < 1 ||
			     o->change_connections > 32 || o->search_connections < 1 ||
			     o->search_connections > 32 || o->queue_limit < 1 ||
			     o->statement_timeout_ms < 1 || o->search_timeout_ms < 1 ||
			     o->lock_timeout_ms < 0)) {
		log_event(LOG_ERROR, "an option of the lanes is out of range");
		valid = false;
	}
	return valid;
}

static void start_thread(struct lanes *lanes, int number)
{
	struct lane_thread *t = &lanes->threads[number];
	char name[24];
	snprintf(name, sizeof(name), "lane-%d", number);
	t->lanes = lanes;
	t->number = number;
	t->loop = loop_new(name);
	t->start.run = on_start;
	t->stop.run = on_stop;
	CHECK(uv_sem_init(&t->stopped, 0) == 0);
	connector_init(t);
	query_lane_init(t);
	append_lane_init(t);
	pool_lane_init(&t->change, t, &lanes->settings, lanes->options.change_connections);
	pool_lane_init(&t->search, t, &lanes->search_settings, lanes->options.search_connections);
	loop_on_idle(t->loop, flush, t);
	loop_post(t->loop, &t->start);
	loop_start(t->loop);
}

struct lanes *lanes_start(const struct lanes_options *options)
{
	if (!options_valid(options))
		return NULL;
	struct lanes *lanes = check_calloc(1, sizeof(*lanes));
	lanes->options = *options;
	lanes->database_url = check_strdup(options->database_url);
	lanes->settings = lanes->search_settings = (struct db_settings){
		.url = lanes->database_url,
		.statement_timeout_ms = options->statement_timeout_ms,
		.lock_timeout_ms = options->lock_timeout_ms,
		.schema_version = migrate_expected_version(),
	};
	lanes->search_settings.statement_timeout_ms = options->search_timeout_ms;
	lanes->search_settings.read_only = true;
	for (int i = 0; i < options->threads; i++)
		start_thread(lanes, i);
	return lanes;
}

void lanes_stop(struct lanes **lanes)
{
	struct lanes *l = *lanes;
	for (int i = 0; i < l->options.threads; i++)
		loop_post(l->threads[i].loop, &l->threads[i].stop);
	for (int i = 0; i < l->options.threads; i++)
		uv_sem_wait(&l->threads[i].stopped);
	for (int i = 0; i < l->options.threads; i++) {
		loop_stop(&l->threads[i].loop);
		uv_sem_destroy(&l->threads[i].stopped);
	}
	free(l->database_url);
	free(l);
	*lanes = NULL;
}
