/*
 * One statement is under way at a time. Its rows are read where it ends, which may be another lane
 * thread; they are applied on the home thread, to which all state belongs.
 *
 * Statements are numbered, all pages of a load alike. What was committed before one was sent is in
 * its answer: who comes waits for the next number, whether for its own change or for those of
 * others. If a statement is under way, the next follows at once; many share it.
 *
 * The first load, and one after each connect: the database that is connected may have lost what
 * the last one had (a restored backup, a standby that was behind).
 */
#include "server/lane/follower.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

#define WATCH_MS       50 /* how late it may be noticed that who waits has given up */
#define LOAD_TIMEOUT   (60 * CLOCK_SECOND)
#define FOLLOW_TIMEOUT (5 * CLOCK_SECOND)

struct follower {
	const struct followed *what;
	void *arg;
	struct lanes *lanes;
	struct loop *home;
	int64_t poll_ns;
	struct loop_task starting;
	_Atomic int64_t applied; /* revision that readers see */
	_Atomic int64_t current_at;
	atomic_bool ready;

	/* The home thread's. */
	struct follow_job *waiting;
	int64_t position; /* what is after it has not been applied */
	int64_t number;   /* of the last statement */
	int64_t wanted;   /* number that somebody waits for */
	int64_t current;  /* number whose answer readers see */
	int64_t asked_at; /* clock_now() of that number */
	bool busy;
	bool stale;   /* to be loaded anew */
	bool paging;  /* a load has further pages */
	bool failing; /* logged already */

	/* The statement under way. */
	struct sql_job job;
	struct text parameters[2];
	struct follower_step step;
	const char *error; /* NULL: it succeeded */
	struct loop_task landing;
};

static void ask(struct follower *f);

/* --- those who wait ------------------------------------------------------------------------- */

static bool is_served(const struct follower *f, const struct follow_job *job)
{
	return job->revision ? job->revision <= atomic_load(&f->applied)
			     : job->number <= f->current;
}

static bool is_over(const struct follow_job *job)
{
	return atomic_load(job->cancelled) || clock_now() >= job->deadline;
}

static void end(const struct follower *f, struct follow_job *job)
{
	static const struct status not_visible = {
		STATUS_UNAVAILABLE, "committed, but not yet visible here"};
	static const struct status not_current = {
		STATUS_UNAVAILABLE, "the latest changes are not known here yet"};

	if (is_served(f, job))
		job->done(job, NULL);
	else
		job->done(job, job->revision ? &not_visible : &not_current);
}

/* Takes those out whose wait is over, and only then ends them: they may come again. */
static void settle(struct follower *f)
{
	struct follow_job *settled = NULL, **tail = &settled;

	for (struct follow_job **link = &f->waiting; *link;) {
		struct follow_job *job = *link;
		if (!is_served(f, job) && !is_over(job)) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		job->next = NULL;
		*tail = job;
		tail = &job->next;
	}
	for (struct follow_job *job = settled, *next; job; job = next) {
		next = job->next;
		end(f, job);
	}
}

static void arrive(struct loop_task *task)
{
	struct follow_job *job =
		(struct follow_job *)((char *)task - offsetof(struct follow_job, task));
	struct follower *f = job->follower;

	job->number = f->number + 1;
	if (is_served(f, job)) {
		job->done(job, NULL);
		return;
	}
	job->next = f->waiting;
	f->waiting = job;
	f->wanted = job->number;
	ask(f);
}

void follower_wait(struct follower *f, struct follow_job *job)
{
	job->follower = f;
	job->task.run = arrive;
	loop_post(f->home, &job->task);
}

/* --- what comes from the log ---------------------------------------------------------------- */

static void note_failure(struct follower *f)
{
	if (!f->failing)
		log_event(LOG_INFO, "changes not followed", LOG_TEXT("of", f->what->name),
			LOG_TEXT("reason", f->error));
	f->failing = true;
	f->stale |= f->step.loading;
}

static void show(struct follower *f)
{
	atomic_store(&f->applied, f->position);
	if (!f->step.more) {
		atomic_store(&f->current_at, f->asked_at);
		f->current = f->number;
	}
	atomic_store(&f->ready, true);
}

/* True: the next statement is to follow at once. */
static bool take(struct follower *f)
{
	struct follower_step *s = &f->step;

	f->failing = false;
	/* A load that comes in pages may be lost again at once: then watch() asks for the next. */
	if (s->lost) {
		f->stale = true;
		return !f->what->page;
	}
	/* Changes lead on only, also when it has been led further by follower_skip() meanwhile. */
	if (s->first && (s->loading || s->position > f->position))
		f->position = s->position;
	s->position = f->position;
	f->paging = s->loading && s->more;
	bool shown = f->what->apply(f->arg, s);
	if (shown)
		show(f);
	return !shown || s->more || f->stale || f->wanted > f->number;
}

static void landed(struct loop_task *task)
{
	struct follower *f = (struct follower *)((char *)task - offsetof(struct follower, landing));
	bool again = false;

	if (f->error)
		note_failure(f);
	else
		again = take(f);
	arena_free(&f->step.arena);
	f->busy = false;
	if (again)
		ask(f);
	settle(f);
}

/* On the thread of the lane that the statement went through. */
static void arrived(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct follower *f = (struct follower *)((char *)job - offsetof(struct follower, job));

	if (rows)
		f->what->read(f->arg, rows, &f->step);
	else
		f->error = arena_string(f->step.arena, text_of(error->message));
	if (loop_current() == f->home)
		landed(&f->landing);
	else
		loop_post(f->home, &f->landing);
}

void follower_skip(struct follower *f, int64_t revision)
{
	if (revision <= f->position)
		return;
	f->position = revision;
	atomic_store(&f->applied, revision);
}

static void begin_step(struct follower *f)
{
	bool further = f->paging && !f->stale;

	f->step = (struct follower_step){
		.arena = arena_new(0),
		.loading = further || f->stale,
		.first = !further,
		.position = f->position,
	};
	f->stale = f->paging = false;
	f->error = NULL;
	if (further)
		return;
	f->number++;
	f->asked_at = clock_now();
}

static const struct text *parameters_of(struct follower *f)
{
	struct follower_step *s = &f->step;

	if (s->loading)
		return f->what->page ? f->what->page(f->arg, s) : NULL;
	f->parameters[0] = text_of(arena_printf(s->arena, "%lld", (long long)f->position));
	f->parameters[1] = text_of(arena_printf(s->arena, "%d", FOLLOWER_ROWS));
	return f->parameters;
}

static void ask(struct follower *f)
{
	if (f->busy)
		return;
	f->busy = true;
	begin_step(f);
	bool loading = f->step.loading;
	f->landing.run = landed;
	f->job = (struct sql_job){
		.statement = loading ? f->what->load : f->what->follow,
		.parameters = parameters_of(f),
		.deadline = clock_now() + (loading ? LOAD_TIMEOUT : FOLLOW_TIMEOUT),
		.done = arrived,
	};
	bool alone = loading && !f->what->page;
	if (!(alone ? lane_change(f->lanes, &f->job) : lane_query(f->lanes, &f->job))) {
		f->error = "the lane is full";
		loop_post(f->home, &f->landing);
	}
}

/* --- life ----------------------------------------------------------------------------------- */

static void watch(void *arg)
{
	struct follower *f = arg;

	if (f->stale || clock_now() - f->asked_at >= f->poll_ns)
		ask(f);
	if (f->waiting)
		settle(f);
}

static void start(struct loop_task *task)
{
	struct follower *f =
		(struct follower *)((char *)task - offsetof(struct follower, starting));

	loop_every(f->home, WATCH_MS, watch, f);
}

static void connected(void *arg, int thread)
{
	struct follower *f = arg;

	if (loop_current() != f->home)
		return;
	f->stale = true;
	ask(f);
}

struct follower *follower_start(const struct followed *what, void *arg, struct lanes *lanes,
	struct loop *home, int64_t poll_ms)
{
	struct follower *f = check_calloc(1, sizeof *f);

	f->what = what;
	f->arg = arg;
	f->lanes = lanes;
	f->home = home;
	f->poll_ns = poll_ms * CLOCK_MS;
	f->stale = true;
	f->asked_at = clock_now();
	atomic_store(&f->current_at, f->asked_at);
	f->starting.run = start;
	loop_post(home, &f->starting);
	lanes_on_connect(lanes, connected, f);
	return f;
}

bool follower_ready(const struct follower *f)
{
	return atomic_load(&f->ready);
}

int64_t follower_revision(const struct follower *f)
{
	return atomic_load(&f->applied);
}

int64_t follower_current_at(const struct follower *f)
{
	return atomic_load(&f->current_at);
}

void follower_free(struct follower **f)
{
	if (!*f)
		return;
	arena_free(&(*f)->step.arena);
	free(*f);
	*f = NULL;
}
