/*
 * A path is judged by its own name and by those of the actions that are registered for it, so that
 * a rule about an action holds on every way to it.
 */
#include "server/gateway/destination.h"

#include "base/percent.h"
#include "server/gateway/config/config_path.h"
#include "server/registry/registry.h"

/* --- finding ---------------------------------------------------------------------------------- */

static bool has_kind(const struct service *service, enum node_kind kind)
{
	for (size_t i = 0; i < service->node_count; i++)
		if (service->nodes[i]->kind == kind)
			return true;
	return false;
}

static enum node_kind kind_of(const struct service *service, struct text path, bool upgrade)
{
	if (upgrade && has_kind(service, NODE_KIND_UPGRADE))
		return NODE_KIND_UPGRADE;
	if (!upgrade && text_equal(path, TEXT("/graphql")) && has_kind(service, NODE_KIND_GRAPHQL))
		return NODE_KIND_GRAPHQL;
	return NODE_KIND_HTTP;
}

static struct text next_segment(struct text *left)
{
	struct text segment;

	while (left->size > 0 && left->data[0] == '/')
		*left = text_from(*left, 1);
	segment = text_until(*left, text_find(*left, '/', 0));
	*left = text_from(*left, segment.size);
	return segment;
}

/* ":name" and "{name}" stand for one segment. */
static bool fits(struct text uri, struct text path)
{
	while (uri.size > 0 || path.size > 0) {
		struct text wanted = next_segment(&uri), found = next_segment(&path);

		if (!text_equal(wanted, found) &&
			!(found.size > 0 && config_path_is_parameter(wanted)))
			return false;
	}
	return true;
}

/* A query in its URI does not count. */
static bool is_at(
	struct arena *a, const struct action *action, struct text method, struct text path)
{
	struct text uri = text_until(action->uri, text_find(action->uri, '?', 0));
	bool asked = text_equal(action->method, method) ||
		     (text_equal(method, TEXT("HEAD")) && text_equal(action->method, TEXT("GET")));

	if (action->kind != NODE_KIND_HTTP || !asked)
		return false;
	if (text_find(uri, '%', 0) < uri.size && percent_decode(a, uri, false, &uri))
		return false;
	return fits(uri, path);
}

static void find_names(struct arena *a, struct destination *d)
{
	const struct service *service = d->service;

	d->names = arena_array(a, service->action_count + 1, sizeof(*d->names));
	d->names[d->name_count++] = d->path;
	for (size_t i = 0; i < service->action_count; i++)
		if (is_at(a, service->actions[i], d->method, d->path))
			d->names[d->name_count++] = service->actions[i]->name;
	d->action = d->name_count > 1 ? d->names[1].data : "";
}

bool destination_find(struct call *c, struct text service, struct text method, struct text path,
	bool upgrade, struct destination *d)
{
	struct index *index = registry_index(c);
	const char *wrong;

	*d = (struct destination){.method = method};
	if (!index)
		return false;
	wrong = rules_path(c->arena, path, &d->path);
	if (wrong)
		return status_field(&c->status, c->arena, "path", "%s", wrong);
	d->service = index_service(index, c->caller.space, service);
	if (!d->service)
		return status_set(&c->status, c->arena, STATUS_NOT_FOUND,
			"there is no service %.*s", TEXT_ARGS(service));
	d->rules = rules_of(d->service);
	d->rule = rules_find(d->rules, method, d->path);
	d->full_name = service_full_name(d->service, c->arena);
	d->kind = kind_of(d->service, d->path, upgrade);
	find_names(c->arena, d);
	return true;
}

void destination_release(struct destination *d)
{
	rules_release(d->rules);
	service_release(d->service);
}

void destination_judge(struct call *c, const struct destination *d, const struct caller *caller,
	struct call_verdict *verdict)
{
	call_judge(c, caller, d->full_name, d->names, d->name_count, d->method, verdict);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t mix_node(uint64_t hash, const Registry__RouteNode *n)
{
	int32_t numbers[] = {n->port, n->tls, n->weight, n->configured};

	hash = mix(hash, n->name, strlen(n->name) + 1);
	hash = mix(hash, n->host, strlen(n->host) + 1);
	hash = mix(hash, n->prefix, strlen(n->prefix) + 1);
	return mix(hash, numbers, sizeof(numbers));
}

static Registry__RouteNode *show_node(struct arena *a, const struct node *node)
{
	Registry__RouteNode *out = ARENA_NEW(a, Registry__RouteNode);

	registry__route_node__init(out);
	out->name = (char *)node->name.data;
	out->host = (char *)node->address.host.data;
	out->port = node->address.port;
	out->tls = text_equal_nocase(node->address.protocol, TEXT("https"));
	out->weight = node->weight;
	out->prefix = node->base.size ? (char *)node->base.data : (char *)"";
	out->configured = node->configured;
	return out;
}

static char *why_none(struct arena *a, const struct destination *d)
{
	size_t enabled = 0, all = 0;

	for (size_t i = 0; i < d->service->node_count; i++) {
		const struct node *node = d->service->nodes[i];

		all += node->kind == d->kind;
		enabled += node->kind == d->kind && node->enabled;
	}
	return arena_printf(
		a, "%zu registered, %zu of them enabled, none of these passing", all, enabled);
}

bool destination_takes(const struct destination *d, const struct node *node)
{
	return node->kind == d->kind && node->address.port > 0 && node_available(d->service, node);
}

Registry__RouteNodes *destination_nodes(struct arena *a, const struct destination *d)
{
	Registry__RouteNodes *out = ARENA_NEW(a, Registry__RouteNodes);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	registry__route_nodes__init(out);
	out->nodes = arena_array(a, d->service->node_count + 1, sizeof(*out->nodes));
	for (size_t i = 0; i < d->service->node_count; i++)
		if (destination_takes(d, d->service->nodes[i])) {
			out->nodes[out->n_nodes] = show_node(a, d->service->nodes[i]);
			hash = mix_node(hash, out->nodes[out->n_nodes++]);
		}
	if (out->n_nodes == 0)
		out->reason = why_none(a, d);
	hash = mix(hash, out->reason, strlen(out->reason));
	out->revision = arena_printf(a, "%016llx", (unsigned long long)hash);
	return out;
}

Registry__RouteKind destination_kind(const struct destination *d)
{
	return d->kind == NODE_KIND_UPGRADE   ? REGISTRY__ROUTE_KIND__ROUTE_KIND_UPGRADE
	       : d->kind == NODE_KIND_GRAPHQL ? REGISTRY__ROUTE_KIND__ROUTE_KIND_GRAPHQL
					      : REGISTRY__ROUTE_KIND__ROUTE_KIND_HTTP;
}
