/* What can be said of a service without looking anything up. */
#include "server/registry/index.h"

struct text index_key(struct text name, struct arena *a)
{
	struct text key = arena_text(a, name);
	char *bytes = (char *)key.data;

	for (size_t i = 0; i < key.size; i++)
		if (bytes[i] >= 'A' && bytes[i] <= 'Z')
			bytes[i] = (char)(bytes[i] | 0x20);
	return key;
}

struct text service_full_name(const struct service *service, struct arena *a)
{
	if (service->version.size == 0)
		return service->name;
	return text_of(arena_printf(
		a, "%.*s.%.*s", TEXT_ARGS(service->version), TEXT_ARGS(service->name)));
}

bool action_available(const struct service *service, const struct action *action)
{
	return action->own.port > 0 || service->node_count > 0;
}

bool service_available(const struct service *service)
{
	if (service->node_count > 0)
		return true;
	for (size_t i = 0; i < service->action_count; i++)
		if (action_available(service, service->actions[i]))
			return true;
	return false;
}

struct text action_url(const struct service *service, const struct action *action, struct arena *a)
{
	bool own = action->own.port > 0;

	if (!own && service->node_count == 0)
		return TEXT("");
	const struct node *node = own ? &action->own : &service->nodes[0];
	struct text protocol = action->protocol.size ? action->protocol : node->protocol;
	if (own && node->protocol.size)
		protocol = node->protocol;
	if (protocol.size == 0)
		protocol = TEXT("http");
	bool ipv6 = text_find(node->host, ':', 0) < node->host.size;
	return text_of(arena_printf(a, ipv6 ? "%.*s://[%.*s]:%d%.*s" : "%.*s://%.*s:%d%.*s",
		TEXT_ARGS(protocol), TEXT_ARGS(node->host), node->port, TEXT_ARGS(action->uri)));
}
