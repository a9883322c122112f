/*
 * What a key is inside, and what the library does with it. Between the sources of jwt.h only; the
 * library's names and those of base/json.h do not go together.
 */
#ifndef JUNCTION_SERVER_AUTH_TOKEN_JWT_KEY_H
#define JUNCTION_SERVER_AUTH_TOKEN_JWT_KEY_H

#include "server/auth/token/jwt.h"

struct json_t; /* the library's */

struct jwt_key {
	struct json_t *jwk;  /* never changed, nor lent to what would */
	unsigned algorithms; /* that it may be used with: bits 1 << enum jwt_algorithm */
	bool is_private;
};

/* Of a JWK that has been judged; NULL if its numbers are no key. */
struct json_t *jwt_library_import(const char *jwk);
void jwt_library_free(struct json_t *jwk);

#endif
