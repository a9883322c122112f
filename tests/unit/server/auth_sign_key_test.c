#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "server/auth/hook/sign_key.h"

/* RFC 8032, 7.1, test 2. */
#define RFC_PRIVATE                                                                                \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"                       \
	"-----END PRIVATE KEY-----\n"
#define RFC_SIGNATURE                                                                              \
	"kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA=="

static struct arena *arena;

static int start(void **state)
{
	arena = arena_new(0);
	return 0;
}

static int end(void **state)
{
	arena_free(&arena);
	return 0;
}

static struct key_pair make(enum sign_algorithm algorithm)
{
	struct key_pair pair;

	assert_true(sign_key_make(arena, algorithm, &pair));
	assert_int_equal(pair.public.algorithm, algorithm);
	assert_int_equal(pair.public.id.size, 64);
	return pair;
}

static struct text raw(struct text signature)
{
	struct text bytes;

	assert_true(base64_read(arena, signature, &bytes));
	return bytes;
}

static void a_pair_signs_and_verifies(void **state)
{
	for (int i = SIGN_RSA_SHA256; i <= SIGN_ED25519; i++) {
		struct key_pair pair = make((enum sign_algorithm)i), other = make(SIGN_ED25519);
		struct text data = TEXT("{\"a\":1}"), signature;

		assert_true(sign_key_sign(arena, pair.private_pem, data, &signature));
		assert_int_equal(signature.size, i == SIGN_ED25519 ? 88 : 344);
		assert_true(sign_key_verifies(pair.public.pem, data, raw(signature)));
		assert_false(sign_key_verifies(pair.public.pem, TEXT("{}"), raw(signature)));
		assert_false(sign_key_verifies(other.public.pem, data, raw(signature)));
		assert_false(sign_key_verifies(pair.public.pem, data, TEXT("")));
		assert_false(sign_key_verifies(TEXT("no key"), data, raw(signature)));
	}
}

static void ed25519_is_that_of_the_rfc(void **state)
{
	struct text signature;

	assert_true(sign_key_sign(arena, TEXT(RFC_PRIVATE), TEXT("r"), &signature));
	assert_string_equal(arena_string(arena, signature), RFC_SIGNATURE);
}

static void a_public_key_is_read_into_the_same_form(void **state)
{
	for (int i = SIGN_RSA_SHA256; i <= SIGN_ED25519; i++) {
		struct key_pair pair = make((enum sign_algorithm)i);
		struct public_key read;
		const char *spaced =
			arena_printf(arena, "\n\n%.*s\r\n ", TEXT_ARGS(pair.public.pem));

		assert_null(sign_key_read(arena, text_of(spaced), &read));
		assert_true(text_equal(read.pem, pair.public.pem));
		assert_true(text_equal(read.id, pair.public.id));
		assert_int_equal(read.algorithm, i);
		/* The last line need not end. */
		assert_null(sign_key_read(arena, text_trim(pair.public.pem), &read));
	}
}

static void what_is_no_public_key_is_refused(void **state)
{
	struct key_pair pair = make(SIGN_ED25519);
	struct public_key read;
	struct text pem = pair.public.pem;

	assert_non_null(strstr(sign_key_read(arena, pair.private_pem, &read), "private key"));
	assert_non_null(sign_key_read(arena, TEXT(""), &read));
	assert_non_null(sign_key_read(arena, TEXT("-----BEGIN "), &read));
	for (size_t size = 1; size < pem.size - 2; size++)
		assert_non_null(sign_key_read(arena, text_until(pem, size), &read));
	const char *twice = arena_printf(arena, "%.*s%.*s", TEXT_ARGS(pem), TEXT_ARGS(pem));
	assert_non_null(sign_key_read(arena, text_of(twice), &read));
}

/* Each bit of the DER, flipped: it is refused, or is another key, or (OpenSSL takes some of BER)
 * the same key in its proper form. */
static void damaged_keys_are_harmless(void **state)
{
	struct key_pair pair = make(SIGN_ED25519);
	struct text pem = pair.public.pem, der;
	size_t first = text_find(pem, '\n', 0) + 1;
	struct text digits = text_until(text_from(pem, first), text_find(pem, '\n', first) - first);

	assert_true(base64_read(arena, digits, &der));
	for (size_t bit = 0; bit < der.size * 8; bit++) {
		struct buffer text = {.arena = arena};
		struct text copy = arena_text(arena, der);
		struct public_key read;

		((char *)copy.data)[bit / 8] ^= (char)(1 << bit % 8);
		buffer_add_text(&text, TEXT("-----BEGIN PUBLIC KEY-----\n"));
		base64_write(&text, copy);
		buffer_add_text(&text, TEXT("\n-----END PUBLIC KEY-----\n"));
		if (!sign_key_read(arena, buffer_text(&text), &read))
			assert_int_equal(text_equal(read.id, pair.public.id),
				text_equal(read.pem, pair.public.pem));
	}
}

static void a_secret_is_forgotten(void **state)
{
	struct key_pair pair = make(SIGN_ED25519);
	char *zeros = arena_zero(arena, pair.private_pem.size);

	sign_key_forget(pair.private_pem);
	assert_memory_equal(pair.private_pem.data, zeros, pair.private_pem.size);
	sign_key_forget((struct text){0});
}

static void what_is_no_private_key_signs_nothing(void **state)
{
	struct text signature;

	assert_false(sign_key_sign(arena, TEXT("no key"), TEXT("x"), &signature));
	assert_false(sign_key_sign(arena, make(SIGN_ED25519).public.pem, TEXT("x"), &signature));
}

static void algorithms_have_names(void **state)
{
	assert_int_equal(sign_algorithm_named(TEXT("rsa-sha256")), SIGN_RSA_SHA256);
	assert_int_equal(
		sign_algorithm_named(text_of(sign_algorithm_name(SIGN_ED25519))), SIGN_ED25519);
	assert_int_equal(sign_algorithm_named(TEXT("")), SIGN_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_signs_and_verifies),
		cmocka_unit_test(ed25519_is_that_of_the_rfc),
		cmocka_unit_test(a_public_key_is_read_into_the_same_form),
		cmocka_unit_test(what_is_no_public_key_is_refused),
		cmocka_unit_test(damaged_keys_are_harmless),
		cmocka_unit_test(a_secret_is_forgotten),
		cmocka_unit_test(what_is_no_private_key_signs_nothing),
		cmocka_unit_test(algorithms_have_names),
	};

	return cmocka_run_group_tests(tests, start, end);
}
