/*
 * Config route: the routes and actions of a configuration; between the sources of configuration.h
 * only. Every bool is false with c->error set.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_ROUTE_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_ROUTE_H

#include "server/gateway/config/config_rule.h"

struct config_route {
	struct config_rule rule;
	const struct config_value *value;
	struct text pattern; /* "/v1"; empty: all paths */
	enum said authentication, authorization;
	bool decided; /* it says itself whether it is open */
};

struct config_routes {
	struct config_route *items;
	size_t count;
};

struct config_action {
	struct config_rule rule;
	struct text name, uri, pattern, id;
	struct text methods[2]; /* HEAD goes with GET */
	size_t method_count;    /* 0: all */
	struct text params;
};

struct config_actions {
	struct config_action *items;
	size_t count;
};

/* value NULL: none. A route of all paths goes into the general rule instead. */
bool config_routes_read(struct reading *c, const struct config_value *value,
	struct config_rule *general, struct config_routes *routes);
/* That of the longest route in which the path lies, else the general one. */
const struct config_rule *config_routes_rule(
	const struct config_routes *routes, const struct config_rule *general, struct text path);

/* --- config_action.c --- */

/* value NULL: none. */
bool config_actions_read(struct reading *c, const struct config_value *value,
	const struct config_rule *general, const struct config_routes *routes,
	struct config_actions *actions);

#endif
