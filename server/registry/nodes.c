/* RegisterNode, Heartbeat, UpdateNode, DeregisterNode, ListNodes. */
#include "base/clock.h"
#include "junction/v1/registry.pb-c.h"
#include "server/registry/lease.h"
#include "server/registry/message.h"
#include "server/registry/registry.h"
#include "server/registry/registry_store.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

enum {
	WEIGHT_MOST = 10000,
	LEASE_LEAST_MS = 1000,
	LEASE_MOST_MS = 24 * 3600 * 1000,
	METADATA_LIMIT = 65536,
	HOST_PART = 236, /* of a name that is made: 255 bytes without "-" and 18 digits */
	PAGE_NODES = 1000,
	PAGE_NODES_MOST = 10000,
	PAGE_BYTES = 1024 * 1024,
};

/* --- RegisterNode ------------------------------------------------------------------------------
 */

static bool read_metadata(
	const struct validation *v, const char *given, bool is_given, struct text *metadata)
{
	struct text text = text_of(is_given ? given : "");

	if (text.size > METADATA_LIMIT)
		return status_field(v->status, v->arena, "metadata", "must have at most %d bytes",
			METADATA_LIMIT);
	return valid_object(v, "metadata", text, metadata);
}

static bool read_check(const struct validation *v, const Registry__RegisterNodeRequest *in,
	struct store_node *node)
{
	bool has_path = *in->check_path != '\0';

	switch (in->check) {
	case REGISTRY__NODE_CHECK__NODE_CHECK_UNSPECIFIED:
		node->check = has_path ? TEXT("http") : TEXT("tcp");
		break;
	case REGISTRY__NODE_CHECK__NODE_CHECK_HTTP:
		node->check = TEXT("http");
		break;
	case REGISTRY__NODE_CHECK__NODE_CHECK_NONE:
		node->check = TEXT("none");
		break;
	case REGISTRY__NODE_CHECK__NODE_CHECK_TCP:
		node->check = TEXT("tcp");
		break;
	default:
		return status_field(v->status, v->arena, "check", "is not known");
	}
	if (text_equal(node->check, TEXT("http")))
		return valid_uri(v, "checkPath", text_of(in->check_path), &node->check_path);
	return !has_path || status_field(v->status, v->arena, "checkPath",
				    "must not be given with a check that is not HTTP");
}

/* The name that is given, or one of host, time and port: nothing else starts there just now. */
static bool read_name(const struct validation *v, const char *given, struct store_node *node)
{
	if (*given) {
		node->name = text_of(given);
		return valid_node_name(v, "node", node->name);
	}
	char *made = arena_printf(v->arena, "%.*s-%lld%05d",
		TEXT_ARGS(text_until(node->host, HOST_PART)), (long long)clock_unix_ms(),
		node->port);
	for (char *c = made; *c; c++)
		if (*c == ':')
			*c = '.';
	node->name = text_of(made);
	return true;
}

static bool read_node(const struct validation *v, const Registry__RegisterNodeRequest *in,
	struct store_node *node)
{
	*node = (struct store_node){
		.service_name = text_of(in->service),
		.host = text_of(in->host),
		.port = in->port,
		.weight = in->_weight_case ? in->weight : 1,
		.enabled = in->_enabled_case ? in->enabled : true,
		.lease_ms = in->lease_ms,
	};
	if (!valid_application_name(v, "service", node->service_name) ||
		!valid_host(v, "host", node->host) ||
		!valid_port(v, "port", in->_port_case, in->port) ||
		!valid_protocol(v, "protocol", text_of(in->_protocol_case ? in->protocol : ""),
			&node->protocol) ||
		!valid_range(v, "weight", node->weight, 0, WEIGHT_MOST) ||
		!read_metadata(v, in->metadata, in->_metadata_case, &node->metadata) ||
		!read_check(v, in, node) || !read_name(v, in->node, node))
		return false;
	if (node->protocol.size == 0)
		node->protocol = TEXT("http");
	return node->lease_ms == 0 ||
	       valid_range(v, "leaseMs", node->lease_ms, LEASE_LEAST_MS, LEASE_MOST_MS);
}

static enum next registered(struct call *c)
{
	return REPLY(c, (Registry__RegisterNodeResponse *)c->state);
}

static enum next stored(struct call *c, const struct rows *rows, int row)
{
	Registry__RegisterNodeResponse *out = c->state;

	out->revision = store_put_revision(rows, row);
	return registry_visible(c, out->revision, registered);
}

enum next registry_register_node(struct call *c)
{
	const Registry__RegisterNodeRequest *in = call_request(c, Registry__RegisterNodeRequest);
	const struct validation v = {c->arena, &c->status, ""};
	Registry__RegisterNodeResponse *out = ARENA_NEW(c->arena, Registry__RegisterNodeResponse);
	struct store_node node;

	if (!read_node(&v, in, &node))
		return failed(c);
	registry__register_node_response__init(out);
	out->node = (char *)node.name.data;
	out->lease_ms = node.lease_ms;
	c->state = out;
	return store_put_node(c, &node, stored);
}

/* --- Heartbeat ------------------------------------------------------------------------------- */

static enum next no_node(struct call *c, const char *node, const char *service)
{
	return fail(c, STATUS_NOT_FOUND, "no node %s of service %s", node, service);
}

static enum next renewed(struct call *c, int64_t lease_ms)
{
	Registry__HeartbeatResponse out = REGISTRY__HEARTBEAT_RESPONSE__INIT;

	out.lease_ms = (int32_t)lease_ms;
	return REPLY(c, &out);
}

/* PostgreSQL knows nodes that were registered at another server a moment ago. */
static enum next renewed_there(struct call *c, const struct rows *rows)
{
	const Registry__HeartbeatRequest *in = call_request(c, Registry__HeartbeatRequest);
	int64_t lease_ms = store_lease_ms(rows);

	if (lease_ms < 0)
		return no_node(c, in->node, in->service);
	if (lease_ms == 0)
		return fail(c, STATUS_FAILED_PRECONDITION, "node %s of service %s has no lease",
			in->node, in->service);
	return renewed(c, lease_ms);
}

enum next registry_heartbeat(struct call *c)
{
	const Registry__HeartbeatRequest *in = call_request(c, Registry__HeartbeatRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text service = text_of(in->service), node = text_of(in->node);
	int64_t lease_ms;

	if (!valid_required(&v, "service", service) || !valid_required(&v, "node", node))
		return failed(c);
	if (leases_renew(registry_leases(), c->caller.space, index_key(service, c->arena),
		    index_key(node, c->arena), &lease_ms))
		return renewed(c, lease_ms);
	return store_renew_lease(c, service, node, renewed_there);
}

/* --- UpdateNode ------------------------------------------------------------------------------ */

static enum next updated(struct call *c)
{
	return REPLY(c, (Registry__UpdateNodeResponse *)c->state);
}

static enum next update_stored(struct call *c, const struct rows *rows)
{
	const Registry__UpdateNodeRequest *in = call_request(c, Registry__UpdateNodeRequest);
	Registry__UpdateNodeResponse *out = ARENA_NEW(c->arena, Registry__UpdateNodeResponse);

	registry__update_node_response__init(out);
	out->revision = store_revision(rows);
	if (out->revision == 0)
		return no_node(c, in->node, in->service);
	c->state = out;
	return registry_visible(c, out->revision, updated);
}

enum next registry_update_node(struct call *c)
{
	const Registry__UpdateNodeRequest *in = call_request(c, Registry__UpdateNodeRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text service = text_of(in->service), node = text_of(in->node);
	struct text metadata = {0};

	if (!valid_required(&v, "service", service) || !valid_required(&v, "node", node))
		return failed(c);
	if (!in->_weight_case && !in->_enabled_case && !in->_metadata_case)
		return fail(c, STATUS_INVALID_ARGUMENT, "weight, enabled or metadata: required");
	if (in->_weight_case && !valid_range(&v, "weight", in->weight, 0, WEIGHT_MOST))
		return failed(c);
	if (in->_metadata_case && !read_metadata(&v, in->metadata, true, &metadata))
		return failed(c);
	return store_update_node(c, service, node, in->_weight_case ? in->weight : -1,
		in->_enabled_case ? in->enabled : -1, metadata, update_stored);
}

/* --- DeregisterNode -------------------------------------------------------------------------- */

static enum next deregistered(struct call *c)
{
	return REPLY(c, (Registry__DeregisterNodeResponse *)c->state);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Registry__DeregisterNodeRequest *in =
		call_request(c, Registry__DeregisterNodeRequest);
	Registry__DeregisterNodeResponse *out =
		ARENA_NEW(c->arena, Registry__DeregisterNodeResponse);

	registry__deregister_node_response__init(out);
	out->revision = store_revision(rows);
	if (out->revision == 0)
		return no_node(c, in->node, in->service);
	c->state = out;
	return registry_visible(c, out->revision, deregistered);
}

enum next registry_deregister_node(struct call *c)
{
	const Registry__DeregisterNodeRequest *in =
		call_request(c, Registry__DeregisterNodeRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text service = text_of(in->service), node = text_of(in->node);

	if (!valid_required(&v, "service", service) || !valid_required(&v, "node", node))
		return failed(c);
	return store_delete_node(c, service, node, deleted);
}

/* --- ListNodes ------------------------------------------------------------------------------- */

/* A page begins behind that node. Keys hold no "/". */
struct page {
	Registry__ListNodesResponse out;
	struct text service_key, node_key; /* the former empty: from the beginning */
	struct text last_service, last_node;
	size_t most, bytes;
};

static bool read_page(
	const struct validation *v, const Registry__ListNodesRequest *in, struct page *page)
{
	struct text token = text_of(in->page_token);
	size_t slash = text_find(token, '/', 0);
	int64_t most = in->page_size ? in->page_size : PAGE_NODES;

	if (in->page_size < 0)
		return status_field(v->status, v->arena, "pageSize", "must not be negative");
	if (token.size && (slash == 0 || slash == token.size))
		return status_field(v->status, v->arena, "pageToken", "is none of a page");
	*page = (struct page){
		.out = REGISTRY__LIST_NODES_RESPONSE__INIT,
		.service_key = text_until(token, slash),
		.node_key = token.size ? text_from(token, slash + 1) : token,
		.most = (size_t)(most < PAGE_NODES_MOST ? most : PAGE_NODES_MOST),
	};
	page->out.nodes = arena_array(v->arena, page->most, sizeof *page->out.nodes);
	return true;
}

static bool is_full(const struct page *page)
{
	return page->out.n_nodes == page->most || page->bytes >= PAGE_BYTES;
}

/* False if the page was full before. */
static bool add_nodes(struct call *c, struct page *page, const struct service *service)
{
	int order = text_compare(service->key, page->service_key);

	if (order < 0)
		return true;
	for (size_t i = 0; i < service->node_count; i++) {
		const struct node *node = service->nodes[i];
		if (order == 0 && text_compare(node->key, page->node_key) <= 0)
			continue;
		if (is_full(page))
			return false;
		Registry__NodeInfo *info = message_node(c->arena, service->name, service, node);
		page->out.nodes[page->out.n_nodes++] = info;
		page->bytes += registry__node_info__get_packed_size(info);
		page->last_service = service->key;
		page->last_node = node->key;
	}
	return true;
}

static enum next list_nodes(struct call *c, struct page *page, const struct service_list *services)
{
	for (size_t i = 0; i < services->count; i++)
		if (!add_nodes(c, page, services->items[i])) {
			page->out.next_page_token = arena_printf(c->arena, "%.*s/%.*s",
				TEXT_ARGS(page->last_service), TEXT_ARGS(page->last_node));
			break;
		}
	return REPLY(c, &page->out);
}

enum next registry_list_nodes(struct call *c)
{
	const Registry__ListNodesRequest *in = call_request(c, Registry__ListNodesRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct index *index = registry_index(c);
	struct page page;

	if (!index || !read_page(&v, in, &page))
		return failed(c);
	struct service_list services =
		*in->service ? index_services_named(index, c->caller.space, &in->service, 1)
			     : index_services(index, c->caller.space);
	if (*in->service && services.count == 0) {
		service_list_release(&services);
		return fail(c, STATUS_NOT_FOUND, "no service %s", in->service);
	}
	enum next next = list_nodes(c, &page, &services);
	service_list_release(&services);
	return next;
}
