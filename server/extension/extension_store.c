#include "server/extension/extension_store.h"

#include "base/check.h"
#include "server/registry/node_health.h"

const struct statement extension_load = {
	.name = "extension_load",
	.sql = "SELECT name, port, pid, server_node = $2, "
	       "(extract(epoch FROM registered_at) * 1000000)::bigint FROM registry.extension "
	       "WHERE host = $1 ORDER BY name LIMIT 10",
	.parameters = 2,
};

const struct statement extension_clear = {
	.name = "extension_clear",
	.sql = "DELETE FROM registry.extension WHERE host = $1",
	.parameters = 1,
};

const struct statement extension_clear_own = {
	.name = "extension_clear_own",
	.sql = "DELETE FROM registry.extension WHERE host = $1 AND server_node = $2 AND pid > 0",
	.parameters = 2,
};

const struct statement extension_forget = {
	.name = "extension_forget",
	.sql = "SELECT registry.forget_extensions($1, $2::text[], $3::integer[])",
	.parameters = 3,
};

const struct statement extension_keep_invocations = {
	.name = "extension_keep_invocations",
	.sql = "SELECT registry.keep_invocations($1::integer)",
	.parameters = 1,
};

static const struct statement put_extension = {
	.name = "extension_put",
	.sql = "SELECT r_refusal, r_other FROM "
	       "registry.register_extension($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.parameters = 9,
};

static const struct statement delete_extension = {
	.name = "extension_delete",
	.sql = "DELETE FROM registry.extension WHERE host = $1 AND name = $2 RETURNING pid",
	.parameters = 2,
};

/* --- statements ------------------------------------------------------------------------------- */

size_t extension_read(const struct rows *rows, struct known_row found[EXTENSIONS_MAX])
{
	size_t count = (size_t)rows_count(rows);

	CHECK(count <= EXTENSIONS_MAX);
	for (int row = 0; row < (int)count; row++)
		found[row] = (struct known_row){
			.name = rows_text(rows, row, 0),
			.port = (int)rows_int64(rows, row, 1),
			.pid = (int)rows_int64(rows, row, 2),
			.own = rows_bool(rows, row, 3),
			.registered_us = rows_int64(rows, row, 4),
		};
	return count;
}

static struct text number(struct call *c, int value)
{
	return text_of(arena_printf(c->arena, "%d", value));
}

/* An empty text is no NULL: rows that are NULL in the table are refused there. */
static struct text or_empty(struct text t)
{
	return t.data ? t : TEXT("");
}

enum next extension_put(struct call *c, struct text name, int port, int pid,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 9, sizeof *parameters);

	parameters[0] = node_hostname();
	parameters[1] = name;
	parameters[2] = number(c, port);
	parameters[3] = pid ? number(c, pid) : (struct text){0};
	parameters[4] = node_name();
	parameters[5] = or_empty(c->caller.address);
	parameters[6] = or_empty(c->caller.application);
	parameters[7] = or_empty(c->caller.user);
	parameters[8] = or_empty(c->caller.trace.id);
	return change(c, &put_extension, parameters, then);
}

struct text extension_refusal(const struct rows *rows, struct text *other)
{
	*other = rows_text(rows, 0, 1);
	return rows_text(rows, 0, 0);
}

enum next extension_delete(struct call *c, struct text name,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 2, sizeof *parameters);

	parameters[0] = node_hostname();
	parameters[1] = name;
	return change(c, &delete_extension, parameters, then);
}

bool extension_deleted(const struct rows *rows, int *pid)
{
	*pid = rows_count(rows) > 0 ? (int)rows_int64(rows, 0, 0) : 0;
	return rows_count(rows) > 0;
}

enum next extension_find_all(
	struct call *c, enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 2, sizeof *parameters);

	parameters[0] = node_hostname();
	parameters[1] = node_name();
	return query(c, &extension_load, parameters, then);
}
