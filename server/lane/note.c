/*
 * A note is an append job with an arena of its own. One that could not be written waits on a lane
 * thread's loop, whatever thread it comes from: other loops may end before.
 *
 * Whoever hands a job to the lanes holds the door's lock, and the end closes the door: so no job
 * comes to lanes that have stopped, and those inside end as any other.
 */
#include "server/lane/note.h"

#include <pthread.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum { AGAIN_MS = 500, NOTES_MAX = 20000 };

#define PATIENCE (60 * CLOCK_SECOND)
#define ATTEMPT  (10 * CLOCK_SECOND)

struct note {
	struct append_job job; /* first */
	struct loop_task waiting;
	struct arena *arena;
	struct text *columns;
	int64_t until;
	struct loop_timer *again;
};

static struct lanes *lanes_used;
static atomic_int under_way;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static bool closed; /* under the lock: nothing is handed over any more */

static struct metric lost = {
	.name = "junction_notes_lost_total",
	.help = "Rows that nobody waits for and that could not be written.",
	.kind = METRIC_COUNTER,
};

/* --- the end of a note ------------------------------------------------------------------------ */

static void end(struct note *n)
{
	struct arena *a = n->arena;

	loop_timer_stop(&n->again);
	arena_free(&a);
	atomic_fetch_sub(&under_way, 1);
}

static void give_up(struct note *n, const char *reason)
{
	metric_add(&lost, 0, 1);
	log_event(LOG_WARN, "row not written", LOG_TEXT("statement", n->job.log->statement->name),
		LOG_TEXT("reason", reason));
	end(n);
}

/* --- trying ----------------------------------------------------------------------------------- */

enum handed { HANDED_OVER, LANE_FULL, DOOR_CLOSED };

static enum handed hand_over(struct note *n)
{
	enum handed result;

	n->job.deadline = clock_now() + ATTEMPT;
	pthread_mutex_lock(&door);
	if (closed)
		result = DOOR_CLOSED;
	else
		result = lane_append(lanes_used, &n->job) ? HANDED_OVER : LANE_FULL;
	pthread_mutex_unlock(&door);
	return result;
}

static bool wait_on_lane(struct note *n)
{
	bool open;

	pthread_mutex_lock(&door);
	open = !closed;
	if (open)
		loop_post(lane_loop(lanes_used, 0), &n->waiting);
	pthread_mutex_unlock(&door);
	return open;
}

/* reason: why it could not be written yet. */
static void wait_or_give_up(struct note *n, const char *reason)
{
	if (clock_now() >= n->until || !wait_on_lane(n))
		give_up(n, reason);
}

static void submit(struct note *n)
{
	enum handed result = hand_over(n);

	if (result == LANE_FULL)
		wait_or_give_up(n, "too many writes are waiting");
	else if (result == DOOR_CLOSED)
		give_up(n, "the server is ending");
}

static void try_again(void *arg)
{
	struct note *n = arg;

	loop_timer_stop(&n->again);
	submit(n);
}

static void begin_waiting(struct loop_task *task)
{
	struct note *n = (struct note *)((char *)task - offsetof(struct note, waiting));

	n->again = loop_after(loop_current(), AGAIN_MS, try_again, n);
}

/* Of the database, not of the row. */
static bool may_pass(enum status_code code)
{
	return code == STATUS_UNAVAILABLE || code == STATUS_RESOURCE_EXHAUSTED ||
	       code == STATUS_DEADLINE_EXCEEDED || code == STATUS_ABORTED;
}

static void done(
	struct append_job *job, const struct rows *rows, int row, const struct status *error)
{
	struct note *n = (struct note *)job;

	if (!error)
		end(n);
	else if (may_pass(error->code))
		wait_or_give_up(n, error->message);
	else
		give_up(n, error->message);
}

void note(const struct append_log *log, struct text key, const struct text *columns)
{
	struct arena *a = arena_new(0);
	struct note *n = ARENA_NEW(a, struct note);

	n->arena = a;
	n->until = clock_now() + PATIENCE;
	n->waiting.run = begin_waiting;
	n->columns = arena_array(a, (size_t)log->columns, sizeof(struct text));
	for (int i = 0; i < log->columns; i++)
		if (columns[i].data)
			n->columns[i] = arena_text(a, columns[i]);
	n->job = (struct append_job){
		.log = log, .key = arena_text(a, key), .columns = n->columns, .done = done};
	if (atomic_fetch_add(&under_way, 1) >= NOTES_MAX)
		give_up(n, "too many rows are waiting");
	else
		submit(n);
}

/* --- start and end ---------------------------------------------------------------------------- */

void notes_start(struct lanes *lanes)
{
	pthread_mutex_lock(&door);
	lanes_used = lanes;
	closed = false;
	pthread_mutex_unlock(&door);
	metric_register(&lost);
}

static void wait_until(int64_t until)
{
	while (atomic_load(&under_way) > 0 && clock_now() < until)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void notes_finish(int64_t until)
{
	wait_until(until);
	pthread_mutex_lock(&door);
	closed = true;
	pthread_mutex_unlock(&door);
	/* Those that wait give up when their time has come. */
	wait_until(clock_now() + 2 * AGAIN_MS * CLOCK_MS);
}
