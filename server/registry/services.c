/* RegisterService (its bulk form is in bulk.c), QueryServices, DeleteService. */
#include "junction/v1/registry.pb-c.h"
#include "server/registry/bulk.h"
#include "server/registry/registry.h"
#include "server/registry/registry_store.h"
#include "server/registry/upstream.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

/* --- RegisterService ------------------------------------------------------------------------ */

static enum next stored(struct call *c, const struct rows *rows, int row)
{
	const Registry__RegisterServiceRequest *in =
		call_request(c, Registry__RegisterServiceRequest);

	if (row < 0)
		return fail(c, STATUS_NOT_FOUND, "no found server %s", in->server_name);
	return registry_visible(c, store_put_revision(rows, row), service_registered);
}

/* The server_info: an address of the service's own. */
static bool read_own_address(
	const struct validation *v, const Registry__ServerInfo *info, struct store_service *s)
{
	if (!info)
		return true;
	s->own_host = text_of(info->host);
	s->own_port = info->port;
	return valid_host(v, "server_info.host", s->own_host) &&
	       valid_port(v, "server_info.port", info->_port_case, info->port) &&
	       valid_protocol(v, "server_info.protocol",
		       text_of(info->_protocol_case ? info->protocol : ""), &s->own_protocol);
}

static bool read_service(const struct validation *v, const Registry__RegisterServiceRequest *in,
	struct store_service *s)
{
	*s = (struct store_service){.server_name = text_of(in->server_name),
		.name = text_of(in->service_name),
		.timeout_ms = in->timeout_ms};
	if (in->_timeout_ms_case &&
		!valid_range(v, "timeout_ms", in->timeout_ms, 1, UPSTREAM_TIMEOUT_MS_MAX))
		return false;
	return valid_server_name(v, "server_name", s->server_name) &&
	       valid_service_name(v, "service_name", s->name) &&
	       valid_uri(v, "uri", text_of(in->uri), &s->uri) &&
	       valid_method(v, "method", text_of(in->_method_case ? in->method : ""), &s->method) &&
	       valid_protocol(v, "protocol", text_of(in->_protocol_case ? in->protocol : ""),
		       &s->protocol) &&
	       read_own_address(v, in->server_info, s) &&
	       valid_object(v, "params", text_of(in->_params_case ? in->params : ""), &s->params) &&
	       valid_object(v, "data", text_of(in->_data_case ? in->data : ""), &s->data) &&
	       valid_object(
		       v, "headers", text_of(in->_headers_case ? in->headers : ""), &s->headers);
}

enum next registry_register_service(struct call *c)
{
	const Registry__RegisterServiceRequest *in =
		call_request(c, Registry__RegisterServiceRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct store_service service;

	if (in->n_servers && (*in->server_name || *in->service_name || *in->uri || in->server_info))
		return fail_field(c, "servers", "must not be given together with a single service");
	if (in->n_servers)
		return bulk_register(c);
	if (!read_service(&v, in, &service))
		return failed(c);
	return store_put_service(c, &service, stored);
}

enum next service_registered(struct call *c)
{
	Registry__RegisterServiceData data = REGISTRY__REGISTER_SERVICE_DATA__INIT;
	Registry__RegisterServiceResponse out = REGISTRY__REGISTER_SERVICE_RESPONSE__INIT;

	out.data = &data;
	return REPLY(c, &out);
}

/* --- QueryServices -------------------------------------------------------------------------- */

/* One of the given texts, or none given: empty ones do not narrow. */
static bool among(struct text value, char *const *given, size_t count,
	bool (*equal)(struct text, struct text))
{
	bool narrows = false;

	for (size_t i = 0; i < count; i++) {
		if (!*given[i])
			continue;
		narrows = true;
		if (equal(value, text_of(given[i])))
			return true;
	}
	return !narrows;
}

static bool any_given(char *const *given, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (*given[i])
			return true;
	return false;
}

static Registry__ServiceRow *row_of(
	struct call *c, const struct service *service, const struct action *action, struct text url)
{
	Registry__ServiceRow *row = ARENA_NEW(c->arena, Registry__ServiceRow);

	registry__service_row__init(row);
	row->f_server_name = (char *)service->name.data;
	row->f_service_name = (char *)action->name.data;
	row->f_url = (char *)url.data;
	row->f_method = (char *)action->method.data;
	row->f_params = (char *)action->params.data;
	row->f_data = (char *)action->data.data;
	row->f_headers = (char *)action->headers.data;
	row->f_create_time = action->created_ms;
	row->f_create_date = clock_local(c->arena, action->created_ms);
	row->f_update_time = action->updated_ms;
	row->f_update_date = clock_local(c->arena, action->updated_ms);
	return row;
}

/* A growing list of rows, in the call's arena. */
struct found {
	Registry__ServiceRow **rows;
	size_t count, room;
};

static void add_row(struct call *c, struct found *found, Registry__ServiceRow *row)
{
	if (found->count == found->room) {
		size_t room = found->room ? found->room * 2 : 16;
		Registry__ServiceRow **rows = arena_array(c->arena, room, sizeof *rows);
		if (found->count)
			memcpy(rows, found->rows, found->count * sizeof *rows);
		found->rows = rows;
		found->room = room;
	}
	found->rows[found->count++] = row;
}

static const struct node *first_node(const struct service *service, const struct action *action)
{
	for (size_t i = 0; i < service->node_count; i++)
		if (service->nodes[i]->kind == action->kind)
			return service->nodes[i];
	return NULL;
}

static void find_in(struct call *c, const Registry__QueryServicesRequest *in,
	const struct service *service, struct found *found)
{
	if (!among(service->name, in->server_name, in->n_server_name, text_equal_nocase))
		return;
	for (size_t i = 0; i < service->action_count; i++) {
		const struct action *action = service->actions[i];
		if (!among(action->name, in->service_name, in->n_service_name, text_equal_nocase) ||
			!among(action->method, in->method, in->n_method, text_equal_nocase))
			continue;
		struct text url = action_url(action, first_node(service, action), c->arena);
		if (among(url, in->url, in->n_url, text_equal))
			add_row(c, found, row_of(c, service, action, url));
	}
}

enum next registry_query_services(struct call *c)
{
	const Registry__QueryServicesRequest *in = call_request(c, Registry__QueryServicesRequest);
	Registry__QueryServicesData data = REGISTRY__QUERY_SERVICES_DATA__INIT;
	Registry__QueryServicesResponse out = REGISTRY__QUERY_SERVICES_RESPONSE__INIT;
	struct found found = {0};

	if (!any_given(in->service_name, in->n_service_name)) {
		/* FATE Flow's words, which callers may compare: no "field: " before them. */
		status_set(&c->status, c->arena, STATUS_INVALID_ARGUMENT,
			"required argument are missing: service_name; ");
		c->status.field = "service_name";
		return failed(c);
	}
	struct index *index = registry_index(c);
	if (!index)
		return failed(c);
	struct service_list list = any_given(in->server_name, in->n_server_name)
					   ? index_services_named(index, c->caller.space,
						     in->server_name, in->n_server_name)
					   : index_services(index, c->caller.space);
	for (size_t i = 0; i < list.count; i++)
		find_in(c, in, list.items[i], &found);
	data.n_service_info = found.count;
	data.service_info = found.rows;
	out.data = &data;
	enum next next = REPLY(c, &out);
	service_list_release(&list);
	return next;
}

/* --- DeleteService -------------------------------------------------------------------------- */

static enum next gone(struct call *c)
{
	Registry__DeleteServiceResponse out = REGISTRY__DELETE_SERVICE_RESPONSE__INIT;
	return REPLY(c, &out);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	const Registry__DeleteServiceRequest *in = call_request(c, Registry__DeleteServiceRequest);
	int64_t revision = store_revision(rows);

	if (revision == 0)
		return fail(c, STATUS_NOT_FOUND, "no found service %s of server %s",
			in->service_name, in->server_name);
	return registry_visible(c, revision, gone);
}

enum next registry_delete_service(struct call *c)
{
	const Registry__DeleteServiceRequest *in = call_request(c, Registry__DeleteServiceRequest);
	const struct validation v = {c->arena, &c->status, ""};
	struct text server_name = text_of(in->server_name), name = text_of(in->service_name);

	if (!valid_required(&v, "server_name", server_name) ||
		!valid_required(&v, "service_name", name))
		return failed(c);
	return store_delete_service(c, server_name, name, deleted);
}
