/*
 * Wire: bytes to and from a server, over TCP or a unix socket, plain or within TLS.
 *
 * Belongs to a loop, on whose thread all of it happens. Callbacks come from the loop, never within
 * the functions here; each may call any of them, wire_close() too. A wire that is open and idle
 * has no buffers: what arrives is read into a block of the thread, and gone after received().
 */
#ifndef JUNCTION_BRIDGE_WIRE_H
#define JUNCTION_BRIDGE_WIRE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <uv.h>

#include "base/text.h"

struct wire;

/* Those that are not wanted are NULL. */
struct wire_events {
	void (*opened)(void *arg);
	void (*received)(void *arg, struct text bytes); /* at most WIRE_PIECE */
	/* What wire_write() could not send at once has gone. */
	void (*drained)(void *arg);
	/* The server sends no more, in good order; it may still be written to. NULL: that is a
	 * loss. */
	void (*ended)(void *arg);
	/* Lost, or not opened: see wire_reason(). Nothing comes any more. */
	void (*lost)(void *arg);
};

#define WIRE_PIECE 65536

struct wire_options {
	const char *target;   /* "unix:/run/x.sock", "127.0.0.1:50051", "[::1]:80"; copied */
	SSL_CTX *tls;         /* NULL: plain; a reference is held */
	const char *name;     /* to be in the server's certificate: a host, or a numeric address */
	const char *protocol; /* what the server is to choose by ALPN; NULL: not looked at */
	/* NULL if that address may be connected to, else why not, which may be in reason; it lives
	 * during the call. Without it all may. */
	const char *(*refuse)(void *arg, const struct sockaddr *address, char reason[128]);
	const struct wire_events *events; /* outlive the wire, like name and protocol */
	void *arg;
};

/* Starts to connect: to the addresses of a name in turn. */
struct wire *wire_open(uv_loop_t *uv, const struct wire_options *options);
/* What waits is thrown away; no callback any more. NULL allowed. */
void wire_close(struct wire **w);
/* From now on it is another owner's, who looks at its state first. */
void wire_give(struct wire *w, const struct wire_events *events, void *arg);

enum wire_state {
	WIRE_OPENING,
	WIRE_OPEN,
	WIRE_LOST, /* or never opened */
};
enum wire_state wire_state(const struct wire *w);
/* Why it was lost, for the log. */
const char *wire_reason(const struct wire *w);
/* It was lost since no address of the name may be connected to. */
bool wire_is_refused(const struct wire *w);

/* Open, and nothing waits for the socket to take it. */
bool wire_takes(const struct wire *w);
/* Open, and nothing waits at the socket to be read, not even an end. */
bool wire_is_quiet(const struct wire *w);
/* Bytes that wait for the socket to take them. */
size_t wire_waiting(const struct wire *w);
/* Of an open wire. What the socket does not take at once is kept, and drained() will come. */
void wire_write(struct wire *w, struct text bytes);
void wire_write_all(struct wire *w, const struct text *parts, size_t count); /* at most 4 */
/* Nothing more will be written: the server is told so, behind what waits. */
void wire_shutdown(struct wire *w);
/* Nothing more is handed over, or on again. Meanwhile the server's end or a loss may not be seen.
 */
void wire_hold(struct wire *w, bool hold);

/* What wires are made with that offer that protocol by ALPN. It trusts nobody yet. */
SSL_CTX *wire_tls_new(const char *protocol);
/* Trusts the authorities of a file; NULL: the system's. False if it cannot be used. */
bool wire_tls_trust(SSL_CTX *tls, const char *ca_file);
void wire_tls_release(SSL_CTX **tls); /* NULL allowed */

#endif
