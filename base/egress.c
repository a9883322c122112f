/*
 * Design: an address is reduced to what it means (an IPv6 address that carries an IPv4 address is
 * judged by that one), looked up in two tables of ranges, first match wins, and the kind found
 * decides. What is in no IPv4 range is public; IPv6 is public only within 2000::/3. Own listeners
 * come last: same port, and the same address or, for a wildcard listener, any address of this
 * host, asked from the kernel when it is needed (addresses come and go).
 */
#include "base/egress.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum kind {
	PUBLIC,
	LOOPBACK,
	PRIVATE,
	UNSPECIFIED,
	LINK_LOCAL,
	METADATA,
	MULTICAST,
	BROADCAST,
	RESERVED
};

struct range {
	unsigned char prefix[16];
	int bits;
	enum kind kind;
};

/* Metadata services that do not live on link-local addresses: Azure, Alibaba. */
static const struct range ranges4[] = {
	{{0}, 8, UNSPECIFIED},
	{{168, 63, 129, 16}, 32, METADATA},
	{{100, 100, 100, 200}, 32, METADATA},
	{{127}, 8, LOOPBACK},
	{{10}, 8, PRIVATE},
	{{172, 16}, 12, PRIVATE},
	{{192, 168}, 16, PRIVATE},
	{{100, 64}, 10, PRIVATE},
	{{169, 254}, 16, LINK_LOCAL},
	{{192, 0, 0}, 24, RESERVED},
	{{192, 0, 2}, 24, RESERVED},
	{{192, 88, 99}, 24, RESERVED},
	{{198, 18}, 15, RESERVED},
	{{198, 51, 100}, 24, RESERVED},
	{{203, 0, 113}, 24, RESERVED},
	{{255, 255, 255, 255}, 32, BROADCAST},
	{{224}, 4, MULTICAST},
	{{240}, 4, RESERVED},
};

/* Metadata services: AWS, Google. 2001::/23 holds Teredo, 64:ff9b:1::/48 is NAT64 with an IPv4
 * address at a place that only its operator knows. */
static const struct range ranges6[] = {
	{{0}, 128, UNSPECIFIED},
	{{[15] = 1}, 128, LOOPBACK},
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54}, 128, METADATA},
	{{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, 128, METADATA},
	{{0xfc}, 7, PRIVATE},
	{{0xfe, 0x80}, 10, LINK_LOCAL},
	{{0xff}, 8, MULTICAST},
	{{0x20, 0x01, 0x0d, 0xb8}, 32, RESERVED},
	{{0x20, 0x01}, 23, RESERVED},
	{{0x3f, 0xff}, 20, RESERVED},
	{{0x20}, 3, PUBLIC},
	{{0}, 0, RESERVED},
};

/* Where an IPv6 address carries an IPv4 address: compatible, mapped, NAT64, 6to4. */
static const struct {
	unsigned char prefix[16];
	int bits;
	int offset;
} embeddings[] = {
	{{0}, 96, 12},
	{{[10] = 0xff, 0xff}, 96, 12},
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12},
	{{0x20, 0x02}, 16, 2},
};

/* An address as bytes in network order. */
struct host {
	unsigned char bytes[16];
	int size; /* 4 or 16 */
	in_port_t port;
};

static bool within(const unsigned char *bytes, const unsigned char *prefix, int bits)
{
	int whole = bits / 8;
	int rest = bits % 8;

	if (memcmp(bytes, prefix, whole) != 0)
		return false;
	return rest == 0 || ((bytes[whole] ^ prefix[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

static enum kind kind_of(const unsigned char *bytes, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (within(bytes, ranges[i].prefix, ranges[i].bits))
			return ranges[i].kind;
	}
	return PUBLIC;
}

/* :: and ::1 are addresses of IPv6 itself, though they lie where compatible addresses do. */
static bool is_own_of_ipv6(const unsigned char bytes[16])
{
	static const unsigned char zero[15];

	return memcmp(bytes, zero, 15) == 0 && bytes[15] <= 1;
}

static void reduce_embedded(struct host *h)
{
	if (is_own_of_ipv6(h->bytes))
		return;
	for (size_t i = 0; i < sizeof(embeddings) / sizeof(*embeddings); i++) {
		if (within(h->bytes, embeddings[i].prefix, embeddings[i].bits)) {
			memmove(h->bytes, h->bytes + embeddings[i].offset, 4);
			h->size = 4;
			return;
		}
	}
}

static bool host_read(const struct sockaddr *address, struct host *h)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		memcpy(h->bytes, &in->sin_addr, 4);
		h->size = 4;
		h->port = in->sin_port;
		return true;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

		memcpy(h->bytes, &in6->sin6_addr, 16);
		h->size = 16;
		h->port = in6->sin6_port;
		reduce_embedded(h);
		return true;
	}
	return false;
}

static enum kind host_kind(const struct host *h)
{
	if (h->size == 4)
		return kind_of(h->bytes, ranges4, sizeof(ranges4) / sizeof(*ranges4));
	return kind_of(h->bytes, ranges6, sizeof(ranges6) / sizeof(*ranges6));
}

static bool same_address(const struct host *a, const struct host *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool on_this_host(const struct host *h)
{
	struct ifaddrs *list;
	bool found = false;

	if (host_kind(h) == LOOPBACK)
		return true;
	if (getifaddrs(&list) != 0)
		return true; /* not known: the careful answer */
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		struct host own;

		found = i->ifa_addr && host_read(i->ifa_addr, &own) && same_address(&own, h);
	}
	freeifaddrs(list);
	return found;
}

static bool is_wildcard(const struct host *h)
{
	static const unsigned char zero[16];

	return memcmp(h->bytes, zero, h->size) == 0;
}

static bool is_own_listener(const struct egress_policy *policy, const struct host *h)
{
	for (size_t i = 0; i < policy->own_count; i++) {
		struct host own;

		if (!host_read((const struct sockaddr *)&policy->own[i], &own) ||
			own.port != h->port)
			continue;
		if (same_address(&own, h) || (is_wildcard(&own) && on_this_host(h)))
			return true;
	}
	return false;
}

static const char *refusal_of_kind(const struct egress_policy *policy, enum kind kind)
{
	switch (kind) {
	case PUBLIC:
		return NULL;
	case LOOPBACK:
		return policy->loopback ? NULL : "a loopback address, not allowed by configuration";
	case PRIVATE:
		return policy->private_ranges ? NULL
					      : "a private address, not allowed by configuration";
	case UNSPECIFIED:
		return "unspecified";
	case LINK_LOCAL:
		return "link-local";
	case METADATA:
		return "a metadata service";
	case MULTICAST:
		return "multicast";
	case BROADCAST:
		return "broadcast";
	case RESERVED:
		return "reserved";
	}
	return "reserved";
}

const char *egress_refusal(
	const struct egress_policy *policy, const struct sockaddr *address, char reason[128])
{
	char shown[INET6_ADDRSTRLEN];
	const void *bytes =
		address->sa_family == AF_INET6
			? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
			: (const void *)&((const struct sockaddr_in *)address)->sin_addr;
	const char *what;
	struct host h;

	if (!host_read(address, &h))
		return "only IPv4 and IPv6 addresses are allowed";
	what = refusal_of_kind(policy, host_kind(&h));
	if (!what && is_own_listener(policy, &h))
		what = "an address that Junction itself listens on";
	if (!what)
		return NULL;
	inet_ntop(address->sa_family, bytes, shown, sizeof(shown));
	snprintf(reason, 128, "%s is %s", shown, what);
	return reason;
}
