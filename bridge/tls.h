/*
 * TLS: the bridge's certificate towards HTTP clients, and whose clients' certificates it takes; and
 * the reading and judging of such files, towards the server too. The only user of GnuTLS.
 *
 * GnuTLS gives its callbacks no argument of ours: the process has one identity. The main thread
 * opens, refreshes and closes; handshakes come from the listener's threads. Connections that stand
 * keep the certificate they began with.
 */
#ifndef JUNCTION_BRIDGE_TLS_H
#define JUNCTION_BRIDGE_TLS_H

#include <gnutls/abstract.h>
#include <stdbool.h>

#include "base/files.h"

/* A certificate with its chain, its key, and authorities. */
enum { TLS_CERT, TLS_KEY, TLS_CA, TLS_FILES };

/* Reads the files and judges them: whether they are PEM, and the key is the certificate's. False
 * with a sentence in reason; else the texts are in files until files_forget(), and event is
 * logged. */
bool tls_read(
	struct watched_file files[TLS_FILES], const char *event, char reason[FILES_REASON_SIZE]);

/* --- towards HTTP clients --------------------------------------------------------------------- */

/* TLS 1.2 and later, for libmicrohttpd. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* client_ca NULL: clients need no certificate. False if the files cannot be used (logged). */
bool tls_open(const char *cert, const char *key, const char *client_ca);
void tls_close(void); /* when no handshake can come any more */
bool tls_is_open(void);
/* Reads the files again if they have changed, or in any case if now. What is broken is logged, and
 * what was there before stays. */
void tls_refresh(bool now);

/* For libmicrohttpd: gives a handshake its certificate, and has it verify the client's. */
gnutls_certificate_retrieve_function3 tls_choose;

#endif
