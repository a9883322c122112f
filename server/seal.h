/*
 * Seal: what is encrypted at rest (data of events, secrets of channels), and data for the receivers
 * of pushes. Any thread, after seal_start().
 *
 * At rest by XChaCha20-Poly1305: its nonce of 24 bytes may be random, so that any number of servers
 * seal any number of things with one key without a common count (the 12 bytes of AES-GCM are too
 * few for that), and it is as fast as need be, and constant in time, on every processor. The id of
 * what the data belongs to is additional data: nobody who writes the database can pass the data of
 * one thing off as another's.
 *
 * The key file has a line "NAME BASE64" for each key of 32 bytes; NAME is 1 to 255 visible ASCII
 * characters, "#" begins a comment. The last key seals; the others still open, so a new one is
 * added as the last line on all servers' files, and counts from their next start.
 */
#ifndef JUNCTION_SERVER_SEAL_H
#define JUNCTION_SERVER_SEAL_H

#include "base/arena.h"

enum { SEAL_KEY = 32, SEAL_PUBLIC_KEY = 32, SEAL_HASH = 32 };

/* file NULL: there are no keys. False (logged, with file, line and rule, never with what stands
 * there) if it cannot be read. */
bool seal_start(const char *file);
void seal_stop(void); /* wipes the keys */

bool seal_available(void);
/* Nonce and XChaCha20-Poly1305 of the data; *key_id: the name of the key. Only if
 * seal_available(). In the arena. */
struct text seal_data(struct arena *a, struct text id, struct text data, struct text *key_id);
/* What was sealed; data NULL: there is no such key, or it is not what was sealed. In the arena,
 * ends in NUL, which is not counted. */
struct text seal_open(struct arena *a, struct text id, struct text key_id, struct text sealed);
/* Of what was published with an id; keyed if there are keys, by the first one, so that who reads
 * the database cannot guess data that is sealed. With another first key it is another. */
void seal_hash(struct text bytes, unsigned char hash[SEAL_HASH]);
/* base64 of libsodium's sealed box of the data for that X25519 key; empty: nobody can have a
 * private key to that one. In the arena. */
struct text seal_box(
	struct arena *a, const unsigned char public_key[SEAL_PUBLIC_KEY], struct text data);

#endif
