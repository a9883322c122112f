/* A follower of the registry's change log: a load in one statement, which holds the whole state and
 * its revision in the first row; then changes, each revision whole. */
#include "server/registry/feed.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "server/registry/change_rows.h"
#include "server/registry/registry_store.h"

struct feed {
	struct follower *follower;
	struct index *index;
	const struct feed_listener *listeners; /* the last has no function */
};

static void read_rows(void *arg, const struct rows *rows, struct follower_step *step)
{
	int count = rows_count(rows);

	step->changes = change_rows_read(rows, step->loading ? 1 : 0, step->arena, &step->count);
	step->more = !step->loading && count >= FOLLOWER_ROWS;
	if (step->loading)
		step->position = rows_int64(rows, 0, STORE_REVISION);
	else if (count)
		step->position = rows_int64(rows, count - 1, STORE_REVISION);
}

static void tell(const struct feed *f, const struct follower_step *step)
{
	for (const struct feed_listener *l = f->listeners; l && l->changed; l++)
		l->changed(l->arg, step->changes, step->count, step->position, step->loading);
}

static bool apply(void *arg, const struct follower_step *step)
{
	struct feed *f = arg;

	if (step->loading) {
		index_replace(f->index, step->changes, step->count, step->position);
		log_event(LOG_INFO, "registry loaded", LOG_NUMBER("revision", step->position),
			LOG_NUMBER("entries", (int64_t)step->count));
	} else if (step->count) {
		index_apply(f->index, step->changes, step->count, step->position);
	}
	if (step->loading || step->count)
		tell(f, step);
	return true;
}

static const struct followed registry_log = {
	.name = "registry",
	.load = &store_load,
	.follow = &store_follow,
	.read = read_rows,
	.apply = apply,
};

struct feed *feed_start(struct lanes *lanes, struct loop *home, struct index *index,
	const struct feed_listener *listeners, int64_t poll_ms)
{
	struct feed *f = check_calloc(1, sizeof *f);

	f->index = index;
	f->listeners = listeners;
	f->follower = follower_start(&registry_log, f, lanes, home, poll_ms);
	return f;
}

bool feed_ready(const struct feed *feed)
{
	return follower_ready(feed->follower);
}

int64_t feed_revision(const struct feed *feed)
{
	return follower_revision(feed->follower);
}

int64_t feed_current_at(const struct feed *feed)
{
	return follower_current_at(feed->follower);
}

void feed_free(struct feed **feed)
{
	if (!*feed)
		return;
	follower_free(&(*feed)->follower);
	free(*feed);
	*feed = NULL;
}

enum next feed_visible(struct feed *feed, struct call *c, int64_t revision, call_step *then)
{
	return follow_visible(c, feed->follower, revision, then);
}
