/*
 * As long as there is much to do one step follows the other; else it looks again after a while.
 * What a step may take is bounded by time, and records may be long: one that fails is tried with
 * half as many, one that succeeds makes the next one larger.
 */
#include "server/audit/indexer.h"

#include "base/metric.h"
#include "server/lane/errand.h"

enum {
	AGAIN_MS = 200,
	FAILED_MS = 1000,
	RECORDS_LEAST = 1,
	RECORDS_MOST = 4096,
};

static const struct statement index_next = {
	.name = "audit_index_next",
	.sql = "SELECT r_indexed, r_behind FROM audit.index_next($1::integer)",
	.parameters = 1,
};

static struct {
	struct errand errand;
	struct loop_task starting;
	struct loop_timer *next;
	int64_t most, indexed;
	atomic_llong behind;
} indexer;

static struct metric records_indexed = {
	.name = "junction_audit_indexed_total",
	.help = "Audit records that this server has indexed.",
	.kind = METRIC_COUNTER,
};

static double behind(size_t index)
{
	return (double)atomic_load(&indexer.behind);
}

static struct metric records_behind = {
	.name = "junction_audit_unindexed",
	.help = "About how many audit records waited to be indexed after this server's last step.",
	.kind = METRIC_GAUGE,
	.read = behind,
};

static void step(void *arg)
{
	struct errand *e = &indexer.errand;

	loop_timer_stop(&indexer.next);
	errand_begin(e);
	struct text *most = ARENA_NEW(e->arena, struct text);
	*most = text_of(arena_printf(e->arena, "%lld", (long long)indexer.most));
	indexer.indexed = 0;
	errand_send(e, &index_next, most);
}

static void read_step(struct errand *e, const struct rows *rows)
{
	indexer.indexed = rows_int64(rows, 0, 0);
	atomic_store(&indexer.behind, rows_int64(rows, 0, 1));
	metric_add(&records_indexed, 0, indexer.indexed);
}

static void adapt(bool failed)
{
	if (failed)
		indexer.most = indexer.most / 2 > RECORDS_LEAST ? indexer.most / 2 : RECORDS_LEAST;
	else if (indexer.indexed == indexer.most)
		indexer.most = indexer.most * 2 < RECORDS_MOST ? indexer.most * 2 : RECORDS_MOST;
}

static void stepped(struct errand *e)
{
	bool full = !e->failed && indexer.indexed == indexer.most;

	adapt(e->failed);
	indexer.next = loop_after(e->home, full ? 0 : e->failed ? FAILED_MS : AGAIN_MS, step, NULL);
}

static void start(struct loop_task *task)
{
	step(NULL);
}

void indexer_start(struct lanes *lanes)
{
	indexer.errand = (struct errand){
		.lanes = lanes,
		.home = lane_loop(lanes, 0),
		.read = read_step,
		.landed = stepped,
	};
	indexer.most = RECORDS_MOST;
	indexer.starting.run = start;
	metric_register(&records_indexed);
	metric_register(&records_behind);
	loop_post(indexer.errand.home, &indexer.starting);
}

void indexer_stop(void)
{
	errand_end(&indexer.errand);
}
