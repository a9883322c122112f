/* Tokens and keys from outside. The first byte says what the rest is: 't' a token; 'j' a header, an
 * empty line and claims, which are put into a token here; 'k' a JWK; 's' a JWK set. Nothing is
 * verified by a key that signs nothing. */
#include "base/base64.h"
#include "base/check.h"
#include "base/json.h"
#include "server/auth/token/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_key *key_of_nobody(void)
{
	static struct jwt_key *key;
	struct arena *a = arena_new(0);
	struct status status;

	if (!key) {
		jwt_start();
		key = jwt_key_read(a,
			TEXT("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			     "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
			&status);
		CHECK(key);
	}
	arena_free(&a);
	return key;
}

/* What has been read is written in one way only. */
static void check_token(struct arena *a, struct text token)
{
	struct buffer again = {.arena = a};
	struct text header, claims;
	struct jwt jwt;

	if (!jwt_read(a, token, &jwt))
		return;
	CHECK(token.size <= JWT_MAX && jwt.claims->type == JSON_OBJECT);
	CHECK(jwt_algorithm_of(text_of(jwt_algorithm_name(jwt.algorithm))) == jwt.algorithm);
	size_t dot = text_find(jwt.signed_part, '.', 0);
	CHECK(base64_read(a, text_until(jwt.signed_part, dot), &header));
	CHECK(base64_read(a, text_from(jwt.signed_part, dot + 1), &claims));
	base64_write_url(&again, header);
	buffer_add_char(&again, '.');
	base64_write_url(&again, claims);
	CHECK(text_equal(buffer_text(&again), jwt.signed_part));
	CHECK(!jwt_verify(&jwt, key_of_nobody()));
}

static struct text put_together(struct arena *a, struct text parts)
{
	struct buffer token = {.arena = a};
	size_t end = 0;

	while (end + 1 < parts.size && (parts.data[end] != '\n' || parts.data[end + 1] != '\n'))
		end++;
	base64_write_url(&token, text_until(parts, end));
	buffer_add_char(&token, '.');
	base64_write_url(&token, text_from(parts, end + 2));
	buffer_add_text(&token, TEXT(".c2ln"));
	return buffer_text(&token);
}

static void check_key(struct arena *a, struct text jwk)
{
	struct status status = {0};
	struct jwt_key *key = jwt_key_read(a, jwk, &status);

	CHECK(key || status.code == STATUS_INVALID_ARGUMENT);
	CHECK(!key || !jwt_key_takes(key, JWT_NONE));
	jwt_key_free(&key);
}

static void check_set(struct arena *a, struct text jwks)
{
	struct jwt_key_set set;
	struct status status;

	jwt_key_set_read(jwks, &set, &status, a);
	for (size_t i = 0; i < set.count; i++)
		CHECK(set.keys[i] && set.kids[i].data);
	jwt_key_set_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text rest = {(const char *)data + 1, size ? size - 1 : 0};
	struct arena *a = arena_new(0);

	key_of_nobody();
	switch (size ? data[0] : 0) {
	case 't':
		check_token(a, rest);
		break;
	case 'j':
		check_token(a, put_together(a, rest));
		break;
	case 'k':
		check_key(a, rest);
		break;
	case 's':
		check_set(a, rest);
		break;
	}
	arena_free(&a);
	return 0;
}
