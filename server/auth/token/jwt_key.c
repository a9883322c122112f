/*
 * Keys. A JWK is read by our own reader and judged by us; the library gets one that is made anew of
 * the members that belong to its type, so that it never sees a certificate or an address.
 */
#include "server/auth/token/jwt_key.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/json.h"

enum { KEYS_MAX = 100, RSA_LEAST = 2048, RSA_MOST = 8192, EXPONENT_MAX = 8 };

#define BIT(algorithm) (1U << (algorithm))

struct key_type {
	struct text kty, crv; /* crv "": it has none */
	size_t size;          /* bytes of each member; 0: it is RSA */
	unsigned algorithms;
	const char *members[3], *private_members[7];
};

static const struct key_type types[] = {
	{TEXT("OKP"), TEXT("Ed25519"), 32, BIT(JWT_EDDSA), {"x"}, {"d"}},
	{TEXT("EC"), TEXT("P-256"), 32, BIT(JWT_ES256), {"x", "y"}, {"d"}},
	{TEXT("EC"), TEXT("P-384"), 48, BIT(JWT_ES384), {"x", "y"}, {"d"}},
	{TEXT("RSA"), TEXT(""), 0,
		BIT(JWT_RS256) | BIT(JWT_RS384) | BIT(JWT_RS512) | BIT(JWT_PS256), {"n", "e"},
		{"d", "p", "q", "dp", "dq", "qi"}},
};

static bool refuse(struct arena *a, struct status *status, const char *why)
{
	return status_set(status, a, STATUS_INVALID_ARGUMENT, "the JWK %s", why);
}

/* --- what it says ----------------------------------------------------------------------------- */

static const struct key_type *type_of(const struct json *jwk)
{
	struct text kty = json_member_text(jwk, TEXT("kty"), TEXT(""));
	struct text crv = json_member_text(jwk, TEXT("crv"), TEXT(""));

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (text_equal(kty, types[i].kty) &&
			(types[i].size == 0 || text_equal(crv, types[i].crv)))
			return &types[i];
	return NULL;
}

static struct text without_zeros(struct text number)
{
	while (number.size > 0 && number.data[0] == '\0')
		number = text_from(number, 1);
	return number;
}

/* By 1 or 2 anybody could sign. */
static bool is_exponent(struct text e)
{
	return e.size > 0 && e.size <= EXPONENT_MAX && (e.data[e.size - 1] & 1) &&
	       !(e.size == 1 && e.data[0] == 1);
}

/* NULL if it is sound. */
static const char *judge_rsa(struct text n, struct text e)
{
	struct text modulus = without_zeros(n);
	size_t bits = 8 * modulus.size;

	for (unsigned char top = modulus.size ? (unsigned char)modulus.data[0] : 0x80; top < 0x80;
		top = (unsigned char)(top << 1))
		bits--;
	if (bits < RSA_LEAST || bits > RSA_MOST)
		return "must be of 2048 to 8192 bits";
	return is_exponent(without_zeros(e)) ? NULL : "has no exponent that is safe";
}

/* Adds the members to the object that the library gets. NULL, or why not. */
static const char *take_members(struct arena *a, const struct json *jwk, const struct key_type *t,
	const char *const *members, struct buffer *made)
{
	struct text value[2] = {{0}};

	for (size_t i = 0; members[i]; i++) {
		struct text digits = json_member_text(jwk, text_of(members[i]), TEXT(""));
		struct text *bytes = &value[i < 2 ? i : 1];
		if (digits.size == 0 || !base64_read_url(a, digits, bytes) ||
			(t->size != 0 && bytes->size != t->size))
			return arena_printf(a, "has no well-formed member %s", members[i]);
		json_write_name(made, text_of(members[i]));
		json_write_string(made, digits);
	}
	return t->size == 0 && members == t->members ? judge_rsa(value[0], value[1]) : NULL;
}

static bool is_private(const struct json *jwk)
{
	return json_member(jwk, TEXT("d")) != NULL;
}

/* What the library gets; "" with the status. */
static struct text made_anew(
	struct arena *a, const struct json *jwk, const struct key_type *t, struct status *status)
{
	struct buffer made = {.arena = a};

	buffer_add_char(&made, '{');
	json_write_name(&made, TEXT("kty"));
	json_write_string(&made, t->kty);
	if (t->crv.size) {
		json_write_name(&made, TEXT("crv"));
		json_write_string(&made, t->crv);
	}
	const char *wrong = take_members(a, jwk, t, t->members, &made);
	if (!wrong && is_private(jwk))
		wrong = take_members(a, jwk, t, t->private_members, &made);
	buffer_add(&made, "}", 2);
	if (!wrong)
		return buffer_text(&made);
	refuse(a, status, wrong);
	return TEXT("");
}

/* Those of its type, but for what it says of itself. */
static unsigned algorithms_of(const struct json *jwk, const struct key_type *t)
{
	const struct json *alg = json_member(jwk, TEXT("alg")),
			  *use = json_member(jwk, TEXT("use"));

	if (use && !text_equal(use->string, TEXT("sig")))
		return 0;
	return alg ? t->algorithms & BIT(jwt_algorithm_of(alg->string)) : t->algorithms;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct jwt_key *read_key(struct arena *a, const struct json *jwk, struct status *status)
{
	const struct key_type *type = type_of(jwk);

	if (!type) {
		refuse(a, status,
			"must be an object of kty OKP (Ed25519), EC (P-256, P-384) or RSA");
		return NULL;
	}
	struct text made = made_anew(a, jwk, type, status);
	if (made.size == 0)
		return NULL;
	struct json_t *imported = jwt_library_import(made.data);
	if (!imported) {
		refuse(a, status, "is no sound key");
		return NULL;
	}
	struct jwt_key *key = check_malloc(sizeof(*key));
	*key = (struct jwt_key){imported, algorithms_of(jwk, type), is_private(jwk)};
	return key;
}

struct jwt_key *jwt_key_read(struct arena *a, struct text jwk, struct status *status)
{
	const struct json *object = json_read(a, jwk, status);

	return object ? read_key(a, object, status) : NULL;
}

void jwt_key_free(struct jwt_key **key)
{
	if (!*key)
		return;
	jwt_library_free((*key)->jwk);
	free(*key);
	*key = NULL;
}

bool jwt_key_takes(const struct jwt_key *key, enum jwt_algorithm algorithm)
{
	return algorithm != JWT_NONE && (key->algorithms & BIT(algorithm));
}

bool jwt_key_signs(const struct jwt_key *key, enum jwt_algorithm algorithm)
{
	return key->is_private && jwt_key_takes(key, algorithm);
}

/* --- sets ------------------------------------------------------------------------------------- */

bool jwt_key_set_read(
	struct text jwks, struct jwt_key_set *set, struct status *status, struct arena *a)
{
	const struct json *all = json_read(a, jwks, status);
	const struct json *keys = json_member(all, TEXT("keys"));

	*set = (struct jwt_key_set){0};
	if (!all)
		return false;
	if (!keys || keys->type != JSON_ARRAY)
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"the JWK set must be an object with a list \"keys\"");
	if (keys->count > KEYS_MAX)
		return status_set(status, a, STATUS_INVALID_ARGUMENT,
			"the JWK set must have at most %d keys", KEYS_MAX);
	set->keys = check_calloc(keys->count + 1, sizeof(*set->keys));
	set->kids = check_calloc(keys->count + 1, sizeof(*set->kids));
	for (const struct json *jwk = keys->first; jwk; jwk = jwk->next) {
		struct status ignored;
		struct jwt_key *key = read_key(a, jwk, &ignored);
		if (!key)
			continue;
		struct text kid = json_member_text(jwk, TEXT("kid"), TEXT(""));
		char *copy = check_malloc(kid.size + 1);
		memcpy(copy, kid.data, kid.size);
		copy[kid.size] = '\0';
		set->keys[set->count] = key;
		set->kids[set->count++] = (struct text){copy, kid.size};
	}
	return true;
}

void jwt_key_set_free(struct jwt_key_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		jwt_key_free(&set->keys[i]);
		free((char *)set->kids[i].data);
	}
	free(set->keys);
	free(set->kids);
	*set = (struct jwt_key_set){0};
}
