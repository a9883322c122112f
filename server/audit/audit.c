/* The service's start and end, and what is done now and then: months, the index, and keys that have
 * expired: these in steps, since there may be millions of them. */
#include "server/audit/audit.h"

#include "server/audit/indexer.h"
#include "server/audit/point.h"
#include "server/audit/record.h"
#include "server/lane/keeping.h"

enum { FORGET_MOST = 5000, FORGET_EVERY_MS = 60 * 1000 };

static const struct statement keep_records = {
	.name = "audit_keep_records",
	.sql = "SELECT audit.keep_records($1::integer)",
	.parameters = 1,
};

static const struct statement forget_keys = {
	.name = "audit_forget_keys",
	.sql = "SELECT audit.forget_keys($1::integer)",
	.parameters = 1,
};

static struct keeping months;

static struct {
	struct errand errand; /* first */
	struct loop_task starting;
	struct loop_timer *next;
	bool more;
} keys;

/* --- keys that have expired ------------------------------------------------------------------- */

static void forget(void *arg)
{
	struct errand *e = &keys.errand;

	loop_timer_stop(&keys.next);
	errand_begin(e);
	struct text *most = ARENA_NEW(e->arena, struct text);
	*most = text_of(arena_printf(e->arena, "%d", FORGET_MOST));
	keys.more = false;
	errand_send(e, &forget_keys, most);
}

static void read_forgotten(struct errand *e, const struct rows *rows)
{
	keys.more = rows_int64(rows, 0, 0) == FORGET_MOST;
}

static void forgotten(struct errand *e)
{
	keys.next = loop_after(e->home, keys.more ? 0 : FORGET_EVERY_MS, forget, NULL);
}

static void start_forgetting(struct loop_task *task)
{
	forget(NULL);
}

/* --- start and end ---------------------------------------------------------------------------- */

void audit_start(const struct audit_options *options, struct lanes *lanes)
{
	record_start(options->idempotency_hours);
	keeping_start(&months, lanes, &keep_records, (int)options->days);
	indexer_start(lanes);
	point_start(lanes);
	keys.errand = (struct errand){
		.lanes = lanes,
		.home = lane_loop(lanes, 0),
		.read = read_forgotten,
		.landed = forgotten,
	};
	keys.starting.run = start_forgetting;
	loop_post(keys.errand.home, &keys.starting);
}

bool audit_ready(void)
{
	return point_ready();
}

void audit_stop(void)
{
	errand_end(&keys.errand);
	point_stop();
	indexer_stop();
	keeping_end(&months);
}
