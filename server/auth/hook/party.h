/*
 * Party: the own parties, which the configuration names, and what a party may be called. Set once
 * at start; any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_PARTY_H
#define JUNCTION_SERVER_AUTH_HOOK_PARTY_H

#include "base/option.h"
#include "base/status.h"
#include "server/auth/hook/sign_key.h"

struct own_party {
	struct text id;
	enum sign_algorithm algorithm;
};

/* Reads "9999", "9999:rsa" and "9999:ed25519". False if one is none of these, with a sentence on
 * standard error. */
bool party_start(const struct option_list *own);
void party_stop(void);

size_t party_own_count(void);
const struct own_party *party_own_at(size_t index);
/* NULL if it is no own party. */
const struct own_party *party_own(struct text id);
/* The party that is meant: "" and "0" are the first own party. */
struct text party_meant(struct text id);

/* False with status set: 1 to 64 bytes, no control characters or "/", and neither "0" nor, unless
 * any_allowed, "*". */
bool party_valid(struct status *status, struct arena *a, const char *field, struct text id,
	bool any_allowed);
/* For a sentence: what a caller may have made as long as it likes, cut. */
const char *party_shown(struct arena *a, struct text id);

#endif
