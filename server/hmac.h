/* HMAC (RFC 2104) and what it is shown as. Any thread. */
#ifndef JUNCTION_SERVER_HMAC_H
#define JUNCTION_SERVER_HMAC_H

#include "base/arena.h"

enum hmac_hash { HMAC_SHA1, HMAC_SHA256 };
enum { HMAC_MOST = 32 }; /* bytes */

/* Gives its size: 20 or 32. */
size_t hmac(enum hmac_hash hash, struct text key, struct text bytes, unsigned char mac[HMAC_MOST]);
/* The same in base64. In the arena. */
struct text hmac_base64(struct arena *a, enum hmac_hash hash, struct text key, struct text bytes);
/* Takes as long wherever they differ. */
bool hmac_equal(const unsigned char *a, const unsigned char *b, size_t size);

#endif
