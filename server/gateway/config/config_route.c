/* Moleculer's routes, as far as they say how requests are carried; what they say of its actions has
 * no effect. */
#include "server/gateway/config/config_route.h"

#include "server/gateway/config/config_path.h"

enum { ROUTES_MAX = 100 };

/* true or the name of a method: somebody is asked. */
static bool read_check(struct reading *c, const struct config_value *value, enum said *said)
{
	*said = value->type == CONFIG_FALSE ? SAID_NO : SAID_YES;
	return value->type == CONFIG_FALSE || value->type == CONFIG_TRUE ||
	       value->type == CONFIG_STRING || reading_refuse(c, value, "must be true or false");
}

static bool read_authentication(struct reading *c, const struct config_value *value, void *into)
{
	return read_check(c, value, &((struct config_route *)into)->authentication);
}

static bool read_authorization(struct reading *c, const struct config_value *value, void *into)
{
	return read_check(c, value, &((struct config_route *)into)->authorization);
}

static const struct field route_fields[] = {
	{"path", FIELD_QUIET},
	{"open", FIELD_READ, .read = config_rule_read_open},
	{"authentication", FIELD_READ, .read = read_authentication},
	{"authorization", FIELD_READ, .read = read_authorization},
	{"aliases", FIELD_IDLE},
	{"autoAliases", FIELD_IDLE},
	{"blacklist", FIELD_IDLE},
	{"busboyConfig", FIELD_IDLE},
	{"callOptions", FIELD_IDLE},
	{"camelCaseNames", FIELD_IDLE},
	{"cors", FIELD_IDLE},
	{"debounceTime", FIELD_IDLE},
	{"etag", FIELD_IDLE},
	{"logging", FIELD_IDLE},
	{"mappingPolicy", FIELD_IDLE},
	{"mergeParams", FIELD_IDLE},
	{"name", FIELD_IDLE},
	{"onAfterCall", FIELD_IDLE},
	{"onBeforeCall", FIELD_IDLE},
	{"onError", FIELD_IDLE},
	{"use", FIELD_IDLE},
	{"whitelist", FIELD_IDLE},
	{0},
};

/* "/" and the gateway's own name are all paths. */
static bool read_path(struct reading *c, struct config_route *route)
{
	const struct config_value *path = config_tree_member(route->value, TEXT("path"));
	struct text text = TEXT("");

	if (!reading_is_said(path))
		return true;
	if (!reading_text(c, path, &text))
		return false;
	if (!config_path_read_pattern(c, path, text_trim(text), &route->pattern))
		return false;
	if (text_equal(route->pattern, TEXT("/")) ||
		text_equal_nocase(route->pattern, TEXT("/api")))
		route->pattern = TEXT("");
	return true;
}

static bool is_other_path(
	struct reading *c, const struct config_routes *routes, const struct config_route *route)
{
	for (const struct config_route *other = routes->items; other < route; other++)
		if (text_equal(other->pattern, route->pattern))
			return reading_refuse(c, route->value, "has the path of routes[%zu]",
				other->value->index);
	return true;
}

static bool read_route(
	struct reading *c, struct config_route *route, const struct config_rule *general)
{
	static const struct field *const tables[] = {config_rule_fields, route_fields, NULL};
	enum said *own = &route->rule.own_open;

	config_rule_start(&route->rule, general);
	if (!reading_members(c, route->value, tables, false, route))
		return false;
	if (*own == UNSAID &&
		(route->authentication == SAID_YES || route->authorization == SAID_YES))
		*own = SAID_NO;
	else if (*own == UNSAID &&
		 (route->authentication == SAID_NO || route->authorization == SAID_NO))
		*own = SAID_YES;
	route->decided = *own != UNSAID;
	config_rule_end(&route->rule);
	return true;
}

static bool find_paths(
	struct reading *c, const struct config_value *value, struct config_routes *routes)
{
	routes->items = arena_array(c->arena, value->count, sizeof *routes->items);
	for (const struct config_value *item = value->first; item; item = item->next) {
		struct config_route *route = &routes->items[routes->count++];
		route->value = item;
		if (!reading_object(c, item) || !read_path(c, route) ||
			!is_other_path(c, routes, route))
			return false;
	}
	return true;
}

/* Takes the one of all paths out. */
static bool read_all_paths(
	struct reading *c, struct config_rule *general, struct config_routes *routes)
{
	size_t i = 0;

	while (i < routes->count && routes->items[i].pattern.size > 0)
		i++;
	if (i == routes->count)
		return true;
	if (!read_route(c, &routes->items[i], general))
		return false;
	*general = routes->items[i].rule;
	routes->count--;
	memmove(&routes->items[i], &routes->items[i + 1],
		(routes->count - i) * sizeof *routes->items);
	return true;
}

bool config_routes_read(struct reading *c, const struct config_value *value,
	struct config_rule *general, struct config_routes *routes)
{
	if (!reading_is_said(value))
		return true;
	if (value->type != CONFIG_LIST && (value->type != CONFIG_OBJECT || value->count > 0))
		return reading_refuse(c, value, "must be a list");
	if (value->count > ROUTES_MAX)
		return reading_refuse(c, value, "must have at most %d", ROUTES_MAX);
	if (!find_paths(c, value, routes) || !read_all_paths(c, general, routes))
		return false;
	for (size_t i = 0; i < routes->count; i++)
		if (!read_route(c, &routes->items[i], general))
			return false;
	return true;
}

static bool lies_in(struct text path, struct text route)
{
	return text_starts(path, route) &&
	       (path.size == route.size || path.data[route.size] == '/');
}

const struct config_rule *config_routes_rule(
	const struct config_routes *routes, const struct config_rule *general, struct text path)
{
	const struct config_route *found = NULL;

	for (size_t i = 0; i < routes->count; i++) {
		const struct config_route *route = &routes->items[i];
		if (lies_in(path, route->pattern) &&
			(!found || route->pattern.size > found->pattern.size))
			found = route;
	}
	return found ? &found->rule : general;
}
