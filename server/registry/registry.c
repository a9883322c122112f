/* The service's start and end, and what its handlers share. */
#include "server/registry/registry.h"

#include "base/metric.h"
#include "server/registry/feed.h"
#include "server/registry/registry_store.h"

static struct {
	struct registry_options options;
	struct index *index;
	struct feed *feed;
} registry;

/* --- metrics -------------------------------------------------------------------------------- */

static double service_count(size_t index)
{
	return (double)index_size(registry.index).services;
}

static double node_count(size_t index)
{
	return (double)index_size(registry.index).nodes;
}

static double revision(size_t index)
{
	return (double)feed_revision(registry.feed);
}

static double lag(size_t index)
{
	return (double)(clock_now() - feed_current_at(registry.feed)) / CLOCK_SECOND;
}

static struct metric metrics[] = {
	{.name = "junction_registry_services",
		.help = "Services that are registered, of all namespaces.",
		.kind = METRIC_GAUGE,
		.read = service_count},
	{.name = "junction_registry_nodes",
		.help = "Nodes of registered services, of all namespaces.",
		.kind = METRIC_GAUGE,
		.read = node_count},
	{.name = "junction_registry_revision",
		.help = "Revision of the registry that reads see.",
		.kind = METRIC_GAUGE,
		.read = revision},
	{.name = "junction_registry_lag_seconds",
		.help = "Age of what reads see: all that was committed before is in it.",
		.kind = METRIC_GAUGE,
		.read = lag},
};

/* --- life ----------------------------------------------------------------------------------- */

void registry_start(const struct registry_options *options, struct lanes *lanes)
{
	registry.options = *options;
	registry.index = index_new();
	registry.feed = feed_start(lanes, lane_loop(lanes, 0), registry.index, options->poll_ms);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metric_register(&metrics[i]);
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
