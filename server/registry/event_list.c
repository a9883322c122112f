/* Subscriptions are sorted by name and group, and those that are equal become one entry. */
#include "server/registry/event_list.h"

#include <stdlib.h>

#include "server/registry/node_service.h"
#include "server/registry/registry.h"

static event_lister *lister;

void event_list_use(event_lister *used)
{
	lister = used;
}

/* --- which ------------------------------------------------------------------------------------ */

static bool is_of(const struct service *service, struct text full_name, struct text name)
{
	return text_equal_nocase(name, service->name) || text_equal_nocase(name, full_name);
}

static int by_name(const void *x, const void *y)
{
	const struct event_subscription *a = *(const struct event_subscription *const *)x;
	const struct event_subscription *b = *(const struct event_subscription *const *)y;
	int order = text_compare(a->pattern, b->pattern);

	return order ? order : text_compare(a->group, b->group);
}

/* Those of the service, sorted. */
static const struct event_subscription **choose(struct call *c, const struct service *service,
	const struct event_subscription *all, size_t *count)
{
	struct text full_name = service ? service_full_name(service, c->arena) : TEXT("");
	const struct event_subscription **chosen = arena_array(c->arena, *count, sizeof(*chosen));
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (!service || is_of(service, full_name, all[i].group) ||
			is_of(service, full_name, all[i].service))
			chosen[kept++] = &all[i];
	*count = kept;
	if (kept > 0)
		qsort(chosen, kept, sizeof(*chosen), by_name);
	return chosen;
}

/* --- where ------------------------------------------------------------------------------------ */

/* Adds the endpoints of a subscription to an entry, which has room for them. */
static void add_nodes(struct call *c, struct event_entry *entry, struct event_endpoint *endpoints,
	const struct service *service, bool enabled)
{
	for (size_t i = 0; i < service->node_count; i++)
		endpoints[entry->endpoint_count++] = (struct event_endpoint){
			arena_text(c->arena, service->nodes[i]->name),
			enabled && node_available(service, service->nodes[i]),
		};
	entry->available = entry->available || (enabled && service_available(service));
}

static struct event_entry entry_of(struct call *c, struct index *index,
	const struct event_subscription *const *same, size_t count)
{
	struct event_entry entry = {.name = same[0]->pattern, .group = same[0]->group};
	const struct service **services = arena_array(c->arena, count, sizeof(*services));
	struct event_endpoint *endpoints;
	size_t most = 0;

	for (size_t i = 0; i < count; i++) {
		if (same[i]->service.size > 0)
			services[i] = index_service(index, c->caller.space, same[i]->service);
		most += services[i] ? services[i]->node_count : 1;
	}
	entry.endpoints = endpoints = arena_array(c->arena, most, sizeof(*endpoints));
	for (size_t i = 0; i < count; i++) {
		if (services[i]) {
			add_nodes(c, &entry, endpoints, services[i], same[i]->enabled);
		} else if (same[i]->service.size == 0) {
			endpoints[entry.endpoint_count++] =
				(struct event_endpoint){node_service_node(), same[i]->enabled};
			entry.available = entry.available || same[i]->enabled;
		}
		service_release(services[i]);
	}
	return entry;
}

bool event_list(struct call *c, const struct service *service, struct event_entries *entries)
{
	const struct event_subscription *all = NULL;
	struct index *index = registry_index(c);
	struct event_entry *items;
	size_t count = 0, next;

	*entries = (struct event_entries){0};
	if (!index || (lister && !lister(c, &all, &count)))
		return false;
	const struct event_subscription **chosen = choose(c, service, all, &count);
	entries->items = items = arena_array(c->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i = next) {
		next = i + 1;
		while (next < count && by_name(&chosen[next], &chosen[i]) == 0)
			next++;
		items[entries->count++] = entry_of(c, index, &chosen[i], next - i);
	}
	return true;
}
