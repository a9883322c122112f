/*
 * Each record has a job and an arena of its own. The thread that receives and the lane threads that
 * end jobs meet at one lock, held for a few assignments: under it a write is counted, its outcome
 * copied to where outcomes are kept, and the call taken out of its place if it waits there for
 * this. It is resumed by who took it, after the lock.
 *
 * Memory is bounded by what may be under way and what is kept, however many records come: a client
 * that is faster than the log is not read from.
 */
#include "server/audit/writes.h"

#include <pthread.h>

#include "base/check.h"

#define BYTES_MOST (16 * 1024 * 1024) /* of records under way; a single one may have more */

struct writes {
	pthread_mutex_t lock;
	struct arena *arena; /* its own home; outcomes, under the lock */
	struct caller caller;
	int64_t added;
	int under_way;
	size_t bytes;
	bool left; /* the call has ended */

	struct call *waiting; /* NULL: it does not */
	int most;
	call_step *then;

	bool written_too;
	size_t room;
	struct write_outcome *outcomes;
	struct writes_end end;
};

struct write {
	struct append_job job; /* first */
	struct writes *all;
	struct arena *arena; /* its home */
	size_t bytes;
	struct write_outcome outcome;
	struct record record;
};

/* --- outcomes --------------------------------------------------------------------------------- */

static void count(struct writes_end *end, const struct write_outcome *o)
{
	if (o->status.code != STATUS_OK)
		end->refused++;
	else if (o->result.repeated)
		end->repeated++;
	else
		end->written++;
}

static struct write_outcome copy_outcome(struct arena *a, const struct write_outcome *o)
{
	struct write_outcome copied = *o;

	if (o->status.code == STATUS_OK)
		copied.result.id = arena_string(a, text_of(o->result.id));
	else
		copied.status.message = arena_string(a, text_of(o->status.message));
	if (o->status.field)
		copied.status.field = arena_string(a, text_of(o->status.field));
	return copied;
}

/* Outcomes come nearly in order. */
static void keep(struct writes *all, const struct write_outcome *o)
{
	size_t at = all->end.count;

	if (o->status.code == STATUS_OK && !all->written_too)
		return;
	while (at > 0 && all->outcomes[at - 1].index > o->index)
		at--;
	if (at == all->room)
		return;
	if (all->end.count < all->room)
		all->end.count++;
	memmove(&all->outcomes[at + 1], &all->outcomes[at],
		(all->end.count - at - 1) * sizeof(*all->outcomes));
	all->outcomes[at] = copy_outcome(all->arena, o);
}

/* --- one write -------------------------------------------------------------------------------- */

static bool has_room(const struct writes *all, int most)
{
	return all->under_way <= most && all->bytes <= BYTES_MOST;
}

static void free_writes(struct writes *all)
{
	struct arena *arena = all->arena;

	pthread_mutex_destroy(&all->lock);
	arena_free(&arena);
}

/* The write is over; both may be gone afterwards, and so may the call. */
static void end_write(struct write *w)
{
	struct writes *all = w->all;
	struct arena *arena = w->arena;
	struct call *waiting = NULL;

	pthread_mutex_lock(&all->lock);
	count(&all->end, &w->outcome);
	keep(all, &w->outcome);
	all->under_way--;
	all->bytes -= w->bytes;
	if (all->waiting && has_room(all, all->most)) {
		waiting = all->waiting;
		all->waiting = NULL;
	}
	call_step *then = all->then;
	bool last = all->left && all->under_way == 0;
	pthread_mutex_unlock(&all->lock);
	arena_free(&arena);
	if (last)
		free_writes(all);
	if (waiting)
		call_resume(waiting, then);
}

static void done(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct write *w = (struct write *)job;
	struct write_outcome *o = &w->outcome;

	if (error)
		o->status = *error;
	else
		record_result(w->arena, rows, row, &o->result, &o->status);
	end_write(w);
}

/* --- of a call -------------------------------------------------------------------------------- */

static void leave(struct call *c)
{
	struct writes *all = c->state;

	pthread_mutex_lock(&all->lock);
	all->left = true;
	bool last = all->under_way == 0;
	pthread_mutex_unlock(&all->lock);
	if (last)
		free_writes(all);
}

/* What records tell of the caller, for those that outlive the call. */
static struct caller copy_caller(struct arena *a, const struct caller *caller)
{
	return (struct caller){
		.address = arena_text(a, caller->address),
		.application = arena_text(a, caller->application),
		.user = arena_text(a, caller->user),
		.roles = arena_text(a, caller->roles),
		.trace.id = arena_text(a, caller->trace.id),
	};
}

void writes_begin(struct call *c, size_t room, bool written_too)
{
	struct arena *a = arena_new(0);
	struct writes *all = ARENA_NEW(a, struct writes);

	all->arena = a;
	all->caller = copy_caller(a, &c->caller);
	CHECK(pthread_mutex_init(&all->lock, NULL) == 0);
	all->written_too = written_too;
	all->room = room;
	all->outcomes = arena_array(a, room, sizeof(*all->outcomes));
	all->end.outcomes = all->outcomes;
	c->state = all;
	c->at_end = leave;
}

static void enter(struct writes *all, struct write *w)
{
	w->bytes = arena_used(w->arena);
	pthread_mutex_lock(&all->lock);
	all->under_way++;
	all->bytes += w->bytes;
	pthread_mutex_unlock(&all->lock);
}

void writes_add(struct call *c, struct arena *arena, const Audit__WriteRequest *in)
{
	struct writes *all = c->state;
	struct write *w = ARENA_NEW(arena, struct write);
	struct status *status = &w->outcome.status;

	w->all = all;
	w->arena = arena;
	w->outcome.index = all->added++;
	bool good = record_read(arena, &all->caller, in, &w->record, status);
	w->job = (struct append_job){
		.log = &record_log,
		.columns = w->record.columns,
		.deadline = call_lane_deadline(c),
		.done = done,
	};
	enter(all, w);
	if (!good) {
		end_write(w);
	} else if (!lane_append(call_lanes(), &w->job)) {
		status_set(status, arena, STATUS_RESOURCE_EXHAUSTED, "too many writes are waiting");
		end_write(w);
	}
}

enum next writes_wait(struct call *c, int most, call_step *then)
{
	struct writes *all = c->state;

	pthread_mutex_lock(&all->lock);
	bool wait = !has_room(all, most);
	if (wait) {
		all->waiting = c;
		all->most = most;
		all->then = then;
	}
	pthread_mutex_unlock(&all->lock);
	return wait ? call_parked(c) : then(c);
}

const struct writes_end *writes_end(const struct call *c)
{
	const struct writes *all = c->state;

	return &all->end;
}
