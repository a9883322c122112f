/*
 * Wire: bytes to and from the server, over TCP or a unix socket, plain or within TLS.
 *
 * Belongs to a loop, on whose thread all of it happens. What arrives is handed to received(); that
 * the wire is open, or lost, is to be looked at: there is no callback for it.
 */
#ifndef JUNCTION_BRIDGE_WIRE_H
#define JUNCTION_BRIDGE_WIRE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <uv.h>

#include "base/text.h"

struct wire;

struct wire_options {
	const char *target; /* "unix:/run/x.sock", "127.0.0.1:50051"; outlives the wire */
	SSL_CTX *tls;       /* NULL: plain */
	const char *name;   /* to be in the server's certificate: a host, or a numeric address */
	/* Does not close the wire. */
	void (*received)(void *arg, struct text bytes);
	void *arg;
};

/* Starts to connect. */
struct wire *wire_open(uv_loop_t *uv, const struct wire_options *options);
/* received() is not called any more. */
void wire_close(struct wire **w);

enum wire_state {
	WIRE_OPENING,
	WIRE_OPEN,
	WIRE_LOST, /* or never opened */
};
enum wire_state wire_state(const struct wire *w);
/* Why it was lost, for the log. */
const char *wire_reason(const struct wire *w);

/* Open, and nothing waits for the socket to take it. */
bool wire_takes(const struct wire *w);
/* Of an open wire. What the socket does not take at once is kept. */
void wire_write(struct wire *w, struct text bytes);

#endif
