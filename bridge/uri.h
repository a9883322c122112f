/* URI: the forms of a request's target. Any thread. */
#ifndef JUNCTION_BRIDGE_URI_H
#define JUNCTION_BRIDGE_URI_H

#include "base/text.h"

/* Slices of the target. */
struct uri {
	struct text authority; /* of http://authority/path, else empty */
	struct text path;      /* encoded; "*" of the asterisk form */
	struct text query;     /* encoded, without '?' */
};

/* "/path?query", "*", or "http://authority/path?query" (RFC 9112, section 3.2). Returns NULL, or
 * what is wrong with it; whether the path is one is for route_match() to say. */
const char *uri_split(struct text target, struct uri *uri);

#endif
