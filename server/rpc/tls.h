/*
 * TLS of the server's TCP listeners: a certificate with its key, and whose clients' certificates
 * are taken, all from files that may be replaced at any time.
 *
 * One thread opens, refreshes and frees; what core asks at each handshake comes from its own
 * threads. Connections that stand keep the certificate they began with.
 */
#ifndef JUNCTION_SERVER_RPC_TLS_H
#define JUNCTION_SERVER_RPC_TLS_H

#include <grpc/grpc_security.h>
#include <stdbool.h>

struct tls;

struct tls_options {
	const char *cert, *key;          /* PEM files; cert holds the chain, its own first */
	const char *client_ca;           /* NULL: clients need no certificate */
	const char *const *bridge_names; /* NULL-terminated; NULL is none */
};

/* NULL if the files cannot be used (logged). */
struct tls *tls_open(const struct tls_options *options);
/* After the server has been destroyed. */
void tls_free(struct tls **tls);

/* For one listener; released by the caller. */
grpc_server_credentials *tls_credentials(struct tls *tls);
/* Reads the files again if they have changed, or in any case if now. What is broken is logged, and
 * what was there before stays. */
void tls_refresh(struct tls *tls, bool now);

/* Whether the call came with a verified certificate that names the bridge. Any thread. */
bool tls_is_bridge(const struct tls *tls, grpc_call *call);

#endif
