/*
 * Registrations of servers and of services are appended in batches; the bulk form and deletions are
 * statements of their own. All take the lock of the change log first, so their order is that of the
 * revisions, and a step is answered only when its revision is in the index.
 */
#include "server/registry/registry_store.h"

#include "server/db/array.h"

#define CALLER_COLUMNS 4

static const struct statement put_servers = {
	.name = "registry_put_servers",
	.sql = "SELECT r_position, r_revision FROM registry.register_servers($1::text[], "
	       "$2::text[], "
	       "$3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], "
	       "$9::text[])",
	.parameters = 9,
};

static const struct statement put_services = {
	.name = "registry_put_services",
	.sql = "SELECT r_position, r_revision FROM registry.register_services($1::text[], "
	       "$2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], "
	       "$8::integer[], $9::text[], $10::text[], $11::text[], $12::text[], "
	       "$13::integer[], $14::text[], $15::text[], $16::text[], $17::text[])",
	.parameters = 17,
};

static const struct statement put_all = {
	.name = "registry_put_all",
	.sql = "SELECT registry.register_bulk($1, $2::text[], $3::text[], $4::integer[], "
	       "$5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], "
	       "$11::text[], $12::text[], $13, $14, $15, $16)",
	.parameters = 16,
};

static const struct statement delete_server = {
	.name = "registry_delete_server",
	.sql = "SELECT registry.delete_server($1, $2, $3, $4, $5, $6)",
	.parameters = 6,
};

static const struct statement delete_service = {
	.name = "registry_delete_service",
	.sql = "SELECT registry.delete_service($1, $2, $3, $4, $5, $6, $7)",
	.parameters = 7,
};

static const struct statement put_nodes = {
	.name = "registry_put_nodes",
	.sql = "SELECT r_position, r_revision FROM registry.register_nodes($1::text[], $2::text[], "
	       "$3::text[], $4::text[], $5::integer[], $6::text[], $7::integer[], $8::boolean[], "
	       "$9::text[], $10::text[], $11::text[], $12::integer[], $13::text[], $14::text[], "
	       "$15::text[], $16::text[])",
	.parameters = 16,
};

static const struct statement update_node = {
	.name = "registry_update_node",
	.sql = "SELECT registry.update_node($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	.parameters = 10,
};

static const struct statement delete_node = {
	.name = "registry_delete_node",
	.sql = "SELECT registry.deregister_node($1, $2, $3, $4, $5, $6, $7)",
	.parameters = 7,
};

static const struct statement renew_lease = {
	.name = "registry_renew_lease",
	.sql = "SELECT registry.renew_lease($1, $2, $3)",
	.parameters = 3,
};

/* One statement, hence one snapshot: the revision and the state belong together. */
const struct statement store_load = {
	.name = "registry_load",
	.sql = "SELECT revision, namespace, kind, service_key, name, 'put', value, NULL, NULL, "
	       "NULL, NULL, NULL, NULL FROM ("
	       "SELECT 0 AS place, greatest((SELECT max(revision) FROM registry.change), "
	       "(SELECT forgotten FROM registry.history)) AS revision, NULL AS namespace, "
	       "NULL AS kind, NULL AS service_key, NULL AS name, NULL::json AS value "
	       "UNION ALL SELECT CASE kind WHEN 'service' THEN 1 ELSE 2 END, NULL, namespace, "
	       "kind, service_key, name, value FROM registry.state) s "
	       "ORDER BY place, namespace, service_key, name",
	.parameters = 0,
};

#define CHANGE_COLUMNS                                                                             \
	"revision, namespace, kind, service_key, name, operation, value, part, "                   \
	"registry.milliseconds(at), caller_address, caller_application, caller_user, trace"

const struct statement store_keep_history = {
	.name = "registry_keep_history",
	.sql = "SELECT registry.keep_history($1::integer)",
	.parameters = 1,
};

const struct statement store_position = {
	.name = "registry_position",
	.sql = "SELECT greatest((SELECT max(revision) FROM registry.change), forgotten), forgotten "
	       "FROM registry.history",
	.parameters = 0,
};

const struct statement store_follow = {
	.name = "registry_follow",
	.sql = "SELECT " CHANGE_COLUMNS " FROM registry.changes_after($1, $2)",
	.parameters = 2,
};

const struct statement store_read_log = {
	.name = "registry_read_log",
	.sql = "SELECT " CHANGE_COLUMNS " FROM registry.changes_behind($1, $2, $3, $4)",
	.parameters = 4,
};

/* Larger batches cost less a row, but then all callers wait for one batch, and PostgreSQL for their
 * next calls. */
static const struct append_log server_log = {.statement = &put_servers, .columns = 9, .batch = 128};
static const struct append_log service_log = {
	.statement = &put_services, .columns = 17, .batch = 128};

static const struct append_log node_log = {.statement = &put_nodes, .columns = 16, .batch = 128};

/* SQL NULL for a text that was not given. */
static struct text number(struct call *c, int value)
{
	return text_of(arena_printf(c->arena, "%d", value));
}

/* An empty text is no NULL: rows that are NULL in the table are refused there. */
static struct text or_empty(struct text t)
{
	return t.data ? t : TEXT("");
}

static void put_caller(const struct call *c, struct text columns[CALLER_COLUMNS])
{
	columns[0] = or_empty(c->caller.address);
	columns[1] = or_empty(c->caller.application);
	columns[2] = or_empty(c->caller.user);
	columns[3] = or_empty(c->caller.trace.id);
}

/* Equal for names that differ by case only, hence never in one batch. NUL parts the names. */
static struct text batch_key(struct call *c, struct text server, struct text service)
{
	struct buffer key = {.arena = c->arena};

	buffer_add_text(&key, c->caller.space);
	buffer_add_char(&key, '\0');
	buffer_add_text(&key, server);
	buffer_add_char(&key, '\0');
	buffer_add_text(&key, service);
	for (size_t i = c->caller.space.size; i < key.size; i++)
		if (key.data[i] >= 'A' && key.data[i] <= 'Z')
			key.data[i] = (char)(key.data[i] | 0x20);
	return buffer_text(&key);
}

enum next store_put_server(struct call *c, const struct store_server *server,
	enum next (*then)(struct call *c, const struct rows *rows, int row))
{
	struct text *columns = arena_array(c->arena, 9, sizeof *columns);

	columns[0] = c->caller.space;
	columns[1] = server->name;
	columns[2] = server->host;
	columns[3] = number(c, server->port);
	columns[4] = server->protocol;
	put_caller(c, &columns[5]);
	return append(c, &server_log, batch_key(c, server->name, TEXT("")), columns, then);
}

enum next store_put_service(struct call *c, const struct store_service *service,
	enum next (*then)(struct call *c, const struct rows *rows, int row))
{
	struct text *columns = arena_array(c->arena, 17, sizeof *columns);

	columns[0] = c->caller.space;
	columns[1] = service->server_name;
	columns[2] = service->name;
	columns[3] = service->uri;
	columns[4] = service->method;
	columns[5] = sql_or_null(service->protocol);
	columns[6] = sql_or_null(service->own_host);
	columns[7] = service->own_host.size ? number(c, service->own_port) : (struct text){0};
	columns[8] = sql_or_null(service->own_protocol);
	columns[9] = service->params;
	columns[10] = service->data;
	columns[11] = service->headers;
	columns[12] = service->timeout_ms ? number(c, service->timeout_ms) : (struct text){0};
	put_caller(c, &columns[13]);
	return append(
		c, &service_log, batch_key(c, service->server_name, service->name), columns, then);
}

enum next store_put_node(struct call *c, const struct store_node *node,
	enum next (*then)(struct call *c, const struct rows *rows, int row))
{
	struct text *columns = arena_array(c->arena, 16, sizeof *columns);

	columns[0] = c->caller.space;
	columns[1] = node->service_name;
	columns[2] = node->name;
	columns[3] = node->host;
	columns[4] = number(c, node->port);
	columns[5] = node->protocol;
	columns[6] = number(c, node->weight);
	columns[7] = node->enabled ? TEXT("true") : TEXT("false");
	columns[8] = node->metadata;
	columns[9] = node->check;
	columns[10] = or_empty(node->check_path);
	columns[11] = node->lease_ms ? number(c, node->lease_ms) : (struct text){0};
	put_caller(c, &columns[12]);
	return append(c, &node_log, batch_key(c, node->service_name, node->name), columns, then);
}

int64_t store_put_revision(const struct rows *rows, int row)
{
	return rows_int64(rows, row, 1);
}

/* --- statements of their own ---------------------------------------------------------------- */

enum next store_put_all(struct call *c, const struct store_server *servers, size_t server_count,
	const struct store_service *services, size_t service_count,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	enum { ARRAYS = 11 };
	struct buffer arrays[ARRAYS];
	struct text *parameters = arena_array(c->arena, 16, sizeof *parameters);

	for (int i = 0; i < ARRAYS; i++)
		arrays[i] = (struct buffer){.arena = c->arena};
	for (const struct store_server *s = servers; s < servers + server_count; s++) {
		const struct text row[] = {s->name, s->host, number(c, s->port), s->protocol};
		for (int i = 0; i < 4; i++)
			array_add(&arrays[i], row[i]);
	}
	for (const struct store_service *s = services; s < services + service_count; s++) {
		const struct text row[] = {
			s->server_name, s->name, s->uri, s->method, s->params, s->data, s->headers};
		for (int i = 0; i < 7; i++)
			array_add(&arrays[4 + i], row[i]);
	}
	parameters[0] = c->caller.space;
	for (int i = 0; i < ARRAYS; i++)
		parameters[1 + i] = array_text(&arrays[i]);
	put_caller(c, &parameters[12]);
	return change(c, &put_all, parameters, then);
}

enum next store_delete_server(struct call *c, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 6, sizeof *parameters);

	parameters[0] = c->caller.space;
	parameters[1] = name;
	put_caller(c, &parameters[2]);
	return change(c, &delete_server, parameters, then);
}

enum next store_delete_service(struct call *c, struct text server_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 7, sizeof *parameters);

	parameters[0] = c->caller.space;
	parameters[1] = server_name;
	parameters[2] = name;
	put_caller(c, &parameters[3]);
	return change(c, &delete_service, parameters, then);
}

int64_t store_revision(const struct rows *rows)
{
	return rows_int64(rows, 0, 0);
}

enum next store_update_node(struct call *c, struct text service_name, struct text name, int weight,
	int enabled, struct text metadata,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 10, sizeof *parameters);

	parameters[0] = c->caller.space;
	parameters[1] = service_name;
	parameters[2] = name;
	parameters[3] = weight < 0 ? (struct text){0} : number(c, weight);
	if (enabled >= 0)
		parameters[4] = enabled ? TEXT("true") : TEXT("false");
	parameters[5] = metadata;
	put_caller(c, &parameters[6]);
	return change(c, &update_node, parameters, then);
}

enum next store_delete_node(struct call *c, struct text service_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 7, sizeof *parameters);

	parameters[0] = c->caller.space;
	parameters[1] = service_name;
	parameters[2] = name;
	put_caller(c, &parameters[3]);
	return change(c, &delete_node, parameters, then);
}

enum next store_renew_lease(struct call *c, struct text service_name, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 3, sizeof *parameters);

	parameters[0] = c->caller.space;
	parameters[1] = service_name;
	parameters[2] = name;
	return change(c, &renew_lease, parameters, then);
}

int64_t store_lease_ms(const struct rows *rows)
{
	return rows_null(rows, 0, 0) ? -1 : rows_int64(rows, 0, 0);
}
