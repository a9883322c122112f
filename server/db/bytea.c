#include "server/db/bytea.h"

struct text bytea_text(struct arena *a, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	char *text = arena_alloc(a, 2 * size + 3), *to = text;

	*to++ = '\\';
	*to++ = 'x';
	for (size_t i = 0; i < size; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	*to = '\0';
	return (struct text){text, 2 * size + 2};
}
