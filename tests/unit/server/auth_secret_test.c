/* Secrets: random, hashed, compared. */
#include "server/auth/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/db/bytea.h"

static struct text hex(struct arena *a, const unsigned char *bytes, size_t size)
{
	return text_from(bytea_text(a, bytes, size), 2);
}

static void hashes_are_those_of_the_standards(void **state)
{
	struct arena *a = *state;
	unsigned char sha256[SECRET_HASH], sha1[20];

	secret_sha256(TEXT("abc"), sha256);
	secret_sha1(TEXT("abc"), sha1);
	assert_string_equal(hex(a, sha256, sizeof(sha256)).data,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(
		hex(a, sha1, sizeof(sha1)).data, "a9993e364706816aba3e25717850c26c9cd0d89d");
	secret_sha256(TEXT(""), sha256);
	assert_string_equal(hex(a, sha256, sizeof(sha256)).data,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_secret_is_base64url_and_never_the_same(void **state)
{
	struct text one = secret_make(*state, 54), other = secret_make(*state, 54);

	assert_int_equal(one.size, 72);
	assert_int_equal(strlen(one.data), 72);
	assert_int_equal(strspn(one.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-_"),
		72);
	assert_false(text_equal(one, other));
}

static void an_id_is_letters_and_digits(void **state)
{
	bool seen[256] = {false};
	struct text id = secret_make_id(*state, 2000);
	size_t kinds = 0;

	assert_int_equal(id.size, 2000);
	assert_int_equal(strspn(id.data, "abcdefghijklmnopqrstuvwxyz0123456789"), 2000);
	for (size_t i = 0; i < id.size; i++)
		seen[(unsigned char)id.data[i]] = true;
	for (size_t i = 0; i < 256; i++)
		kinds += seen[i];
	assert_int_equal(kinds, 36);
}

static void a_difference_anywhere_is_a_difference(void **state)
{
	assert_true(secret_equal("abcd", "abcd", 4));
	assert_true(secret_equal("abcx", "abcd", 3));
	assert_false(secret_equal("abcx", "abcd", 4));
	assert_false(secret_equal("xbcd", "abcd", 4));
	assert_true(secret_equal("a", "b", 0));
}

static void what_is_wiped_is_gone(void **state)
{
	char t[] = "secret";

	secret_wipe(t, sizeof(t));
	assert_memory_equal(t, "\0\0\0\0\0\0\0", sizeof(t));
}

static void a_password_is_known_again(void **state)
{
	struct text hash = secret_hash_password(*state, TEXT("correct horse"));
	struct text again = secret_hash_password(*state, TEXT("correct horse"));

	assert_true(text_starts(hash, TEXT("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_false(text_equal(hash, again));
	assert_true(secret_is_password(hash, TEXT("correct horse")));
	assert_false(secret_is_password(hash, TEXT("correct horsf")));
	assert_false(secret_is_password(hash, TEXT("")));
	/* A hash need not end in NUL, and is not read beyond its end. */
	assert_false(secret_is_password(text_until(hash, hash.size - 1), TEXT("correct horse")));
}

static void nobody_has_no_password(void **state)
{
	char longest[500];

	memset(longest, '$', sizeof(longest));
	assert_false(secret_is_password(TEXT(""), TEXT("")));
	assert_false(secret_is_password(TEXT(""), TEXT("correct horse")));
	assert_false(secret_is_password(TEXT("$argon2id$nonsense"), TEXT("")));
	assert_false(secret_is_password((struct text){longest, sizeof(longest)}, TEXT("")));
}

static int start(void **state)
{
	secret_start();
	*state = arena_new(0);
	return 0;
}

static int stop(void **state)
{
	arena_free((struct arena **)state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_standards),
		cmocka_unit_test(a_secret_is_base64url_and_never_the_same),
		cmocka_unit_test(an_id_is_letters_and_digits),
		cmocka_unit_test(a_difference_anywhere_is_a_difference),
		cmocka_unit_test(what_is_wiped_is_gone),
		cmocka_unit_test(a_password_is_known_again),
		cmocka_unit_test(nobody_has_no_password),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
