#include "server/lane/keeping.h"

enum { HOUR_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

static void keep(void *arg)
{
	struct keeping *k = arg;
	struct errand *e = &k->errand;

	loop_timer_stop(&k->next);
	errand_begin(e);
	struct text *number = ARENA_NEW(e->arena, struct text);
	*number = text_of(arena_printf(e->arena, "%d", k->number));
	k->full = false;
	errand_send(e, k->statement, number);
}

static void read_done(struct errand *e, const struct rows *rows)
{
	struct keeping *k = (struct keeping *)e;

	k->full = rows_int64(rows, 0, 0) == k->number;
}

static void kept(struct errand *e)
{
	struct keeping *k = (struct keeping *)e;
	int pause_ms = e->failed || k->in_steps ? MINUTE_MS : HOUR_MS;

	k->next = loop_after(e->home, k->full ? 0 : (uint64_t)pause_ms, keep, k);
}

static void start_task(struct loop_task *task)
{
	keep((char *)task - offsetof(struct keeping, starting));
}

static void start(struct keeping *k, struct lanes *lanes, const struct statement *statement,
	int number, bool in_steps)
{
	*k = (struct keeping){
		.errand = {.lanes = lanes,
			.home = lane_loop(lanes, 0),
			.read = in_steps ? read_done : NULL,
			.landed = kept},
		.statement = statement,
		.number = number,
		.in_steps = in_steps,
		.starting.run = start_task,
	};
	loop_post(k->errand.home, &k->starting);
}

void keeping_start(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int days)
{
	start(k, lanes, statement, days, false);
}

void keeping_start_steps(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int most)
{
	start(k, lanes, statement, most, true);
}

void keeping_end(struct keeping *k)
{
	errand_end(&k->errand);
}
