/* Members of the JSON values are those of registry.service_value() and registry.action_value(). */
#include "server/registry/change_rows.h"

#include "base/json.h"
#include "base/log.h"
#include "server/registry/registry_store.h"

static struct text member(const struct json *object, struct text name)
{
	return json_member_text(object, name, TEXT(""));
}

/* The bytes of a member that is a JSON value of its own. */
static struct text raw_member(const struct json *object, struct text name)
{
	const struct json *value = json_member(object, name);
	return value ? value->raw : TEXT("{}");
}

static int64_t number_member(const struct json *object, struct text name)
{
	int64_t number;
	return json_int64(json_member(object, name), &number) ? number : 0;
}

static struct service *read_service(
	const struct json *value, struct text space, struct text key, struct arena *a)
{
	struct service *s = ARENA_NEW(a, struct service);
	const struct json *list = json_member(value, TEXT("nodes"));
	struct node *nodes = arena_array(a, list ? list->count : 0, sizeof *nodes);

	for (const struct json *n = list ? list->first : NULL; n; n = n->next)
		nodes[s->node_count++] = (struct node){
			.name = member(n, TEXT("name")),
			.host = member(n, TEXT("host")),
			.protocol = member(n, TEXT("protocol")),
			.port = (int)number_member(n, TEXT("port")),
		};
	s->space = space;
	s->key = key;
	s->name = member(value, TEXT("name"));
	s->version = member(value, TEXT("version"));
	s->settings = raw_member(value, TEXT("settings"));
	s->nodes = nodes;
	s->created_ms = number_member(value, TEXT("created"));
	s->updated_ms = number_member(value, TEXT("updated"));
	return s;
}

static struct action *read_action(const struct json *value, struct text key, struct arena *a)
{
	struct action *x = ARENA_NEW(a, struct action);

	x->key = key;
	x->name = member(value, TEXT("name"));
	x->uri = member(value, TEXT("uri"));
	x->method = member(value, TEXT("method"));
	x->protocol = member(value, TEXT("protocol"));
	x->own.host = member(value, TEXT("server_host"));
	x->own.port = (int)number_member(value, TEXT("server_port"));
	x->own.protocol = member(value, TEXT("server_protocol"));
	x->own.name = TEXT("");
	if (x->own.port)
		x->own.name =
			text_of(arena_printf(a, "%.*s:%d", TEXT_ARGS(x->own.host), x->own.port));
	x->params = raw_member(value, TEXT("params"));
	x->data = raw_member(value, TEXT("data"));
	x->headers = raw_member(value, TEXT("headers"));
	x->created_ms = number_member(value, TEXT("created"));
	x->updated_ms = number_member(value, TEXT("updated"));
	return x;
}

static bool read_row(const struct rows *rows, int row, struct arena *a, struct index_change *change)
{
	bool is_service = text_equal(rows_text(rows, row, STORE_KIND), TEXT("service"));
	struct text key = arena_text(a, rows_text(rows, row, STORE_KEY));
	struct status why;

	change->space = arena_text(a, rows_text(rows, row, STORE_SPACE));
	change->service_key = arena_text(a, rows_text(rows, row, STORE_SERVICE_KEY));
	change->action_key = key;
	if (text_equal(rows_text(rows, row, STORE_OPERATION), TEXT("delete"))) {
		change->kind = is_service ? INDEX_DELETE_SERVICE : INDEX_DELETE_ACTION;
		return true;
	}
	const struct json *value =
		json_read(a, arena_text(a, rows_text(rows, row, STORE_VALUE)), &why);
	if (!value) {
		log_event(LOG_ERROR, "registry entry not readable",
			LOG_SLICE("namespace", change->space),
			LOG_SLICE("service", change->service_key), LOG_SLICE("name", key),
			LOG_TEXT("reason", why.message));
		return false;
	}
	change->kind = is_service ? INDEX_PUT_SERVICE : INDEX_PUT_ACTION;
	if (is_service)
		change->service = read_service(value, change->space, key, a);
	else
		change->action = read_action(value, key, a);
	return true;
}

struct index_change *change_rows_read(
	const struct rows *rows, int first, struct arena *a, size_t *count)
{
	int total = rows_count(rows) - first;
	struct index_change *changes = arena_array(a, (size_t)total, sizeof *changes);

	*count = 0;
	for (int i = 0; i < total; i++)
		if (read_row(rows, first + i, a, &changes[*count]))
			(*count)++;
	return changes;
}
