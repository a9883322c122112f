/* Slices: comparison, search, UTF-8 and decimal numbers. An empty slice may have data NULL, to
 * which nothing is added and which no library function is given. */
#include "base/text.h"

bool text_equal(struct text a, struct text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_equal_nocase(struct text a, struct text b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

int text_compare(struct text a, struct text b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

	if (order)
		return order;
	return (a.size > b.size) - (a.size < b.size);
}

bool text_starts(struct text t, struct text prefix)
{
	return text_equal(text_until(t, prefix.size), prefix);
}

size_t text_find(struct text t, char c, size_t from)
{
	if (from >= t.size)
		return t.size;
	const char *found = memchr(t.data + from, c, t.size - from);
	return found ? (size_t)(found - t.data) : t.size;
}

struct text text_from(struct text t, size_t from)
{
	if (from > t.size)
		from = t.size;
	return from ? (struct text){t.data + from, t.size - from} : t;
}

struct text text_until(struct text t, size_t size)
{
	return (struct text){t.data, size < t.size ? size : t.size};
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text text_trim(struct text t)
{
	while (t.size && is_blank(t.data[t.size - 1]))
		t.size--;
	size_t from = 0;
	while (from < t.size && is_blank(t.data[from]))
		from++;
	return text_from(t, from);
}

/* The second byte's range carries all exceptions: overlong forms after E0 and F0, surrogates after
 * ED, more than U+10FFFF after F4. */
size_t text_utf8_length(struct text t, size_t at)
{
	if (at >= t.size)
		return 0;
	const unsigned char *c = (const unsigned char *)t.data + at;
	size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (length <= 1)
		return length;
	if (c[0] > 0xf4 || length > t.size - at)
		return 0;
	unsigned low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
	unsigned high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
	if (c[1] < low || c[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

char *text_put_utf8(char *to, uint32_t code)
{
	int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};

	*to++ = (char)(lead[more] | code >> (6 * more));
	while (more--)
		*to++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
	return to;
}

bool text_has_control(struct text t)
{
	for (size_t i = 0; i < t.size; i++) {
		unsigned char c = (unsigned char)t.data[i];
		if (c < 0x20 || c == 0x7f)
			return true;
		/* C2 80 to C2 9F */
		if (c == 0xc2 && i + 1 < t.size && (unsigned char)t.data[i + 1] < 0xa0)
			return true;
	}
	return false;
}

size_t text_utf8_error(struct text t)
{
	size_t at = 0;

	while (at < t.size) {
		uint64_t eight;
		if (t.size - at >= sizeof(eight)) {
			memcpy(&eight, t.data + at, sizeof(eight));
			if (!(eight & UINT64_C(0x8080808080808080))) {
				at += sizeof(eight);
				continue;
			}
		}
		size_t length = text_utf8_length(t, at);
		if (!length)
			break;
		at += length;
	}
	return at;
}

static bool to_magnitude(struct text t, bool *negative, uint64_t *magnitude)
{
	*negative = t.size && t.data[0] == '-';
	t = text_from(t, *negative);
	*magnitude = 0;
	for (size_t i = 0; i < t.size; i++) {
		if (t.data[i] < '0' || t.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(*magnitude, 10, magnitude) ||
			__builtin_add_overflow(*magnitude, (uint64_t)(t.data[i] - '0'), magnitude))
			return false;
	}
	return t.size > 0;
}

bool text_to_int64(struct text t, int64_t *value)
{
	bool negative;
	uint64_t magnitude;

	if (!to_magnitude(t, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*value = (int64_t)(negative ? -magnitude : magnitude);
	return true;
}

bool text_to_uint64(struct text t, uint64_t *value)
{
	bool negative;
	uint64_t magnitude;

	if (!to_magnitude(t, &negative, &magnitude) || (negative && magnitude))
		return false;
	*value = magnitude;
	return true;
}
