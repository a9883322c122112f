/*
 * By libsodium, but for SHA-1, which it does not have. The password of nobody is compared with a
 * hash made at the start, so that it costs what any other does.
 */
#include "server/auth/secret.h"

#include <openssl/sha.h>
#include <sodium.h>

#include "base/base64.h"
#include "base/check.h"

enum { PASSES = 2, MEMORY = 19 * 1024 * 1024, RANDOM_MAX = 256 };

static char nobody[crypto_pwhash_STRBYTES];

struct text secret_make(struct arena *a, size_t bytes)
{
	struct buffer out = {.arena = a};
	char random[RANDOM_MAX];

	CHECK(bytes <= sizeof(random));
	randombytes_buf(random, bytes);
	base64_write_url(&out, (struct text){random, bytes});
	sodium_memzero(random, sizeof(random));
	buffer_add_char(&out, '\0');
	return text_until(buffer_text(&out), out.size - 1);
}

struct text secret_make_id(struct arena *a, size_t length)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char *id = arena_zero(a, length + 1);

	for (size_t i = 0; i < length; i++)
		id[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	return (struct text){id, length};
}

void secret_sha256(struct text t, unsigned char hash[SECRET_HASH])
{
	crypto_hash_sha256(hash, (const unsigned char *)t.data, t.size);
}

void secret_sha1(struct text t, unsigned char hash[20])
{
	CHECK(SHA1((const unsigned char *)t.data, t.size, hash));
}

bool secret_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}

void secret_wipe(void *bytes, size_t size)
{
	sodium_memzero(bytes, size);
}

static void hash_password(char hash[crypto_pwhash_STRBYTES], struct text password)
{
	CHECK(crypto_pwhash_argon2id_str(hash, password.data, password.size, PASSES, MEMORY) == 0);
}

struct text secret_hash_password(struct arena *a, struct text password)
{
	char *hash = arena_alloc(a, crypto_pwhash_STRBYTES);

	hash_password(hash, password);
	return text_of(hash);
}

bool secret_is_password(struct text hash, struct text password)
{
	char known[crypto_pwhash_STRBYTES] = {0};
	bool somebody = hash.size > 0 && hash.size < sizeof(known);

	if (somebody)
		memcpy(known, hash.data, hash.size);
	bool right = crypto_pwhash_argon2id_str_verify(
			     somebody ? known : nobody, password.data, password.size) == 0;
	return right && somebody;
}

void secret_start(void)
{
	char random[32];

	CHECK(sodium_init() >= 0);
	randombytes_buf(random, sizeof(random));
	hash_password(nobody, (struct text){random, sizeof(random)});
}
