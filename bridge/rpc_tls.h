/*
 * TLS towards the server, from files that may be replaced at any time. One thread opens, refreshes
 * and frees.
 */
#ifndef JUNCTION_BRIDGE_RPC_TLS_H
#define JUNCTION_BRIDGE_RPC_TLS_H

#include <openssl/types.h>

#include "bridge/rpc.h"

struct rpc_tls;

/* options->ca is given. NULL if the files cannot be used (logged). */
struct rpc_tls *rpc_tls_open(const struct rpc_tls_options *options);
void rpc_tls_free(struct rpc_tls **tls); /* NULL allowed */

/* Reads the files again if they have changed, or in any case if now. True if there are new ones;
 * what is broken is logged, and what was there before stays. */
bool rpc_tls_refresh(struct rpc_tls *tls, bool now);
/* What connections are made with, of the present files: a reference of the caller's. tls NULL:
 * NULL. */
SSL_CTX *rpc_tls_context(const struct rpc_tls *tls);

#endif
