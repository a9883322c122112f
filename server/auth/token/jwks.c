/* GetJwks. */
#include "base/clock.h"
#include "base/json.h"
#include "server/auth/identity/store.h"
#include "server/auth/token/token_keys.h"
#include "steps.gen.h"

static char *member(struct arena *a, const struct json *jwk, struct text name)
{
	return arena_string(a, json_member_text(jwk, name, TEXT("")));
}

/* RFC 8037, section 2. */
static void put_okp(struct arena *a, const struct json *jwk, Auth__Jwk *out)
{
	out->_crv_case = AUTH__JWK___CRV_CRV;
	out->crv = member(a, jwk, TEXT("crv"));
	out->_x_case = AUTH__JWK___X_X;
	out->x = member(a, jwk, TEXT("x"));
}

/* RFC 7518, section 6.2.1. */
static void put_ec(struct arena *a, const struct json *jwk, Auth__Jwk *out)
{
	put_okp(a, jwk, out);
	out->_y_case = AUTH__JWK___Y_Y;
	out->y = member(a, jwk, TEXT("y"));
}

/* RFC 7518, section 6.3.1. */
static void put_rsa(struct arena *a, const struct json *jwk, Auth__Jwk *out)
{
	out->_n_case = AUTH__JWK___N_N;
	out->n = member(a, jwk, TEXT("n"));
	out->_e_case = AUTH__JWK___E_E;
	out->e = member(a, jwk, TEXT("e"));
}

static Auth__Jwk *message_of(struct arena *a, const struct token_key *key)
{
	struct status ignored;
	const struct json *jwk = json_read(a, key->public_jwk, &ignored);
	Auth__Jwk *out = ARENA_NEW(a, Auth__Jwk);

	auth__jwk__init(out);
	out->kty = member(a, jwk, TEXT("kty"));
	out->use = (char *)"sig";
	out->alg = (char *)jwt_algorithm_name(key->algorithm);
	out->kid = arena_string(a, key->id);
	if (key->algorithm == JWT_EDDSA)
		put_okp(a, jwk, out);
	else if (key->algorithm == JWT_ES256)
		put_ec(a, jwk, out);
	else
		put_rsa(a, jwk, out);
	return out;
}

enum next auth_get_jwks(struct call *c)
{
	const struct directory *d = directory_hold();
	Auth__GetJwksResponse out = AUTH__GET_JWKS_RESPONSE__INIT;
	int64_t now_ms = clock_unix_ms();
	size_t count;

	if (!d)
		return fail(c, STATUS_UNAVAILABLE, "the keys are not loaded yet");
	const struct token_key **keys = token_keys_listed(c->arena, d, &count);
	out.keys = arena_array(c->arena, count, sizeof(*out.keys));
	for (size_t i = 0; i < count; i++)
		if (now_ms < keys[i]->verifies_until_ms)
			out.keys[out.n_keys++] = message_of(c->arena, keys[i]);
	directory_release(&d);
	return REPLY(c, &out);
}
