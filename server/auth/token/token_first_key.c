/* A pair is made and offered, on the home loop; PostgreSQL drops it if there is one. */
#include "base/log.h"
#include "server/auth/identity/store.h"
#include "server/auth/token/token_keys.h"
#include "server/lane/errand.h"

enum { AGAIN_MS = 500 };

static struct {
	struct loop *home;
	struct loop_task starting;
	struct loop_timer *next;
	struct errand offer;
	struct token_key_pair pair;
	bool kept;
} first;

static void read_offered(struct errand *e, const struct rows *rows)
{
	first.kept = rows_count(rows) > 0;
}

static void offer(void *arg);

static void offered(struct errand *e)
{
	token_key_forget(&first.pair);
	if (e->failed)
		first.next = loop_after(first.home, AGAIN_MS, offer, NULL);
	else if (first.kept)
		log_event(LOG_INFO, "token key made", LOG_SLICE("key", first.pair.id));
}

/* An Ed25519 key is made in no time, so there is no need for the work pool. */
static void offer(void *arg)
{
	struct errand *e = &first.offer;

	loop_timer_stop(&first.next);
	errand_begin(e);
	token_key_make(e->arena, JWT_EDDSA, &first.pair);
	errand_send(e, &token_key_add,
		token_key_parameters(
			e->arena, audit_own_caller(e->arena), &first.pair, false, true));
}

static void begin(struct loop_task *task)
{
	offer(NULL);
}

void token_keys_start(struct lanes *lanes)
{
	first.home = lane_loop(lanes, 0);
	first.offer = (struct errand){
		.lanes = lanes, .home = first.home, .read = read_offered, .landed = offered};
	first.starting.run = begin;
	loop_post(first.home, &first.starting);
}

bool token_keys_ready(void)
{
	const struct directory *d = directory_hold();
	bool ready = d && directory_next_token_key(d, &(struct directory_cursor){0});

	directory_release(&d);
	return ready;
}

void token_keys_stop(void)
{
	token_key_forget(&first.pair);
	errand_end(&first.offer);
}
