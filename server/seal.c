/*
 * The keys are read once and never change. They live in memory of their own, which libsodium locks,
 * guards and wipes. Hashes have a key of their own, derived from the first one.
 */
#include "server/seal.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/files.h"
#include "base/log.h"

enum {
	NAME_MAX_BYTES = 255,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "");
_Static_assert(SEAL_PUBLIC_KEY == crypto_box_PUBLICKEYBYTES, "");

struct seal_key {
	char name[NAME_MAX_BYTES + 1];
	unsigned char bytes[SEAL_KEY];
};

static struct seal_key *keys; /* in the order of the file */
static size_t key_count;
static unsigned char hash_key[SEAL_KEY];

/* --- the key file ----------------------------------------------------------------------------- */

static struct seal_key *find(struct text name)
{
	for (size_t i = 0; i < key_count; i++)
		if (text_equal(text_of(keys[i].name), name))
			return &keys[i];
	return NULL;
}

static bool is_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return false;
	return name.size >= 1 && name.size <= NAME_MAX_BYTES;
}

static bool read_bytes(struct text encoded, unsigned char bytes[SEAL_KEY])
{
	size_t size = 0;

	return sodium_base642bin(bytes, SEAL_KEY, encoded.data, encoded.size, NULL, &size, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       size == SEAL_KEY;
}

/* NULL, or the rule that the line breaks. */
static const char *read_line(struct text line)
{
	struct text name = text_until(line, text_find(line, ' ', 0));
	struct text encoded = text_trim(text_from(line, name.size));
	struct seal_key *key = &keys[key_count];

	if (line.size == 0)
		return NULL;
	if (!is_name(name))
		return "a name must have 1 to 255 visible ASCII characters";
	if (find(name))
		return "this name has a key already";
	if (!read_bytes(encoded, key->bytes))
		return "behind the name and a blank must stand base64 of 32 bytes";
	memcpy(key->name, name.data, name.size);
	key_count++;
	return NULL;
}

static size_t count_lines(struct text t)
{
	size_t lines = 1;

	for (size_t i = 0; i < t.size; i++)
		lines += t.data[i] == '\n';
	return lines;
}

static bool read_lines(struct text t, const char *file)
{
	int64_t number = 1;

	for (size_t at = 0; at < t.size; number++) {
		size_t end = text_find(t, '\n', at);
		struct text line = text_from(text_until(t, end), at);
		const char *rule = read_line(text_trim(text_until(line, text_find(line, '#', 0))));

		if (rule) {
			log_event(LOG_ERROR, "key file not readable", LOG_TEXT("file", file),
				LOG_NUMBER("line", number), LOG_TEXT("rule", rule));
			return false;
		}
		at = end + 1;
	}
	if (key_count == 0)
		log_event(LOG_ERROR, "key file not readable", LOG_TEXT("file", file),
			LOG_TEXT("rule", "must hold a key"));
	return key_count > 0;
}

static bool read_keys(struct watched_file *file)
{
	char reason[FILES_REASON_SIZE];

	if (!files_read(file, 1, reason)) {
		log_event(LOG_ERROR, "key file not readable", LOG_TEXT("reason", reason));
		return false;
	}
	if (file->seen.st_mode & S_IROTH)
		log_event(
			LOG_WARN, "everybody may read the key file", LOG_TEXT("file", file->path));
	struct text t = text_of(file->text);
	keys = sodium_allocarray(count_lines(t), sizeof(*keys));
	CHECK(keys);
	memset(keys, 0, count_lines(t) * sizeof(*keys));
	return read_lines(t, file->path);
}

static void derive_hash_key(void)
{
	static const char purpose[] = "junction event hash";

	crypto_generichash(hash_key, sizeof(hash_key), (const unsigned char *)purpose,
		sizeof(purpose) - 1, keys[0].bytes, sizeof(keys[0].bytes));
}

bool seal_start(const char *file)
{
	struct watched_file key_file = {.option = "--key-file", .path = file};

	CHECK(sodium_init() >= 0);
	if (!file)
		return true;
	bool good = read_keys(&key_file);
	files_forget(&key_file, 1);
	if (good)
		derive_hash_key();
	else
		seal_stop();
	return good;
}

void seal_stop(void)
{
	sodium_memzero(hash_key, sizeof(hash_key));
	sodium_free(keys);
	keys = NULL;
	key_count = 0;
}

/* --- at rest ---------------------------------------------------------------------------------- */

bool seal_available(void)
{
	return key_count > 0;
}

struct text seal_data(struct arena *a, struct text id, struct text data, struct text *key_id)
{
	unsigned char *sealed = arena_alloc(a, NONCE + data.size + TAG);

	CHECK(key_count > 0);
	const struct seal_key *key = &keys[key_count - 1];
	randombytes_buf(sealed, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, NULL,
		(const unsigned char *)data.data, data.size, (const unsigned char *)id.data,
		id.size, NULL, sealed, key->bytes);
	*key_id = text_of(key->name);
	return (struct text){(const char *)sealed, NONCE + data.size + TAG};
}

struct text seal_open(struct arena *a, struct text id, struct text key_id, struct text sealed)
{
	const struct seal_key *key = find(key_id);
	const unsigned char *nonce = (const unsigned char *)sealed.data;

	if (!key || sealed.size < NONCE + TAG)
		return (struct text){0};
	size_t size = sealed.size - NONCE - TAG;
	unsigned char *data = arena_alloc(a, size + 1);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(data, NULL, NULL, nonce + NONCE, size + TAG,
		    (const unsigned char *)id.data, id.size, nonce, key->bytes) != 0)
		return (struct text){0};
	data[size] = '\0';
	return (struct text){(const char *)data, size};
}

void seal_hash(struct text bytes, unsigned char hash[SEAL_HASH])
{
	bool keyed = seal_available();

	crypto_generichash(hash, SEAL_HASH, (const unsigned char *)bytes.data, bytes.size,
		keyed ? hash_key : NULL, keyed ? sizeof(hash_key) : 0);
}

/* --- for receivers ---------------------------------------------------------------------------- */

struct text seal_box(
	struct arena *a, const unsigned char public_key[SEAL_PUBLIC_KEY], struct text data)
{
	size_t size = data.size + crypto_box_SEALBYTES;
	unsigned char *box = arena_alloc(a, size);
	struct buffer out = {.arena = a};

	if (crypto_box_seal(box, (const unsigned char *)data.data, data.size, public_key) != 0)
		return TEXT("");
	base64_write(&out, (struct text){(const char *)box, size});
	return buffer_text(&out);
}
