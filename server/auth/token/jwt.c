/*
 * Signing and verifying by librhonabwy. It is given one key and one algorithm and the parts of the
 * token as they are: it does not read the header, so it fetches and unpacks nothing that one names.
 */
#include "server/auth/token/jwt.h"

#include <rhonabwy.h>
#include <stdlib.h>

#include "base/check.h"
#include "server/auth/token/jwt_key.h"

static const jwa_alg library_names[] = {
	[JWT_EDDSA] = R_JWA_ALG_EDDSA,
	[JWT_ES256] = R_JWA_ALG_ES256,
	[JWT_ES384] = R_JWA_ALG_ES384,
	[JWT_RS256] = R_JWA_ALG_RS256,
	[JWT_RS384] = R_JWA_ALG_RS384,
	[JWT_RS512] = R_JWA_ALG_RS512,
	[JWT_PS256] = R_JWA_ALG_PS256,
};

enum { DER_MAX = 16384, RSA_BITS = 2048 };

/* --- keys ------------------------------------------------------------------------------------- */

/* That the numbers are a key shows when they are exported. */
static bool is_sound(jwk_t *jwk)
{
	unsigned char der[DER_MAX];
	size_t size = sizeof(der);

	return r_jwk_is_valid(jwk) == RHN_OK && r_jwk_export_to_pem_der(jwk, R_FORMAT_DER, der,
							&size, R_FLAG_IGNORE_REMOTE) == RHN_OK;
}

struct json_t *jwt_library_import(const char *json)
{
	jwk_t *jwk;

	CHECK(r_jwk_init(&jwk) == RHN_OK);
	if (r_jwk_import_from_json_str(jwk, json) == RHN_OK && is_sound(jwk))
		return jwk;
	r_jwk_free(jwk);
	return NULL;
}

void jwt_library_free(struct json_t *jwk)
{
	r_jwk_free(jwk);
}

static struct text export(struct arena *a, jwk_t *jwk, enum jwt_algorithm algorithm)
{
	CHECK(r_jwk_set_property_str(jwk, "alg", jwt_algorithm_name(algorithm)) == RHN_OK);
	CHECK(r_jwk_set_property_str(jwk, "use", "sig") == RHN_OK);
	char *json = r_jwk_export_to_json_str(jwk, false);
	CHECK(json);
	struct text copy = arena_text(a, text_of(json));
	r_free(json);
	r_jwk_free(jwk);
	return copy;
}

static void make_pair(struct arena *a, enum jwt_algorithm algorithm, struct text kid,
	struct text *public_jwk, struct text *private_jwk)
{
	int type = algorithm == JWT_EDDSA   ? R_KEY_TYPE_EDDSA
		   : algorithm == JWT_ES256 ? R_KEY_TYPE_EC
					    : R_KEY_TYPE_RSA;
	jwk_t *private_key, *public_key;

	CHECK(r_jwk_init(&private_key) == RHN_OK && r_jwk_init(&public_key) == RHN_OK);
	CHECK(r_jwk_generate_key_pair(private_key, public_key, type,
		      algorithm == JWT_RS256 ? RSA_BITS : 256, arena_string(a, kid)) == RHN_OK);
	*private_jwk = export(a, private_key, algorithm);
	*public_jwk = export(a, public_key, algorithm);
}

/* The library leaves leading zeros out, which RFC 7518 does not allow: of EC keys one in a hundred
 * is no use. The private key has all members of the public one. */
void jwt_key_make(struct arena *a, enum jwt_algorithm algorithm, struct text kid,
	struct text *public_jwk, struct text *private_jwk)
{
	struct jwt_key *key;
	struct status ignored;

	CHECK(algorithm == JWT_EDDSA || algorithm == JWT_ES256 || algorithm == JWT_RS256);
	do {
		make_pair(a, algorithm, kid, public_jwk, private_jwk);
		key = jwt_key_read(a, *private_jwk, &ignored);
	} while (!key);
	jwt_key_free(&key);
}

/* --- tokens ----------------------------------------------------------------------------------- */

bool jwt_verify(const struct jwt *jwt, const struct jwt_key *key)
{
	jws_t *jws;

	if (!jwt_key_takes(key, jwt->algorithm))
		return false;
	char *parts = check_malloc(jwt->token.size + 1);
	size_t first = text_find(jwt->token, '.', 0), second = jwt->signed_part.size;
	memcpy(parts, jwt->token.data, jwt->token.size);
	parts[first] = parts[second] = parts[jwt->token.size] = '\0';
	CHECK(r_jws_init(&jws) == RHN_OK);
	jws->alg = library_names[jwt->algorithm];
	jws->header_b64url = (unsigned char *)parts;
	jws->payload_b64url = (unsigned char *)parts + first + 1;
	jws->signature_b64url = (unsigned char *)parts + second + 1;
	bool good = r_jws_verify_signature(jws, key->jwk, R_FLAG_IGNORE_REMOTE) == RHN_OK;
	jws->header_b64url = jws->payload_b64url = jws->signature_b64url = NULL;
	r_jws_free(jws);
	free(parts);
	return good;
}

struct text jwt_sign(struct arena *a, const struct jwt_key *key, enum jwt_algorithm algorithm,
	struct text kid, struct text claims)
{
	jws_t *jws;

	CHECK(jwt_key_signs(key, algorithm));
	CHECK(r_jws_init(&jws) == RHN_OK);
	CHECK(r_jws_set_alg(jws, library_names[algorithm]) == RHN_OK);
	CHECK(r_jws_set_header_str_value(jws, "typ", "JWT") == RHN_OK);
	CHECK(r_jws_set_header_str_value(jws, "kid", arena_string(a, kid)) == RHN_OK);
	CHECK(r_jws_set_payload(jws, (const unsigned char *)claims.data, claims.size) == RHN_OK);
	char *token = r_jws_serialize(jws, key->jwk, R_FLAG_IGNORE_REMOTE);
	struct text copy = token ? arena_text(a, text_of(token)) : (struct text){0};
	r_free(token);
	r_jws_free(jws);
	return copy;
}

void jwt_start(void)
{
	CHECK(r_global_init() == RHN_OK);
}

void jwt_stop(void)
{
	r_global_close();
}
