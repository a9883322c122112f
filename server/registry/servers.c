/* RegisterServer, GetServer, ListServers, DeleteServer. */
#include "junction/v1/registry.pb-c.h"
#include "server/registry/registry.h"
#include "server/registry/registry_store.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

/* --- RegisterServer ------------------------------------------------------------------------- */

static enum next registered(struct call *c)
{
	Registry__RegisterServerResponse out = REGISTRY__REGISTER_SERVER_RESPONSE__INIT;
	return REPLY(c, &out);
}

static enum next stored(struct call *c, const struct rows *rows, int row)
{
	return registry_visible(c, store_put_revision(rows, row), registered);
}

enum next registry_register_server(struct call *c)
{
	const Registry__RegisterServerRequest *in =
		call_request(c, Registry__RegisterServerRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct store_server server = {
		.name = text_of(in->server_name), .host = text_of(in->host), .port = in->port};
	struct text protocol = text_of(in->_protocol_case ? in->protocol : "");

	if (!valid_server_name(&v, "server_name", server.name) ||
		!valid_host(&v, "host", server.host) ||
		!valid_port(&v, "port", in->_port_case, in->port) ||
		!valid_protocol(&v, "protocol", protocol, &server.protocol))
		return failed(c);
	if (server.protocol.size == 0)
		server.protocol = TEXT("http");
	return store_put_server(c, &server, stored);
}

/* --- GetServer, ListServers ----------------------------------------------------------------- */

static Registry__ServerAddress *address_of(struct call *c, const struct node *node)
{
	Registry__ServerAddress *address = ARENA_NEW(c->arena, Registry__ServerAddress);

	registry__server_address__init(address);
	address->host = (char *)node->address.host.data;
	address->port = node->address.port;
	address->protocol = (char *)node->address.protocol.data;
	return address;
}

enum next registry_get_server(struct call *c)
{
	const Registry__GetServerRequest *in = call_request(c, Registry__GetServerRequest);
	const struct validation v = {c->arena, &c->status, ""};
	Registry__GetServerResponse out = REGISTRY__GET_SERVER_RESPONSE__INIT;
	struct text name = text_of(in->server_name);

	struct index *index = registry_index(c);
	if (!index || !valid_required(&v, "server_name", name))
		return failed(c);
	const struct service *service = index_service(index, c->caller.space, name);
	const struct node *node = service ? service_own_node(service) : NULL;
	if (node)
		out.data = address_of(c, node);
	enum next next = REPLY(c, &out);
	service_release(service);
	return next;
}

enum next registry_list_servers(struct call *c)
{
	Registry__ListServersResponse out = REGISTRY__LIST_SERVERS_RESPONSE__INIT;

	struct index *index = registry_index(c);
	if (!index)
		return failed(c);
	struct service_list list = index_services(index, c->caller.space);
	out.data = arena_array(c->arena, list.count, sizeof *out.data);
	for (size_t i = 0; i < list.count; i++) {
		const struct node *node = service_own_node(list.items[i]);
		if (!node)
			continue;
		Registry__ListServersResponse__DataEntry *entry =
			ARENA_NEW(c->arena, Registry__ListServersResponse__DataEntry);
		registry__list_servers_response__data_entry__init(entry);
		entry->key = (char *)list.items[i]->name.data;
		entry->value = address_of(c, node);
		out.data[out.n_data++] = entry;
	}
	enum next next = REPLY(c, &out);
	service_list_release(&list);
	return next;
}

/* --- DeleteServer --------------------------------------------------------------------------- */

static enum next gone(struct call *c)
{
	Registry__DeleteServerResponse out = REGISTRY__DELETE_SERVER_RESPONSE__INIT;
	return REPLY(c, &out);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Registry__DeleteServerRequest *in = call_request(c, Registry__DeleteServerRequest);
	int64_t revision = store_revision(rows);

	if (revision == 0)
		return fail(c, STATUS_NOT_FOUND, "no found server %s", in->server_name);
	return registry_visible(c, revision, gone);
}

enum next registry_delete_server(struct call *c)
{
	const Registry__DeleteServerRequest *in = call_request(c, Registry__DeleteServerRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text name = text_of(in->server_name);

	if (!valid_required(&v, "server_name", name))
		return failed(c);
	return store_delete_server(c, name, deleted);
}
