/*
 * Front: what a request's headers must be before anything else looks at it, who may speak to the
 * bridge (contract, section 1), and what a browser is told about that (CORS). Header by header,
 * then one check.
 *
 * libmicrohttpd takes repeated and differing Content-Length, Content-Length beside
 * Transfer-Encoding and unknown codings without a word: all of them are ways to smuggle a request
 * past a proxy. Any thread; a policy is constant; texts live in the arena of the request.
 */
#ifndef JUNCTION_BRIDGE_FRONT_H
#define JUNCTION_BRIDGE_FRONT_H

#include "bridge/metadata.h"

#define FRONT_TARGET_MAX  8192  /* bytes; 414 beyond */
#define FRONT_HEADER_MAX  16384 /* bytes of names and values; 431 beyond */
#define FRONT_HEADERS_MAX 100   /* 431 beyond */

struct front_policy {
	const char *const *hosts;   /* "name", "name:port" beside loopback; NULL-terminated */
	const char *const *origins; /* "https://console.example" beside our own; NULL-terminated */
	size_t body_limit;          /* bytes */
	bool tls;                   /* our own origins are https */
};

/* Of one request; zeroed at its start. */
struct front_headers {
	/* Set by whoever reads the request line. */
	size_t target_size;
	struct text authority; /* of an absolute target, else empty */
	bool is_http10;
	/* By front_add_header(). */
	size_t count, size;                      /* of all headers */
	struct text asked_method, asked_headers; /* Access-Control-Request-... */
	struct text host, origin, fetch_site, fetch_mode, fetch_dest, coding, length;
	struct text if_none_match;                              /* the first of several */
	unsigned hosts, origins, fetch_sites, codings, lengths; /* how often each came */
	unsigned fetch_modes, fetch_dests;
	bool expects_continue;
	bool expects_more; /* than 100-continue */
	bool misread;      /* some header is not what it seems */
	bool forwarded;    /* a proxy says that it passed the request on */
	struct metadata_list metadata;
	const char *refusal; /* sentence about the first header that metadata refuses, or NULL */
	/* By front_check(). */
	uint64_t content_length;
	bool cross_origin; /* from a page of a configured origin */
	/* By a link on a page of another site, for its reader to see: only a page of our own may be
	 * the answer, else it is to be refused with 403 and FRONT_FOREIGN. */
	bool opened;
};

#define FRONT_FOREIGN "pages of other origins may not speak to this bridge (see --origin)"

/* Headers of a reply, in the order of the names in front.c; NULL where there is none. */
enum { FRONT_CORS_COUNT = 6 };
struct front_cors {
	const char *values[FRONT_CORS_COUNT];
};
extern const char *const front_cors_names[FRONT_CORS_COUNT];

void front_add_header(
	struct front_headers *h, struct arena *a, struct text name, struct text value);

/* 0, or the HTTP status to refuse with (400, 403, 414, 417, 421, 431) and a sentence in
 * *reason. local: the address that the connection came to, numeric, without brackets or port. */
int front_check(const struct front_policy *policy, struct front_headers *h, struct text local,
	const char **reason);

/* After front_check(). methods: of OPTIONS what the path takes, else NULL. */
void front_allow_page(const struct front_policy *policy, const struct front_headers *h,
	struct arena *a, const char *methods, struct front_cors *cors);

static inline bool front_has_body(const struct front_headers *h)
{
	return h->codings || h->content_length;
}

#endif
