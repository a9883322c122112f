/* Base64 (RFC 4648). Written in the standard alphabet with padding, or in that for URLs without;
 * read in either alphabet, padded or not. Any thread. */
#ifndef JUNCTION_BASE_BASE64_H
#define JUNCTION_BASE_BASE64_H

#include "base/arena.h"

void base64_write(struct buffer *b, struct text bytes);
void base64_write_url(struct buffer *b, struct text bytes);
/* False if it is no base64. The bytes live in the arena. */
bool base64_read(struct arena *a, struct text encoded, struct text *bytes);
/* The same, but only as base64_write_url() writes it, so that no two texts mean the same bytes. */
bool base64_read_url(struct arena *a, struct text encoded, struct text *bytes);

#endif
