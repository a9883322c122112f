/*
 * Two sources tell of new events, and each event counts once: `applied` is the position up to which
 * all of the log has been applied. What this server has published says what is before it: if that
 * is applied, it is next. Else it waits, in order, for what fills the gap: another of this server's
 * own, or the log, which is asked when the gap has stayed for 2 ms.
 */
#include <stdlib.h>

#include "base/check.h"
#include "server/event/delivery/engine_priv.h"

enum {
	GAP_MS = 2,
	WAITING_MOST = 20000, /* beyond that the log tells */
	ASK_MS = 5000,
};

struct published {
	struct loop_task task; /* first */
	struct published *next;
	int64_t position, previous;
	struct text key;
	size_t count;
	int queues[];
};

static struct {
	struct follower *follower;
	int64_t applied, told;
	bool loaded;
	struct published *waiting; /* by position */
	struct published *last;
	size_t count;
	struct loop_timer *gap;
	struct follow_job asking;
	bool busy;
	atomic_bool never;
} tail;

static struct bell bell;

static void apply_event(int64_t position, const int *queues, size_t count, struct text key)
{
	for (size_t i = 0; i < count; i++) {
		struct active *a = active_find(queues[i]);

		/* One that is to be loaded lacks what is before it, and will load it, too. */
		if (!a || (a->anew && !a->queue.loading))
			continue;
		queue_append(&a->queue, position, key);
		active_rouse(a);
	}
	tail.applied = position;
}

/* --- what this server publishes --------------------------------------------------------------- */

static struct published *pop(void)
{
	struct published *p = tail.waiting;

	tail.waiting = p->next;
	if (!tail.waiting)
		tail.last = NULL;
	tail.count--;
	return p;
}

static void push(struct published *p)
{
	struct published **link = &tail.waiting;

	if (tail.last && tail.last->position < p->position)
		link = &tail.last->next;
	while (*link && (*link)->position < p->position)
		link = &(*link)->next;
	p->next = *link;
	*link = p;
	if (!p->next)
		tail.last = p;
	tail.count++;
}

/* Those that are next, or have been. */
static void drain(void)
{
	int64_t before = tail.applied;

	while (tail.waiting && (tail.waiting->previous <= tail.applied ||
				       tail.waiting->position <= tail.applied)) {
		struct published *p = pop();

		if (p->position > tail.applied)
			apply_event(p->position, p->queues, p->count, p->key);
		free(p);
	}
	if (tail.applied > before)
		follower_skip(tail.follower, tail.applied);
	if (tail.applied != tail.told)
		bell_ring(call_streams(), &bell);
	tail.told = tail.applied;
}

static void ask_log(void *arg);

static void watch_gap(void)
{
	if (tail.waiting && !tail.gap && !tail.busy)
		tail.gap = loop_after(engine.options.home, GAP_MS, ask_log, NULL);
}

static void asked(struct follow_job *job, const struct status *error)
{
	tail.busy = false;
	watch_gap();
}

static void ask_log(void *arg)
{
	loop_timer_stop(&tail.gap);
	if (!tail.waiting || tail.busy)
		return;
	tail.busy = true;
	tail.asking = (struct follow_job){
		.deadline = clock_now() + ASK_MS * CLOCK_MS,
		.cancelled = &tail.never,
		.done = asked,
	};
	follower_wait(tail.follower, &tail.asking);
}

static void arrive(struct loop_task *task)
{
	struct published *p = (struct published *)task;

	if (p->position <= tail.applied || tail.count == WAITING_MOST) {
		free(p);
		return;
	}
	push(p);
	if (!tail_ready())
		return;
	drain();
	watch_gap();
}

void engine_published(
	int64_t position, int64_t previous, const int *queues, size_t count, struct text key)
{
	size_t size = sizeof(struct published) + count * sizeof *queues;
	struct published *p = check_malloc(size + key.size);

	*p = (struct published){
		.task.run = arrive,
		.position = position,
		.previous = previous,
		.key = {(char *)p + size, key.size},
		.count = count,
	};
	if (count)
		memcpy(p->queues, queues, count * sizeof *queues);
	if (key.size)
		memcpy((char *)p + size, key.data, key.size);
	loop_post(engine.options.home, &p->task);
}

/* --- what the log tells ----------------------------------------------------------------------- */

static const struct statement head_statement = {
	.name = "event_head",
	.sql = "SELECT event.head(), coalesce((SELECT max(number) FROM event.opened), 0)",
	.parameters = 0,
};

static const struct statement follow_statement = {
	.name = "event_follow",
	.sql = "SELECT r_position, r_queues, r_key FROM event.follow($1::bigint, $2::integer)",
	.parameters = 2,
};

struct entry {
	int64_t position;
	const int *queues;
	size_t count;
	struct text key;
};

/* "{1,2}" */
static void read_queues(struct arena *a, struct text array, struct entry *entry)
{
	int *queues = arena_array(a, array.size / 2 + 1, sizeof *queues);
	size_t at = 1;

	while (at + 1 < array.size) {
		size_t end = text_find(array, ',', at);
		int64_t number;

		if (end == array.size)
			end--;
		CHECK(text_to_int64((struct text){array.data + at, end - at}, &number));
		queues[entry->count++] = (int)number;
		at = end + 1;
	}
	entry->queues = queues;
}

static void read_log(void *arg, const struct rows *rows, struct follower_step *step)
{
	int count = rows_count(rows);
	struct entry *entries = arena_array(step->arena, (size_t)count, sizeof *entries);

	if (count)
		step->position = rows_int64(rows, count - 1, 0);
	if (step->loading) {
		step->changes = ARENA_NEW(step->arena, int64_t);
		*(int64_t *)step->changes = rows_int64(rows, 0, 1);
		return;
	}
	for (int row = 0; row < count; row++) {
		entries[row].position = rows_int64(rows, row, 0);
		read_queues(step->arena, rows_text(rows, row, 1), &entries[row]);
		entries[row].key = arena_text(step->arena, rows_text(rows, row, 2));
	}
	step->changes = entries;
	step->count = (size_t)count;
	step->more = count == FOLLOWER_ROWS;
}

static bool apply_log(void *arg, const struct follower_step *step)
{
	const struct entry *entries = step->changes;

	if (step->loading) {
		tail.applied = step->position;
		tail.loaded = true;
		states_begin(*(const int64_t *)step->changes);
		active_load_all_anew();
	}
	for (size_t i = 0; i < step->count; i++)
		if (entries[i].position > tail.applied)
			apply_event(entries[i].position, entries[i].queues, entries[i].count,
				entries[i].key);
	drain();
	return true;
}

static const struct followed event_log = {
	.name = "events",
	.load = &head_statement,
	.follow = &follow_statement,
	.read = read_log,
	.apply = apply_log,
};

/* --- life ------------------------------------------------------------------------------------- */

void tail_start(void)
{
	tail.follower = follower_start(&event_log, NULL, engine.options.lanes, engine.options.home,
		engine.options.poll_ms);
}

struct bell *engine_bell(void)
{
	return &bell;
}

bool tail_ready(void)
{
	return tail.loaded;
}

int64_t tail_position(void)
{
	return tail.applied;
}

void tail_wait(struct follow_job *job)
{
	follower_wait(tail.follower, job);
}

int64_t tail_known(void)
{
	return follower_revision(tail.follower);
}

int64_t tail_current_at(void)
{
	return follower_current_at(tail.follower);
}

void tail_stop(void)
{
	while (tail.waiting)
		free(pop());
	follower_free(&tail.follower);
	memset(&tail, 0, sizeof tail);
}
