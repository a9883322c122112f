/*
 * Kept in memory are attachments that somebody holds, and of the others those that were held last,
 * IDLE_BYTES together. One that is not there is loaded part by part, once for all who wait for it:
 * each part may take as long as the last of them waits.
 */
#include "server/notice/attachment/attachment.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/table.h"
#include "server/lane/keeping.h"
#include "server/notice/attachment/parts.h"

enum {
	IDLE_BYTES = 64 << 20,
	IDLE_MOST = 1000,
	SWEEP_MOST = 20, /* in a step */
	ID_SIZE = 36,
};

struct attachment_bytes {
	char id[ID_SIZE];
	char *data;
	size_t size;
	int references;
	TAILQ_ENTRY(attachment_bytes) in_idle; /* without references */
};

struct loading {
	struct sql_job job; /* first */
	struct lanes *lanes;
	struct attachment_job *waiting; /* by their own */
	struct attachment_bytes *bytes; /* its size: as far as it has come */
	size_t size;                    /* in all */
	int number;                     /* of the part that is being read */
	struct arena *arena;            /* of one statement */
	struct text parameters[2];
};

static const struct statement find_size = {
	.name = "notice_attachment_size",
	.sql = "SELECT size FROM notice.attachment WHERE id = $1::uuid",
	.parameters = 1,
};

static const struct statement sweep = {
	.name = "notice_sweep_attachments",
	.sql = "SELECT notice.sweep_attachments($1::integer)",
	.parameters = 1,
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct table kept = {.exact = true}, loadings = {.exact = true};
static TAILQ_HEAD(idle, attachment_bytes) idle = TAILQ_HEAD_INITIALIZER(idle);
static size_t idle_bytes, idle_count;
static struct keeping sweeping;

static const struct status gone = {STATUS_NOT_FOUND, "the attachment is not kept any more"};
static const struct status full = {STATUS_RESOURCE_EXHAUSTED, "too many reads are waiting"};

/* --- what is kept ----------------------------------------------------------------------------- */

static struct text key_of(const struct attachment_bytes *b)
{
	return (struct text){b->id, ID_SIZE};
}

static void free_bytes(struct attachment_bytes *b)
{
	free(b->data);
	free(b);
}

static void leave_idle(struct attachment_bytes *b)
{
	TAILQ_REMOVE(&idle, b, in_idle);
	idle_bytes -= b->size;
	idle_count--;
}

static void drop(struct attachment_bytes *b)
{
	leave_idle(b);
	table_remove(&kept, key_of(b));
	free_bytes(b);
}

struct text attachment_text(const struct attachment_bytes *bytes)
{
	return (struct text){bytes->data, bytes->size};
}

void attachment_release(const struct attachment_bytes **bytes)
{
	struct attachment_bytes *b = (struct attachment_bytes *)*bytes;

	*bytes = NULL;
	if (!b)
		return;
	pthread_mutex_lock(&mutex);
	if (--b->references == 0) {
		TAILQ_INSERT_TAIL(&idle, b, in_idle);
		idle_bytes += b->size;
		idle_count++;
		while (idle_bytes > IDLE_BYTES || idle_count > IDLE_MOST)
			drop(TAILQ_FIRST(&idle));
	}
	pthread_mutex_unlock(&mutex);
}

/* --- loading ---------------------------------------------------------------------------------- */

static void end_loading(struct loading *l, const struct status *error)
{
	struct attachment_bytes *b = error ? NULL : l->bytes;
	struct attachment_job *waiting;

	pthread_mutex_lock(&mutex);
	table_remove(&loadings, key_of(l->bytes));
	waiting = l->waiting;
	for (struct attachment_job *job = waiting; b && job; job = job->own)
		b->references++;
	if (b)
		table_put(&kept, key_of(b), b);
	pthread_mutex_unlock(&mutex);
	if (!b)
		free_bytes(l->bytes);
	while (waiting) {
		struct attachment_job *job = waiting;

		waiting = job->own;
		job->done(job, b, error);
	}
	arena_free(&l->arena);
	free(l);
}

static int64_t last_deadline(const struct loading *l)
{
	int64_t last = 0;

	pthread_mutex_lock(&mutex);
	for (const struct attachment_job *job = l->waiting; job; job = job->own)
		last = job->deadline > last ? job->deadline : last;
	pthread_mutex_unlock(&mutex);
	return last;
}

static void ask(struct loading *l, const struct statement *statement,
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error))
{
	l->parameters[0] = arena_text(l->arena, key_of(l->bytes));
	l->job = (struct sql_job){
		.statement = statement,
		.parameters = l->parameters,
		.deadline = last_deadline(l),
		.done = done,
	};
	if (!lane_query(l->lanes, &l->job))
		end_loading(l, &full);
}

/* Of who came later the time may not be up. */
static void reading_failed(struct loading *l, const struct status *error)
{
	if (error->code == STATUS_DEADLINE_EXCEEDED && last_deadline(l) > clock_now())
		ask(l, l->job.statement, l->job.done);
	else
		end_loading(l, error);
}

static void next_part(struct loading *l);

static void part_arrived(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct loading *l = (struct loading *)job;
	struct attachment_bytes *b = l->bytes;
	struct text part;

	if (error) {
		reading_failed(l, error);
		return;
	}
	if (!part_read(l->arena, rows, &part) || part.size > l->size - b->size) {
		end_loading(l, &gone);
		return;
	}
	memcpy(b->data + b->size, part.data, part.size);
	b->size += part.size;
	next_part(l);
}

static void next_part(struct loading *l)
{
	if (l->bytes->size == l->size) {
		end_loading(l, NULL);
		return;
	}
	arena_clear(l->arena);
	l->parameters[1] = text_of(arena_printf(l->arena, "%d", ++l->number));
	ask(l, &part_statement, part_arrived);
}

static void size_arrived(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct loading *l = (struct loading *)job;

	if (error) {
		reading_failed(l, error);
		return;
	}
	if (rows_count(rows) == 0) {
		end_loading(l, &gone);
		return;
	}
	l->size = (size_t)rows_int64(rows, 0, 0);
	l->bytes->data = check_malloc(l->size);
	next_part(l);
}

/* Under the lock. */
static struct loading *begin_loading(struct lanes *lanes, struct attachment_job *job)
{
	struct loading *l = check_calloc(1, sizeof(*l));

	CHECK(job->id.size == ID_SIZE);
	l->lanes = lanes;
	l->waiting = job;
	l->arena = arena_new(0);
	l->bytes = check_calloc(1, sizeof(*l->bytes));
	memcpy(l->bytes->id, job->id.data, ID_SIZE);
	table_put(&loadings, key_of(l->bytes), l);
	return l;
}

void attachment_get(struct lanes *lanes, struct attachment_job *job)
{
	struct loading *begun = NULL;

	job->own = NULL;
	pthread_mutex_lock(&mutex);
	struct attachment_bytes *there = table_get(&kept, job->id);
	struct loading *l = there ? NULL : table_get(&loadings, job->id);
	if (there) {
		if (there->references++ == 0)
			leave_idle(there);
	} else if (l) {
		job->own = l->waiting;
		l->waiting = job;
	} else {
		begun = begin_loading(lanes, job);
	}
	pthread_mutex_unlock(&mutex);
	if (there)
		job->done(job, there, NULL);
	else if (begun)
		ask(begun, &find_size, size_arrived);
}

void attachment_start(struct lanes *lanes, const struct notice_options *options)
{
	keeping_start_steps(&sweeping, lanes, &sweep, SWEEP_MOST);
}

void attachment_stop(void)
{
	keeping_end(&sweeping);
	while (!TAILQ_EMPTY(&idle))
		drop(TAILQ_FIRST(&idle));
	table_clear(&kept);
	table_clear(&loadings);
}
