#include "server/auth/session/attempt.h"

#include <arpa/inet.h>

#include "server/auth/refusal.h"

enum { ADDRESS_MAX = 64 };

/* "1.2.3.4:5", "[::1]:5", and both without port. */
static struct text without_port(struct text address)
{
	size_t colon = text_find(address, ':', 0);

	if (address.size > 0 && address.data[0] == '[')
		return text_until(text_from(address, 1), text_find(address, ']', 0) - 1);
	bool one_colon = colon < address.size && text_find(address, ':', colon + 1) == address.size;
	return one_colon ? text_until(address, colon) : address;
}

static struct text first_half(struct arena *a, struct in6_addr *ip)
{
	char *name = arena_alloc(a, INET6_ADDRSTRLEN);

	if (IN6_IS_ADDR_V4MAPPED(ip))
		return text_of(inet_ntop(AF_INET, &ip->s6_addr[12], name, INET6_ADDRSTRLEN));
	memset(&ip->s6_addr[8], 0, 8);
	return text_of(inet_ntop(AF_INET6, ip, name, INET6_ADDRSTRLEN));
}

struct text attempt_address(struct arena *a, struct text address)
{
	struct text host = text_until(without_port(address), ADDRESS_MAX);
	char *name = arena_string(a, text_until(host, text_find(host, '%', 0)));
	struct in6_addr ip;

	if (inet_pton(AF_INET6, name, &ip) == 1)
		return first_half(a, &ip);
	return *name && text_utf8_error(text_of(name)) == strlen(name) ? text_of(name) : TEXT("-");
}

enum next attempt_wait(struct call *c, const char *what, struct text who, int64_t ms)
{
	long long seconds = (long long)(ms + 999) / 1000;

	refusal_note(c, what, "too many attempts were refused", who);
	status_set(&c->status, c->arena, STATUS_RESOURCE_EXHAUSTED,
		"too many attempts were refused; it can be tried again in %lld second%s", seconds,
		seconds == 1 ? "" : "s");
	c->status.retry_ms = ms;
	return failed(c);
}
