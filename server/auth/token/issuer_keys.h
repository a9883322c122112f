/*
 * Issuer keys: the public keys of outside issuers, given or fetched. Nobody ever waits for a fetch:
 * what is here counts. Any thread, but for start, stop and issuer_keys_changed().
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_ISSUER_KEYS_H
#define JUNCTION_SERVER_AUTH_TOKEN_ISSUER_KEYS_H

#include "server/auth/directory/directory.h"
#include "server/lane/fetch.h"

/* Verifies by the issuer's key of the token's kid, or by any of its keys if the token has none. A
 * kid that is not there has the keys fetched again, once cooldown_ms have passed since the last
 * time. */
bool issuer_keys_verify(const struct issuer *issuer, const struct jwt *jwt);
/* Rises whenever keys come, change or go: what was verified before has to be verified again. */
uint64_t issuer_keys_generation(void);

struct issuer_keys_options {
	struct fetch_lane *fetch;
	int64_t refresh_ms; /* how often keys are fetched */
	int64_t cooldown_ms;
};

/* Before the directory's first load. */
void issuer_keys_start(const struct issuer_keys_options *options);
/* The directory has changed: given keys of new and changed issuers are read, others fetched soon,
 * those of issuers that have gone forgotten. On the directory's thread. */
void issuer_keys_changed(void);
/* After the fetch lane has stopped. */
void issuer_keys_stop(void);

#endif
