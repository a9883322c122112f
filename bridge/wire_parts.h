/*
 * What the files of the wire share: wire.c has the socket, wire_tls.c what lies between it and the
 * owner.
 */
#ifndef JUNCTION_BRIDGE_WIRE_PARTS_H
#define JUNCTION_BRIDGE_WIRE_PARTS_H

#include "bridge/wire.h"

struct socket {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	uv_connect_t request;
	struct wire *wire; /* NULL: closed */
};

struct wire {
	const struct wire_events *events;
	void *arg;
	const char *(*refuse)(void *arg, const struct sockaddr *address, char reason[128]);
	const char *name, *protocol;
	uv_loop_t *uv;
	enum wire_state state;
	bool tried;   /* an address */
	bool refused; /* all addresses so far */
	bool ended;   /* the server sends no more */
	bool mute;    /* what is written comes to nothing */
	bool held;
	bool told; /* the owner, that it is lost */
	char reason[128];
	struct lookup *lookup;
	struct addrinfo *addresses, *next; /* to be tried */
	struct socket *socket;
	struct nudge *nudge;
	SSL_CTX *tls;
	SSL *ssl;
};

void wire_fail(struct wire *w, const char *reason);
/* What goes into the socket. */
void wire_send(struct wire *w, const uv_buf_t *buffers, size_t count);
/* It is open: the owner is told. */
void wire_begin(struct wire *w);
/* The server sends no more: the owner is told. */
void wire_end(struct wire *w);

/* --- with TLS ----------------------------------------------------------------------------------
 */

void wire_tls_hold(struct wire *w, SSL_CTX *tls); /* NULL allowed */
void wire_tls_start(struct wire *w);
void wire_tls_write(struct wire *w, const uv_buf_t *buffers, size_t count);
/* What came out of the socket. */
void wire_tls_read(const struct socket *s, struct text bytes);
/* Something that came is not read yet. */
bool wire_tls_has_more(const struct wire *w);
/* Tells the server that nothing more will be written. */
void wire_tls_shutdown(struct wire *w);
void wire_tls_free(struct wire *w);

#endif
