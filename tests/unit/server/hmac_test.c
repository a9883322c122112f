/* HMAC by the vectors of RFC 2202 and RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/hmac.h"

static void expect(enum hmac_hash hash, struct text key, struct text bytes, const char *hex)
{
	unsigned char mac[HMAC_MOST];
	char shown[2 * HMAC_MOST + 1] = "";
	size_t size = hmac(hash, key, bytes, mac);

	for (size_t i = 0; i < size; i++)
		snprintf(shown + 2 * i, 3, "%02x", mac[i]);
	assert_string_equal(shown, hex);
}

static void test_vectors(void **state)
{
	const struct text key = TEXT("Jefe"), bytes = TEXT("what do ya want for nothing?");

	expect(HMAC_SHA1, key, bytes, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	expect(HMAC_SHA256, key, bytes,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_an_empty_key_is_one(void **state)
{
	expect(HMAC_SHA256, TEXT(""), TEXT(""),
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_base64(void **state)
{
	struct arena *a = arena_new(0);

	assert_true(text_equal(
		hmac_base64(a, HMAC_SHA1, TEXT("Jefe"), TEXT("what do ya want for nothing?")),
		TEXT("7/zfauXrL6LSdBbV8YTfnCWafHk=")));
	arena_free(&a);
}

static void test_equal(void **state)
{
	const unsigned char a[] = {1, 2, 3}, b[] = {1, 2, 4};

	assert_true(hmac_equal(a, b, 2));
	assert_false(hmac_equal(a, b, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_an_empty_key_is_one),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_equal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
