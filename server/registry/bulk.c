/*
 * All is read into two flat lists, validated on the way; the statement then writes them in one
 * transaction under one revision, so that readers see all of it or nothing.
 */
#include "server/registry/bulk.h"

#include <stdlib.h>

#include "junction/v1/registry.pb-c.h"
#include "server/registry/registry.h"
#include "server/registry/registry_store.h"
#include "server/registry/validate.h"

static bool read_server(const struct validation *v, struct text name,
	const Registry__BulkServer *in, struct store_server *s)
{
	*s = (struct store_server){.name = name, .host = text_of(in->host), .port = in->port};
	if (!valid_host(v, "host", s->host) || !valid_port(v, "port", in->_port_case, in->port) ||
		!valid_protocol(v, "protocol", text_of(in->_protocol_case ? in->protocol : ""),
			&s->protocol))
		return false;
	if (s->protocol.size == 0)
		s->protocol = TEXT("http");
	return true;
}

static bool read_service(
	const struct validation *v, const Registry__BulkService *in, struct store_service *s)
{
	return valid_uri(v, "uri", text_of(in->uri), &s->uri) &&
	       valid_method(v, "method", text_of(in->_method_case ? in->method : ""), &s->method) &&
	       valid_object(v, "params", text_of(in->_params_case ? in->params : ""), &s->params) &&
	       valid_object(v, "data", text_of(in->_data_case ? in->data : ""), &s->data) &&
	       valid_object(
		       v, "headers", text_of(in->_headers_case ? in->headers : ""), &s->headers);
}

static int compare_keys(const void *a, const void *b)
{
	return text_compare(*(const struct text *)a, *(const struct text *)b);
}

/* No two of the names are equal without regard to case. */
static bool all_differ(const struct validation *v, struct text *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		names[i] = index_key(names[i], v->arena);
	qsort(names, count, sizeof *names, compare_keys);
	for (size_t i = 1; i < count; i++)
		if (text_equal(names[i - 1], names[i]))
			return status_field(v->status, v->arena,
				arena_printf(v->arena, "%s%.*s", v->prefix, TEXT_ARGS(names[i])),
				"given twice (names are compared without regard to case)");
	return true;
}

static bool read_services(struct call *c, const char *prefix, struct text server_name,
	const Registry__BulkServer *in, struct store_service **at)
{
	const struct validation v = {c->arena, &c->status, prefix};
	struct text *names = arena_array(c->arena, in->n_api, sizeof *names);

	for (size_t i = 0; i < in->n_api; i++) {
		struct store_service *s = (*at)++;
		names[i] = text_of(in->api[i]->key);
		*s = (struct store_service){.server_name = server_name, .name = names[i]};
		if (!valid_service_name(&v, "service_name", s->name))
			return false;
		const struct validation inner = {c->arena, &c->status,
			arena_printf(c->arena, "%s%s.", prefix, in->api[i]->key)};
		const Registry__BulkService none = REGISTRY__BULK_SERVICE__INIT;
		if (!read_service(&inner, in->api[i]->value ? in->api[i]->value : &none, s))
			return false;
	}
	return all_differ(&v, names, in->n_api);
}

static bool read_all(struct call *c, const Registry__RegisterServiceRequest *in,
	struct store_server *servers, struct store_service *services)
{
	const struct validation v = {c->arena, &c->status, "servers."};
	const Registry__BulkServer none = REGISTRY__BULK_SERVER__INIT;
	struct text *names = arena_array(c->arena, in->n_servers, sizeof *names);

	for (size_t i = 0; i < in->n_servers; i++) {
		names[i] = text_of(in->servers[i]->key);
		if (!valid_server_name(&v, "server_name", names[i]))
			return false;
		const char *prefix = arena_printf(c->arena, "servers.%s.", in->servers[i]->key);
		const struct validation inner = {c->arena, &c->status, prefix};
		const Registry__BulkServer *server =
			in->servers[i]->value ? in->servers[i]->value : &none;
		if (!read_server(&inner, names[i], server, &servers[i]) ||
			!read_services(c, arena_printf(c->arena, "%sapi.", prefix), names[i],
				server, &services))
			return false;
	}
	return all_differ(&v, names, in->n_servers);
}

static enum next stored(struct call *c, const struct rows *rows)
{
	return registry_visible(c, store_revision(rows), service_registered);
}

enum next bulk_register(struct call *c)
{
	const Registry__RegisterServiceRequest *in =
		call_request(c, Registry__RegisterServiceRequest);
	size_t count = 0;

	for (size_t i = 0; i < in->n_servers; i++)
		count += in->servers[i]->value ? in->servers[i]->value->n_api : 0;
	struct store_server *servers = arena_array(c->arena, in->n_servers, sizeof *servers);
	struct store_service *services = arena_array(c->arena, count, sizeof *services);
	if (!read_all(c, in, servers, services))
		return failed(c);
	return store_put_all(c, servers, in->n_servers, services, count, stored);
}
