/* Tokens: what is read, whose signature is good. */
#include "server/auth/token/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/json.h"
#include "jwt_vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

static struct jwt_key *key_of(const char *jwk)
{
	struct status status = {0};
	struct jwt_key *key = jwt_key_read(arena, text_of(jwk), &status);

	if (!key)
		fail_msg("%s: %s", jwk, status.message);
	return key;
}

/* With any text for a signature. */
static struct text token_of(const char *header, const char *payload)
{
	struct buffer b = {.arena = arena};

	base64_write_url(&b, text_of(header));
	buffer_add_char(&b, '.');
	base64_write_url(&b, text_of(payload));
	buffer_add_text(&b, TEXT(".c2ln"));
	return buffer_text(&b);
}

static bool is_read(const char *header, const char *payload)
{
	struct jwt jwt;

	return jwt_read(arena, token_of(header, payload), &jwt);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void a_token_is_taken_apart(void **state)
{
	struct jwt jwt;
	struct text token =
		token_of("{\"alg\":\"ES256\",\"kid\":\"one\",\"typ\":\"JWT\"}", "{\"a\":1}");

	assert_true(jwt_read(arena, token, &jwt));
	assert_int_equal(jwt.algorithm, JWT_ES256);
	assert_true(text_equal(jwt.kid, TEXT("one")));
	assert_true(text_equal(jwt.token, token));
	assert_int_equal(jwt.signed_part.size, token.size - 5);
	assert_true(text_equal(json_member(jwt.claims, TEXT("a"))->raw, TEXT("1")));
	assert_true(jwt_read(arena, token_of("{\"alg\":\"RS256\"}", "{}"), &jwt));
	assert_int_equal(jwt.kid.size, 0);
}

static void headers_that_could_mislead_are_refused(void **state)
{
	static const char *const bad[] = {"{}", "[]", "null", "{\"alg\":\"none\"}",
		"{\"alg\":\"None\"}", "{\"alg\":\"HS256\"}", "{\"alg\":\"es256\"}",
		"{\"alg\":\"\"}", "{\"alg\":7}", "{\"alg\":[\"ES256\"]}",
		"{\"alg\":\"ES256\",\"alg\":\"none\"}", "{\"alg\":\"none\",\"alg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"\\u0061lg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", "{\"alg\":\"ES256\",\"crit\":[]}",
		"{\"alg\":\"ES256\",\"crit\":null}", "{\"alg\":\"ES256\",\"typ\":\"JWS\"}",
		"{\"alg\":\"ES256\",\"typ\":\"\"}", "{\"alg\":\"ES256\",\"typ\":null}",
		"{\"alg\":\"ES256\",\"kid\":7}", "{\"alg\":\"ES256\"} {}", "{\"alg\":\"ES256\"",
		"{\"alg\":\"ES256\\u0000\"}"};

	for (size_t i = 0; i < COUNT(bad); i++)
		if (is_read(bad[i], "{}"))
			fail_msg("read: %s", bad[i]);
}

static void types_of_tokens_are_taken_in_any_case(void **state)
{
	assert_true(is_read("{\"alg\":\"ES256\",\"typ\":\"jwt\"}", "{}"));
	assert_true(is_read("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", "{}"));
	assert_true(is_read("{\"alg\":\"ES256\",\"typ\":\"application/at+JWT\"}", "{}"));
}

static void claims_are_an_object_of_names_that_do_not_repeat(void **state)
{
	static const char *const bad[] = {"", "[]", "\"a\"", "1", "{\"a\":1,\"a\":1}",
		"{\"b\":{\"a\":1,\"a\":2}}", "{}x", "{\"a\":\"\xff\"}"};

	for (size_t i = 0; i < COUNT(bad); i++)
		if (is_read("{\"alg\":\"ES256\"}", bad[i]))
			fail_msg("read: %s", bad[i]);
}

/* {"alg":"ES256"} and {} */
#define HEADER "eyJhbGciOiJFUzI1NiJ9"

static void only_the_one_compact_form_is_read(void **state)
{
	static const char *const bad[] = {"", ".", "..", "...", HEADER, HEADER ".e30",
		HEADER ".e30.", HEADER "..c2ln", ".e30.c2ln", HEADER ".e30.c2ln.",
		HEADER ".e30.c2ln.c2ln", HEADER ".e30=.c2ln",
		HEADER ".e30.c2lnZw==", HEADER ".e30.c2l", HEADER ".e30.c2n_+", HEADER ".e30.c2/_",
		HEADER ".e30.c2ln ", " " HEADER ".e30.c2ln", HEADER ".e30\n.c2ln",
		HEADER ".e31.c2ln", HEADER ".e30.c"};
	struct jwt jwt;

	assert_true(jwt_read(arena, text_of(HEADER ".e30.c2ln"), &jwt));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (jwt_read(arena, text_of(bad[i]), &jwt))
			fail_msg("read: %s", bad[i]);
}

static void a_token_has_a_limit(void **state)
{
	static char digits[JWT_MAX];
	const size_t least = sizeof(HEADER ".e30.") - 1;
	struct jwt jwt;

	memset(digits, 'A', sizeof(digits));
	memcpy(digits, HEADER ".e30.", least);
	size_t size = JWT_MAX - (JWT_MAX - least) % 4;
	assert_true(jwt_read(arena, (struct text){digits, size}, &jwt));
	struct buffer more = {.arena = arena};
	buffer_add(&more, digits, size);
	while (more.size <= JWT_MAX)
		buffer_add_text(&more, TEXT("AAAA"));
	assert_false(jwt_read(arena, buffer_text(&more), &jwt));
}

/* --- verifying -------------------------------------------------------------------------------- */

static void what_others_have_signed_is_verified(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct jwt_key *key = key_of(vectors[i].jwk);
		struct jwt jwt;

		assert_true(jwt_read(arena, text_of(vectors[i].token), &jwt));
		assert_int_equal(jwt.algorithm, vectors[i].algorithm);
		if (!jwt_verify(&jwt, key))
			fail_msg("not verified: %s", jwt_algorithm_name(vectors[i].algorithm));
		jwt_key_free(&key);
	}
}

static void a_byte_that_differs_spoils_the_signature(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct jwt_key *key = key_of(vectors[i].jwk);
		struct text token = text_of(vectors[i].token);
		size_t first = text_find(token, '.', 0), second = text_find(token, '.', first + 1);
		size_t places[] = {second - 5, second + 2, token.size - 9};
		struct jwt jwt;

		for (size_t k = 0; k < COUNT(places); k++) {
			char *other = arena_string(arena, token);
			other[places[k]] = other[places[k]] == 'A' ? 'B' : 'A';
			if (jwt_read(arena, text_of(other), &jwt) && jwt_verify(&jwt, key))
				fail_msg("verified with byte %zu changed: %s", places[k], other);
		}
		jwt_key_free(&key);
	}
}

static void only_the_keys_own_algorithm_counts(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++)
		for (size_t k = 0; k < COUNT(vectors); k++) {
			struct jwt_key *key = key_of(vectors[k].jwk);
			struct jwt jwt;

			assert_true(jwt_read(arena, text_of(vectors[i].token), &jwt));
			if (vectors[i].jwk != vectors[k].jwk)
				assert_false(jwt_verify(&jwt, key));
			/* The same key by another algorithm. */
			jwt.algorithm = vectors[k].algorithm;
			if (i != k)
				assert_false(jwt_verify(&jwt, key));
			jwt_key_free(&key);
		}
}

/* A signature that is good, by a key that is not for it. */
static void what_a_key_says_it_is_for_counts(void **state)
{
	static const char *const members[] = {
		"\"alg\":\"PS256\"", "\"alg\":\"RS512\"", "\"use\":\"enc\""};

	for (size_t i = 0; i < COUNT(vectors); i++)
		for (size_t k = 0; k < COUNT(members); k++) {
			const char *jwk = vectors[i].jwk;
			struct jwt_key *key = key_of(arena_printf(
				arena, "%.*s,%s}", (int)strlen(jwk) - 1, jwk, members[k]));
			struct jwt jwt;

			assert_true(jwt_read(arena, text_of(vectors[i].token), &jwt));
			assert_int_equal(jwt_verify(&jwt, key),
				(k == 0 && jwt.algorithm == JWT_PS256) ||
					(k == 1 && jwt.algorithm == JWT_RS512));
			jwt_key_free(&key);
		}
}

static void signatures_of_other_sizes_are_none(void **state)
{
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct jwt_key *key = key_of(vectors[i].jwk);
		struct text token = text_of(vectors[i].token);
		size_t at = text_find(token, '.', text_find(token, '.', 0) + 1) + 1;
		struct jwt jwt;

		for (size_t size = at + 4; size < token.size; size += 4)
			if (jwt_read(arena, text_until(token, size), &jwt))
				assert_false(jwt_verify(&jwt, key));
		jwt_key_free(&key);
	}
}

/* --- signing ---------------------------------------------------------------------------------- */

/* Many, since a number of a signature may begin with zeros. */
static void assert_signs(const struct jwt_key *private_key, const struct jwt_key *public_key,
	enum jwt_algorithm algorithm, int times)
{
	for (int i = 0; i < times; i++) {
		struct text claims = text_of(arena_printf(arena, "{\"jti\":\"%d\"}", i));
		struct text token = jwt_sign(arena, private_key, algorithm, TEXT("key 1"), claims);
		struct jwt jwt;

		assert_true(jwt_read(arena, token, &jwt));
		assert_int_equal(jwt.algorithm, algorithm);
		assert_true(text_equal(jwt.kid, TEXT("key 1")));
		assert_true(text_equal(jwt.claims->raw, claims));
		assert_true(jwt_verify(&jwt, public_key));
	}
}

static void what_we_sign_we_verify(void **state)
{
	static const enum jwt_algorithm made[] = {JWT_EDDSA, JWT_ES256, JWT_RS256};

	for (size_t i = 0; i < COUNT(made); i++) {
		struct text public_jwk, private_jwk;

		jwt_key_make(arena, made[i], TEXT("key 1"), &public_jwk, &private_jwk);
		struct jwt_key *public_key = key_of(public_jwk.data);
		struct jwt_key *private_key = key_of(private_jwk.data);
		assert_false(jwt_key_signs(public_key, made[i]));
		assert_true(jwt_key_signs(private_key, made[i]));
		assert_signs(private_key, public_key, made[i], made[i] == JWT_RS256 ? 1 : 600);
		jwt_key_free(&public_key);
		jwt_key_free(&private_key);
	}
}

/* Those whose numbers begin with zeros, too. */
static void every_key_that_is_made_can_be_read(void **state)
{
	for (int i = 0; i < 500; i++) {
		struct text public_jwk, private_jwk;

		jwt_key_make(arena, JWT_ES256, TEXT("key"), &public_jwk, &private_jwk);
		struct jwt_key *public_key = key_of(public_jwk.data);
		struct jwt_key *private_key = key_of(private_jwk.data);
		assert_non_null(public_key);
		assert_non_null(private_key);
		jwt_key_free(&public_key);
		jwt_key_free(&private_key);
	}
}

static int start(void **state)
{
	jwt_start();
	return 0;
}

static int stop(void **state)
{
	jwt_stop();
	return 0;
}

static int begin(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_taken_apart),
		TEST(headers_that_could_mislead_are_refused),
		TEST(types_of_tokens_are_taken_in_any_case),
		TEST(claims_are_an_object_of_names_that_do_not_repeat),
		TEST(only_the_one_compact_form_is_read),
		TEST(a_token_has_a_limit),
		TEST(what_others_have_signed_is_verified),
		TEST(a_byte_that_differs_spoils_the_signature),
		TEST(only_the_keys_own_algorithm_counts),
		TEST(what_a_key_says_it_is_for_counts),
		TEST(signatures_of_other_sizes_are_none),
		TEST(what_we_sign_we_verify),
		TEST(every_key_that_is_made_can_be_read),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
