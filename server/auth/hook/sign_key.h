/*
 * Keys that sign and verify: made, read from PEM, used (OpenSSL).
 *
 * RSA signs with PKCS #1 v1.5 over SHA-256, as FATE Flow 1.11 does; Ed25519 as RFC 8032 says. All
 * of it takes from 50 microseconds to a second: on the work pool only. Any thread. A private key is
 * in no error and in no log.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_SIGN_KEY_H
#define JUNCTION_SERVER_AUTH_HOOK_SIGN_KEY_H

#include "base/arena.h"

/* As in auth.proto. */
enum sign_algorithm { SIGN_NONE = 0, SIGN_RSA_SHA256 = 1, SIGN_ED25519 = 2 };

/* Longer ones are refused. */
#define SIGN_KEY_PEM_MAX 16384

struct public_key {
	enum sign_algorithm algorithm;
	struct text id;  /* SHA-256 of the DER encoding, in hexadecimal */
	struct text pem; /* "BEGIN PUBLIC KEY" */
};

struct key_pair {
	struct public_key public;
	struct text private_pem; /* PKCS #8; see sign_key_forget() */
};

/* "rsa-sha256", "ed25519"; as in the table auth.party_key. */
const char *sign_algorithm_name(enum sign_algorithm algorithm);
/* SIGN_NONE if it is none. */
enum sign_algorithm sign_algorithm_named(struct text name);

/* NULL, or the rule that the text breaks: exactly one public key in PEM, "BEGIN PUBLIC KEY" or
 * "BEGIN RSA PUBLIC KEY", RSA of 2048 to 8192 bits or Ed25519. */
const char *sign_key_read(struct arena *a, struct text pem, struct public_key *key);
/* RSA of 2048 bits, which may take a second. False if OpenSSL cannot. */
bool sign_key_make(struct arena *a, enum sign_algorithm algorithm, struct key_pair *pair);
/* Overwrites a text of the arena. */
void sign_key_forget(struct text secret);

/* In base64, standard alphabet, padded. False if it is no private key. */
bool sign_key_sign(
	struct arena *a, struct text private_pem, struct text bytes, struct text *signature);
/* signature: as it is, not in base64. */
bool sign_key_verifies(struct text public_pem, struct text bytes, struct text signature);

#endif
