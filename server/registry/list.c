/*
 * ListServices, ListActions, ListEvents: what the registry holds as the messages that show it,
 * $node among the services. Texts of a message point into the services, which are released after
 * the message has been written.
 */
#include "junction/v1/registry.pb-c.h"
#include "server/registry/event_list.h"
#include "server/registry/node_service.h"
#include "server/registry/registry.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

/* --- services ------------------------------------------------------------------------------- */

static Registry__ServiceInfo *new_info(struct call *c, size_t node_count)
{
	Registry__ServiceInfo *info = ARENA_NEW(c->arena, Registry__ServiceInfo);

	registry__service_info__init(info);
	info->n_nodes = node_count;
	info->nodes = arena_array(c->arena, node_count, sizeof *info->nodes);
	return info;
}

static Registry__ServiceInfo *own_info(struct call *c)
{
	Registry__ServiceInfo *info = new_info(c, 1);

	info->name = (char *)NODE_SERVICE_NAME;
	info->full_name = (char *)NODE_SERVICE_NAME;
	info->available = true;
	info->local = true;
	info->nodes[0] = (char *)node_service_node().data;
	info->settings = (char *)"{}";
	return info;
}

static Registry__ServiceInfo *info_of(struct call *c, const struct service *service)
{
	Registry__ServiceInfo *info = new_info(c, service->node_count);

	info->name = (char *)service->name.data;
	info->full_name = (char *)service_full_name(service, c->arena).data;
	info->available = service_available(service);
	for (size_t i = 0; i < service->node_count; i++)
		info->nodes[i] = (char *)service->nodes[i]->name.data;
	info->settings = (char *)service->shown.data;
	info->version = (char *)service->version.data;
	return info;
}

/* Ordered by name; with $node among them if own. */
static Registry__ListServicesResponse *list_services(
	struct call *c, const struct service_list *services, bool own)
{
	Registry__ListServicesResponse *out = ARENA_NEW(c->arena, Registry__ListServicesResponse);

	registry__list_services_response__init(out);
	out->services = arena_array(c->arena, services->count + 1, sizeof *out->services);
	for (size_t i = 0; i < services->count; i++) {
		const struct service *service = services->items[i];
		if (own && text_compare(TEXT(NODE_SERVICE_NAME), service->key) < 0) {
			out->services[out->n_services++] = own_info(c);
			own = false;
		}
		out->services[out->n_services++] = info_of(c, service);
	}
	if (own)
		out->services[out->n_services++] = own_info(c);
	return out;
}

enum next registry_list_services(struct call *c)
{
	const Registry__ListServicesRequest *in = call_request(c, Registry__ListServicesRequest);
	bool all = !*in->name;

	struct index *index = registry_index(c);
	if (!index)
		return failed(c);
	struct service_list services =
		all ? index_services(index, c->caller.space)
		    : index_services_named(index, c->caller.space, &in->name, 1);
	bool own = all || node_service_named(text_of(in->name));
	enum next next = REPLY(c, list_services(c, &services, own));
	service_list_release(&services);
	return next;
}

/* --- actions -------------------------------------------------------------------------------- */

static Registry__ActionInfo *new_action(struct call *c, const char *full_name)
{
	Registry__ActionInfo *info = ARENA_NEW(c->arena, Registry__ActionInfo);

	registry__action_info__init(info);
	info->action = ARENA_NEW(c->arena, Registry__ActionDefinition);
	registry__action_definition__init(info->action);
	info->name = (char *)full_name;
	info->action->name = info->name;
	info->available = true;
	info->params = (char *)"{}";
	info->cache = (char *)"{}";
	return info;
}

static void list_own_actions(struct call *c, Registry__ListActionsResponse *out)
{
	size_t count = 0;

	while (node_service_actions[count])
		count++;
	out->actions = arena_array(c->arena, count, sizeof *out->actions);
	for (; out->n_actions < count; out->n_actions++)
		out->actions[out->n_actions] =
			new_action(c, arena_printf(c->arena, "%s.%s", NODE_SERVICE_NAME,
					      node_service_actions[out->n_actions]));
}

/* service NULL: those of $node. */
static Registry__ListActionsResponse *list_actions(struct call *c, const struct service *service)
{
	Registry__ListActionsResponse *out = ARENA_NEW(c->arena, Registry__ListActionsResponse);

	registry__list_actions_response__init(out);
	if (!service) {
		list_own_actions(c, out);
		return out;
	}
	out->actions = arena_array(c->arena, service->action_count, sizeof *out->actions);
	for (; out->n_actions < service->action_count; out->n_actions++) {
		const struct action *action = service->actions[out->n_actions];
		Registry__ActionInfo *info = new_action(
			c, arena_printf(c->arena, "%s.%s", service->name.data, action->name.data));
		info->available = action_available(service, action);
		info->action->method = (char *)action->method.data;
		info->action->uri = (char *)action->uri.data;
		info->params = (char *)action->params.data;
		out->actions[out->n_actions] = info;
	}
	return out;
}

/* The service of a request, to be released; NULL for $node. False with the reason set. */
static bool find_service(struct call *c, struct text name, const struct service **service)
{
	const struct validation v = {c->arena, &c->status, ""};
	struct index *index = registry_index(c);

	*service = NULL;
	if (!index || !valid_required(&v, "service", name))
		return false;
	if (node_service_named(name))
		return true;
	*service = index_service(index, c->caller.space, name);
	return *service || status_set(&c->status, c->arena, STATUS_NOT_FOUND, "no service %.*s",
				   TEXT_ARGS(name));
}

enum next registry_list_actions(struct call *c)
{
	const Registry__ListActionsRequest *in = call_request(c, Registry__ListActionsRequest);
	const struct service *service;

	if (!find_service(c, text_of(in->service), &service))
		return failed(c);
	enum next next = REPLY(c, list_actions(c, service));
	service_release(service);
	return next;
}

/* --- events --------------------------------------------------------------------------------- */

static Registry__EventInfo *new_event(struct call *c, const struct event_entry *entry)
{
	Registry__EventInfo *info = ARENA_NEW(c->arena, Registry__EventInfo);

	registry__event_info__init(info);
	info->event = ARENA_NEW(c->arena, Registry__EventDefinition);
	registry__event_definition__init(info->event);
	info->name = info->event->name = (char *)entry->name.data;
	info->group = (char *)entry->group.data;
	info->available = entry->available;
	return info;
}

enum next registry_list_events(struct call *c)
{
	const Registry__ListEventsRequest *in = call_request(c, Registry__ListEventsRequest);
	Registry__ListEventsResponse out = REGISTRY__LIST_EVENTS_RESPONSE__INIT;
	struct event_entries entries = {0};
	const struct service *service;

	if (!find_service(c, text_of(in->service), &service))
		return failed(c);
	bool known = !service || event_list(c, service, &entries); /* $node subscribes to nothing */
	service_release(service);
	if (!known)
		return failed(c);
	out.events = arena_array(c->arena, entries.count, sizeof(*out.events));
	for (; out.n_events < entries.count; out.n_events++)
		out.events[out.n_events] = new_event(c, &entries.items[out.n_events]);
	return REPLY(c, &out);
}
