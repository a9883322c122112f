/* Keys of tokens: which are taken, and for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "jwt_vectors.h"
#include "server/auth/token/jwt.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

static struct jwt_key *read_key(const char *jwk)
{
	struct status status = {0};
	struct jwt_key *key = jwt_key_read(arena, text_of(jwk), &status);

	if (!key)
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	return key;
}

/* The key with more members. */
static struct jwt_key *read_with(const char *jwk, const char *members)
{
	return read_key(arena_printf(arena, "%.*s,%s}", (int)strlen(jwk) - 1, jwk, members));
}

/* The key with a text in the place of another. */
static struct jwt_key *read_but(const char *jwk, const char *text, const char *with)
{
	const char *at = strstr(jwk, text);

	assert_non_null(at);
	return read_key(
		arena_printf(arena, "%.*s%s%s", (int)(at - jwk), jwk, with, at + strlen(text)));
}

static unsigned taken_by(struct jwt_key *key)
{
	unsigned taken = 0;

	assert_non_null(key);
	for (int i = JWT_NONE; i <= JWT_PS256; i++)
		taken |= (unsigned)jwt_key_takes(key, (enum jwt_algorithm)i) << i;
	jwt_key_free(&key);
	return taken;
}

#define RSA_ALL (1U << JWT_RS256 | 1U << JWT_RS384 | 1U << JWT_RS512 | 1U << JWT_PS256)

static void a_key_is_used_by_its_type(void **state)
{
	assert_int_equal(taken_by(read_key(JWK_ED)), 1U << JWT_EDDSA);
	assert_int_equal(taken_by(read_key(JWK_P256)), 1U << JWT_ES256);
	assert_int_equal(taken_by(read_key(JWK_P384)), 1U << JWT_ES384);
	assert_int_equal(taken_by(read_key(JWK_RSA)), RSA_ALL);
}

static void what_a_key_says_of_itself_counts(void **state)
{
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"alg\":\"PS256\"")), 1U << JWT_PS256);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"alg\":\"RSA-OAEP\"")), 0);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"alg\":\"HS256\"")), 0);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"alg\":\"EdDSA\"")), 0);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"alg\":7")), 0);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"use\":\"sig\"")), RSA_ALL);
	assert_int_equal(taken_by(read_with(JWK_RSA, "\"use\":\"enc\"")), 0);
}

static void certificates_and_addresses_are_not_looked_at(void **state)
{
	assert_int_equal(
		taken_by(read_with(JWK_ED, "\"x5u\":\"http://127.0.0.1:1/\",\"x5c\":[\"!\"],"
					   "\"jku\":7,\"x5t\":{}")),
		1U << JWT_EDDSA);
}

static void what_is_no_key_is_refused(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "7", "{\"kty\":\"OKP\"}",
		"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
		"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"alg\":\"HS256\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
		/* of 1024 bits */
		"{\"kty\":\"RSA\",\"n\":\""
		"m9cYuTeNQUCZ8Kk5Tx631Q5c0Lg-fJwBDhGeZjVRAxwxgqG15kQlF44CHcpROidO8pp0_KCssHz65vqo"
		"URjDIW5B5RAM5QWielRn5-_SieZQ5DkhlTIkkoBVe8BYL8V-"
		"MzbO6Nr1bEOJ3wTNqQm4USpj56dSMBeJ2I2AkfSRo2c\",\"e\":\"AQAB\"}"};

	for (size_t i = 0; i < COUNT(bad); i++)
		if (read_key(bad[i]))
			fail_msg("read: %s", bad[i]);
	assert_null(read_with(JWK_ED, "\"x\":\"AAAA\""));
	assert_null(read_with(JWK_ED, "\"d\":null"));
	assert_null(read_with(JWK_ED, "\"d\":\"AAAA\""));
	assert_null(read_but(JWK_ED, "\"x\":\"", "\"x\":\"AAAA"));
	assert_null(read_but(JWK_P256, "\"y\":\"", "\"z\":\""));
	assert_null(read_but(JWK_P384, "P-384", "P-256"));
}

static void an_exponent_by_which_anybody_could_sign_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "AA", "AQ", "Ag", "AAAB", "AQAC", "AQAAAAAAAAAB", "AQ=="};

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_null(read_but(JWK_RSA, "\"AQAB\"", arena_printf(arena, "\"%s\"", bad[i])));
}

static void private_numbers_that_are_no_key_are_refused(void **state)
{
	assert_null(
		read_with(JWK_RSA, "\"d\":\"AQAB\",\"p\":\"AQAB\",\"q\":\"AQAB\",\"dp\":\"AQAB\","
				   "\"dq\":\"AQAB\",\"qi\":\"AQAB\""));
	assert_null(read_with(JWK_RSA, "\"d\":\"AQAB\""));
}

static void keys_that_we_make_say_what_they_are_for(void **state)
{
	struct text public_jwk, private_jwk;
	struct status status;

	jwt_key_make(arena, JWT_EDDSA, TEXT("one"), &public_jwk, &private_jwk);
	const struct json *public = json_read(arena, public_jwk, &status);
	assert_true(text_equal(json_member_text(public, TEXT("kid"), TEXT("")), TEXT("one")));
	assert_true(text_equal(json_member_text(public, TEXT("alg"), TEXT("")), TEXT("EdDSA")));
	assert_true(text_equal(json_member_text(public, TEXT("use"), TEXT("")), TEXT("sig")));
	assert_null(json_member(public, TEXT("d")));
	assert_non_null(json_member(json_read(arena, private_jwk, &status), TEXT("d")));
}

static void of_a_set_the_keys_that_we_take_are_kept(void **state)
{
	struct jwt_key_set set;
	struct status status;

	assert_true(
		jwt_key_set_read(TEXT("{\"keys\":[" JWK_ED ",{\"kty\":\"oct\",\"k\":\"AAAA\"},7,"
				      "{\"kty\":\"EC\",\"kid\":\"two\"},"
				      "{\"kid\":\"three\",\"kty\":\"OKP\",\"crv\":\"Ed25519\","
				      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"),
			&set, &status, arena));
	assert_int_equal(set.count, 2);
	assert_int_equal(set.kids[0].size, 0);
	assert_true(text_equal(set.kids[1], TEXT("three")));
	assert_true(jwt_key_takes(set.keys[1], JWT_EDDSA));
	jwt_key_set_free(&set);
	assert_int_equal(set.count, 0);
	assert_true(jwt_key_set_read(TEXT("{\"keys\":[]}"), &set, &status, arena));
	assert_int_equal(set.count, 0);
	jwt_key_set_free(&set);
}

static void what_is_no_set_is_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}",
		"{\"keys\":[],\"keys\":[]}", "[" JWK_ED "]"};
	struct jwt_key_set set;
	struct status status;

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(jwt_key_set_read(text_of(bad[i]), &set, &status, arena));
		assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
		jwt_key_set_free(&set);
	}
}

static void a_set_has_at_most_100_keys(void **state)
{
	for (int count = 100; count <= 101; count++) {
		struct buffer b = {.arena = arena};
		struct jwt_key_set set;
		struct status status;

		buffer_add_text(&b, TEXT("{\"keys\":[" JWK_ED));
		for (int i = 1; i < count; i++)
			buffer_add_text(&b, TEXT("," JWK_ED));
		buffer_add_text(&b, TEXT("]}"));
		assert_int_equal(
			jwt_key_set_read(buffer_text(&b), &set, &status, arena), count == 100);
		assert_int_equal(set.count, count == 100 ? 100 : 0);
		jwt_key_set_free(&set);
	}
}

static int start(void **state)
{
	jwt_start();
	arena = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	arena_free(&arena);
	jwt_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_used_by_its_type),
		cmocka_unit_test(what_a_key_says_of_itself_counts),
		cmocka_unit_test(certificates_and_addresses_are_not_looked_at),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(an_exponent_by_which_anybody_could_sign_is_refused),
		cmocka_unit_test(private_numbers_that_are_no_key_are_refused),
		cmocka_unit_test(keys_that_we_make_say_what_they_are_for),
		cmocka_unit_test(of_a_set_the_keys_that_we_take_are_kept),
		cmocka_unit_test(what_is_no_set_is_refused),
		cmocka_unit_test(a_set_has_at_most_100_keys),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
