/*
 * A sender claims its channel (notice.claim), and takes what is due (taking.c) whenever its pace
 * and its quota have room: one statement of a channel at a time, while what was taken before is
 * under way. Whatever may have changed that rouses it; before the loop waits it is looked at, once,
 * and sets its timer to when it is to be looked at again.
 *
 * If no quota counts its messages, more of them are taken than the pace has room for: as many as
 * end while a few takes are answered, so that the pace need not wait for PostgreSQL. Of a slow
 * provider that is none: what was taken and not sent when a server dies is unknown.
 *
 * A claim tells PostgreSQL what this server holds, so that what was taken without an answer is
 * given back, and a server that has lost its charge takes nothing more. Nothing is taken as long
 * as an outcome of the channel could not be written: its delivery may stand as one that was lost.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/table.h"
#include "server/db/array.h"
#include "server/lane/members.h"
#include "server/notice/inbox/receipt.h"
#include "server/notice/sending/sending_priv.h"
#include "server/registry/registry.h"

enum {
	LOST_CHARGE_MS = 1000, /* until a channel is claimed again that somebody else had claimed */
	LOOK_MS = 20,          /* how often it is looked how fast messages end */
	AHEAD = 4,             /* takes whose messages may be known beyond the pace */
	TAKE_MS = 100,         /* that a take lasts at most, as far as it counts */
};

TAILQ_HEAD(sender_list, sender);

static struct {
	struct table by_id;
	struct sender_list all, roused;
	int64_t claims;
	atomic_int open_breakers;
} senders = {.by_id = {.exact = true}};

static const struct statement claim_statement = {
	.name = "notice_claim",
	.sql = "SELECT notice.claim($1, $2, $3, $4, $5)",
	.parameters = 5,
};

static double open_breakers(size_t index)
{
	return (double)atomic_load(&senders.open_breakers);
}

static struct metric breakers = {
	.name = "junction_notice_open_breakers",
	.help = "Channels of notices that are left alone for a while, as their providers do not "
		"answer or asked for it.",
	.kind = METRIC_GAUGE,
	.read = open_breakers,
};

/* --- what may have changed -------------------------------------------------------------------- */

struct sender *sender_find(int id)
{
	char name[12];
	int size = snprintf(name, sizeof(name), "%d", id);

	return table_get(&senders.by_id, (struct text){name, (size_t)size});
}

void sender_rouse(struct sender *s)
{
	if (s->roused)
		return;
	s->roused = true;
	TAILQ_INSERT_TAIL(&senders.roused, s, in_roused);
}

void sender_due(struct sender *s, int64_t at)
{
	if (at >= s->due_at)
		return;
	s->due_at = at;
	sender_rouse(s);
}

void senders_due_all(void)
{
	struct sender *s;

	TAILQ_FOREACH(s, &senders.all, in_all)
	sender_due(s, 0);
}

void sender_hold(struct sender *s, int64_t ms)
{
	s->hold_until = clock_now() + ms * CLOCK_MS;
	sender_rouse(s);
}

void sender_doubt(struct sender *s, int64_t since)
{
	if (!s->doubtful_at)
		s->doubtful_at = since;
	s->claimed = false;
	s->due_at = 0;
	sender_hold(s, AGAIN_MS);
}

void sender_lost_charge(struct sender *s)
{
	s->claimed = false;
	s->due_at = 0;
	sender_hold(s, LOST_CHARGE_MS);
}

/* --- claiming --------------------------------------------------------------------------------- */

static struct text put_held(const struct sender *s)
{
	struct buffer array = {.arena = s->claiming.arena};
	const struct parcel *p;

	TAILQ_FOREACH(p, &s->parcels, in_sender)
	for (size_t i = 0; i < p->message.count; i++)
		array_add_number(&array, p->to[i].position);
	return array_text(&array);
}

static void claim(struct sender *s)
{
	struct arena *a;
	struct text *parameters;
	int64_t now = clock_now();

	if (!errand_begin(&s->claiming))
		return;
	a = s->claiming.arena;
	s->claim = ++senders.claims;
	parameters = arena_array(a, 5, sizeof(*parameters));
	parameters[0] = text_of(s->name);
	parameters[1] = text_of(sending.server_name);
	parameters[2] = text_of(arena_printf(a, "%lld", (long long)s->claim));
	if (s->doubtful_at)
		parameters[3] = text_of(arena_printf(
			a, "%lld", (long long)((now - s->doubtful_at) / CLOCK_MS + 1)));
	parameters[4] = put_held(s);
	errand_send(&s->claiming, &claim_statement, parameters);
}

/* On the lane's thread, which is home, as it was sent from there. */
static void read_uses(struct errand *e, const struct rows *rows)
{
	struct sender *s = (struct sender *)e;
	int64_t now = clock_now();

	quota_forget(&s->quota);
	for (int row = 0; row < rows_count(rows); row++)
		quota_note(&s->quota, now - rows_int64(rows, row, 0) * CLOCK_MS);
}

static void claimed(struct errand *e)
{
	struct sender *s = (struct sender *)e;

	s->claimed = !e->failed;
	s->due_at = 0;
	if (e->failed)
		sender_hold(s, AGAIN_MS);
	else
		s->doubtful_at = 0;
	sender_rouse(s);
}

/* --- taking ----------------------------------------------------------------------------------- */

static void look_again(void *arg)
{
	struct sender *s = arg;

	loop_timer_stop(&s->timer);
	sender_rouse(s);
}

/* A timer that comes too early is no harm. */
static void look_again_at(struct sender *s, int64_t at)
{
	int64_t ms = (at - clock_now() + CLOCK_MS - 1) / CLOCK_MS;

	if (at == CLOCK_NEVER || (s->timer && s->timer_at <= at))
		return;
	loop_timer_stop(&s->timer);
	s->timer_at = at;
	s->timer = loop_after(sending.home, ms > 0 ? (uint64_t)ms : 0, look_again, s);
}

void sender_count_end(struct sender *s, int64_t now)
{
	int64_t passed = now - s->since;

	s->ended++;
	if (passed < LOOK_MS * CLOCK_MS)
		return;
	int64_t ahead = s->ended * AHEAD * s->take_ns / passed;
	s->ahead = ahead < BATCH ? (int)ahead : BATCH;
	s->ended = 0;
	s->since = now;
}

void sender_count_take(struct sender *s, int64_t ns)
{
	int64_t most = TAKE_MS * CLOCK_MS;

	s->take_ns = (3 * s->take_ns + (ns < most ? ns : most)) / 4;
}

/* What the pace leaves for those that are taken now. 0: *again is when there may be more. */
static int pace_of(struct sender *s, int64_t now, int64_t *again)
{
	int room = pace_room(&s->pace, now, again);
	bool fast = now - s->since < 2 * LOOK_MS * CLOCK_MS;

	if (fast && s->pace.breaker == PACE_CLOSED && s->quota.most == 0)
		room += s->ahead;
	return room > s->taken ? room - s->taken : 0;
}

/* How many messages may be taken now. 0: *again is when there may be more. */
static int room_of(struct sender *s, int64_t now, int64_t *again)
{
	int64_t quota_again;
	int room = pace_of(s, now, again);
	int quota = quota_room(&s->quota, now, &quota_again);

	if (s->unsure > 0 || !TAILQ_EMPTY(&s->waiting)) {
		*again = CLOCK_NEVER;
		return 0;
	}
	if (room > 0 && quota == 0)
		*again = quota_again;
	room = room < quota ? room : quota;
	return room < BATCH ? room : BATCH;
}

static void take(struct sender *s, int64_t now)
{
	const struct channels *known;
	const struct channel *channel;
	int64_t again, from = s->due_at > s->hold_until ? s->due_at : s->hold_until;
	int room = room_of(s, now, &again);

	if (room == 0 && from <= now)
		from = again;
	if (room == 0 || from > now) {
		look_again_at(s, from);
		return;
	}
	known = channels_hold();
	channel = channels_by_id(known, s->id);
	if (channel && !channel->fault)
		taking_send(s, channel, room);
	channels_release(&known);
}

static void count_breaker(struct sender *s)
{
	bool open = s->in_charge && s->pace.breaker != PACE_CLOSED;

	atomic_fetch_add(&senders.open_breakers, (int)open - (int)s->counted);
	s->counted = open;
}

static void forget(struct sender *s)
{
	TAILQ_REMOVE(&senders.all, s, in_all);
	table_remove(&senders.by_id, text_of(s->name));
	quota_clear(&s->quota);
	free(s);
}

static void drive(struct sender *s)
{
	int64_t now = clock_now();

	count_breaker(s);
	parcels_go_on(s);
	if (s->taking || s->claiming.busy)
		return;
	if (!s->in_charge) {
		loop_timer_stop(&s->timer);
		if (TAILQ_EMPTY(&s->parcels))
			forget(s);
	} else if (s->claimed)
		take(s, now);
	else if (s->hold_until > now || !receipt_ready() || !registry_ready())
		look_again_at(s, s->hold_until > now ? s->hold_until : now + AGAIN_MS * CLOCK_MS);
	else
		claim(s);
}

void senders_drive(void)
{
	struct sender *s;

	while ((s = TAILQ_FIRST(&senders.roused))) {
		TAILQ_REMOVE(&senders.roused, s, in_roused);
		s->roused = false;
		drive(s);
	}
}

bool senders_idle(void)
{
	return TAILQ_EMPTY(&senders.all);
}

/* --- channels --------------------------------------------------------------------------------- */

static struct sender *make(const struct channel *channel)
{
	struct sender *s = check_calloc(1, sizeof(*s));

	s->claiming = (struct errand){
		.lanes = sending.lanes,
		.home = sending.home,
		.read = read_uses,
		.landed = claimed,
	};
	s->id = channel->id;
	snprintf(s->name, sizeof(s->name), "%d", channel->id);
	TAILQ_INIT(&s->parcels);
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->ready);
	TAILQ_INSERT_TAIL(&senders.all, s, in_all);
	table_put(&senders.by_id, text_of(s->name), s);
	return s;
}

static uint64_t hash_settings(const struct channel *channel)
{
	uint64_t hash = members_hash(channel->settings->raw);

	return channel->secrets ? hash * 31 + members_hash(channel->secrets->raw) : hash;
}

/* Of a provider that is said to be elsewhere nothing is known; what is under way counts. */
static void begin_anew(struct sender *s, const struct channel *channel, uint64_t settings)
{
	int under_way = s->pace.under_way;

	pace_init(&s->pace, channel->concurrency, 0, clock_now(),
		(uint64_t)clock_now() ^ (uint64_t)(uintptr_t)s);
	s->pace.under_way = under_way;
	s->settings = settings;
}

static void keep(struct sender *s, const struct channel *channel)
{
	uint64_t settings = hash_settings(channel);

	if (!s->in_charge || s->settings != settings)
		begin_anew(s, channel, settings);
	if (!s->in_charge) {
		s->in_charge = true;
		s->claimed = false;
		s->hold_until = s->due_at = 0;
	}
	pace_limit(&s->pace, channel->concurrency, 0);
	quota_limit(&s->quota, channel->quota, channel->quota_ms);
	sender_rouse(s);
}

void senders_changed(void)
{
	const struct channels *known = channels_hold();
	struct sender *s;

	for (size_t i = 0; known && i < channels_count(known); i++) {
		const struct channel *channel = channels_at(known, i);

		if (sending_in_charge(channel)) {
			s = sender_find(channel->id);
			keep(s ? s : make(channel), channel);
		}
	}
	TAILQ_FOREACH(s, &senders.all, in_all)
	{
		const struct channel *channel = known ? channels_by_id(known, s->id) : NULL;

		if (channel && sending_in_charge(channel))
			continue;
		s->in_charge = false;
		sender_rouse(s);
	}
	channels_release(&known);
}

/* --- life ------------------------------------------------------------------------------------- */

void senders_start(void)
{
	TAILQ_INIT(&senders.all);
	TAILQ_INIT(&senders.roused);
	metric_register(&breakers);
}

void senders_stop(void)
{
	struct sender *s;
	struct parcel *p;

	while ((s = TAILQ_FIRST(&senders.all))) {
		while ((p = TAILQ_FIRST(&s->parcels)))
			parcel_free(p);
		errand_end(&s->claiming);
		forget(s);
	}
	table_clear(&senders.by_id);
}
