/*
 * Head: a list of names for each way. The headers that Connection names are hop-by-hop, too. What
 * the bridge says itself (trace, forwarded, framing, identity) replaces what came, so that no
 * client can say it in its place.
 */
#include "bridge/gateway/head.h"

#include <arpa/inet.h>

#include "base/dots.h"
#include "base/percent.h"
#include "bridge/gateway/gateway.h"

#define LISTED(names, name) is_listed((names), sizeof(names) / sizeof(*(names)), (name))

static const char *const hop_by_hop[] = {"Connection", "Keep-Alive", "Proxy-Connection",
	"Proxy-Authenticate", "Proxy-Authorization", "TE", "Transfer-Encoding", "Upgrade"};
static const char *const of_request[] = {"Host", "Content-Length", "Expect", "X-Forwarded-For",
	"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded", "Via",
	"traceparent", "tracestate", "X-Request-ID", "HTTP2-Settings"};
static const char *const of_answer[] = {"Content-Length", "traceparent", "X-Request-ID"};

/* What a trailer must not say: where a message goes, who may, and how it is read (RFC 9110, 6.5.1).
 */
static const char *const no_trailer[] = {"Age", "Authorization", "Cache-Control", "Cookie", "Date",
	"Expires", "Host", "Location", "Max-Forwards", "Pragma", "Range", "Retry-After",
	"Set-Cookie", "Trailer", "Vary", "Warning", "WWW-Authenticate"};
static const char *const no_trailer_start[] = {"Content-", "If-", "X-Forwarded-"};

static bool is_listed(const char *const *names, size_t count, struct text name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal_nocase(text_of(names[i]), name))
			return true;
	return false;
}

struct text head_find(const struct request_header *sent, struct text name)
{
	struct text found = {0};
	for (; sent; sent = sent->next)
		if (text_equal_nocase(sent->name, name))
			found = sent->value; /* the last one first */
	return found;
}

struct text head_list(struct arena *a, const struct request_header *sent, struct text name)
{
	struct text list = {0};
	for (; sent; sent = sent->next)
		if (text_equal_nocase(sent->name, name))
			list = list.size ? text_of(arena_printf(a, "%.*s, %.*s",
						   TEXT_ARGS(sent->value), TEXT_ARGS(list)))
					 : sent->value;
	return list;
}

const char *head_check(const struct request_header *sent)
{
	for (; sent; sent = sent->next)
		for (size_t i = 0; i < sent->value.size; i++) {
			unsigned char c = (unsigned char)sent->value.data[i];
			if ((c < ' ' && c != '\t') || c == 0x7f)
				return "a header holds a control character";
		}
	return NULL;
}

const char *head_check_path(struct arena *a, struct text path)
{
	struct text decoded;
	const char *reason = percent_decode(a, path, false, &decoded);
	if (reason)
		return arena_printf(a, "the path %s", reason);
	return dots_in(decoded) ? "the path has a segment . or .." : NULL;
}

/* Whether a list of names ("close, X-Foo") has it. */
static bool names(struct text list, struct text name)
{
	while (list.size) {
		size_t comma = text_find(list, ',', 0);
		if (text_equal_nocase(text_trim(text_until(list, comma)), name))
			return true;
		list = text_from(list, comma + 1);
	}
	return false;
}

static bool named_by_connection(const struct request_header *sent, struct text name)
{
	for (; sent; sent = sent->next)
		if (text_equal_nocase(sent->name, TEXT("Connection")) && names(sent->value, name))
			return true;
	return false;
}

static bool starts(struct text name, const char *start)
{
	struct text first = text_of(start);
	return name.size > first.size && text_equal_nocase(text_until(name, first.size), first);
}

static bool is_own(struct text name)
{
	return starts(name, "Junction-");
}

static bool is_token(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i], lower = (char)(c | 0x20);
		if (!c || (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') &&
				  !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return name.size > 0;
}

static bool may_trail(struct text name)
{
	for (size_t i = 0; i < sizeof(no_trailer_start) / sizeof(*no_trailer_start); i++)
		if (starts(name, no_trailer_start[i]))
			return false;
	return is_token(name) && !is_own(name) && !LISTED(hop_by_hop, name) &&
	       !LISTED(of_request, name) && !LISTED(no_trailer, name);
}

bool head_may_trail(const struct request_header *sent, struct text name)
{
	return may_trail(name) && !named_by_connection(sent, name);
}

/* --- to the node ---------------------------------------------------------------------------- */

static void add(struct buffer *out, const char *name, struct text value)
{
	buffer_add_text(out, text_of(name));
	buffer_add_text(out, TEXT(": "));
	buffer_add_text(out, value);
	buffer_add_text(out, TEXT("\r\n"));
}

/* Programs behind CGI or WSGI cannot tell "_" from "-". Longer names are not among ours. */
static struct text with_dashes(struct text name, char space[32])
{
	if (name.size > 32)
		return name;
	for (size_t i = 0; i < name.size; i++)
		space[i] = name.data[i] == '_' ? '-' : name.data[i];
	return (struct text){space, name.size};
}

static bool passes(const struct head_request *r, const struct request_header *h, bool connection)
{
	char space[32];
	struct text name = with_dashes(h->name, space);
	if (LISTED(hop_by_hop, name) || LISTED(of_request, name) || is_own(name))
		return false;
	if (!r->open && text_equal_nocase(name, TEXT("Authorization")))
		return false;
	return !connection || !named_by_connection(r->sent, h->name);
}

/* In the order in which they came. */
static void add_sent(struct buffer *out, const struct head_request *r)
{
	const struct request_header *order[256];
	bool connection = head_find(r->sent, TEXT("Connection")).data != NULL;
	size_t count = 0;
	for (const struct request_header *h = r->sent; h && count < 256; h = h->next)
		if (passes(r, h, connection))
			order[count++] = h;
	while (count--) {
		buffer_add_text(out, order[count]->name);
		buffer_add_text(out, TEXT(": "));
		buffer_add_text(out, order[count]->value);
		buffer_add_text(out, TEXT("\r\n"));
	}
}

/* "10.1.2.3" of "10.1.2.3:4711", "2001:db8::1" of "[2001:db8::1]:80". */
static struct text host_of(struct text peer)
{
	if (peer.size && peer.data[0] == '[')
		return text_from(text_until(peer, text_find(peer, ']', 0)), 1);
	size_t colon = peer.size;
	while (colon && peer.data[colon - 1] != ':')
		colon--;
	return colon ? text_until(peer, colon - 1) : peer;
}

static void add_forwarded(struct buffer *out, const struct head_request *r)
{
	struct text before = {0}, scheme = {0}, host = {0}, peer = host_of(r->peer);
	if (r->trusted) {
		before = head_list(out->arena, r->sent, TEXT("X-Forwarded-For"));
		scheme = head_find(r->sent, TEXT("X-Forwarded-Proto"));
		host = head_find(r->sent, TEXT("X-Forwarded-Host"));
	}
	buffer_add_text(out, TEXT("X-Forwarded-For: "));
	if (before.size) {
		buffer_add_text(out, before);
		buffer_add_text(out, TEXT(", "));
	}
	buffer_add_text(out, peer);
	buffer_add_text(out, TEXT("\r\n"));
	add(out, "X-Forwarded-Proto", scheme.size ? scheme : r->tls ? TEXT("https") : TEXT("http"));
	add(out, "X-Forwarded-Host", host.size ? host : r->host);
	struct text via = head_list(out->arena, r->sent, TEXT("Via"));
	if (via.size)
		buffer_printf(out, "Via: %.*s, 1.1 junction\r\n", TEXT_ARGS(via));
	else
		buffer_add_text(out, TEXT("Via: 1.1 junction\r\n"));
}

static void add_framing(struct buffer *out, const struct head_request *r)
{
	if (r->upgrade.size) {
		buffer_add_text(out, TEXT("Connection: Upgrade\r\n"));
		add(out, "Upgrade", r->upgrade);
	} else if (names(head_find(r->sent, TEXT("TE")), TEXT("trailers"))) {
		buffer_add_text(out, TEXT("Connection: TE\r\nTE: trailers\r\n"));
	}
	if (r->chunked)
		buffer_add_text(out, TEXT("Transfer-Encoding: chunked\r\n"));
	else if (r->has_body || text_equal(r->verb, TEXT("POST")) ||
		 text_equal(r->verb, TEXT("PUT")) || text_equal(r->verb, TEXT("PATCH")))
		buffer_printf(out, "Content-Length: %llu\r\n", (unsigned long long)r->length);
	if (r->continues)
		buffer_add_text(out, TEXT("Expect: 100-continue\r\n"));
}

static void add_node(struct buffer *out, const struct endpoint *node)
{
	const char *format = strchr(node->host, ':') ? "Host: [%s]" : "Host: %s";
	buffer_printf(out, format, node->host);
	if (node->port != (node->tls ? 443 : 80))
		buffer_printf(out, ":%d", node->port);
	buffer_add_text(out, TEXT("\r\n"));
}

struct text head_make(struct arena *a, const struct head_request *r, const struct endpoint *node,
	const char *prefix)
{
	struct buffer out = {.arena = a};
	buffer_reserve(&out, 1024);
	buffer_add_text(&out, r->verb);
	buffer_add_char(&out, ' ');
	buffer_add_text(&out, text_of(prefix));
	buffer_add_text(&out, r->path);
	if (r->has_query) {
		buffer_add_char(&out, '?');
		buffer_add_text(&out, r->query);
	}
	buffer_add_text(&out, TEXT(" HTTP/1.1\r\n"));
	add_node(&out, node);
	add_sent(&out, r);
	add_forwarded(&out, r);
	add(&out, "traceparent", trace_parent(r->trace, a));
	if (r->trace->state.size)
		add(&out, "tracestate", r->trace->state);
	add(&out, "X-Request-ID", r->trace->request_id);
	buffer_printf(&out, "Junction-Hops: %llu\r\n", (unsigned long long)r->hops + 1);
	if (*r->identity)
		add(&out, "Junction-Identity", text_of(r->identity));
	add_framing(&out, r);
	buffer_add_text(&out, TEXT("\r\n"));
	return buffer_text(&out);
}

/* --- who is counted ------------------------------------------------------------------------- */

/* What a limit counts: of IPv6 the network that one customer has. */
static struct text counted(struct arena *a, struct text address)
{
	char string[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	if (address.size >= sizeof(string))
		return address;
	memcpy(string, address.data, address.size);
	string[address.size] = '\0';
	if (inet_pton(AF_INET6, string, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6))
		return address;
	memset(&v6.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &v6, string, sizeof(string));
	return text_of(arena_printf(a, "%s/64", string));
}

static bool is_address(struct text t)
{
	char string[INET6_ADDRSTRLEN];
	unsigned char address[16];
	if (!t.size || t.size >= sizeof(string))
		return false;
	memcpy(string, t.data, t.size);
	string[t.size] = '\0';
	return inet_pton(AF_INET, string, address) == 1 ||
	       inet_pton(AF_INET6, string, address) == 1;
}

struct text head_client(struct arena *a, const struct gateway *g, struct text peer,
	const struct request_header *sent)
{
	struct text client = host_of(peer);
	if (!gateway_trusts(g, peer))
		return counted(a, client);
	struct text list = head_list(a, sent, TEXT("X-Forwarded-For"));
	while (list.size) {
		size_t comma = list.size;
		while (comma && list.data[comma - 1] != ',')
			comma--;
		struct text last = text_trim(text_from(list, comma));
		if (!is_address(last))
			break;
		client = last;
		if (!gateway_trusts(g, last))
			break;
		list = comma ? text_until(list, comma - 1) : TEXT("");
	}
	return counted(a, client);
}

/* --- to the client -------------------------------------------------------------------------- */

static bool answer_names(const struct upstream_header *headers, size_t count, struct text name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal_nocase(headers[i].name, TEXT("Connection")) &&
			names(headers[i].value, name))
			return true;
	return false;
}

bool head_is_about_origins(struct text name)
{
	return starts(name, "Access-Control-");
}

static const struct reply_header *pass(struct arena *a, const struct upstream_header *headers,
	size_t count, bool upgraded, bool cors)
{
	struct reply_header *out = arena_array(a, count + 1, sizeof(*out));
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		struct text name = headers[i].name;
		bool upgrade = upgraded && text_equal_nocase(name, TEXT("Upgrade"));
		if (!upgrade && (LISTED(hop_by_hop, name) || LISTED(of_answer, name) ||
					is_own(name) || answer_names(headers, count, name) ||
					(cors && head_is_about_origins(name))))
			continue;
		out[n].name = arena_string(a, name);
		out[n++].value = arena_string(a, headers[i].value);
	}
	out[n] = (struct reply_header){0};
	return out;
}

const struct reply_header *head_answer(struct arena *a, const struct upstream_header *headers,
	size_t count, bool upgraded, bool cors)
{
	return pass(a, headers, count, upgraded, cors);
}

const struct reply_header *head_trailers(
	struct arena *a, const struct upstream_header *headers, size_t count)
{
	struct upstream_header *fit = arena_array(a, count + 1, sizeof(*fit));
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (may_trail(headers[i].name) && !head_is_about_origins(headers[i].name))
			fit[n++] = headers[i];
	return pass(a, fit, n, false, false);
}
