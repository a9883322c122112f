/*
 * Config tree: the values of a service configuration file; each knows its line and, by its parents,
 * its key path. Immutable once read, in an arena; texts may point into the file's text. Any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TREE_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_TREE_H

#include "base/arena.h"

enum config_type {
	CONFIG_NULL,
	CONFIG_FALSE,
	CONFIG_TRUE,
	CONFIG_NUMBER,
	CONFIG_STRING,
	CONFIG_LIST,
	CONFIG_OBJECT,
	CONFIG_FUNCTION, /* the documented default of rateLimit.key; there is no other */
};

struct config_value {
	enum config_type type;
	int line;
	struct text name; /* of a member */
	struct text text; /* of a string, unescaped; of a number as JSON writes it, not rounded */
	const struct config_value *parent; /* NULL: the root */
	size_t index;                      /* among its siblings */
	const struct config_value *first, *next;
	size_t count; /* elements or members */
};

/* NULL: there is none, or what is asked is no object. */
const struct config_value *config_tree_member(const struct config_value *object, struct text name);
/* "settings.routes[0].path"; empty for the root. In the arena. */
struct text config_tree_path(struct arena *a, const struct config_value *value);
/* "demo.config.json, line 3, settings.rateLimit.limit: must be ...". In the arena. */
const char *config_tree_sentence(
	struct arena *a, struct text file, int line, struct text path, const char *rule);
/* Appends the value as JSON; a function is what it means, "address". */
void config_tree_write(struct buffer *b, const struct config_value *value);

#endif
