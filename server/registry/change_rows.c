/* Members of the JSON values are those of registry.service_value(), registry.node_value() and
 * registry.action_value(). A value that is null is as one that is not there. */
#include "server/registry/change_rows.h"

#include "base/json.h"
#include "base/log.h"
#include "server/registry/registry_store.h"
#include "server/registry/settings.h"

static struct text member(const struct json *object, struct text name, struct arena *a)
{
	return arena_text(a, json_member_text(object, name, TEXT("")));
}

/* The bytes of a member that is a JSON value of its own. */
static struct text raw_member(const struct json *object, struct text name, struct arena *a)
{
	const struct json *value = json_member(object, name);
	return value ? arena_text(a, value->raw) : TEXT("{}");
}

static int64_t number_member_or(const struct json *object, struct text name, int64_t fallback)
{
	int64_t number;
	const struct json *value = json_member(object, name);
	return value && json_int64(value, &number) ? number : fallback;
}

static int64_t number_member(const struct json *object, struct text name)
{
	return number_member_or(object, name, 0);
}

static bool bool_member(const struct json *object, struct text name, bool fallback)
{
	const struct json *value = json_member(object, name);
	return value ? value->type == JSON_TRUE : fallback;
}

/* Index of a word among those of a list, 0 if it is none of them. */
static int word_member(const struct json *object, struct text name, const char *const words[3])
{
	struct text word = json_member_text(object, name, TEXT(""));

	for (int i = 0; i < 3; i++)
		if (text_equal(word, text_of(words[i])))
			return i;
	return 0;
}

/* How a node that a configuration file brings is asked: what others say in metadata is theirs. */
static void read_configured(const struct json *metadata, struct arena *a, struct node *n)
{
	static const char *const kinds[] = {"http", "upgrade", "graphql"};

	n->configured = true;
	n->kind = (enum node_kind)word_member(metadata, TEXT("kind"), kinds);
	n->base = member(metadata, TEXT("base"), a);
}

/* An own node may come in short form: all that is not told is as it is by default. */
static void read_node(const struct json *value, struct text key, struct arena *a, struct node *n)
{
	static const char *const checks[] = {"none", "tcp", "http"};
	static const char *const healths[] = {"unknown", "passing", "failing"};

	*n = (struct node){
		.key = key,
		.name = member(value, TEXT("name"), a),
		.address = {member(value, TEXT("host"), a), member(value, TEXT("protocol"), a),
			(int)number_member(value, TEXT("port"))},
		.weight = (int)number_member_or(value, TEXT("weight"), 1),
		.enabled = bool_member(value, TEXT("enabled"), true),
		.flapping = bool_member(value, TEXT("flapping"), false),
		.health = (enum node_health)word_member(value, TEXT("health"), healths),
		.check = json_member(value, TEXT("check"))
				 ? (enum node_check)word_member(value, TEXT("check"), checks)
				 : NODE_CHECK_TCP,
		.check_path = member(value, TEXT("check_path"), a),
		.health_reason = member(value, TEXT("health_reason"), a),
		.metadata = raw_member(value, TEXT("metadata"), a),
		.health_ms = number_member(value, TEXT("health_at")),
		.lease_ms = number_member(value, TEXT("lease_ms")),
	};
	if (bool_member(value, TEXT("configured"), false))
		read_configured(json_member(value, TEXT("metadata")), a, n);
}

/* settings.protectPercent, or -1. */
static int read_protection(const struct json *settings)
{
	int64_t percent = number_member_or(settings, TEXT("protectPercent"), -1);

	return percent >= 0 && percent <= 100 ? (int)percent : -1;
}

static struct service *read_service(
	const struct json *value, struct text space, struct text key, struct arena *a)
{
	struct service *s = ARENA_NEW(a, struct service);
	const struct json *own = json_member(value, TEXT("nodes"));
	struct node *node = ARENA_NEW(a, struct node);
	const struct node **nodes = ARENA_NEW(a, const struct node *);

	own = own ? own->first : NULL;
	if (own)
		read_node(own, TEXT(""), a, node);
	*nodes = node;
	s->space = space;
	s->key = key;
	s->name = member(value, TEXT("name"), a);
	s->version = member(value, TEXT("version"), a);
	s->settings = raw_member(value, TEXT("settings"), a);
	s->shown = settings_shown(a, json_member(value, TEXT("settings")));
	s->protect_percent = read_protection(json_member(value, TEXT("settings")));
	s->nodes = nodes;
	s->node_count = own ? 1 : 0;
	s->created_ms = number_member(value, TEXT("created"));
	s->updated_ms = number_member(value, TEXT("updated"));
	return s;
}

static struct action *read_action(const struct json *value, struct text key, struct arena *a)
{
	struct action *x = ARENA_NEW(a, struct action);

	x->key = key;
	x->name = member(value, TEXT("name"), a);
	x->uri = member(value, TEXT("uri"), a);
	x->method = member(value, TEXT("method"), a);
	x->protocol = member(value, TEXT("protocol"), a);
	x->own.host = member(value, TEXT("server_host"), a);
	x->own.port = (int)number_member(value, TEXT("server_port"));
	x->own.protocol = member(value, TEXT("server_protocol"), a);
	x->params = raw_member(value, TEXT("params"), a);
	x->data = raw_member(value, TEXT("data"), a);
	x->headers = raw_member(value, TEXT("headers"), a);
	x->created_ms = number_member(value, TEXT("created"));
	x->updated_ms = number_member(value, TEXT("updated"));
	x->timeout_ms = number_member(value, TEXT("timeout_ms"));
	if (text_equal(json_member_text(value, TEXT("origin"), TEXT("")), TEXT("graphql")))
		x->kind = NODE_KIND_GRAPHQL;
	return x;
}

/* The kinds of a change, by what is changed: put, delete, expire. */
static const struct {
	const char *kind;
	enum index_change_kind put, gone;
} kinds[] = {
	{"service", INDEX_PUT_SERVICE, INDEX_DELETE_SERVICE},
	{"node", INDEX_PUT_NODE, INDEX_DELETE_NODE},
	{"action", INDEX_PUT_ACTION, INDEX_DELETE_ACTION},
};

static bool read_kind(const struct rows *rows, int row, enum index_change_kind *kind)
{
	struct text name = rows_text(rows, row, STORE_KIND);
	struct text operation = rows_text(rows, row, STORE_OPERATION);

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (text_equal(name, text_of(kinds[i].kind))) {
			*kind = text_equal(operation, TEXT("put")) ? kinds[i].put : kinds[i].gone;
			if (text_equal(operation, TEXT("expire")))
				*kind = INDEX_EXPIRE_NODE;
			return true;
		}
	return false;
}

static struct text column(const struct rows *rows, int row, enum store_column c, struct arena *a)
{
	return arena_text(a, rows_text(rows, row, c));
}

static void read_author(
	const struct rows *rows, int row, struct arena *a, struct index_change *change)
{
	change->revision = rows_int64(rows, row, STORE_REVISION);
	change->part = (int)rows_int64(rows, row, STORE_PART);
	change->at_ms = rows_int64(rows, row, STORE_AT);
	change->author_address = column(rows, row, STORE_ADDRESS, a);
	change->author_application = column(rows, row, STORE_APPLICATION, a);
	change->author_user = column(rows, row, STORE_USER, a);
	change->author_trace = column(rows, row, STORE_TRACE, a);
}

static bool read_value(const struct json *value, struct arena *a, struct index_change *change)
{
	switch (change->kind) {
	case INDEX_PUT_SERVICE:
		change->service = read_service(value, change->space, change->key, a);
		return true;
	case INDEX_PUT_NODE:
		change->node = ARENA_NEW(a, struct node);
		read_node(value, change->key, a, change->node);
		return true;
	case INDEX_PUT_ACTION:
		change->action = read_action(value, change->key, a);
		return true;
	default:
		return false;
	}
}

static bool not_readable(const struct index_change *change, const char *reason)
{
	log_event(LOG_ERROR, "registry entry not readable", LOG_SLICE("namespace", change->space),
		LOG_SLICE("service", change->service_key), LOG_SLICE("name", change->key),
		LOG_TEXT("reason", reason));
	return false;
}

static bool read_row(const struct rows *rows, int row, struct arena *a, struct index_change *change)
{
	struct status why = {.message = ""};

	change->space = column(rows, row, STORE_SPACE, a);
	change->service_key = column(rows, row, STORE_SERVICE_KEY, a);
	change->key = column(rows, row, STORE_KEY, a);
	read_author(rows, row, a, change);
	if (!read_kind(rows, row, &change->kind))
		return not_readable(change, "its kind is not known");
	if (rows_null(rows, row, STORE_VALUE))
		return true;
	const struct json *value = json_read(a, column(rows, row, STORE_VALUE, a), &why);
	if (!value)
		return not_readable(change, why.message);
	return read_value(value, a, change);
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
