/*
 * Each write has a job and an arena of its own. What is to be handed to the lane stands in a line,
 * by index, and one thread at a time takes from its front: who adds, who brings back the last
 * answer, or who made ready. All rows of a call go through one lane thread, so they keep the order
 * of the line.
 *
 * Threads meet at one lock, held for a few assignments: under it a write is counted, its outcome
 * copied to where outcomes are kept, and the call taken out of its place if it waits there for
 * this. What follows from that, who changed it does after the lock (go_on).
 *
 * Memory is bounded by what may be under way and what is kept, however many come: a client that is
 * faster than the log is not read from.
 */
#include "server/writes.h"

#include <limits.h>
#include <pthread.h>

#include "base/check.h"

#define BYTES_MOST (16 * 1024 * 1024) /* of requests under way; a single one may have more */

struct writes {
	const struct writes_kind *kind;
	void *shared;
	pthread_mutex_t lock;
	struct arena *arena; /* its own home; outcomes, under the lock */
	struct caller caller;
	unsigned line_number; /* of append jobs */
	int64_t added;

	int users; /* the call, each write, and who hands over or makes ready */
	int under_way;
	size_t bytes;
	TAILQ_HEAD(writes_line, write) line;
	int in_lane;
	bool handing, renewing;
	bool held_up; /* one says "again": nothing is handed over until it is renewed */

	call_step *end_stream; /* of writes_stream() */

	struct call *waiting; /* NULL: it does not */
	int most;
	call_step *then;

	bool written_too;
	size_t room;
	struct write_outcome *outcomes;
	struct writes_end end;
};

/* --- outcomes --------------------------------------------------------------------------------- */

static void count(struct writes_end *end, const struct write_outcome *o)
{
	if (o->status.code != STATUS_OK)
		end->refused++;
	else if (o->repeated)
		end->repeated++;
	else
		end->written++;
}

static struct write_outcome copy_outcome(struct arena *a, const struct write_outcome *o)
{
	struct write_outcome copied = *o;

	if (o->status.code == STATUS_OK)
		copied.id = arena_string(a, text_of(o->id));
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

/* --- under the lock --------------------------------------------------------------------------- */

static bool has_room(const struct writes *all, int most)
{
	return all->under_way <= most && all->bytes <= BYTES_MOST;
}

/* The write is over. Gives what it leaves to be freed. */
static struct arena *close_write(struct write *w)
{
	struct writes *all = w->all;

	count(&all->end, &w->outcome);
	keep(all, &w->outcome);
	all->under_way--;
	all->bytes -= w->bytes;
	all->users--;
	return w->arena;
}

/* In its place: before what has been added since it was handed over. */
static void stand_in_line(struct write *w)
{
	struct writes *all = w->all;
	struct write *before = TAILQ_LAST(&all->line, writes_line);

	while (before && before->outcome.index > w->outcome.index)
		before = TAILQ_PREV(before, writes_line, in_line);
	if (before)
		TAILQ_INSERT_AFTER(&all->line, before, w, in_line);
	else
		TAILQ_INSERT_HEAD(&all->line, w, in_line);
}

/* The write is not in the lane any more. Gives what it leaves to be freed, or NULL. */
static struct arena *come_back(struct write *w, enum write_step step)
{
	struct writes *all = w->all;

	if (--all->in_lane == 0 && all->kind->settled)
		all->kind->settled(all->shared);
	if (step != WRITE_AGAIN)
		return close_write(w);
	stand_in_line(w);
	all->held_up = true;
	return NULL;
}

/* --- what follows ----------------------------------------------------------------------------- */

static void free_writes(struct writes *all)
{
	struct arena *arena = all->arena;

	pthread_mutex_destroy(&all->lock);
	arena_free(&arena);
}

/* Unlocks, and does what follows from what was changed. The writes may be gone afterwards, and so
 * may the call. */
static void go_on(struct writes *all)
{
	struct call *waiting = NULL;
	call_step *then = all->then;
	bool renew = all->held_up && !all->renewing && !all->handing && all->in_lane == 0;

	if (renew) {
		all->renewing = true;
		all->users++;
	}
	if (all->waiting && has_room(all, all->most)) {
		waiting = all->waiting;
		all->waiting = NULL;
	}
	bool last = all->users == 0;
	pthread_mutex_unlock(&all->lock);
	if (last)
		free_writes(all);
	if (renew)
		all->kind->renew(all, all->shared);
	if (waiting)
		call_resume(waiting, then);
}

/* The write may be gone when it goes. */
static enum write_step hand_over(struct write *w)
{
	const struct writes_kind *kind = w->all->kind;
	enum write_step step = kind->prepare ? kind->prepare(w, w->all->shared) : WRITE_GO;

	if (step != WRITE_GO || lane_append(call_lanes(), &w->job))
		return step;
	status_set(&w->outcome.status, w->arena, STATUS_RESOURCE_EXHAUSTED,
		"too many writes are waiting");
	return WRITE_REFUSED;
}

/* With the lock, which it leaves. Takes from the front of the line unless somebody does. */
static void hand_over_line(struct writes *all)
{
	bool mine = !all->handing;
	struct write *w;

	while (mine && !all->held_up && (w = TAILQ_FIRST(&all->line))) {
		TAILQ_REMOVE(&all->line, w, in_line);
		all->handing = true;
		all->in_lane++;
		all->users++;
		pthread_mutex_unlock(&all->lock);
		enum write_step step = hand_over(w);
		pthread_mutex_lock(&all->lock);
		all->users--;
		struct arena *left = step == WRITE_GO ? NULL : come_back(w, step);
		arena_free(&left);
	}
	if (mine)
		all->handing = false;
	go_on(all);
}

static void done(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct write *w = (struct write *)job;
	struct writes *all = w->all;
	enum write_step step = WRITE_REFUSED;

	if (error)
		w->outcome.status = *error;
	else
		step = all->kind->finish(w, rows, row);
	pthread_mutex_lock(&all->lock);
	struct arena *left = come_back(w, step);
	go_on(all);
	arena_free(&left);
}

/* --- renewal ---------------------------------------------------------------------------------- */

void writes_each(struct writes *all, void (*look)(const struct write *w, void *arg), void *arg)
{
	const struct write *w;

	pthread_mutex_lock(&all->lock);
	TAILQ_FOREACH(w, &all->line, in_line)
	look(w, arg);
	pthread_mutex_unlock(&all->lock);
}

int64_t writes_deadline(struct writes *all)
{
	pthread_mutex_lock(&all->lock);
	int64_t deadline = TAILQ_LAST(&all->line, writes_line)->job.deadline;
	pthread_mutex_unlock(&all->lock);
	return deadline;
}

void writes_renewed(struct writes *all, const struct status *error)
{
	struct write *w;

	pthread_mutex_lock(&all->lock);
	while (error && (w = TAILQ_FIRST(&all->line))) {
		TAILQ_REMOVE(&all->line, w, in_line);
		w->outcome.status = *error;
		struct arena *left = close_write(w);
		arena_free(&left);
	}
	all->held_up = all->renewing = false;
	all->users--;
	hand_over_line(all);
}

/* --- of a call -------------------------------------------------------------------------------- */

static void leave(struct call *c)
{
	struct writes *all = c->state;

	pthread_mutex_lock(&all->lock);
	all->users--;
	go_on(all);
}

/* What rows tell of the caller, for those that outlive the call. */
static struct caller copy_caller(struct arena *a, const struct caller *caller)
{
	return (struct caller){
		.space = arena_text(a, caller->space),
		.address = arena_text(a, caller->address),
		.application = arena_text(a, caller->application),
		.user = arena_text(a, caller->user),
		.roles = arena_text(a, caller->roles),
		.trace.id = arena_text(a, caller->trace.id),
	};
}

void writes_begin(struct call *c, const struct writes_kind *kind, size_t room, bool written_too)
{
	static atomic_uint lines;
	struct arena *a = arena_new(0);
	struct writes *all = ARENA_NEW(a, struct writes);

	all->kind = kind;
	all->shared = arena_zero(a, kind->shared);
	all->arena = a;
	all->caller = copy_caller(a, &c->caller);
	all->line_number = 1 + atomic_fetch_add(&lines, 1) % INT_MAX;
	all->users = 1;
	TAILQ_INIT(&all->line);
	CHECK(pthread_mutex_init(&all->lock, NULL) == 0);
	all->written_too = written_too;
	all->room = room;
	all->outcomes = arena_array(a, room, sizeof(*all->outcomes));
	all->end.outcomes = all->outcomes;
	c->state = all;
	c->at_end = leave;
}

void writes_add(struct call *c, struct arena *arena, const ProtobufCMessage *in)
{
	struct writes *all = c->state;
	struct write *w = ARENA_NEW(arena, struct write);
	struct arena *left = NULL;

	w->all = all;
	w->arena = arena;
	w->thing = arena_zero(arena, all->kind->thing);
	w->outcome.index = all->added++;
	w->job = (struct append_job){
		.log = all->kind->log,
		.line = all->line_number,
		.deadline = call_lane_deadline(c),
		.done = done,
	};
	enum write_step step = all->kind->read(w, &all->caller, in);
	w->bytes = arena_used(arena);
	pthread_mutex_lock(&all->lock);
	all->users++;
	all->under_way++;
	all->bytes += w->bytes;
	if (step == WRITE_GO) {
		TAILQ_INSERT_TAIL(&all->line, w, in_line);
		hand_over_line(all);
	} else {
		left = close_write(w);
		go_on(all);
	}
	arena_free(&left);
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

static enum next received(struct call *c);

static enum next receive(struct call *c)
{
	return stream_receive(c, received);
}

static enum next received(struct call *c)
{
	const struct writes *all = c->state;
	const ProtobufCMessage *in = c->request;

	if (!in)
		return writes_wait(c, 0, all->end_stream);
	writes_add(c, stream_take_turn(c), in);
	return writes_wait(c, WRITES_MOST - 1, receive);
}

enum next writes_stream(
	struct call *c, const struct writes_kind *kind, size_t keep, call_step *then)
{
	writes_begin(c, kind, keep, false);
	((struct writes *)c->state)->end_stream = then;
	return receive(c);
}

const struct writes_end *writes_end(const struct call *c)
{
	const struct writes *all = c->state;

	return &all->end;
}
