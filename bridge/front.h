/*
 * Front: what a request's headers must be before anything else looks at it, and who may speak to
 * the bridge (contract, section 1). Header by header, then one check.
 *
 * libmicrohttpd takes repeated and differing Content-Length, Content-Length beside
 * Transfer-Encoding and unknown codings without a word: all of them are ways to smuggle a request
 * past a proxy. Any thread; a policy is constant; texts live in the arena of the request.
 */
#ifndef JUNCTION_BRIDGE_FRONT_H
#define JUNCTION_BRIDGE_FRONT_H

#include "bridge/metadata.h"

struct front_policy {
	const char *const *hosts;   /* "name", "name:port" beside loopback; NULL-terminated */
	const char *const *origins; /* "https://console.example" beside our own; NULL-terminated */
	size_t body_limit;          /* bytes */
};

/* Of one request; zeroed at its start. */
struct front_headers {
	struct text host, origin, fetch_site, coding, length;
	unsigned hosts, origins, fetch_sites, codings, lengths; /* how often each came */
	bool expects_continue;
	bool misread; /* some header is not what it seems */
	struct metadata_list metadata;
	const char *refusal; /* sentence about the first header that metadata refuses, or NULL */
	uint64_t content_length; /* set by front_check() */
};

void front_add_header(
	struct front_headers *h, struct arena *a, struct text name, struct text value);

/* 0, or the HTTP status to refuse with (400, 403, 413, 421) and a sentence in *reason.
 * local: the address that the connection came to, numeric, without brackets or port. */
int front_check(const struct front_policy *policy, struct front_headers *h, struct text local,
	const char **reason);

static inline bool front_has_body(const struct front_headers *h)
{
	return h->codings || h->content_length;
}

#endif
