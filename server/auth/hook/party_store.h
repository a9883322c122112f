/*
 * The statements on keys of parties: auth.party_key and auth.own_key (migrations/). Rows of keys
 * are PARTY_KEY_..., in this order of columns.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_PARTY_STORE_H
#define JUNCTION_SERVER_AUTH_HOOK_PARTY_STORE_H

#include "server/auth/hook/sign_key.h"
#include "server/call.h"

enum party_key_column {
	PARTY_KEY_PARTY_ID,
	PARTY_KEY_ID,
	PARTY_KEY_ALGORITHM,
	PARTY_KEY_PEM,
	PARTY_KEY_OWN,
	PARTY_KEY_CREATED, /* milliseconds */
};

enum { PARTY_PUT_PARAMETERS = 5, PARTY_ADD_PARAMETERS = 7 };

/* Caller: as auth.act_as() takes it (audit_caller()). */

/* $1 caller, $2 party, $3 id, $4 algorithm, $5 PEM: its row, or none if the party has too many. */
extern const struct statement party_put_key;
/* Of party $1, or of all if that is empty. */
extern const struct statement party_list_keys;
/* $1 caller, $2 party, $3 id, $4 whether the newest own one is to be kept: "deleted", "missing",
 * "newest". */
extern const struct statement party_delete_key;
/* See party_add_parameters(). */
extern const struct statement party_add_own_key;
/* $1 parties, $2 algorithms: positions, from 1, of those that need a new key pair. */
extern const struct statement party_lacking;
/* The private key that party $1 signs with: one row, or none. */
extern const struct statement party_private_key;
/* Public keys of party $1. */
extern const struct statement party_public_keys;

/* Of party_add_own_key. if_lacking: only if the party's newest own key is of another algorithm. */
struct text *party_add_parameters(struct arena *a, struct text caller, struct text party,
	const struct key_pair *pair, bool if_lacking);

#endif
