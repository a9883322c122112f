#include "server/hmac.h"

#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/check.h"

size_t hmac(enum hmac_hash hash, struct text key, struct text bytes, unsigned char mac[HMAC_MOST])
{
	const EVP_MD *digest = hash == HMAC_SHA1 ? EVP_sha1() : EVP_sha256();
	/* OpenSSL takes no key for the one that is set already. */
	const void *secret = key.size > 0 ? key.data : "";
	unsigned int size = 0;

	CHECK(HMAC(digest, secret, (int)key.size, (const unsigned char *)bytes.data, bytes.size,
		mac, &size));
	return size;
}

struct text hmac_base64(struct arena *a, enum hmac_hash hash, struct text key, struct text bytes)
{
	unsigned char mac[HMAC_MOST];
	struct text all = {(const char *)mac, hmac(hash, key, bytes, mac)};
	struct buffer encoded = {.arena = a};

	base64_write(&encoded, all);
	return buffer_text(&encoded);
}

bool hmac_equal(const unsigned char *a, const unsigned char *b, size_t size)
{
	return CRYPTO_memcmp(a, b, size) == 0;
}
