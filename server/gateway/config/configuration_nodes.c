/* A base URL is scheme://host[:port][/path]; what it must not hold is refused without showing it,
 * for it may be a password. */
#include "server/gateway/config/configuration_nodes.h"

#include "server/gateway/config/config_path.h"
#include "server/registry/validate.h"

enum { NODES_MAX = 100, BASE_MAX = 1024 };

struct url {
	bool tls;
	struct text host, path;
	int64_t port;
};

struct nodes {
	struct configured_node *items;
	size_t count;
	enum configured_kind kind;
	int64_t weight;
};

/* --- URL -------------------------------------------------------------------------------------- */

static bool take_scheme(struct text *rest, enum configured_kind kind, bool *tls)
{
	static const struct {
		const char *name;
		bool tls, upgrade;
	} schemes[] = {{"http://", false, false}, {"https://", true, false}, {"ws://", false, true},
		{"wss://", true, true}};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		struct text name = text_of(schemes[i].name);
		if ((schemes[i].upgrade && kind != CONFIGURED_UPGRADE) ||
			!text_equal_nocase(text_until(*rest, name.size), name))
			continue;
		*tls = schemes[i].tls;
		*rest = text_from(*rest, name.size);
		return true;
	}
	return false;
}

/* "host", "host:port", "[::1]:port" */
static bool split_authority(struct text authority, struct url *url)
{
	bool bracket = authority.size > 0 && authority.data[0] == '[';
	size_t end = text_find(authority, bracket ? ']' : ':', 0);
	struct text port = text_from(authority, end + bracket);

	if (bracket && end == authority.size)
		return false;
	url->host = text_from(text_until(authority, end), bracket);
	url->port = url->tls ? 443 : 80;
	/* What is in brackets, and nothing else, has colons. */
	if (bracket != (text_find(url->host, ':', 0) < url->host.size))
		return false;
	return port.size == 0 || (port.data[0] == ':' && port.size > 1 && port.data[1] != '-' &&
					 text_to_int64(text_from(port, 1), &url->port));
}

static const char *path_fault(struct arena *a, struct text path)
{
	for (size_t i = 0; i < path.size; i++)
		if (path.data[i] <= ' ' || path.data[i] > '~')
			return "must be ASCII, the rest percent-encoded";
	if (path.size > BASE_MAX)
		return "must have a path of at most 1024 bytes";
	return path.size > 0 ? config_path_fault(a, path) : NULL;
}

static const char *url_fault(
	struct reading *c, struct text text, enum configured_kind kind, struct url *url)
{
	struct status status;
	const struct validation v = {c->arena, &status, ""};
	struct text rest = text;

	if (!take_scheme(&rest, kind, &url->tls))
		return kind == CONFIGURED_UPGRADE ? "must be an absolute ws, wss, http or https URL"
						  : "must be an absolute http or https URL";
	size_t end = 0;
	while (end < rest.size && !strchr("/?#", rest.data[end]))
		end++;
	struct text authority = text_until(rest, end);
	url->path = text_from(rest, end);
	if (text_find(authority, '@', 0) < authority.size)
		return "must not name a user";
	if (!split_authority(authority, url) || !valid_host(&v, "host", url->host))
		return "must have a host name or an IP address behind its scheme";
	if (url->port < 1 || url->port > 65535)
		return "must have a port from 1 to 65535";
	return path_fault(c->arena, url->path);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct text base_of(enum configured_kind kind, struct text path)
{
	if (kind == CONFIGURED_GRAPHQL)
		return path.size > 1 ? path : TEXT("/graphql");
	while (path.size > 0 && path.data[path.size - 1] == '/')
		path.size--;
	return path.size > 0 ? path : TEXT("");
}

static bool take_url(
	struct reading *c, const struct config_value *item, struct text text, void *into)
{
	struct nodes *nodes = into;
	struct url url;
	const char *fault = url_fault(c, text, nodes->kind, &url);

	if (fault)
		return reading_refuse(c, item, "%s", fault);
	if (nodes->count == NODES_MAX)
		return reading_refuse(c, item, "there must be at most %d URLs", NODES_MAX);
	struct configured_node node = {.kind = nodes->kind,
		.host = arena_lower(c->arena, url.host),
		.port = (int)url.port,
		.tls = url.tls,
		.weight = (int)nodes->weight,
		.base = base_of(nodes->kind, url.path)};
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].kind == node.kind && nodes->items[i].port == node.port &&
			text_equal(nodes->items[i].host, node.host))
			return reading_refuse(c, item, "has host and port of another one");
	nodes->items[nodes->count++] = node;
	return true;
}

static void set_notification(struct arena *a, struct configuration *out)
{
	const struct configured_node *node = out->nodes;

	out->notification_url = TEXT("");
	if (out->node_count == 0 || out->event_count == 0)
		return;
	bool bracket = text_find(node->host, ':', 0) < node->host.size;
	out->notification_url = text_of(arena_printf(a, "%s://%s%.*s%s:%d/mw/event/notification",
		node->tls ? "https" : "http", bracket ? "[" : "", TEXT_ARGS(node->host),
		bracket ? "]" : "", node->port));
}

bool configuration_read_nodes(
	struct reading *c, const struct config_value *settings, struct configuration *out)
{
	static const struct text names[] = {
		[CONFIGURED_HTTP] = TEXT("restAPIs"),
		[CONFIGURED_UPGRADE] = TEXT("websocketAPIs"),
		[CONFIGURED_GRAPHQL] = TEXT("GraphQL"),
	};
	const struct config_value *weight = config_tree_member(settings, TEXT("weight"));
	struct nodes nodes = {.weight = 1};

	if (reading_is_said(weight) && !reading_number(c, weight, 0, 10000, &nodes.weight))
		return false;
	nodes.items = arena_array(c->arena, NODES_MAX, sizeof *nodes.items);
	for (nodes.kind = CONFIGURED_HTTP; nodes.kind <= CONFIGURED_GRAPHQL; nodes.kind++) {
		const struct config_value *urls = config_tree_member(settings, names[nodes.kind]);
		if (reading_is_said(urls) &&
			!reading_each_text(c, urls, NODES_MAX, take_url, &nodes))
			return false;
	}
	out->nodes = nodes.items;
	out->node_count = nodes.count;
	set_notification(c->arena, out);
	return true;
}
