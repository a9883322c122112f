/* Keys of a batch are kept distinct by a hash set of job indices that is built while it is filled.
 */
#include "server/lane/append_batch.h"

#include <stdlib.h>

#include "base/check.h"
#include "server/db/array.h"

#define ROWS_MOST 1000
#define KEY_SLOTS 2048 /* a power of two, above ROWS_MOST */

struct key_set {
	bool any;
	short rows[KEY_SLOTS]; /* index of the job + 1; 0: free */
};

/* True if the batch has no row of that key; notes that its next row has it. */
static bool claim_key(struct key_set *keys, const struct append_batch *b, struct text key)
{
	uint32_t i = lane_key_hash(key) % KEY_SLOTS;
	if (!key.size)
		return true;
	for (; keys->rows[i]; i = (i + 1) % KEY_SLOTS)
		if (text_equal(b->jobs[keys->rows[i] - 1]->key, key))
			return false;
	keys->rows[i] = (short)(b->count + 1);
	keys->any = true;
	return true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct append_job *a = *(struct append_job *const *)left;
	const struct append_job *b = *(struct append_job *const *)right;
	return text_compare(a->key, b->key);
}

struct append_batch *append_batch_new(
	struct append_lane *lane, const struct append_log *log, int room)
{
	struct append_batch *b =
		check_calloc(1, sizeof(*b) + (size_t)room * sizeof(struct append_job *));
	b->lane = lane;
	b->log = log;
	return b;
}

struct append_batch *append_batch_take(struct append_lane *lane)
{
	const struct append_log *log = lane->first->log;
	struct append_batch *b = append_batch_new(lane, log, log->batch);
	struct key_set keys = {0};
	struct append_job **link = &lane->first;
	lane->last = NULL;
	while (*link) {
		struct append_job *job = *link;
		if (b->count < log->batch && job->log == log && claim_key(&keys, b, job->key)) {
			*link = job->next;
			b->jobs[b->count++] = job;
			lane_leave(&lane->queued);
		} else {
			lane->last = job;
			link = &job->next;
		}
	}
	if (keys.any)
		qsort(b->jobs, (size_t)b->count, sizeof(struct append_job *), compare_keys);
	return b;
}

struct append_batch *append_batch_part(const struct append_batch *b, int from, int until)
{
	struct append_batch *part = append_batch_new(b->lane, b->log, until - from);
	part->count = until - from;
	for (int i = from; i < until; i++)
		part->jobs[i - from] = b->jobs[i];
	return part;
}

void append_batch_pack(struct append_batch *b)
{
	int count = 0;
	for (int i = 0; i < b->count; i++)
		if (b->jobs[i])
			b->jobs[count++] = b->jobs[i];
	b->count = count;
}

const struct text *append_batch_arrays(const struct append_batch *b, struct arena *a)
{
	struct text *arrays = arena_array(a, (size_t)b->log->columns, sizeof(*arrays));
	for (int column = 0; column < b->log->columns; column++) {
		struct buffer out = {.arena = a};
		for (int i = 0; i < b->count; i++)
			array_add(&out, b->jobs[i]->columns[column]);
		arrays[column] = array_text(&out);
	}
	return arrays;
}

void append_batch_deliver(struct append_batch *b, const struct rows *rows)
{
	int row_of[ROWS_MOST];
	for (int i = 0; i < b->count; i++)
		row_of[i] = -1;
	for (int row = 0; row < rows_count(rows); row++) {
		int64_t position = rows_int64(rows, row, 0);
		CHECK(position >= 1 && position <= b->count);
		row_of[position - 1] = row;
	}
	for (int i = 0; i < b->count; i++) {
		struct append_job *job = b->jobs[i];
		if (job)
			job->done(job, rows, row_of[i], NULL);
	}
}

void append_batch_fail(struct append_batch *b, const struct status *why)
{
	for (int i = 0; i < b->count; i++)
		if (b->jobs[i])
			b->jobs[i]->done(b->jobs[i], NULL, -1, why);
}

bool append_batch_sweep(struct append_batch *b)
{
	const struct status *why;
	bool left = false;
	for (int i = 0; i < b->count; i++) {
		struct append_job *job = b->jobs[i];
		if (job && lane_job_over(job->deadline, job->cancelled, &why)) {
			b->jobs[i] = NULL;
			job->done(job, NULL, -1, why);
		}
		left |= b->jobs[i] != NULL;
	}
	return left;
}
