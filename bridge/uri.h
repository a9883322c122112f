/* URI: the forms of a request's target, and percent-decoding, for path segments and query strings
 * alike. Any thread. */
#ifndef JUNCTION_BRIDGE_URI_H
#define JUNCTION_BRIDGE_URI_H

#include "base/arena.h"

/* Slices of the target. */
struct uri {
	struct text authority; /* of http://authority/path, else empty */
	struct text path;      /* encoded; "*" of the asterisk form */
	struct text query;     /* encoded, without '?' */
};

/* "/path?query", "*", or "http://authority/path?query" (RFC 9112, section 3.2). Returns NULL, or
 * what is wrong with it; whether the path is one is for route_match() to say. */
const char *uri_split(struct text target, struct uri *uri);

/* Decodes %XX, and '+' as a blank if plus is set. The result is a slice of text itself if nothing
 * needed decoding, else a copy in the arena. Returns NULL, or what is wrong with it: a broken
 * escape, a NUL, bytes that are not UTF-8. */
const char *uri_decode(struct arena *a, struct text text, bool plus, struct text *decoded);

#endif
