/* An action's rest says by which method and path it is asked; methods and paths of two actions must
 * differ, and so must their names but for case, as the registry compares them. */
#include "base/table.h"
#include "server/gateway/config/config_path.h"
#include "server/gateway/config/config_route.h"
#include "server/registry/validate.h"

enum { ACTIONS_MAX = 1000, URI_MAX = 2048 };

/* --- rest ------------------------------------------------------------------------------------- */

static bool read_method(struct reading *c, const struct config_value *value, struct text word,
	struct config_action *action)
{
	struct status status;
	const struct validation v = {c->arena, &status, ""};

	if (word.size == 0 || !valid_method(&v, "method", word, &action->methods[0]))
		return reading_refuse(c, value,
			"the method must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
	action->methods[1] = TEXT("HEAD");
	action->method_count = 1 + text_equal(action->methods[0], TEXT("GET"));
	return true;
}

static bool read_path(struct reading *c, const struct config_value *value, struct text path,
	struct config_action *action)
{
	if (path.size > URI_MAX)
		return reading_refuse(c, value, "must have at most %d bytes", URI_MAX);
	if (path.size == 0 || path.data[0] != '/')
		return reading_refuse(c, value, "the path must begin with \"/\"");
	action->uri = path;
	return config_path_read_pattern(c, value, path, &action->pattern);
}

/* "GET /v1/list", "/x" */
static bool read_line(struct reading *c, const struct config_value *value, void *into)
{
	struct text line = text_trim(value->text);
	size_t blank = text_find(line, ' ', 0);

	if (blank == line.size)
		return read_path(c, value, line, into);
	return read_method(c, value, text_until(line, blank), into) &&
	       read_path(c, value, text_trim(text_from(line, blank)), into);
}

static bool read_rest_method(struct reading *c, const struct config_value *value, void *into)
{
	struct text word;

	return reading_text(c, value, &word) && read_method(c, value, text_trim(word), into);
}

static bool read_rest_path(struct reading *c, const struct config_value *value, void *into)
{
	struct text path;

	return reading_text(c, value, &path) && read_path(c, value, text_trim(path), into);
}

static bool read_rest(struct reading *c, const struct config_value *value, void *into)
{
	static const struct field fields[] = {
		{"method", FIELD_READ, .read = read_rest_method},
		{"path", FIELD_READ, .read = read_rest_path},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};
	struct config_action *action = into;

	if (value->type == CONFIG_STRING)
		return read_line(c, value, into);
	if (value->type != CONFIG_OBJECT)
		return reading_refuse(
			c, value, "must be \"GET /path\", \"/path\" or {method, path}");
	if (!reading_members(c, value, tables, false, into))
		return false;
	return action->uri.size > 0 || reading_refuse_absent(c, value, TEXT("path"), "is required");
}

/* --- actions ---------------------------------------------------------------------------------- */

static bool read_params(struct reading *c, const struct config_value *value, void *into)
{
	struct buffer b = {.arena = c->arena};

	if (!reading_object(c, value))
		return false;
	config_tree_write(&b, value);
	((struct config_action *)into)->params = buffer_text(&b);
	return true;
}

static const struct field action_fields[] = {
	{"rest", FIELD_QUIET},
	{"params", FIELD_READ, .read = read_params},
	{"open", FIELD_READ, .read = config_rule_read_open},
	{"bulkhead", FIELD_IDLE},
	{"circuitBreaker", FIELD_IDLE},
	{"deprecated", FIELD_IDLE},
	{"description", FIELD_IDLE},
	{"fallback", FIELD_IDLE},
	{"handler", FIELD_IDLE},
	{"hooks", FIELD_IDLE},
	{"openapi", FIELD_IDLE},
	{"permissions", FIELD_IDLE},
	{"retryPolicy", FIELD_IDLE},
	{"summary", FIELD_IDLE},
	{"tracing", FIELD_IDLE},
	{"visibility", FIELD_IDLE},
	{0},
};

static bool check_name(struct reading *c, const struct config_value *value)
{
	struct status status;
	const struct validation v = {c->arena, &status, ""};

	return valid_service_name(&v, "action", value->name) ||
	       reading_refuse(c, value,
		       "the name of an action must have 1 to 255 bytes and not "
		       "hold \"/\" or control characters");
}

/* The rest first: it says from which rule the action starts. */
static bool read_action(struct reading *c, const struct config_value *value,
	const struct config_rule *general, const struct config_routes *routes,
	struct config_action *action)
{
	static const struct field *const tables[] = {config_rule_fields, action_fields, NULL};
	const struct config_value *rest = config_tree_member(value, TEXT("rest"));

	*action = (struct config_action){.name = value->name, .params = TEXT("{}")};
	if (!check_name(c, value) || !reading_object(c, value))
		return false;
	if (!reading_is_said(rest))
		return reading_refuse_absent(c, value, TEXT("rest"), "is required");
	if (!read_rest(c, rest, action))
		return false;
	config_rule_start(&action->rule, config_routes_rule(routes, general, action->pattern));
	if (!reading_members(c, value, tables, false, action))
		return false;
	config_rule_end(&action->rule);
	bool all = action->method_count == 0;
	action->id = text_of(arena_printf(c->arena, "%.*s%s%.*s", TEXT_ARGS(action->methods[0]),
		all ? "" : " ", TEXT_ARGS(action->pattern)));
	if (reading_is_said(config_tree_member(value, TEXT("cache"))) && !all &&
		action->method_count == 1 && !text_equal(action->methods[0], TEXT("HEAD")))
		reading_warn(c, config_tree_member(value, TEXT("cache")),
			"has no effect: only answers to GET are kept");
	return true;
}

static bool differs(struct reading *c, const struct config_value *value, struct table *names,
	struct table *ids, const struct config_action *action)
{
	const struct config_value *same = table_get(names, action->name);

	if (same)
		return reading_refuse(
			c, value, "has the name of the action of line %d", same->line);
	same = table_get(ids, action->id);
	if (same)
		return reading_refuse(
			c, value, "has method and path of the action of line %d", same->line);
	table_put(names, action->name, (void *)value);
	table_put(ids, action->id, (void *)value);
	return true;
}

bool config_actions_read(struct reading *c, const struct config_value *value,
	const struct config_rule *general, const struct config_routes *routes,
	struct config_actions *actions)
{
	struct table names = {0}, ids = {.exact = true};
	bool good = true;

	if (!reading_is_said(value))
		return true;
	if (!reading_object(c, value))
		return false;
	if (value->count > ACTIONS_MAX)
		return reading_refuse(c, value, "must have at most %d", ACTIONS_MAX);
	actions->items = arena_array(c->arena, value->count, sizeof *actions->items);
	for (const struct config_value *item = value->first; item && good; item = item->next) {
		struct config_action *action = &actions->items[actions->count++];
		good = read_action(c, item, general, routes, action) &&
		       differs(c, item, &names, &ids, action);
	}
	table_clear(&names);
	table_clear(&ids);
	return good;
}
