/*
 * Config rule: what can be said of how requests are carried, in a service's settings, of a route,
 * and of an action; between the sources of configuration.h only.
 *
 * A rule starts as a copy of the one that it has from what it does not say itself.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_RULE_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_RULE_H

#include "server/gateway/config/config_reading.h"

enum { CONFIG_PATTERNS_MAX = 16 }; /* of a cache; its keys, too */

struct config_limit {
	int64_t limit, window_ms;
	const char *key;
	const char *name; /* of where it stands: rules that inherit it have the same */
	bool headers;
};

struct config_cache {
	bool enabled, shared;
	int64_t ttl_ms, most;
	struct texts keys, clean;
};

struct config_breaker {
	int64_t percent, volume, window_ms, half_open_ms, consecutive;
};

enum said { UNSAID, SAID_NO, SAID_YES };

struct config_rule {
	const char *balance;
	struct text hash_header;
	int64_t connect_timeout_ms, idle_timeout_ms, retries;
	int64_t timeout_ms; /* 0: nobody has said it */
	int64_t body_limit;
	int64_t own_body_limit, parser_limit; /* of bodyLimit and bodyParsers; -1: unsaid */
	const struct config_limit *limits;
	size_t limit_count;
	const struct config_cache *cache;     /* NULL: none */
	const struct config_breaker *breaker; /* NULL: none */
	bool open, pages;
	enum said own_open;
};

extern const struct config_rule config_rule_default;
/* For whatever begins with a struct config_rule. */
extern const struct field config_rule_fields[];
/* "open" of a route or an action. */
bool config_rule_read_open(struct reading *c, const struct config_value *value, void *rule);
/* Before its members are read: nothing of it is its own yet. */
void config_rule_start(struct config_rule *rule, const struct config_rule *general);
/* After they have been read. */
void config_rule_end(struct config_rule *rule);

/* settings.cacher; value NULL: there is none. */
bool config_rule_read_cacher(struct reading *c, const struct config_value *value);
/* Appends its members, each preceded by a comma. */
void config_rule_write(struct buffer *b, const struct config_rule *rule);

#endif
