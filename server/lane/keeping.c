#include "server/lane/keeping.h"

enum { EVERY_MS = 3600 * 1000, AGAIN_MS = 60 * 1000 };

static void keep(void *arg)
{
	struct keeping *k = arg;
	struct errand *e = &k->errand;

	loop_timer_stop(&k->next);
	errand_begin(e);
	struct text *days = ARENA_NEW(e->arena, struct text);
	*days = text_of(arena_printf(e->arena, "%d", k->days));
	errand_send(e, k->statement, days);
}

static void kept(struct errand *e)
{
	struct keeping *k = (struct keeping *)e;

	k->next = loop_after(e->home, e->failed ? AGAIN_MS : EVERY_MS, keep, k);
}

static void start(struct loop_task *task)
{
	keep((char *)task - offsetof(struct keeping, starting));
}

void keeping_start(
	struct keeping *k, struct lanes *lanes, const struct statement *statement, int days)
{
	*k = (struct keeping){
		.errand = {.lanes = lanes, .home = lane_loop(lanes, 0), .landed = kept},
		.statement = statement,
		.days = days,
		.starting.run = start,
	};
	loop_post(k->errand.home, &k->starting);
}

void keeping_end(struct keeping *k)
{
	errand_end(&k->errand);
}
