/* One condition for all endings: tests wait for one at a time. */
#include "tests/support/lane_trial.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/db/migrate.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct lanes_options trial_options(const char *url)
{
	struct status status;
	if (!migrate_run(url, NULL, &status)) {
		fprintf(stderr, "migration failed: %s\n", status.message);
		exit(99);
	}
	return (struct lanes_options){
		.database_url = url,
		.threads = 2,
		.change_connections = 4,
		.search_connections = 2,
		.queue_limit = 4096,
		.statement_timeout_ms = 60000,
		.search_timeout_ms = 60000,
		.lock_timeout_ms = 60000,
	};
}

static int64_t deadline_of(int64_t within_ms)
{
	return within_ms == TRIAL_FOREVER ? CLOCK_NEVER : clock_now() + within_ms * CLOCK_MS;
}

static void end(
	struct ending *e, const struct rows *rows, int row, int column, const struct status *error)
{
	CHECK(!rows != !error);
	pthread_mutex_lock(&mutex);
	e->code = error ? error->code : STATUS_OK;
	snprintf(e->message, sizeof(e->message), "%s", error ? error->message : "");
	e->rows = rows ? rows_count(rows) : 0;
	e->row = row;
	if (row >= 0 && row < e->rows) {
		struct text value = rows_text(rows, row, column);
		snprintf(e->value, sizeof(e->value), "%.*s", TEXT_ARGS(value));
	}
	/* After this the waiting thread may free the job. */
	CHECK(atomic_fetch_add(&e->count, 1) == 0);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

enum status_code ending_await(struct ending *e)
{
	pthread_mutex_lock(&mutex);
	while (atomic_load(&e->count) == 0)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	return e->code;
}

static void ask_done(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	end(&((struct ask *)job)->ending, rows, 0, 0, error);
}

void ask_prepare(struct ask *a, const struct statement *s, int64_t within_ms, const char *first,
	const char *second)
{
	*a = (struct ask){.parameters = {text_of(first), text_of(second)}};
	a->job.statement = s;
	a->job.parameters = a->parameters;
	a->job.deadline = deadline_of(within_ms);
	a->job.done = ask_done;
}

static void put_done(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	end(&((struct put *)job)->ending, rows, row, 1, error);
}

void put_prepare(struct put *p, const struct append_log *log, int64_t within_ms, const char *key,
	const char *const columns[])
{
	*p = (struct put){.job = {.log = log}};
	for (int i = 0; i < log->columns; i++)
		p->columns[i] = text_of(columns[i]);
	p->job.columns = p->columns;
	p->job.key = text_of(key);
	p->job.deadline = deadline_of(within_ms);
	p->job.done = put_done;
}

enum status_code ask_query(struct lanes *lanes, struct ask *a)
{
	CHECK(lane_query(lanes, &a->job));
	return ending_await(&a->ending);
}

enum status_code ask_change(struct lanes *lanes, struct ask *a)
{
	CHECK(lane_change(lanes, &a->job));
	return ending_await(&a->ending);
}

enum status_code ask_search(struct lanes *lanes, struct ask *a)
{
	CHECK(lane_search(lanes, &a->job));
	return ending_await(&a->ending);
}

struct together {
	struct loop_task task;
	void (*run)(void *arg);
	void *arg;
	uv_sem_t ended;
};

static void run_together(struct loop_task *task)
{
	struct together *t = (struct together *)task;
	t->run(t->arg);
	uv_sem_post(&t->ended);
}

void trial_together(struct loop *loop, void (*run)(void *arg), void *arg)
{
	struct together t = {.task.run = run_together, .run = run, .arg = arg};
	CHECK(uv_sem_init(&t.ended, 0) == 0);
	loop_post(loop, &t.task);
	uv_sem_wait(&t.ended);
	uv_sem_destroy(&t.ended);
}
