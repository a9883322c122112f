/*
 * Things: what a directory holds, each of them immutable, counted by references, in one block of
 * memory with its texts. Between the sources of server/auth/directory/directory.h only. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_THING_H
#define JUNCTION_SERVER_AUTH_DIRECTORY_DIRECTORY_THING_H

#include <stdatomic.h>

#include "server/auth/directory/directory.h"

enum thing_kind {
	THING_USER,
	THING_APPLICATION,
	THING_GROUP,
	THING_ROLE,
	THING_ACCESS_KEY,
	THING_TOKEN_KEY,
	THING_ISSUER,
	THING_REVOCATION,
	THING_KINDS
};

struct thing {
	atomic_size_t references;
	uint64_t hash; /* thing_hash() of its name */
	enum thing_kind kind;
	struct text name;
	union {
		struct subject subject;
		struct role role;
		struct access_key access_key;
		struct token_key token_key;
		struct issuer issuer;
	};
};

/* "user" and the like, as in auth.change; THING_KINDS if it is none. */
enum thing_kind thing_kind_of(struct text word);
/* Well spread in all its bits. */
uint64_t thing_hash(struct text name);

/* Of a state as auth.states() gives it; NULL with the reason, in the arena, if it cannot be read.
 * The arena is for the reading only. */
struct thing *thing_read(enum thing_kind kind, struct text name, struct text state, struct arena *a,
	struct status *status);
void thing_hold(struct thing *thing);
void thing_release(struct thing *thing);

#endif
