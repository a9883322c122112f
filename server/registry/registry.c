/*
 * The service's start and end, and what its handlers share.
 *
 * The feed tells leases, checks and recent changes what the index has been given. What belongs to
 * nobody in particular, and is done now and then, is done here.
 */
#include "server/registry/registry.h"

#include "base/metric.h"
#include "server/lane/keeping.h"
#include "server/patience.h"
#include "server/registry/checks.h"
#include "server/registry/feed.h"
#include "server/registry/node_health.h"
#include "server/registry/registry_store.h"
#include "server/registry/upstream.h"

enum {
	RECENT_CHANGES = 65536,
	RECENT_BYTES = 64 * 1024 * 1024,
	STREAMS_EVERY_MS = 1000,
};

static struct {
	struct registry_options options;
	struct index *index;
	struct recent *recent;
	struct leases *leases;
	struct checks *checks;
	struct feed *feed;
	struct feed_listener listeners[5];
	struct keeping history;
	struct loop_task starting;
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

/* --- recent changes ------------------------------------------------------------------------- */

static void recent_changed(void *arg, const struct index_change *changes, size_t count,
	int64_t revision, bool replaced)
{
	recent_add(registry.recent, changes, count, revision, replaced);
	bell_ring(call_streams(), recent_bell(registry.recent));
}

/* --- now and then --------------------------------------------------------------------------- */

static void look_at_streams(void *arg)
{
	patience_look(registry.options.watch_patience_ms);
}

static void start_timers(struct loop_task *task)
{
	loop_every(loop_current(), STREAMS_EVERY_MS, look_at_streams, NULL);
}

/* --- life ----------------------------------------------------------------------------------- */

static void start_parts(struct lanes *lanes, struct fetch_lane *checks, struct loop *home)
{
	const struct registry_options *o = &registry.options;
	const char *name = node_name().data;

	registry.recent = recent_new(RECENT_CHANGES, RECENT_BYTES);
	registry.leases = leases_start(&(struct leases_options){
		.lanes = lanes,
		.home = home,
		.server_name = name,
		.forget_after_ms = o->forget_after_ms,
	});
	registry.checks = checks_start(&(struct checks_options){
		.lanes = lanes,
		.fetch = checks,
		.home = home,
		.server_name = name,
		.interval_ms = o->check_interval_ms,
		.timeout_ms = o->check_timeout_ms,
		.down_after = o->check_down_after,
		.up_after = o->check_up_after,
		.at_once = o->checks_at_once,
		.member_ms = 1000,
	});
}

void registry_start(
	const struct registry_options *options, struct lanes *lanes, struct fetch_lane *checks)
{
	struct loop *home = lane_loop(lanes, 0);

	registry.options = *options;
	registry.index = index_new();
	index_protect(options->protect_percent);
	start_parts(lanes, checks, home);
	registry.listeners[0] = (struct feed_listener){recent_changed, NULL};
	registry.listeners[1] = (struct feed_listener){leases_changed, registry.leases};
	registry.listeners[2] = (struct feed_listener){checks_changed, registry.checks};
	registry.listeners[3] = (struct feed_listener){options->changed, NULL};
	registry.feed =
		feed_start(lanes, home, registry.index, registry.listeners, options->poll_ms);
	keeping_start(&registry.history, lanes, &store_keep_history, options->history_days);
	registry.starting.run = start_timers;
	loop_post(home, &registry.starting);
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		metric_register(&metrics[i]);
	metric_register(&upstream_other_nodes);
}

bool registry_ready(void)
{
	return registry.feed && feed_ready(registry.feed);
}

bool registry_has(int64_t revision)
{
	return registry_ready() && feed_revision(registry.feed) >= revision;
}

void registry_leave(void)
{
	checks_leave(registry.checks);
}

void registry_stop(void)
{
	feed_free(&registry.feed);
	checks_free(&registry.checks);
	leases_free(&registry.leases);
	recent_free(&registry.recent);
	keeping_end(&registry.history);
	index_free(&registry.index);
}

const struct registry_options *registry_settings(void)
{
	return &registry.options;
}

const char *registry_node_url(
	struct arena *a, struct text space, struct text service, struct text path, bool *own_host)
{
	struct index *index = registry_loaded_index();
	const struct service *found = index ? index_service(index, space, service) : NULL;
	const struct action action = {.uri = path};
	const struct node *node = NULL;
	const char *url = NULL;

	for (int kind = 0; found && !node && kind < NODE_KINDS; kind++)
		node = service_pick(found, (enum node_kind)kind, NULL, 0);
	if (node) {
		const struct node server = {.address = node->address};

		*own_host = node->configured;
		url = action_url(&action, &server, a).data;
	}
	service_release(found);
	return url;
}

struct leases *registry_leases(void)
{
	return registry.leases;
}

struct recent *registry_recent(void)
{
	return registry.recent;
}

struct index *registry_loaded_index(void)
{
	return registry_ready() ? registry.index : NULL;
}

struct index *registry_index(struct call *c)
{
	struct index *index = registry_loaded_index();

	if (!index)
		status_set(
			&c->status, c->arena, STATUS_UNAVAILABLE, "the registry is not loaded yet");
	return index;
}

enum next registry_visible(struct call *c, int64_t revision, call_step *then)
{
	return feed_visible(registry.feed, c, revision, then);
}
