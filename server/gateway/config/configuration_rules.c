/*
 * The general rule is what the settings say, with the route of all paths over it. A route starts
 * from the general rule; an action, and a path that is open, from the longest route that it lies
 * in, else from the general rule. What is open stays so where an action or a route lies in it and
 * says nothing of its own.
 *
 * Actions come first, then routes and open paths; of either what is literal for longer comes before
 * the rest, so that an open path with a "*" early on is no way round a route. The general rule
 * comes last.
 */
#include "server/gateway/config/configuration_rules.h"

#include <stdlib.h>

#include "base/json.h"
#include "server/gateway/config/config_path.h"
#include "server/gateway/config/config_route.h"

enum { OPEN_MAX = 100 };

/* A rule where it is to be found. */
struct place {
	struct config_rule rule;
	struct text id, path;
	const struct config_action *action; /* NULL: of a route, or an open path */
	bool decided;                       /* whether it is open */
	size_t prefix, literal;             /* bytes before the first "*", and but for "*" */
	size_t index;
};

struct rules {
	struct reading *c;
	struct config_rule general;
	struct config_routes routes;
	struct config_actions actions;
	struct text open[OPEN_MAX]; /* patterns */
	size_t open_count;
	struct place *places;
	size_t place_count;
};

/* --- settings --------------------------------------------------------------------------------- */

static bool take_open(
	struct reading *c, const struct config_value *item, struct text text, void *into)
{
	struct rules *r = into;

	if (!config_path_read_pattern(c, item, text, &r->open[r->open_count]))
		return false;
	if (text_equal(r->open[r->open_count], TEXT("/**")))
		r->general.own_open = SAID_YES;
	r->open_count++;
	return true;
}

static bool read_open(struct reading *c, const struct config_value *value, void *into)
{
	if (value->type == CONFIG_TRUE || value->type == CONFIG_FALSE)
		return config_rule_read_open(c, value, &((struct rules *)into)->general);
	return reading_each_text(c, value, OPEN_MAX, take_open, into);
}

static bool refuse_own(struct reading *c, const struct config_value *value, void *into)
{
	return reading_refuse(c, value, "is made by Junction");
}

static bool read_general(struct rules *r, const struct config_value *settings)
{
	static const struct field fields[] = {
		{"restAPIs", FIELD_QUIET},
		{"websocketAPIs", FIELD_QUIET},
		{"GraphQL", FIELD_QUIET},
		{"events", FIELD_QUIET},
		{"weight", FIELD_QUIET},
		{"routes", FIELD_QUIET},
		{"actions", FIELD_QUIET},
		{"cacher", FIELD_QUIET},
		{"open", FIELD_QUIET},
		{"gateway", FIELD_READ, .takes_null = true, .read = refuse_own},
		{0},
	};
	static const struct field *const tables[] = {config_rule_fields, fields, NULL};
	const struct config_value *open = config_tree_member(settings, TEXT("open"));

	config_rule_start(&r->general, &config_rule_default);
	if (!config_rule_read_cacher(r->c, config_tree_member(settings, TEXT("cacher"))))
		return false;
	if (!settings)
		return true;
	if (!reading_members(r->c, settings, tables, true, &r->general))
		return false;
	if (reading_is_said(open) && !read_open(r->c, open, r))
		return false;
	config_rule_end(&r->general);
	return true;
}

/* --- places ----------------------------------------------------------------------------------- */

static struct place *add_place(
	struct rules *r, const struct config_rule *rule, struct text id, struct text path)
{
	struct place *place = &r->places[r->place_count];

	*place = (struct place){.rule = *rule,
		.id = id,
		.path = path,
		.prefix = text_find(path, '*', 0),
		.index = r->place_count++};
	for (size_t i = 0; i < path.size; i++)
		place->literal += path.data[i] != '*';
	return place;
}

static void place_actions(struct rules *r)
{
	for (size_t i = 0; i < r->actions.count; i++) {
		const struct config_action *action = &r->actions.items[i];
		struct place *place = add_place(r, &action->rule, action->id, action->pattern);
		place->action = action;
		place->decided = action->rule.own_open != UNSAID;
	}
}

/* Both of a route have its id: they are counted together. */
static void place_routes(struct rules *r)
{
	for (size_t i = 0; i < r->routes.count; i++) {
		const struct config_route *route = &r->routes.items[i];
		struct text below =
			text_of(arena_printf(r->c->arena, "%.*s/**", TEXT_ARGS(route->pattern)));
		add_place(r, &route->rule, below, below)->decided = route->decided;
		add_place(r, &route->rule, below, route->pattern)->decided = route->decided;
	}
}

static bool is_placed(const struct rules *r, struct text path)
{
	for (size_t i = 0; i < r->place_count; i++)
		if (!r->places[i].action && text_equal(r->places[i].path, path))
			return true;
	return false;
}

static void place_open(struct rules *r)
{
	for (size_t i = 0; i < r->open_count; i++) {
		struct text path = r->open[i];
		for (size_t k = 0; k < r->place_count; k++)
			if (!r->places[k].decided && config_path_covers(path, r->places[k].path))
				r->places[k].rule.open = true;
		if (is_placed(r, path) || text_equal(path, TEXT("/**")))
			continue;
		struct place *place =
			add_place(r, config_routes_rule(&r->routes, &r->general, path), path, path);
		place->rule.open = place->decided = true;
	}
}

static size_t method_order(const struct place *place)
{
	return place->action && place->action->method_count ? place->action->method_count : 3;
}

static int compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* It stands for paths of any depth. */
static bool is_deep(struct text path)
{
	size_t at = text_find(path, '*', 0);

	while (at + 1 < path.size && path.data[at + 1] != '*')
		at = text_find(path, '*', at + 1);
	return at + 1 < path.size;
}

static int by_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = !x->action - !y->action;

	if (!order)
		order = compare(y->prefix, x->prefix);
	if (!order)
		order = is_deep(x->path) - is_deep(y->path);
	if (!order)
		order = compare(y->literal, x->literal);
	if (!order)
		order = compare(method_order(x), method_order(y));
	return order ? order : compare(x->index, y->index);
}

static void make_places(struct rules *r)
{
	size_t room = r->actions.count + 2 * r->routes.count + r->open_count + 1;

	r->places = arena_array(r->c->arena, room, sizeof *r->places);
	place_actions(r);
	place_routes(r);
	place_open(r);
	qsort(r->places, r->place_count, sizeof *r->places, by_order);
	add_place(r, &r->general, TEXT("*"), TEXT("**"));
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_place(struct buffer *b, const struct place *place)
{
	const struct config_action *action = place->action;

	json_write_comma(b);
	buffer_add_char(b, '{');
	json_write_text_member(b, "id", place->id);
	json_write_name(b, TEXT("methods"));
	buffer_add_char(b, '[');
	for (size_t i = 0; action && i < action->method_count; i++) {
		json_write_comma(b);
		json_write_string(b, action->methods[i]);
	}
	buffer_add_char(b, ']');
	json_write_text_member(b, "path", place->path);
	config_rule_write(b, &place->rule);
	buffer_add_char(b, '}');
}

static struct text write_gateway(struct rules *r, struct text title)
{
	struct buffer b = {.arena = r->c->arena};

	buffer_add_text(&b, TEXT("{\"title\":"));
	json_write_string(&b, title);
	buffer_add_text(&b, TEXT(",\"rules\":["));
	for (size_t i = 0; i < r->place_count; i++)
		write_place(&b, &r->places[i]);
	buffer_add_text(&b, TEXT("]}"));
	return buffer_text(&b);
}

static void list_actions(const struct rules *r, struct configuration *out)
{
	struct configured_action *actions =
		arena_array(r->c->arena, r->actions.count, sizeof *actions);

	for (size_t i = 0; i < r->actions.count; i++) {
		const struct config_action *action = &r->actions.items[i];
		actions[i] = (struct configured_action){action->name,
			action->method_count ? action->methods[0] : TEXT("GET"), action->uri,
			action->params, action->rule.timeout_ms};
	}
	out->actions = actions;
	out->action_count = r->actions.count;
}

bool configuration_read_rules(struct reading *c, const struct config_value *settings,
	struct configuration *out, struct text *gateway)
{
	struct rules r = {.c = c};

	if (!read_general(&r, settings) ||
		!config_routes_read(
			c, config_tree_member(settings, TEXT("routes")), &r.general, &r.routes) ||
		!config_actions_read(c, config_tree_member(settings, TEXT("actions")), &r.general,
			&r.routes, &r.actions))
		return false;
	make_places(&r);
	list_actions(&r, out);
	*gateway = write_gateway(&r, out->title);
	return true;
}
