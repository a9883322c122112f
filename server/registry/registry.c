/* The service's start and end, and what its handlers share. */
#include "server/registry/registry.h"

#include "server/registry/feed.h"
#include "server/registry/registry_store.h"

static struct {
	struct registry_options options;
	struct index *index;
	struct feed *feed;
} registry;

void registry_start(const struct registry_options *options, struct lanes *lanes)
{
	registry.options = *options;
	registry.index = index_new();
	registry.feed = feed_start(lanes, lane_loop(lanes, 0), registry.index, options->poll_ms);
}

bool registry_ready(void)
{
	return registry.feed && feed_ready(registry.feed);
}

void registry_stop(void)
{
	feed_free(&registry.feed);
	index_free(&registry.index);
}

const struct registry_options *registry_settings(void)
{
	return &registry.options;
}

struct index *registry_index(struct call *c)
{
	if (registry_ready())
		return registry.index;
	status_set(&c->status, c->arena, STATUS_UNAVAILABLE, "the registry is not loaded yet");
	return NULL;
}

enum next registry_visible(struct call *c, int64_t revision, call_step *then)
{
	return feed_visible(registry.feed, c, revision, then);
}
