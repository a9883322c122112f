/*
 * Token cache: tokens whose signature has been verified, by their SHA-256. Bounded: what was used
 * the longest ago makes way. Any thread, between token_cache_start() and token_cache_stop().
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_TOKEN_CACHE_H
#define JUNCTION_SERVER_AUTH_TOKEN_TOKEN_CACHE_H

#include "server/auth/secret.h"
#include "server/auth/token/token.h"

/* What was verified, and by what. */
struct verified {
	struct identity who;
	enum jwt_algorithm algorithm;
	struct text kid; /* of Junction's key; "" : an outside issuer's has verified it */
	/* Of an outside issuer, as they were. */
	struct text issuer, user_claim, roles_claim;
	uint64_t generation; /* of issuer_keys.h */
};

/* A copy in the arena, or NULL. */
const struct verified *token_cache_get(struct arena *a, const unsigned char hash[SECRET_HASH]);
/* Takes a copy; in the place of the one of the same hash, if there is one. */
void token_cache_put(const unsigned char hash[SECRET_HASH], const struct verified *v);
size_t token_cache_count(void);

void token_cache_start(void);
void token_cache_stop(void);

#endif
