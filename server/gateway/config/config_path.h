/*
 * Config path: paths in a configuration, and patterns of them as of base/wildcard.h; for the
 * sources of configuration.h, and for who compares paths with those of actions. Pure; any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_PATH_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_PATH_H

#include "server/gateway/config/config_reading.h"

/* NULL, or what is wrong with a path: it must begin with "/", hold no blanks, control characters,
 * query or fragment, no "." or ".." as a segment, and be well encoded. */
const char *config_path_fault(struct arena *a, struct text path);
/* ":name", "{name}": any one segment is meant. */
bool config_path_is_parameter(struct text segment);
/* The pattern of a path in the form of rules_path() (rules.h), with a "*" for each parameter; "/"
 * is put before one that does not begin with it. false with c->error about the value. */
bool config_path_read_pattern(struct reading *c, const struct config_value *value, struct text path,
	struct text *pattern);
/* Whether all that path stands for is what pattern stands for; false if that is not clear. */
bool config_path_covers(struct text pattern, struct text path);

#endif
