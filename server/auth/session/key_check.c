#include "server/auth/session/key_check.h"

#include "base/clock.h"
#include "server/auth/secret.h"

/* An unknown key is compared with, too. */
static bool is_secret(const struct access_key *key, struct text secret)
{
	static const struct access_key nobody;
	unsigned char hash[SECRET_HASH];

	secret_sha256(secret, hash);
	bool equal = secret_equal(hash, key ? key->secret_hash : nobody.secret_hash, sizeof(hash));
	return equal && key;
}

const char *key_check(const struct directory *d, struct text id, struct text secret,
	const struct access_key **key)
{
	*key = directory_access_key(d, id);
	bool equal = is_secret(*key, secret);
	if (!*key)
		return "there is no such access key";
	if (!equal)
		return "wrong secret";
	if (clock_unix_ms() >= (*key)->ends_ms)
		return "the access key has ended";
	const struct subject *subject =
		directory_subject(d, SUBJECT_APPLICATION, (*key)->application);
	return subject && !subject->disabled ? NULL : "the application is disabled";
}
