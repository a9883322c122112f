/* Percent: decoding of path segments, query strings and forms, encoding of headers. Any thread. */
#ifndef JUNCTION_BASE_PERCENT_H
#define JUNCTION_BASE_PERCENT_H

#include "base/arena.h"

/* Decodes %XX, and '+' as a blank if plus is set. The result is a slice of text itself if nothing
 * needed decoding, else a copy in the arena. Returns NULL, or what is wrong with it: a broken
 * escape, a NUL, bytes that are not UTF-8. */
const char *percent_decode(struct arena *a, struct text text, bool plus, struct text *decoded);

/* As a header may carry it, so that it can be decoded: %XX for '%', for what is not visible ASCII,
 * and for the characters of also. In the arena. */
struct text percent_encode(struct arena *a, struct text text, const char *also);

#endif
