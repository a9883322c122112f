/*
 * Front: framing first, since a request whose end is in doubt is not to be believed in anything
 * else; then Host (a page that has its name resolved to 127.0.0.1 still sends its own Host); then
 * Origin and Sec-Fetch-Site, which a browser sends for a page and a page cannot change.
 *
 * Pages of configured origins may read replies and send any header and verb (a preflight's list is
 * echoed); cookies and the like are of no use here, so credentials are not allowed.
 */
#include "bridge/front.h"

#include <arpa/inet.h>

struct authority {
	struct text host; /* without brackets */
	int port;         /* -1 if none */
	bool bracketed;
};

static void note(struct text *slot, unsigned *count, struct text value)
{
	if (!(*count)++)
		*slot = value;
}

static void note_expectation(struct front_headers *h, struct text value)
{
	bool usual = text_equal_nocase(value, TEXT("100-continue"));
	h->expects_continue |= usual;
	h->expects_more |= !usual;
}

static void note_metadata(
	struct front_headers *h, struct arena *a, struct text name, struct text value)
{
	const char *reason = metadata_add_header(&h->metadata, a, name, value);
	if (reason && !h->refusal)
		h->refusal = arena_printf(a, "header %.*s %s", TEXT_ARGS(name), reason);
}

/*
 * libmicrohttpd keeps the blank of "Content-Length :" as part of the name, and of a folded line
 * ("Transfer-Encoding:", newline, " chunked") makes one name without a value. Whoever reads these
 * as RFC 9112 says finds the end of the request elsewhere.
 */
static bool is_misread(struct text name)
{
	static const struct text framing[] = {{"Content-Length", 14}, {"Transfer-Encoding", 17}};
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return true;
	for (size_t i = 0; i < 2; i++)
		if (name.size > framing[i].size &&
			text_equal_nocase(text_until(name, framing[i].size), framing[i]))
			return true;
	return !name.size;
}

static bool is_of_proxy(struct text name)
{
	return text_equal_nocase(name, TEXT("Forwarded")) ||
	       text_equal_nocase(name, TEXT("X-Forwarded-For")) ||
	       text_equal_nocase(name, TEXT("Via"));
}

void front_add_header(struct front_headers *h, struct arena *a, struct text name, struct text value)
{
	h->count++;
	h->size += name.size + value.size;
	h->misread |= is_misread(name);
	h->forwarded |= is_of_proxy(name);
	if (text_equal_nocase(name, TEXT("Host")))
		note(&h->host, &h->hosts, value);
	else if (text_equal_nocase(name, TEXT("Content-Length")))
		note(&h->length, &h->lengths, value);
	else if (text_equal_nocase(name, TEXT("Transfer-Encoding")))
		note(&h->coding, &h->codings, value);
	else if (text_equal_nocase(name, TEXT("Origin")))
		note(&h->origin, &h->origins, value);
	else if (text_equal_nocase(name, TEXT("Sec-Fetch-Site")))
		note(&h->fetch_site, &h->fetch_sites, value);
	else if (text_equal_nocase(name, TEXT("Sec-Fetch-Mode")))
		note(&h->fetch_mode, &h->fetch_modes, value);
	else if (text_equal_nocase(name, TEXT("Sec-Fetch-Dest")))
		note(&h->fetch_dest, &h->fetch_dests, value);
	else if (text_equal_nocase(name, TEXT("If-None-Match")))
		h->if_none_match = h->if_none_match.size ? h->if_none_match : value;
	else if (text_equal_nocase(name, TEXT("Expect")))
		note_expectation(h, value);
	else if (text_equal_nocase(name, TEXT("Access-Control-Request-Method")))
		h->asked_method = value;
	else if (text_equal_nocase(name, TEXT("Access-Control-Request-Headers")))
		h->asked_headers = value;
	else
		note_metadata(h, a, name, value);
}

/* --- framing -------------------------------------------------------------------------------- */

static const char *framing_error(struct front_headers *h)
{
	if (h->misread)
		return "a header is folded, or its name holds a blank or a byte that no name has";
	if (h->lengths > 1)
		return "Content-Length is repeated";
	if (h->codings > 1)
		return "Transfer-Encoding is repeated";
	if (h->lengths && h->codings)
		return "Content-Length and Transfer-Encoding exclude each other";
	if (h->codings && !text_equal_nocase(h->coding, TEXT("chunked")))
		return "the only Transfer-Encoding taken is chunked";
	if (h->codings && h->is_http10)
		return "HTTP/1.0 has no Transfer-Encoding";
	if (h->lengths && !text_to_uint64(h->length, &h->content_length))
		return "Content-Length is not a number";
	if (h->hosts != 1)
		return h->hosts ? "Host is repeated" : "Host is missing";
	if (h->authority.size && !text_equal_nocase(h->authority, h->host))
		return "Host is not the host of the request's target";
	return NULL;
}

/* --- who may speak -------------------------------------------------------------------------- */

static bool is_host_name(struct text host)
{
	for (size_t i = 0; i < host.size; i++) {
		unsigned char c = (unsigned char)host.data[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') && !strchr("-._", c))
			return false;
	}
	return host.size > 0;
}

/* ":8080" after the host, or nothing. */
static bool read_port(struct text rest, int *port)
{
	uint64_t number;
	*port = -1;
	if (!rest.size)
		return true;
	if (rest.data[0] != ':' || rest.size > 6 || !text_to_uint64(text_from(rest, 1), &number) ||
		number > 65535)
		return false;
	*port = (int)number;
	return true;
}

static bool read_authority(struct text t, struct authority *out)
{
	out->bracketed = t.size && t.data[0] == '[';
	size_t end = text_find(t, out->bracketed ? ']' : ':', 0);
	if (!out->bracketed) {
		out->host = text_until(t, end);
		return is_host_name(out->host) && read_port(text_from(t, end), &out->port);
	}
	if (end == t.size)
		return false;
	out->host = text_from(text_until(t, end), 1);
	return out->host.size && read_port(text_from(t, end + 1), &out->port);
}

static bool same_authority(const struct authority *a, const struct authority *b, int fallback)
{
	int left = a->port < 0 ? fallback : a->port, right = b->port < 0 ? fallback : b->port;
	return a->bracketed == b->bracketed && left == right && text_equal_nocase(a->host, b->host);
}

static bool as_string(struct text t, char out[INET6_ADDRSTRLEN])
{
	if (t.size >= INET6_ADDRSTRLEN || memchr(t.data, '\0', t.size))
		return false;
	memcpy(out, t.data, t.size);
	out[t.size] = '\0';
	return true;
}

static bool is_loopback_name(struct text host)
{
	struct text suffix = TEXT(".localhost");
	return text_equal_nocase(host, TEXT("localhost")) ||
	       (host.size > suffix.size &&
		       text_equal_nocase(text_from(host, host.size - suffix.size), suffix));
}

/* An address literal that is loopback, or the one that the connection came to. */
static bool is_own_address(const struct authority *host, struct text local)
{
	char string[INET6_ADDRSTRLEN];
	struct in6_addr v6, v6_local;
	struct in_addr v4;
	if (!as_string(host->host, string))
		return false;
	if (!host->bracketed)
		return inet_pton(AF_INET, string, &v4) == 1 &&
		       (ntohl(v4.s_addr) >> 24 == 127 || text_equal(host->host, local));
	if (inet_pton(AF_INET6, string, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_LOOPBACK(&v6))
		return true;
	return as_string(local, string) && inet_pton(AF_INET6, string, &v6_local) == 1 &&
	       !memcmp(&v6, &v6_local, sizeof(v6));
}

static bool is_configured_host(const struct front_policy *policy, const struct authority *host)
{
	struct authority own;
	for (const char *const *h = policy->hosts; *h; h++)
		if (read_authority(text_of(*h), &own) && (own.port < 0 || own.port == host->port) &&
			text_equal_nocase(own.host, host->host))
			return true;
	return false;
}

static bool is_own_origin(
	const struct front_policy *policy, struct text origin, const struct authority *host)
{
	struct authority from;
	struct text scheme = policy->tls ? TEXT("https://") : TEXT("http://");
	return origin.size > scheme.size &&
	       text_equal_nocase(text_until(origin, scheme.size), scheme) &&
	       read_authority(text_from(origin, scheme.size), &from) &&
	       same_authority(&from, host, policy->tls ? 443 : 80);
}

static bool is_configured_origin(const struct front_policy *policy, struct text origin)
{
	for (const char *const *o = policy->origins; *o; o++)
		if (text_equal_nocase(text_of(*o), origin))
			return true;
	return false;
}

/* Whether a page of another site made a browser send this. */
static bool is_foreign_page(
	const struct front_policy *policy, struct front_headers *h, const struct authority *host)
{
	if (h->origins > 1 || h->fetch_sites > 1)
		return true;
	h->cross_origin = h->origins && is_configured_origin(policy, h->origin);
	if (h->cross_origin)
		return false;
	if (h->origins && !is_own_origin(policy, h->origin, host))
		return true;
	return h->fetch_sites && !text_equal_nocase(h->fetch_site, TEXT("same-origin")) &&
	       !text_equal_nocase(h->fetch_site, TEXT("none"));
}

/* Of those: a window of its own shall show the answer, which that page cannot read. */
static bool is_opened(const struct front_headers *h)
{
	return h->origins == 0 && h->fetch_sites == 1 && h->fetch_modes == 1 &&
	       h->fetch_dests == 1 && text_equal_nocase(h->fetch_mode, TEXT("navigate")) &&
	       text_equal_nocase(h->fetch_dest, TEXT("document"));
}

/* What is too large, or wanted and not given. */
static int find_excess(const struct front_headers *h, const char **reason)
{
	if (h->target_size > FRONT_TARGET_MAX) {
		*reason = "the request's target is longer than this bridge takes";
		return 414;
	}
	if (h->count > FRONT_HEADERS_MAX || h->size > FRONT_HEADER_MAX) {
		*reason = "the headers are more than this bridge takes";
		return 431;
	}
	if (h->expects_more) {
		*reason = "the only expectation met is 100-continue";
		return 417;
	}
	return 0;
}

int front_check(const struct front_policy *policy, struct front_headers *h, struct text local,
	const char **reason)
{
	struct authority host;
	*reason = framing_error(h);
	if (*reason)
		return 400;
	if (!read_authority(h->host, &host)) {
		*reason = "Host is not a host name or address with an optional port";
		return 400;
	}
	if (!is_loopback_name(host.host) && !is_own_address(&host, local) &&
		!is_configured_host(policy, &host)) {
		*reason = "this is not a host that this bridge answers for (see --host)";
		return 421;
	}
	h->opened = is_foreign_page(policy, h, &host);
	if (h->opened && !is_opened(h)) {
		*reason = FRONT_FOREIGN;
		return 403;
	}
	*reason = h->refusal;
	return *reason ? 400 : find_excess(h, reason);
}

/* --- what a browser is told ----------------------------------------------------------------- */

enum { VARY, ALLOW_ORIGIN, EXPOSE_HEADERS, ALLOW_METHODS, ALLOW_HEADERS, MAX_AGE };

const char *const front_cors_names[FRONT_CORS_COUNT] = {
	[VARY] = "Vary",
	[ALLOW_ORIGIN] = "Access-Control-Allow-Origin",
	[EXPOSE_HEADERS] = "Access-Control-Expose-Headers",
	[ALLOW_METHODS] = "Access-Control-Allow-Methods",
	[ALLOW_HEADERS] = "Access-Control-Allow-Headers",
	[MAX_AGE] = "Access-Control-Max-Age",
};

/* "content-type, x-namespace" */
static bool is_name_list(struct text list)
{
	for (size_t i = 0; i < list.size; i++) {
		unsigned char c = (unsigned char)list.data[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') && !strchr("!#$%&'*+-.^_`|~, ", c))
			return false;
	}
	return list.size > 0 && !memchr(list.data, '\0', list.size);
}

void front_allow_page(const struct front_policy *policy, const struct front_headers *h,
	struct arena *a, const char *methods, struct front_cors *cors)
{
	*cors = (struct front_cors){0};
	cors->values[VARY] = policy->origins[0] ? "Origin" : NULL;
	if (!h->cross_origin)
		return;
	cors->values[ALLOW_ORIGIN] = arena_string(a, h->origin);
	if (!methods || !h->asked_method.size) {
		cors->values[EXPOSE_HEADERS] =
			"Allow, Retry-After, Traceparent, WWW-Authenticate, X-Request-ID";
		return;
	}
	cors->values[ALLOW_METHODS] = methods;
	cors->values[MAX_AGE] = "600";
	if (is_name_list(h->asked_headers))
		cors->values[ALLOW_HEADERS] = arena_string(a, h->asked_headers);
}
