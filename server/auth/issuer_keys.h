/*
 * Issuer keys: the public keys of outside issuers, given or fetched. Nobody ever waits for a fetch:
 * what is here counts. Any thread, but for start, stop and issuer_keys_changed().
 */
#ifndef JUNCTION_SERVER_AUTH_ISSUER_KEYS_H
#define JUNCTION_SERVER_AUTH_ISSUER_KEYS_H

#include "server/auth/directory.h"
#include "server/lane/fetch_stream.h"

/* Verifies by the issuer's key of the token's kid, or by any of its keys if the token has none. A
 * kid that is not there has the keys fetched again, at most every 30 seconds. */
bool issuer_keys_verify(const struct issuer *issuer, const struct jwt *jwt);

void issuer_keys_start(struct lanes *lanes, struct fetch_lane *fetch);
/* The directory has changed: keys of new and changed issuers are read or fetched, others forgotten.
 * On the directory's thread. */
void issuer_keys_changed(void);
/* After the fetch lane has stopped. */
void issuer_keys_stop(void);

#endif
