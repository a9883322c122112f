/*
 * Token keys: the keys that access tokens are signed with. The first one is made in the background
 * at start; PostgreSQL decides which of several servers makes it, and while it is away it is tried
 * again.
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_TOKEN_KEYS_H
#define JUNCTION_SERVER_AUTH_TOKEN_TOKEN_KEYS_H

#include "server/auth/directory/directory.h"

/* Newest first, in the arena; the keys live as long as the directory is held. Any thread. */
const struct token_key **token_keys_listed(
	struct arena *a, const struct directory *d, size_t *count);

/* A new one, in an arena. */
struct token_key_pair {
	enum jwt_algorithm algorithm;
	struct text id, public_jwk, private_jwk;
};
/* Takes a while for RSA: on the work pool. */
void token_key_make(struct arena *a, enum jwt_algorithm algorithm, struct token_key_pair *pair);
/* Overwrites what is secret of it; nothing of one that was not made. */
void token_key_forget(struct token_key_pair *pair);

/* Keeps it: a row with created_at and signs_from in milliseconds, or none: there are too many keys,
 * or only the first was to be kept. */
extern const struct statement token_key_add;
/* caller: as auth.act_as() takes it. first: only if there is no other. */
struct text *token_key_parameters(struct arena *a, struct text caller,
	const struct token_key_pair *pair, bool revoke_others, bool first);

/* Once, after lanes_start(). */
void token_keys_start(struct lanes *lanes);
/* There is a key; any thread. */
bool token_keys_ready(void);
/* After the lanes have stopped. */
void token_keys_stop(void);

#endif
