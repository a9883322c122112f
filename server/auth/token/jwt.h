/*
 * Jwt: JSON Web Tokens (RFC 7519) and their keys, by librhonabwy.
 *
 * What comes from outside is read by our own reader first: base64url, JSON with each name once, the
 * size. Then the key is looked up, and only the algorithm of that key counts; the library verifies
 * the signature and nothing else. Any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_JWT_H
#define JUNCTION_SERVER_AUTH_TOKEN_JWT_H

#include "base/status.h"

struct json;

#define JWT_MAX 8192 /* bytes of a token */

enum jwt_algorithm {
	JWT_NONE, /* no algorithm that we take */
	JWT_EDDSA,
	JWT_ES256,
	JWT_ES384,
	JWT_RS256,
	JWT_RS384,
	JWT_RS512,
	JWT_PS256,
};

/* "EdDSA" and the like, as in RFC 7518; case counts. */
enum jwt_algorithm jwt_algorithm_of(struct text name);
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);

/* A key, public or private. Immutable; any number of threads may use it. */
struct jwt_key;

/* Of a JWK (RFC 7517): NULL with the status INVALID_ARGUMENT for what is none, for symmetric keys,
 * for RSA of less than 2048 bits. */
struct jwt_key *jwt_key_read(struct arena *a, struct text jwk, struct status *status);
void jwt_key_free(struct jwt_key **key); /* NULL allowed */
/* Whether it may be used so: by its type and curve, and what it says of itself (alg, use). */
bool jwt_key_takes(const struct jwt_key *key, enum jwt_algorithm algorithm);
/* The same of a private key. */
bool jwt_key_signs(const struct jwt_key *key, enum jwt_algorithm algorithm);

/* A new pair as JWKs with that kid, in the arena: JWT_EDDSA, JWT_ES256 or JWT_RS256. Takes a while
 * for RSA. */
void jwt_key_make(struct arena *a, enum jwt_algorithm algorithm, struct text kid,
	struct text *public_jwk, struct text *private_jwk);

/* The keys of a JWK set. */
struct jwt_key_set {
	struct jwt_key **keys;
	struct text *kids; /* "" if it has none */
	size_t count;
};
/* Leaves out what is no key that we take; false with the status if it is no JWK set or has more
 * than 100 keys. Texts are in memory of its own. */
bool jwt_key_set_read(
	struct text jwks, struct jwt_key_set *set, struct status *status, struct arena *a);
void jwt_key_set_free(struct jwt_key_set *set);

/* A token, taken apart and not yet believed. Lives in the arena. */
struct jwt {
	struct text signed_part; /* header "." payload, as sent */
	struct text token;       /* as sent */
	enum jwt_algorithm algorithm;
	struct text kid;           /* "" if there is none */
	const struct json *claims; /* an object */
};

/* False for what is no signed token that we might take: malformed, beyond JWT_MAX, a name twice,
 * "crit", an algorithm that we do not take, typ given and neither "JWT" nor "at+jwt". */
bool jwt_read(struct arena *a, struct text token, struct jwt *jwt);
/* The key must take the token's algorithm. */
bool jwt_verify(const struct jwt *jwt, const struct jwt_key *key);
/* claims: a JSON object. The key must sign by the algorithm; data NULL if its numbers do not belong
 * together. */
struct text jwt_sign(struct arena *a, const struct jwt_key *key, enum jwt_algorithm algorithm,
	struct text kid, struct text claims);

/* Once, before the first use; and after the last. */
void jwt_start(void);
void jwt_stop(void);

#endif
