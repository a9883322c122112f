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

const struct node *service_own_node(const struct service *service)
{
	return service->node_count && service->nodes[0]->key.size == 0 ? service->nodes[0] : NULL;
}

struct text action_url(const struct action *action, const struct node *node, struct arena *a)
{
	bool own = action->own.port > 0;

	if (!own && !node)
		return TEXT("");
	const struct address *address = own ? &action->own : &node->address;
	struct text protocol = action->protocol.size ? action->protocol : address->protocol;
	if (own && address->protocol.size)
		protocol = address->protocol;
	if (protocol.size == 0)
		protocol = TEXT("http");
	bool ipv6 = text_find(address->host, ':', 0) < address->host.size;
	struct text base = own ? TEXT("") : node->base;
	bool whole = !own && node->kind == NODE_KIND_GRAPHQL;
	return text_of(arena_printf(a, ipv6 ? "%.*s://[%.*s]:%d%.*s%.*s" : "%.*s://%.*s:%d%.*s%.*s",
		TEXT_ARGS(protocol), TEXT_ARGS(address->host), address->port, TEXT_ARGS(base),
		TEXT_ARGS(whole ? TEXT("") : action->uri)));
}
