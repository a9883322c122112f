/*
 * What a round of the loop has brought is acted on once, before the loop waits again: outcomes are
 * written, deliveries taken. What other servers did is read every poll_ms: which channels have
 * something open, and when it is due. A channel that is not known any more is closed, step by step,
 * by one server.
 */
#include "server/notice/sending/sending_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "server/lane/members.h"

enum {
	CLOSE_MOST = 1000,   /* deliveries of a deleted channel in a step */
	BREAK_OFF_MS = 1000, /* before the end of leaving: what is under way still can be concluded
			      */
};

struct sending sending;

/* One channel of an answer. */
struct open_channel {
	int id;
	int64_t due_ms;
};

static struct {
	struct members *members; /* NULL: this server does not send */
	struct errand polling, closing;
	struct open_channel *open; /* in the arena of polling */
	size_t open_count;
	int closes;        /* the id of the channel that is being closed */
	bool closes_again; /* the last step did all that one may do */
	struct loop_task starting, leave;
	int64_t poll_ms, leave_until;
	struct loop_timer *breaking_off;

	pthread_mutex_t lock; /* guards away */
	pthread_cond_t changed;
	bool members_left, away;
} life = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct statement renew_member = {
	.name = "notice_renew_member",
	.sql = "SELECT notice.renew_member($1, $2 * interval '1 millisecond')",
	.parameters = 2,
};

static const struct statement leave_member = {
	.name = "notice_leave_member",
	.sql = "SELECT notice.leave_member($1)",
	.parameters = 1,
};

static const struct statement open_statement = {
	.name = "notice_open_channels",
	.sql = "SELECT r_channel, r_due_ms FROM notice.open_channels()",
};

static const struct statement close_statement = {
	.name = "notice_close_deleted",
	.sql = "SELECT notice.close_deleted($1, $2)",
	.parameters = 2,
};

/* --- statements ------------------------------------------------------------------------------- */

bool sending_send(struct sql_job *job, const struct statement *statement,
	const struct text *parameters,
	void (*done)(struct sql_job *job, const struct rows *rows, const struct status *error))
{
	*job = (struct sql_job){
		.statement = statement,
		.parameters = parameters,
		.deadline = clock_now() + STATEMENT_MS * CLOCK_MS,
		.done = done,
	};
	return lane_change(sending.lanes, job);
}

/* --- what is open ----------------------------------------------------------------------------- */

static void close_deleted(int id)
{
	struct errand *e = &life.closing;
	struct text *parameters;

	if (!errand_begin(e))
		return;
	parameters = arena_array(e->arena, 2, sizeof(*parameters));
	parameters[0] = text_of(arena_printf(e->arena, "%d", id));
	parameters[1] = text_of(arena_printf(e->arena, "%d", CLOSE_MOST));
	life.closes = id;
	errand_send(e, &close_statement, parameters);
}

static void read_closed(struct errand *e, const struct rows *rows)
{
	life.closes_again = rows_int64(rows, 0, 0) == CLOSE_MOST;
}

static void close_next(struct loop_task *task)
{
	close_deleted(life.closes);
}

static void closed(struct errand *e)
{
	static struct loop_task again = {.run = close_next};

	if (!e->failed && life.closes_again && !sending.leaving)
		loop_post(sending.home, &again);
}

/* Whether it is this server that does what a deleted channel needs. */
static bool closes(int id)
{
	char name[12];
	int size = snprintf(name, sizeof(name), "%d", id);

	return members_mine(life.members, members_hash((struct text){name, (size_t)size}));
}

static void read_open(struct errand *e, const struct rows *rows)
{
	life.open_count = (size_t)rows_count(rows);
	life.open = arena_array(e->arena, life.open_count + 1, sizeof(*life.open));
	for (int row = 0; row < rows_count(rows); row++)
		life.open[row] = (struct open_channel){
			(int)rows_int64(rows, row, 0), rows_int64(rows, row, 1)};
}

static void take_open(struct errand *e)
{
	const struct channels *known = e->failed ? NULL : channels_hold();
	int64_t now = clock_now();

	for (size_t i = 0; known && i < life.open_count; i++) {
		const struct open_channel *o = &life.open[i];
		struct sender *s = sender_find(o->id);

		if (s)
			sender_due(s, now + o->due_ms * CLOCK_MS);
		if (!channels_by_id(known, o->id) && closes(o->id))
			close_deleted(o->id);
	}
	channels_release(&known);
}

static void poll_open(void *arg)
{
	if (!sending.leaving && errand_begin(&life.polling))
		errand_send(&life.polling, &open_statement, NULL);
}

/* --- what others tell it ---------------------------------------------------------------------- */

struct wake {
	struct loop_task task; /* first */
	int channel_id;        /* 0: all */
};

static void wake(struct loop_task *task)
{
	struct wake *w = (struct wake *)task;
	struct sender *s = w->channel_id ? sender_find(w->channel_id) : NULL;

	if (s)
		sender_due(s, 0);
	else if (w->channel_id == 0)
		senders_due_all();
	free(w);
}

void sending_wake(int channel_id)
{
	if (!life.members)
		return;
	struct wake *w = check_malloc(sizeof(*w));
	*w = (struct wake){.task.run = wake, .channel_id = channel_id};
	loop_post(sending.home, &w->task);
}

void sending_wake_all(void)
{
	sending_wake(0);
}

void sending_channels_changed(void)
{
	senders_changed();
}

static void members_changed(void *arg)
{
	senders_changed();
}

bool sending_in_charge(const struct channel *channel)
{
	struct buffer name = {.arena = arena_new(0)};
	bool mine = false;

	buffer_printf(&name, "%.*s %.*s", (int)channel->space.size, channel->space.data,
		(int)channel->name.size, channel->name.data);
	if (life.members && !sending.leaving && channel->enabled && !channel->fault)
		mine = members_mine(life.members, members_hash(buffer_text(&name)));
	arena_free(&name.arena);
	return mine;
}

bool sending_repeats(const struct channel *channel)
{
	return channel->provider->repeats_safely && channel->provider->repeats_safely(channel);
}

/* --- each round ------------------------------------------------------------------------------- */

static void report_end(void)
{
	if (!life.members_left || !senders_idle() || !concluding_idle())
		return;
	pthread_mutex_lock(&life.lock);
	life.away = true;
	pthread_cond_signal(&life.changed);
	pthread_mutex_unlock(&life.lock);
}

static bool before_wait(void *arg)
{
	concluding_send();
	senders_drive();
	if (sending.leaving)
		report_end();
	return false;
}

/* --- life ------------------------------------------------------------------------------------- */

static void members_gone(void *arg)
{
	life.members_left = true;
}

static void start(struct loop_task *task)
{
	loop_before_wait(sending.home, before_wait, NULL);
	loop_every(sending.home, (uint64_t)life.poll_ms, poll_open, NULL);
}

static void init_condition(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	CHECK(pthread_cond_init(&life.changed, &attributes) == 0);
	pthread_condattr_destroy(&attributes);
}

void sending_start(struct lanes *lanes, struct fetch_lane *fetch, struct loop *home,
	const struct notice_options *options)
{
	const struct errand errand = {.lanes = lanes, .home = home};

	sending = (struct sending){
		.lanes = lanes, .fetch = fetch, .home = home, .server_name = options->server_name};
	senders_start();
	parcels_start();
	if (!options->member_ms)
		return;
	life.poll_ms = options->poll_ms;
	life.members_left = life.away = false;
	life.polling = life.closing = errand;
	life.polling.read = read_open;
	life.polling.landed = take_open;
	life.closing.read = read_closed;
	life.closing.landed = closed;
	init_condition();
	life.members = members_start(&(struct members_options){
		.renew = &renew_member,
		.leave = &leave_member,
		.lanes = lanes,
		.home = home,
		.name = options->server_name,
		.renew_ms = options->member_ms,
		.changed = members_changed,
		.left = members_gone,
	});
	life.starting.run = start;
	loop_post(home, &life.starting);
}

static void break_off(void *arg)
{
	loop_timer_stop(&life.breaking_off);
	atomic_store(&sending.broken_off, true);
}

static void leave(struct loop_task *task)
{
	int64_t left_ms = (life.leave_until - clock_now()) / CLOCK_MS - BREAK_OFF_MS;

	sending.leaving = true;
	senders_changed();
	members_leave(life.members);
	life.breaking_off =
		loop_after(sending.home, left_ms > 0 ? (uint64_t)left_ms : 0, break_off, NULL);
}

void sending_leave(int64_t until)
{
	const struct timespec limit = {until / CLOCK_SECOND, until % CLOCK_SECOND};

	if (!life.members)
		return;
	life.leave_until = until;
	life.leave.run = leave;
	loop_post(sending.home, &life.leave);
	pthread_mutex_lock(&life.lock);
	while (!life.away && pthread_cond_timedwait(&life.changed, &life.lock, &limit) == 0)
		;
	pthread_mutex_unlock(&life.lock);
}

void sending_stop(void)
{
	taking_stop();
	concluding_stop();
	senders_stop();
	if (!life.members)
		return;
	errand_end(&life.polling);
	errand_end(&life.closing);
	members_free(&life.members);
	pthread_cond_destroy(&life.changed);
}
