/*
 * Cache key: what tells the answers of a rule apart, and which answers may be kept. Pure; any
 * thread.
 */
#ifndef JUNCTION_BRIDGE_GATEWAY_CACHE_KEY_H
#define JUNCTION_BRIDGE_GATEWAY_CACHE_KEY_H

#include "base/arena.h"
#include "junction/v1/registry.pb-c.h"

struct cache_header;

/* What a request shows. */
struct cache_request {
	struct text method, path, query; /* path and query as sent */
	struct text caller;              /* "user:alice"; empty: not known */
	/* The value of a header, several of the name as one list; data NULL: there is none. */
	struct text (*header)(const void *arg, struct text name);
	const void *arg;
	bool authorized; /* it has the header Authorization */
};

/* Whether an answer to it may be kept, or taken from what is kept: GET (and HEAD from what is
 * kept), without Range, If-Range, If-Match, If-Unmodified-Since, Upgrade, and without Cache-Control
 * no-store, no-cache or max-age=0 (or Pragma) of the client. Not if the caller counts and is not
 * known, but Authorization or Cookie tell the service who he is. */
bool cache_takes(const Registry__RouteCache *rule, const struct cache_request *request);

/* Unambiguous: no two requests that differ in what counts have the same. The path as sent and
 * Accept-Encoding always do; the caller unless the rule is shared and says no "#..." (whatever that
 * is). A parameter of a key's name counts decoded, each time that it is there, also as name[...].
 */
struct text cache_key(
	struct arena *a, const Registry__RouteCache *rule, const struct cache_request *request);

/* Of Age and the like; what is none counts as 0 (RFC 9111, 4.2.1), what is too much as a year. */
int64_t cache_seconds(struct text value);

/* For how long an answer may be kept, milliseconds; 0: not at all. Status 200 of GET; no
 * Set-Cookie, no events, no Vary beyond Accept-Encoding and the headers that the keys name;
 * Cache-Control no-store, no-cache, private (unless the caller is in the key), what RFC 9111 (3.5)
 * asks of answers to an Authorization that is the service's; s-maxage, max-age, Expires and Age
 * shorten it; a length within the rule's (-1: not told). */
int64_t cache_keeps(const Registry__RouteCache *rule, const struct cache_request *request,
	int status, const struct cache_header *headers, size_t count, int64_t length);

#endif
