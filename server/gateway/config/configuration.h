/*
 * Configuration: what a service configuration file says (document 003, appendix; contract, section
 * 8), read and checked. Pure; any thread; everything lives in the arena.
 *
 * In settings stand, beside restAPIs, websocketAPIs, GraphQL, events and weight (of its nodes):
 *   what a rule says: balance, timeout, connectTimeout, idleTimeout (milliseconds), retries,
 *     bodyLimit, bodyParsers, rateLimit (or a list of them), cache, breaker, pages, open
 *   open       true, or patterns of paths
 *   cacher     how long caches keep what does not say it; false: there are none
 *   routes     the same for what lies under a path
 *   actions    the same for a method and path: {NAME: {rest: "GET /v1/list", params, ...}}
 * false is none, null as if it were not there. Other members are kept and mean nothing here.
 *
 * What counts for others is `settings`: a JSON object, kept as the settings of the service in the
 * registry. It has what the file's settings have, as plain JSON, and besides the member "gateway",
 * which configuration.c makes and rules.h reads:
 *
 * {"title": "...", "rules": [RULE...]}: the first whose methods and path fit counts; the last one
 * fits everything. A route makes two, of its path and of what lies under it, with one id. RULE (all
 * members always there):
 *   "id"               "*", or path pattern with methods before it: "GET /v1/list"
 *   "methods"          list, empty: all
 *   "path"             pattern as of base/wildcard.h over the path behind the service
 *   "open"             true: no credentials needed
 *   "balance"          "roundRobin", "leastOutstanding", "hash"
 *   "hashHeader"       "" unless hash
 *   "connectTimeoutMs", "timeoutMs", "idleTimeoutMs", "retries", "bodyLimit" (0: none)
 *   "limits"           list of {"name", "limit", "windowMs", "key":
 * "address"|"caller"|"application"|"all", "headers"} (rules that share a limit have the same name
 * in it) "cache"            null, or {"ttlMs", "keys", "shared", "most", "clean": event patterns}
 *   "breaker"          null, or {"percent", "volume", "windowMs", "halfOpenMs", "consecutive"}
 *   "pages"            true: browsers may run its pages as the gateway's own
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIGURATION_H

#include "base/arena.h"

#define CONFIGURATION_MAX (1024 * 1024) /* bytes of a file */

enum configured_kind { CONFIGURED_HTTP, CONFIGURED_UPGRADE, CONFIGURED_GRAPHQL };

/* A node, from a base URL. */
struct configured_node {
	enum configured_kind kind;
	struct text host; /* IPv6 without brackets */
	int port;
	bool tls;
	int weight; /* 0-10000 */
	/* "", "/base"; of GraphQL the whole path, "/graphql" if the URL has none. */
	struct text base;
};

struct configured_action {
	struct text name, method, uri;
	struct text params; /* JSON object */
	int64_t timeout_ms; /* 0: the default */
};

struct configuration {
	struct text service;  /* code */
	struct text title;    /* name */
	struct text settings; /* as above */
	const struct configured_node *nodes;
	size_t node_count;
	const struct configured_action *actions;
	size_t action_count;
	const struct text *events; /* patterns that the service subscribes to */
	size_t event_count;
	struct text notification_url; /* of the events: {origin}/mw/event/notification; or empty */
	const char *const *warnings;  /* sentences: what was taken otherwise than it may be meant */
	size_t warning_count;
};

/* file: its name, for the error. False with *error: "hsm-mw.demo.config.json, line 3,
 * settings.rateLimit.limit: must be ...". What could be read of the code stands in out->service
 * then. */
bool configuration_read(struct arena *a, struct text file, struct text content,
	struct configuration *out, const char **error);

/* The settings' member "gateway" of a service that no configuration has: one rule for everything.
 */
extern const char configuration_default[];

#endif
