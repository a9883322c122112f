/* What is not in memory is read in rounds: a round gives the next of them in order of position, as
 * many as go into ROUND_BYTES and one more, and the next round asks for those behind its last. */
#include <stdlib.h>

#include "server/db/array.h"
#include "server/notice/template/content_priv.h"

#define ROUND_BYTES "4194304"

static const struct statement read_contents = {
	.name = "notice_contents",
	.sql = "SELECT * FROM (SELECT c.*, sum(c.r_bytes) OVER "
	       "(ORDER BY c.r_position ROWS UNBOUNDED PRECEDING) - c.r_bytes AS before "
	       "FROM notice.content($1::bigint[]) AS c) AS c WHERE c.before < " ROUND_BYTES
	       " ORDER BY c.r_position",
	.parameters = 1,
};

struct getting {
	struct sql_job sql; /* first */
	struct lanes *lanes;
	struct content_job *job;
	struct arena *arena;
	const struct content **contents; /* as the job's positions; held */
	int64_t *missing;                /* in order */
	size_t missing_count;
	struct text parameter;
};

static void finish(struct getting *g, const struct status *error)
{
	struct content_job *job = g->job;
	struct arena *arena = g->arena;
	const struct content **contents = g->contents;
	size_t count = job->count;

	/* The job may be gone when done() has ended. */
	job->done(job, error ? NULL : contents, error);
	for (size_t i = 0; i < count; i++)
		content_release(&contents[i]);
	arena_free(&arena);
}

static void take(struct getting *g, const struct content *c, int64_t position)
{
	for (size_t i = 0; i < g->job->count; i++)
		if (g->job->positions[i] == position && !g->contents[i])
			g->contents[i] = content_share(c);
}

/* The position of the last row. */
static int64_t take_rows(struct getting *g, const struct rows *rows)
{
	int64_t position = 0;

	for (int row = 0; row < rows_count(rows); row++) {
		const struct content *c = content_read(rows, row);

		position = rows_int64(rows, row, 0);
		if (!c)
			continue;
		content_cache_put(c);
		take(g, c, position);
		content_release(&c);
	}
	return position;
}

static void ask(struct getting *g);

static void answered(struct sql_job *job, const struct rows *rows, const struct status *error)
{
	struct getting *g = (struct getting *)job;

	if (!rows) {
		finish(g, error);
		return;
	}
	int64_t last = take_rows(g, rows);
	size_t behind = rows_count(rows) > 0 ? 0 : g->missing_count;
	while (behind < g->missing_count && g->missing[behind] <= last)
		behind++;
	g->missing += behind;
	g->missing_count -= behind;
	if (g->missing_count > 0)
		ask(g);
	else
		finish(g, NULL);
}

static void ask(struct getting *g)
{
	static const struct status full = {STATUS_UNAVAILABLE, "the lane is full", NULL};
	struct buffer positions = {.arena = g->arena};

	for (size_t i = 0; i < g->missing_count; i++)
		array_add_number(&positions, g->missing[i]);
	g->parameter = array_text(&positions);
	g->sql = (struct sql_job){
		.statement = &read_contents,
		.parameters = &g->parameter,
		.deadline = g->job->deadline,
		.done = answered,
	};
	if (!lane_query(g->lanes, &g->sql))
		finish(g, &full);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void content_get(struct lanes *lanes, struct content_job *job)
{
	struct arena *a = arena_new(0);
	struct getting *g = ARENA_NEW(a, struct getting);

	*g = (struct getting){.lanes = lanes, .job = job, .arena = a};
	g->contents = arena_array(a, job->count, sizeof(*g->contents));
	g->missing = arena_array(a, job->count, sizeof(*g->missing));
	for (size_t i = 0; i < job->count; i++) {
		g->contents[i] = content_cache_find(job->positions[i]);
		if (!g->contents[i])
			g->missing[g->missing_count++] = job->positions[i];
	}
	qsort(g->missing, g->missing_count, sizeof(*g->missing), compare);
	if (g->missing_count > 0)
		ask(g);
	else
		finish(g, NULL);
}
