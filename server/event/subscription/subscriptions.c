/*
 * The snapshot of now, and how it is fed: by a follower of event.revision. Each change is followed
 * by a load of all, in one statement and so of one moment.
 *
 * A snapshot is made where the answer has come, on the thread of its lane, and shown on the home
 * thread. One statement is under way at a time, so there is one in the making at most.
 */
#include "server/event/subscription/subscriptions.h"

#include <pthread.h>

#include "base/log.h"
#include "base/metric.h"
#include "server/event/subscription/subscriptions_make.h"

static struct {
	pthread_mutex_t lock; /* of now */
	const struct subscriptions *now;
	struct follower *follower;
	void (*changed)(void);
	const struct subscriptions *next; /* loaded, and not shown yet; or NULL */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- reading -------------------------------------------------------------------------------- */

const struct subscriptions *subscriptions_hold(void)
{
	pthread_mutex_lock(&known.lock);
	const struct subscriptions *s = known.now;
	if (s)
		subscriptions_share(s);
	pthread_mutex_unlock(&known.lock);
	return s;
}

enum next subscriptions_current(struct call *c, call_step *then)
{
	return follow_current(c, known.follower, then);
}

void subscriptions_wait(struct follow_job *job)
{
	follower_wait(known.follower, job);
}

bool subscriptions_ready(void)
{
	return follower_ready(known.follower);
}

/* --- following ------------------------------------------------------------------------------ */

enum column { REVISION, KIND, VALUE };

static const struct statement load = {
	.name = "event_load",
	.sql = "SELECT r_revision, r_kind, r_value FROM event.load()",
};

/* Does not tell what has changed, only that something has. */
static const struct statement follow = {
	.name = "event_follow_revision",
	.sql = "SELECT value FROM event.revision WHERE value > $1::bigint LIMIT $2::integer",
	.parameters = 2,
};

static void read_load(const struct rows *rows, struct follower_step *step)
{
	size_t count = 0, all = (size_t)rows_count(rows);
	struct subscriptions_row *taken = arena_array(step->arena, all, sizeof *taken);

	for (int i = 0; i < rows_count(rows); i++)
		if (!rows_null(rows, i, REVISION))
			step->position = rows_int64(rows, i, REVISION);
		else
			taken[count++] = (struct subscriptions_row){
				rows_text(rows, i, KIND), rows_text(rows, i, VALUE)};
	known.next = subscriptions_make(taken, count, step->position);
}

static void read_rows(void *arg, const struct rows *rows, struct follower_step *step)
{
	if (step->loading)
		read_load(rows, step);
	else
		step->lost = rows_count(rows) > 0;
}

static bool apply(void *arg, const struct follower_step *step)
{
	const struct subscriptions *old = known.now, *next = known.next;

	if (!next)
		return true;
	pthread_mutex_lock(&known.lock);
	known.now = next;
	pthread_mutex_unlock(&known.lock);
	known.next = NULL;
	subscriptions_release(&old);
	log_event(LOG_DEBUG, "subscriptions loaded",
		LOG_NUMBER("revision", subscriptions_revision(next)),
		LOG_NUMBER("subscriptions", (int64_t)subscriptions_count(next)));
	known.changed();
	return true;
}

static const struct followed subscription_log = {
	.name = "subscriptions",
	.load = &load,
	.follow = &follow,
	.read = read_rows,
	.apply = apply,
};

/* --- metrics -------------------------------------------------------------------------------- */

static double count_subscriptions(size_t index)
{
	const struct subscriptions *s = subscriptions_hold();
	size_t count = s ? subscriptions_count(s) : 0;

	subscriptions_release(&s);
	return (double)count;
}

static double lag(size_t index)
{
	return (double)(clock_now() - follower_current_at(known.follower)) / CLOCK_SECOND;
}

static struct metric metrics[] = {
	{.name = "junction_event_subscriptions",
		.help = "Subscriptions that are known.",
		.kind = METRIC_GAUGE,
		.read = count_subscriptions},
	{.name = "junction_event_subscriptions_lag_seconds",
		.help = "Age of the subscriptions that events are matched against: all that was "
			"committed before is in them.",
		.kind = METRIC_GAUGE,
		.read = lag},
};

/* --- life ----------------------------------------------------------------------------------- */

void subscriptions_start(
	struct lanes *lanes, struct loop *home, int64_t poll_ms, void (*changed)(void))
{
	known.changed = changed;
	known.follower = follower_start(&subscription_log, NULL, lanes, home, poll_ms);
	for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
		metric_register(&metrics[i]);
}

void subscriptions_stop(void)
{
	follower_free(&known.follower);
	subscriptions_release(&known.next);
	subscriptions_release(&known.now);
}
