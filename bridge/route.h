/*
 * Route: which method a verb and a path mean.
 *
 * A router is built once from tables of methods and is then read by any thread. What a match points
 * to lives in the router, in the path, or (decoded segments) in the arena of the request.
 *
 * What a path is, is decided here and once:
 * - It is cut at '/' first, then each segment is decoded. So %2F is a byte of its segment, and a
 *   literal matches however it is encoded. '+', ';', '=' and whatever else has a meaning elsewhere
 *   stand for themselves; letters keep their case.
 * - A segment that is . or .. once decoded, a broken escape, a NUL, and what is not UTF-8 are
 *   malformed. Nothing is decoded twice: %252e is the text %2e.
 * - An empty segment fits nothing, but for one '/' at the end, which is the same path without.
 */
#ifndef JUNCTION_BRIDGE_ROUTE_H
#define JUNCTION_BRIDGE_ROUTE_H

#include "proto/runtime/api.h"

#include "base/arena.h"

#define ROUTE_SEGMENTS  32 /* of a path; one with more is unknown */
#define ROUTE_VARIABLES 8  /* of a route; more is refused when the router is built */

struct router;

/* The tables must outlive the router. Two routes of the same verb and shape abort. */
struct router *router_new(void);
void router_add(struct router *r, const struct api_method *methods, size_t count);
void router_free(struct router **r);

struct route_variable {
	struct text field; /* as the proto's path names it, may be dotted */
	struct text value; /* decoded */
};

struct route_match {
	const struct api_method *method;
	const struct api_route *route;
	struct route_variable variables[ROUTE_VARIABLES];
	size_t variable_count;
	const char *allow;  /* ROUTE_WRONG_VERB: "GET, HEAD, POST, OPTIONS" */
	const char *reason; /* ROUTE_MALFORMED: what is wrong with the path */
};

/* HEAD is looked for as GET by whoever asks; OPTIONS is the verb of no route. */
enum route_result { ROUTE_FOUND, ROUTE_UNKNOWN, ROUTE_WRONG_VERB, ROUTE_MALFORMED };

/* path: as sent, percent-encoded, without the query. A trailing '/' is the same path. Segment by
 * segment a literal wins over a variable, as long as the rest of the path and the verb fit too. */
enum route_result route_match(const struct router *r, struct arena *a, struct text verb,
	struct text path, struct route_match *match);

/* Whether it is a verb that URIs may take, or TRACE, which none does; others are not implemented.
 */
bool route_is_verb(struct text verb);

/* The shape of refusals that no method stands for, by the path's prefix. */
enum api_profile route_profile(struct text path);

#endif
