/* A round on the home loop: ask which party lacks a key pair, make one on the work pool, offer it.
 * What is under way belongs to the round, so there is one at a time. */
#include "server/auth/hook/party_own.h"

#include "base/log.h"
#include "server/auth/hook/party.h"
#include "server/auth/hook/party_store.h"
#include "server/auth/identity/store.h"
#include "server/db/array.h"
#include "server/lane/errand.h"
#include "server/lane/work.h"

enum { AGAIN_MS = 500, TOO_MANY_AGAIN_MS = 60000 };

static struct {
	struct lanes *lanes;
	struct loop *home;
	struct loop_task starting;
	struct loop_timer *next;
	struct errand ask, offer;
	const struct own_party *party;   /* that lacks a key pair; NULL: none does */
	const struct own_party *refused; /* whose last key pair was not kept */
	struct work_job work;
	struct arena *arena; /* of the pair, while there is one */
	struct key_pair pair;
	bool made, kept;
} own;

static void look(void *arg);

/* 0: at once, but not from within an errand. */
static void look_again(uint64_t ms)
{
	loop_timer_stop(&own.next);
	own.next = loop_after(own.home, ms, look, NULL);
}

static void forget_pair(void)
{
	sign_key_forget(own.pair.private_pem);
	own.pair = (struct key_pair){.private_pem = TEXT("")};
	arena_free(&own.arena);
}

/* --- offering it ------------------------------------------------------------------------------ */

static void read_offered(struct errand *e, const struct rows *rows)
{
	own.kept = rows_count(rows) > 0;
}

static void offered(struct errand *e)
{
	if (!e->failed && own.kept)
		log_event(LOG_INFO, "key pair made", LOG_SLICE("party", own.party->id),
			LOG_TEXT("algorithm", sign_algorithm_name(own.pair.public.algorithm)),
			LOG_SLICE("key", own.pair.public.id));
	forget_pair();
	own.refused = e->failed || own.kept ? NULL : own.party;
	look_again(e->failed ? AGAIN_MS : 0);
}

static void offer(void)
{
	errand_begin(&own.offer);
	own.kept = false;
	errand_send(&own.offer, &party_add_own_key,
		party_add_parameters(own.offer.arena, audit_own_caller(own.offer.arena),
			own.party->id, &own.pair, true));
}

/* --- making it -------------------------------------------------------------------------------- */

static void make(struct work_job *job)
{
	own.made = sign_key_make(own.arena, own.party->algorithm, &own.pair);
}

static void made(struct work_job *job, const struct status *error)
{
	if (!error && own.made) {
		offer();
		return;
	}
	forget_pair();
	/* An error: the lanes are stopping. */
	if (error)
		return;
	log_event(LOG_ERROR, "no key pair could be made", LOG_SLICE("party", own.party->id));
	look_again(AGAIN_MS);
}

static void begin_making(void)
{
	own.arena = arena_new(0);
	own.made = false;
	own.work = (struct work_job){.run = make, .done = made, .deadline = CLOCK_NEVER};
	if (lane_work(own.lanes, &own.work))
		return;
	forget_pair();
	look_again(AGAIN_MS);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void read_lacking(struct errand *e, const struct rows *rows)
{
	own.party = rows_count(rows) > 0 ? party_own_at((size_t)rows_int64(rows, 0, 0) - 1) : NULL;
}

static void asked(struct errand *e)
{
	if (e->failed) {
		look_again(AGAIN_MS);
	} else if (own.party && own.party == own.refused) {
		/* No other server has made one meanwhile. */
		log_event(LOG_ERROR, "a party has too many keys to be given another one",
			LOG_SLICE("party", own.party->id));
		own.refused = NULL;
		look_again(TOO_MANY_AGAIN_MS);
	} else if (own.party) {
		begin_making();
	}
}

static void look(void *arg)
{
	struct errand *e = &own.ask;

	loop_timer_stop(&own.next);
	errand_begin(e);
	struct buffer parties = {.arena = e->arena}, algorithms = {.arena = e->arena};
	struct text *parameters = arena_array(e->arena, 2, sizeof(*parameters));
	for (size_t i = 0; i < party_own_count(); i++) {
		const struct own_party *party = party_own_at(i);

		array_add(&parties, party->id);
		array_add(&algorithms, text_of(sign_algorithm_name(party->algorithm)));
	}
	parameters[0] = array_text(&parties);
	parameters[1] = array_text(&algorithms);
	errand_send(e, &party_lacking, parameters);
}

/* --- life ------------------------------------------------------------------------------------- */

static void begin(struct loop_task *task)
{
	look(NULL);
}

void party_own_start(struct lanes *lanes)
{
	own.lanes = lanes;
	own.home = lane_loop(lanes, 0);
	own.ask = (struct errand){
		.lanes = lanes, .home = own.home, .read = read_lacking, .landed = asked};
	own.offer = (struct errand){
		.lanes = lanes, .home = own.home, .read = read_offered, .landed = offered};
	own.starting.run = begin;
	loop_post(own.home, &own.starting);
}

void party_own_stop(void)
{
	forget_pair();
	errand_end(&own.ask);
	errand_end(&own.offer);
}
