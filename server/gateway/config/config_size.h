/*
 * Config size: how long and how large: seconds, and bytes as the npm package bytes reads them
 * ("2MB", "500kb", 1000); between the sources of configuration.h only. Every bool is false with
 * c->error set.
 */
#ifndef JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_SIZE_H
#define JUNCTION_SERVER_GATEWAY_CONFIG_CONFIG_SIZE_H

#include "server/gateway/config/config_reading.h"

#define CONFIG_SIZE_MAX (INT64_C(1) << 50) /* bytes, "1PB" */

bool config_size_read_bytes(struct reading *c, const struct config_value *value, int64_t least,
	int64_t most, int64_t *bytes);
/* Seconds, a fraction or none, in milliseconds; null is 0. */
bool config_size_read_seconds(
	struct reading *c, const struct config_value *value, int64_t *milliseconds);
/* The largest limit of Moleculer's body parsers; 100kB of one that says none. Untouched if there is
 * no parser. */
bool config_size_read_parsers(struct reading *c, const struct config_value *value, int64_t *limit);

#endif
