/*
 * Egress policy: which addresses Junction may connect to, decided on the resolved address at
 * connect, so that a name cannot be changed behind the check. Constant after start, any thread.
 *
 * Always refused: link-local (169.254.0.0/16, fe80::/10: metadata services), multicast, broadcast,
 * unspecified and reserved addresses, IPv4 mapped or embedded in IPv6 by its IPv4 address, and
 * Junction's own listeners. Loopback and private ranges by option.
 */
#ifndef JUNCTION_BASE_EGRESS_H
#define JUNCTION_BASE_EGRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct egress_policy {
	bool loopback;       /* 127.0.0.0/8, ::1 */
	bool private_ranges; /* 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 */
	/* Own listeners: address 0.0.0.0 or :: means any local address. */
	const struct sockaddr_storage *own;
	size_t own_count;
};

/* NULL if allowed, else why not: "169.254.169.254 is link-local". The text is static or in
 * reason. */
const char *egress_refusal(
	const struct egress_policy *policy, const struct sockaddr *address, char reason[128]);

#endif
