/*
 * Secret: what is random, hashed or must not be seen. Any thread.
 *
 * By libsodium. Comparisons take as long wherever the two differ.
 */
#ifndef JUNCTION_SERVER_AUTH_SECRET_H
#define JUNCTION_SERVER_AUTH_SECRET_H

#include "base/arena.h"

enum { SECRET_HASH = 32 };

/* bytes random bytes as base64url without padding, in the arena. */
struct text secret_make(struct arena *a, size_t bytes);
/* length random letters a-z and digits. */
struct text secret_make_id(struct arena *a, size_t length);
void secret_sha256(struct text t, unsigned char hash[SECRET_HASH]);
void secret_sha1(struct text t, unsigned char hash[20]);
bool secret_equal(const void *a, const void *b, size_t size);
/* Overwrites it, also if nobody reads it afterwards. */
void secret_wipe(void *bytes, size_t size);

/* argon2id, 19 MiB and 2 passes (OWASP), about 20 ms: on the work pool only. */
struct text secret_hash_password(struct arena *a, struct text password);
/* hash "": of nobody; takes as long and is false. */
bool secret_is_password(struct text hash, struct text password);

/* Once, at start. */
void secret_start(void);

#endif
