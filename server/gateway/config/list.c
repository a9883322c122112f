/* ListConfigurations: what all servers have loaded, as PostgreSQL has it. */
#include "base/json.h"
#include "server/registry/message.h"
#include "steps.gen.h"

enum { FILE_NAME, HOST, SERVICE, TITLE, LOADED, ERROR, ERROR_TIME, WARNINGS };

static const struct statement list = {
	.name = "registry_list_configurations",
	.sql = "SELECT file, host, service, title, registry.milliseconds(loaded_at), error, "
	       "registry.milliseconds(error_at), to_json(warnings) FROM registry.configuration "
	       "WHERE namespace = $1 AND ($2 = '' OR service_key = lower($2 COLLATE \"C\")) "
	       "ORDER BY service_key, file, host, folder",
	.parameters = 2,
};

static char *string_at(struct call *c, const struct rows *rows, int row, int column)
{
	return arena_string(c->arena, rows_text(rows, row, column));
}

static void read_warnings(
	struct call *c, const struct rows *rows, int row, Registry__Configuration *out)
{
	struct status ignored;
	const struct json *warnings =
		json_read(c->arena, arena_text(c->arena, rows_text(rows, row, WARNINGS)), &ignored);

	out->warnings =
		arena_array(c->arena, warnings ? warnings->count : 0, sizeof(*out->warnings));
	for (const struct json *w = warnings ? warnings->first : NULL; w; w = w->next)
		out->warnings[out->n_warnings++] = arena_string(c->arena, w->string);
}

static Registry__Configuration *configuration_of(struct call *c, const struct rows *rows, int row)
{
	Registry__Configuration *out = ARENA_NEW(c->arena, Registry__Configuration);

	registry__configuration__init(out);
	out->file = string_at(c, rows, row, FILE_NAME);
	out->host = string_at(c, rows, row, HOST);
	out->service = string_at(c, rows, row, SERVICE);
	out->title = string_at(c, rows, row, TITLE);
	out->load_time = message_time(c->arena, rows_int64(rows, row, LOADED));
	out->error = string_at(c, rows, row, ERROR);
	out->error_time = message_time(c->arena, rows_int64(rows, row, ERROR_TIME));
	read_warnings(c, rows, row, out);
	return out;
}

static enum next listed(struct call *c, const struct rows *rows)
{
	Registry__ListConfigurationsResponse out = REGISTRY__LIST_CONFIGURATIONS_RESPONSE__INIT;
	size_t count = (size_t)rows_count(rows);

	out.configurations = arena_array(c->arena, count, sizeof(*out.configurations));
	for (; out.n_configurations < count; out.n_configurations++)
		out.configurations[out.n_configurations] =
			configuration_of(c, rows, (int)out.n_configurations);
	return REPLY(c, &out);
}

enum next registry_list_configurations(struct call *c)
{
	const Registry__ListConfigurationsRequest *in =
		call_request(c, Registry__ListConfigurationsRequest);
	struct text *parameters = arena_array(c->arena, 2, sizeof(*parameters));

	parameters[0] = c->caller.space;
	parameters[1] = text_of(in->service);
	return query(c, &list, parameters, listed);
}
