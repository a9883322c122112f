/*
 * A real HTTP peer for unit tests, that answers as badly as a test wants.
 *
 * Each connection has a thread, which runs the serve function and then closes. What was received
 * is kept for the test to look at. All functions may be called from any thread; they abort the
 * test program when the system refuses what they need.
 */
#ifndef JUNCTION_TESTS_SUPPORT_HTTP_PEER_H
#define JUNCTION_TESTS_SUPPORT_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct peer;

/* Listens on a free port of 127.0.0.1. */
struct peer *peer_start(void (*serve)(struct peer *p, int socket));
/* Closes all connections and waits for their threads. NULL allowed; clears the pointer. */
void peer_stop(struct peer **p);
int peer_port(const struct peer *p);

/* --- for the serve function --- */
/* The next request with its body (by Content-Length); false when the client has gone. */
bool peer_read(struct peer *p, int socket);
/* The next request without its body, which is left to peer_take(). */
bool peer_read_head(struct peer *p, int socket);
/* So many bytes, fewer only if the client has gone: how many. */
size_t peer_take(int socket, void *bytes, size_t size);
void peer_write(int socket, const void *bytes, size_t size);
void peer_say(int socket, const char *text);
/* Until the client has gone. */
void peer_hold(int socket);

/* --- for the test --- */
int peer_connections(struct peer *p);
int peer_requests(struct peer *p);
/* The text of a request, from 0 in order of arrival; lives as long as the peer. */
const char *peer_request(struct peer *p, int i);
void peer_wait_requests(struct peer *p, int count);
/* Until that many connections have been closed on our side. */
void peer_wait_closed(struct peer *p, int count);

#endif
