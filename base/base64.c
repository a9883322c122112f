/* Three bytes are four digits; a rest of one or two bytes is two or three digits and padding. Bits
 * of the last digit beyond the last byte are ignored, as most readers do. */
#include "base/base64.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Without padding. */
static void write_digits(struct buffer *b, struct text bytes, const char digits[64])
{
	const unsigned char *in = (const unsigned char *)bytes.data;
	char *start = buffer_reserve(b, bytes.size / 3 * 4 + 3), *out = start;
	size_t left = bytes.size;

	for (; left >= 3; left -= 3, in += 3) {
		*out++ = digits[in[0] >> 2];
		*out++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
		*out++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
		*out++ = digits[in[2] & 63];
	}
	if (left > 0) {
		*out++ = digits[in[0] >> 2];
		*out++ = digits[(in[0] & 3) << 4 | (left == 2 ? in[1] >> 4 : 0)];
	}
	if (left == 2)
		*out++ = digits[(in[1] & 15) << 2];
	b->size += (size_t)(out - start);
}

void base64_write(struct buffer *b, struct text bytes)
{
	write_digits(b, bytes, LETTERS "+/");
	for (size_t left = bytes.size; left % 3 != 0; left++)
		buffer_add_char(b, '=');
}

void base64_write_url(struct buffer *b, struct text bytes)
{
	write_digits(b, bytes, LETTERS "-_");
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static struct text without_padding(struct text t)
{
	if (t.size % 4 != 0)
		return t;
	for (int i = 0; i < 2 && t.size > 0 && t.data[t.size - 1] == '='; i++)
		t.size--;
	return t;
}

bool base64_read(struct arena *a, struct text encoded, struct text *bytes)
{
	struct text in = without_padding(encoded);
	char *out = arena_alloc(a, in.size / 4 * 3 + 2);
	size_t size = 0;
	unsigned bits = 0;

	if (in.size % 4 == 1)
		return false;
	for (size_t i = 0; i < in.size; i++) {
		int value = digit_value(in.data[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (unsigned)value) & 0xffffff;
		if (i % 4 != 0)
			out[size++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	*bytes = (struct text){out, size};
	return true;
}

bool base64_read_url(struct arena *a, struct text encoded, struct text *bytes)
{
	struct buffer again = {.arena = a};

	if (!base64_read(a, encoded, bytes))
		return false;
	base64_write_url(&again, *bytes);
	return text_equal(buffer_text(&again), encoded);
}
