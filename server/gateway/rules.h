/*
 * Rules: by which rule a method and path go to a service, read from its settings (the member
 * "gateway", see config/configuration.h) and kept compiled as long as the settings stay the same.
 * Immutable, counted by references; any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_RULES_H
#define JUNCTION_SERVER_GATEWAY_RULES_H

#include "junction/v1/registry.pb-c.h"
#include "server/registry/index.h"

struct rule {
	Registry__RouteRule message; /* as the bridge gets it */
	const struct text *methods;
	size_t method_count;
	struct text path;
	bool open;
	const struct text *clean; /* patterns of events that clean its cache */
	size_t clean_count;
};

struct rules;

/* Those of the service; what has none or none that can be read, has the default's. To be released.
 */
const struct rules *rules_of(const struct service *service);
void rules_release(const struct rules *rules);
/* A path as rules see it: decoded, without empty segments and a "/" at its end. In the arena.
 * Returns NULL, or what is wrong with it: what percent_decode() says, or a segment "." or "..". */
const char *rules_path(struct arena *a, struct text path, struct text *plain);
/* The first that fits; there always is one. path: by rules_path(). */
const struct rule *rules_find(const struct rules *rules, struct text method, struct text path);
/* All, one after the other; NULL: the first, or no more. */
const struct rule *rules_next(const struct rules *rules, const struct rule *before);

#endif
