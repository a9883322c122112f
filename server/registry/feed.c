/*
 * One statement is under way at a time. Its rows are read into changes where it ends, which may be
 * another lane thread; they are applied on the feed's own thread, to which all state belongs.
 *
 * A caller that waits for its own write comes with a revision that is committed. A statement sent
 * after it came sees that revision; one that was under way may not, then another follows at once.
 * A whole batch of callers waits for one revision and costs one statement.
 *
 * The first load, and one after each connect: the database that is connected may have lost what
 * the last one had (a restored backup, a standby that was behind).
 */
#include "server/registry/feed.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/registry/change_rows.h"
#include "server/registry/registry_store.h"

#define WATCH_MS       50 /* how late it may be noticed that a waiting call is over */
#define FOLLOW_ROWS    1000
#define LOAD_TIMEOUT   (60 * CLOCK_SECOND)
#define FOLLOW_TIMEOUT (5 * CLOCK_SECOND)

struct waiter {
	struct loop_task task; /* first */
	struct feed *feed;
	struct call *call;
	int64_t revision;
	call_step *then;
	struct waiter *next;
};

struct feed {
	struct lanes *lanes;
	struct loop *home;
	struct index *index;
	int64_t poll_ns;
	struct loop_task starting;
	const struct feed_listener *listeners; /* the last has no function */
	_Atomic int64_t applied;               /* revision that the index holds */
	_Atomic int64_t current_at;
	atomic_bool ready;

	/* The home thread's. */
	struct waiter *waiting;
	int64_t highest;  /* revision that somebody waits for */
	int64_t asked;    /* highest, when the statement was sent */
	int64_t last_ask; /* clock_now() */
	bool busy;
	bool stale;   /* to be loaded anew */
	bool failing; /* logged already */

	/* The statement under way. */
	struct sql_job job;
	struct text parameters[2];
	struct arena *arena;
	bool loading;
	struct index_change *changes;
	size_t change_count;
	int64_t position;
	bool full;
	const char *error; /* NULL: it succeeded */
	struct loop_task landing;
};

static void ask(struct feed *f);

/* --- those who wait ------------------------------------------------------------------------- */

static enum next not_visible(struct call *c)
{
	return fail(c, STATUS_UNAVAILABLE, "committed, but not yet visible here");
}

/* Takes those out whose wait is over, and only then lets them go on: they end their calls. */
static void settle(struct feed *f)
{
	struct waiter *settled = NULL, **tail = &settled;
	int64_t applied = atomic_load(&f->applied);

	for (struct waiter **link = &f->waiting; *link;) {
		struct waiter *w = *link;
		if (w->revision > applied && !call_over(w->call)) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->next = NULL;
		*tail = w;
		tail = &w->next;
	}
	for (struct waiter *w = settled, *next; w; w = next) {
		next = w->next;
		call_resume(w->call, w->revision <= applied ? w->then : not_visible);
	}
}

static void join(struct loop_task *task)
{
	struct waiter *w = (struct waiter *)task;
	struct feed *f = w->feed;

	if (w->revision <= atomic_load(&f->applied)) {
		call_resume(w->call, w->then);
		return;
	}
	w->next = f->waiting;
	f->waiting = w;
	if (w->revision > f->highest)
		f->highest = w->revision;
	ask(f);
}

enum next feed_visible(struct feed *feed, struct call *c, int64_t revision, call_step *then)
{
	if (revision <= atomic_load(&feed->applied))
		return then(c);
	struct waiter *w = ARENA_NEW(c->arena, struct waiter);
	*w = (struct waiter){
		.task.run = join, .feed = feed, .call = c, .revision = revision, .then = then};
	enum next parked = call_parked(c);
	loop_post(feed->home, &w->task);
	return parked;
}

/* --- what comes from the log ---------------------------------------------------------------- */

static void note_failure(struct feed *f)
{
	if (!f->failing)
		log_event(LOG_INFO, "registry not followed", LOG_TEXT("reason", f->error));
	f->failing = true;
	f->stale |= f->loading;
}

static void tell(struct feed *f)
{
	for (const struct feed_listener *l = f->listeners; l && l->changed; l++)
		l->changed(l->arg, f->changes, f->change_count, f->position, f->loading);
}

static void apply(struct feed *f)
{
	if (f->loading) {
		index_replace(f->index, f->changes, f->change_count, f->position);
		log_event(LOG_INFO, "registry loaded", LOG_NUMBER("revision", f->position),
			LOG_NUMBER("entries", (int64_t)f->change_count));
	} else if (f->change_count) {
		index_apply(f->index, f->changes, f->change_count, f->position);
	}
	if (f->loading || f->change_count)
		tell(f);
	f->failing = false;
	atomic_store(&f->applied, f->position);
	if (!f->full)
		atomic_store(&f->current_at, f->last_ask);
	atomic_store(&f->ready, true);
}

static void landed(struct loop_task *task)
{
	struct feed *f = (struct feed *)((char *)task - offsetof(struct feed, landing));
	bool more = false;

	if (f->error)
		note_failure(f);
	else
		apply(f);
	if (!f->error)
		more = f->stale || f->full || f->highest > f->asked;
	arena_free(&f->arena);
	f->busy = false;
	if (more)
		ask(f);
	settle(f);
}

/* On the thread of the lane that the statement went through. */
static void arrived(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct feed *f = (struct feed *)((char *)job - offsetof(struct feed, job));

	if (rows) {
		int count = rows_count(rows);
		f->changes = change_rows_read(rows, f->loading ? 1 : 0, f->arena, &f->change_count);
		f->full = !f->loading && count >= FOLLOW_ROWS;
		if (f->loading)
			f->position = rows_int64(rows, 0, STORE_REVISION);
		else if (count)
			f->position = rows_int64(rows, count - 1, STORE_REVISION);
	} else {
		f->error = arena_string(f->arena, text_of(error->message));
	}
	if (loop_current() == f->home)
		landed(&f->landing);
	else
		loop_post(f->home, &f->landing);
}

static void ask(struct feed *f)
{
	if (f->busy)
		return;
	f->busy = true;
	f->arena = arena_new(0);
	f->loading = f->stale || !atomic_load(&f->ready);
	f->stale = false;
	f->asked = f->highest;
	f->last_ask = clock_now();
	f->position = atomic_load(&f->applied);
	f->error = NULL;
	f->full = false;
	f->changes = NULL;
	f->change_count = 0;
	f->parameters[0] = text_of(arena_printf(f->arena, "%lld", (long long)f->position));
	f->parameters[1] = text_of(arena_printf(f->arena, "%d", FOLLOW_ROWS));
	f->landing.run = landed;
	f->job = (struct sql_job){
		.statement = f->loading ? &store_load : &store_follow,
		.parameters = f->loading ? NULL : f->parameters,
		.deadline = f->last_ask + (f->loading ? LOAD_TIMEOUT : FOLLOW_TIMEOUT),
		.done = arrived,
	};
	if (!(f->loading ? lane_change(f->lanes, &f->job) : lane_query(f->lanes, &f->job))) {
		f->error = "the lane is full";
		loop_post(f->home, &f->landing);
	}
}

/* --- life ----------------------------------------------------------------------------------- */

static void watch(void *arg)
{
	struct feed *f = arg;

	if (f->stale || clock_now() - f->last_ask >= f->poll_ns)
		ask(f);
	if (f->waiting)
		settle(f);
}

static void start(struct loop_task *task)
{
	struct feed *f = (struct feed *)((char *)task - offsetof(struct feed, starting));

	loop_every(f->home, WATCH_MS, watch, f);
}

static void connected(void *arg, int thread)
{
	struct feed *f = arg;

	if (loop_current() != f->home)
		return;
	f->stale = true;
	ask(f);
}

struct feed *feed_start(struct lanes *lanes, struct loop *home, struct index *index,
	const struct feed_listener *listeners, int64_t poll_ms)
{
	struct feed *f = check_calloc(1, sizeof *f);

	f->lanes = lanes;
	f->home = home;
	f->index = index;
	f->listeners = listeners;
	f->poll_ns = poll_ms * CLOCK_MS;
	f->last_ask = clock_now();
	atomic_store(&f->current_at, f->last_ask);
	f->starting.run = start;
	loop_post(home, &f->starting);
	lanes_on_connect(lanes, connected, f);
	return f;
}

bool feed_ready(const struct feed *feed)
{
	return atomic_load(&feed->ready);
}

int64_t feed_revision(const struct feed *feed)
{
	return atomic_load(&feed->applied);
}

int64_t feed_current_at(const struct feed *feed)
{
	return atomic_load(&feed->current_at);
}

void feed_free(struct feed **feed)
{
	if (!*feed)
		return;
	arena_free(&(*feed)->arena);
	free(*feed);
	*feed = NULL;
}
