/* The snapshot of now, and how it is fed: by a follower of notice.revision, each change of which is
 * followed by a load of all. A snapshot is made on the thread of its lane, and shown on the home
 * thread. */
#include <pthread.h>

#include "base/log.h"
#include "base/metric.h"
#include "server/notice/channel/channels_make.h"

static struct {
	pthread_mutex_t lock; /* of now */
	const struct channels *now;
	struct follower *follower;
	void (*changed)(void);
	const struct channels *next; /* loaded, and not shown yet; or NULL */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- reading -------------------------------------------------------------------------------- */

const struct channels *channels_hold(void)
{
	pthread_mutex_lock(&known.lock);
	const struct channels *c = known.now;
	if (c)
		channels_share(c);
	pthread_mutex_unlock(&known.lock);
	return c;
}

enum next channels_current(struct call *c, call_step *then)
{
	return follow_current(c, known.follower, then);
}

bool channels_ready(void)
{
	return follower_ready(known.follower);
}

/* --- following ------------------------------------------------------------------------------ */

static const struct statement load = {
	.name = "notice_load_channels",
	.sql = "SELECT " CHANNELS_COLUMNS
	       " FROM notice.revision AS r LEFT JOIN notice.channel AS c ON true ORDER BY c.id",
};

/* Does not tell what has changed, only that something has. */
static const struct statement follow = {
	.name = "notice_follow_revision",
	.sql = "SELECT value FROM notice.revision WHERE value > $1::bigint LIMIT $2::integer",
	.parameters = 2,
};

static void read_rows(void *arg, const struct rows *rows, struct follower_step *step)
{
	if (!step->loading) {
		step->lost = rows_count(rows) > 0;
		return;
	}
	known.next = channels_make(rows);
	step->position = channels_revision(known.next);
}

static bool apply(void *arg, const struct follower_step *step)
{
	const struct channels *old = known.now, *next = known.next;

	if (!next)
		return true;
	pthread_mutex_lock(&known.lock);
	known.now = next;
	pthread_mutex_unlock(&known.lock);
	known.next = NULL;
	channels_release(&old);
	log_event(LOG_DEBUG, "channels loaded", LOG_NUMBER("revision", channels_revision(next)),
		LOG_NUMBER("channels", (int64_t)channels_count(next)));
	known.changed();
	return true;
}

static const struct followed channel_log = {
	.name = "channels",
	.load = &load,
	.follow = &follow,
	.read = read_rows,
	.apply = apply,
};

/* --- metrics -------------------------------------------------------------------------------- */

static double count_faults(size_t index)
{
	const struct channels *c = channels_hold();
	size_t faults = 0;

	for (size_t i = 0; c && i < channels_count(c); i++)
		faults += channels_at(c, i)->fault != NULL;
	channels_release(&c);
	return (double)faults;
}

static struct metric faults = {
	.name = "junction_notice_channel_faults",
	.help = "Channels that this server can send nothing by; its log says why.",
	.kind = METRIC_GAUGE,
	.read = count_faults,
};

/* --- life ----------------------------------------------------------------------------------- */

void channels_start(struct lanes *lanes, struct loop *home, int64_t poll_ms, void (*changed)(void))
{
	known.changed = changed;
	known.follower = follower_start(&channel_log, NULL, lanes, home, poll_ms);
	metric_register(&faults);
}

void channels_stop(void)
{
	follower_free(&known.follower);
	channels_release(&known.next);
	channels_release(&known.now);
}
