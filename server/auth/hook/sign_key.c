/* What OpenSSL leaves in its queue of errors is cleared after each failure: the next user of the
 * thread, which may be TLS, would take it for its own. */
#include "server/auth/hook/sign_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "base/check.h"

enum { RSA_BITS = 2048, RSA_BITS_LEAST = 2048, RSA_BITS_MOST = 8192 };

static const char *const names[] = {"", "rsa-sha256", "ed25519"};

const char *sign_algorithm_name(enum sign_algorithm algorithm)
{
	return names[algorithm];
}

enum sign_algorithm sign_algorithm_named(struct text name)
{
	for (int i = SIGN_RSA_SHA256; i <= SIGN_ED25519; i++)
		if (text_equal(name, text_of(names[i])))
			return (enum sign_algorithm)i;
	return SIGN_NONE;
}

static enum sign_algorithm algorithm_of(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return SIGN_RSA_SHA256;
	case EVP_PKEY_ED25519:
		return SIGN_ED25519;
	default:
		return SIGN_NONE;
	}
}

/* --- as text ---------------------------------------------------------------------------------- */

/* Without it OpenSSL asks the terminal for a password. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
	return -1;
}

static BIO *reader(struct text text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);

	CHECK(bio);
	return bio;
}

/* What was written to the memory, which is freed. */
static struct text take_written(struct arena *a, BIO *bio)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);
	struct text text = arena_text(a, (struct text){data, (size_t)size});

	OPENSSL_cleanse(data, (size_t)size);
	BIO_free(bio);
	return text;
}

static struct text key_id(struct arena *a, EVP_PKEY *key)
{
	unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
	unsigned size;
	struct buffer id = {.arena = a};
	int der_size = i2d_PUBKEY(key, &der);

	CHECK(der_size > 0 && EVP_Digest(der, (size_t)der_size, digest, &size, EVP_sha256(), NULL));
	OPENSSL_free(der);
	for (unsigned i = 0; i < size; i++)
		buffer_printf(&id, "%02x", digest[i]);
	return buffer_text(&id);
}

static void describe(struct arena *a, EVP_PKEY *key, struct public_key *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	CHECK(bio && PEM_write_bio_PUBKEY(bio, key));
	*out = (struct public_key){
		.algorithm = algorithm_of(key), .id = key_id(a, key), .pem = take_written(a, bio)};
}

/* --- reading a public key --------------------------------------------------------------------- */

static EVP_PKEY *decode(const char *label, const unsigned char *der, long size)
{
	const unsigned char *at = der;
	EVP_PKEY *key = NULL;

	if (strcmp(label, "PUBLIC KEY") == 0)
		key = d2i_PUBKEY(NULL, &at, size);
	else if (strcmp(label, "RSA PUBLIC KEY") == 0)
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, size);
	if (key && at != der + size) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

/* The key of the only block of the text; NULL if it is no such text. */
static EVP_PKEY *read_block(struct text pem)
{
	BIO *bio = reader(pem);
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	long size;
	EVP_PKEY *key = NULL;

	/* A header would say that it is encrypted. */
	if (PEM_read_bio(bio, &label, &header, &der, &size) && !*header && BIO_eof(bio))
		key = decode(label, der, size);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return key;
}

/* The numbers are those of a key, as far as can be told without the private one. */
static bool is_sound(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	bool sound = context && EVP_PKEY_public_check(context) == 1;

	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return sound;
}

static const char *judge(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (algorithm_of(key)) {
	case SIGN_RSA_SHA256:
		if (bits < RSA_BITS_LEAST || bits > RSA_BITS_MOST)
			return "must be an RSA key of 2048 to 8192 bits";
		break;
	case SIGN_ED25519:
		break;
	default:
		return "must be a key of RSA or of Ed25519";
	}
	return is_sound(key) ? NULL : "is no sound public key";
}

const char *sign_key_read(struct arena *a, struct text pem, struct public_key *out)
{
	struct text text = text_trim(pem);

	if (text.size > SIGN_KEY_PEM_MAX)
		return "must have at most 16384 bytes";
	if (text.size > 0 && memmem(text.data, text.size, "PRIVATE KEY", 11))
		return "is a private key: keep it to yourself, and give the public one";
	if (!text_starts(text, TEXT("-----BEGIN ")))
		return "must be a public key in PEM: BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY";
	EVP_PKEY *key = read_block(text);
	if (!key)
		return "must be exactly one public key in PEM: BEGIN PUBLIC KEY or BEGIN RSA "
		       "PUBLIC "
		       "KEY";
	const char *rule = judge(key);
	if (!rule)
		describe(a, key, out);
	EVP_PKEY_free(key);
	return rule;
}

/* --- making a pair ---------------------------------------------------------------------------- */

static EVP_PKEY *generate(enum sign_algorithm algorithm)
{
	if (algorithm == SIGN_RSA_SHA256)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

bool sign_key_make(struct arena *a, enum sign_algorithm algorithm, struct key_pair *pair)
{
	EVP_PKEY *key = generate(algorithm);
	BIO *bio = key ? BIO_new(BIO_s_secmem()) : NULL;

	if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, no_password, NULL)) {
		BIO_free(bio);
		EVP_PKEY_free(key);
		ERR_clear_error();
		return false;
	}
	pair->private_pem = take_written(a, bio);
	describe(a, key, &pair->public);
	EVP_PKEY_free(key);
	return true;
}

void sign_key_forget(struct text secret)
{
	if (secret.size > 0)
		OPENSSL_cleanse((char *)secret.data, secret.size);
}

/* --- signatures ------------------------------------------------------------------------------- */

/* Ed25519 hashes by itself; RSA's padding is PKCS #1 v1.5 unless another is asked for. */
static const EVP_MD *digest_of(const EVP_PKEY *key)
{
	return algorithm_of(key) == SIGN_ED25519 ? NULL : EVP_sha256();
}

/* In the arena; empty if it cannot be done. */
static struct text sign(struct arena *a, EVP_PKEY *key, struct text bytes)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t size = (size_t)EVP_PKEY_get_size(key);
	unsigned char *signature = arena_alloc(a, size);

	CHECK(context);
	bool done = EVP_DigestSignInit(context, NULL, digest_of(key), NULL, key) == 1 &&
		    EVP_DigestSign(context, signature, &size, (const unsigned char *)bytes.data,
			    bytes.size) == 1;
	EVP_MD_CTX_free(context);
	return done ? (struct text){(char *)signature, size} : TEXT("");
}

bool sign_key_sign(
	struct arena *a, struct text private_pem, struct text bytes, struct text *signature)
{
	BIO *bio = reader(private_pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	struct text raw = key && algorithm_of(key) != SIGN_NONE ? sign(a, key, bytes) : TEXT("");
	struct buffer out = {.arena = a};

	BIO_free(bio);
	EVP_PKEY_free(key);
	ERR_clear_error();
	base64_write(&out, raw);
	*signature = buffer_text(&out);
	return raw.size > 0;
}

bool sign_key_verifies(struct text public_pem, struct text bytes, struct text signature)
{
	BIO *bio = reader(public_pem);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHECK(context);
	bool verified = key && algorithm_of(key) != SIGN_NONE &&
			EVP_DigestVerifyInit(context, NULL, digest_of(key), NULL, key) == 1 &&
			EVP_DigestVerify(context, (const unsigned char *)signature.data,
				signature.size, (const unsigned char *)bytes.data, bytes.size) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return verified;
}
