/*
 * Acceptor: listens at addresses and hands over what connects, up to a number of connections in all
 * and of each caller. Who comes beyond it is told so (503) and closed.
 *
 * One thread accepts for all addresses. Sockets are opened here, for a sentence about what failed
 * and the port that 0 became. A caller is an IPv4 address or an IPv6 /64. Lack of files is waited
 * out; connections wait in the kernel meanwhile.
 */
#ifndef JUNCTION_BRIDGE_ACCEPTOR_H
#define JUNCTION_BRIDGE_ACCEPTOR_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ACCEPTOR_ADDRESS_SIZE (INET6_ADDRSTRLEN + 8)

struct acceptor;

struct acceptor_options {
	int limit;            /* connections */
	int limit_per_caller; /* 0 is none */
	/* On the acceptor's thread: fd, which came to the address of that index, is the taker's;
	 * false says that it has closed it already. */
	bool (*take)(void *arg, size_t index, int fd, const struct sockaddr *peer, socklen_t size);
	void *arg;
};

struct acceptor *acceptor_new(const struct acceptor_options *options);
/* "127.0.0.1:3000", "[::1]:0", ":80". False if that address cannot be listened at (logged). Before
 * acceptor_start(); addresses count from 0. */
bool acceptor_listen(struct acceptor *a, const char *address);
/* The address that it got: "127.0.0.1:41217". */
const char *acceptor_address(const struct acceptor *a, size_t index);

void acceptor_start(struct acceptor *a);
/* Accepts no more: whoever connects is refused, nothing is handed over once it returns. May be
 * called twice. */
void acceptor_stop(struct acceptor *a);
void acceptor_free(struct acceptor **a); /* NULL allowed */

/* A connection that was taken has been closed. Any thread. */
void acceptor_release(struct acceptor *a, const struct sockaddr *peer);

/* "127.0.0.1:4711" */
void acceptor_format(const struct sockaddr *sa, char out[ACCEPTOR_ADDRESS_SIZE]);
/* The host alone into host; returns the port. */
int acceptor_split(const struct sockaddr *sa, char host[INET6_ADDRSTRLEN]);

#endif
