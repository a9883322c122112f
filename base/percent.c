/* Decoding: one pass to see whether anything is encoded, a second one into a copy. */
#include "base/percent.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_encoded(struct text text, bool plus)
{
	return memchr(text.data, '%', text.size) || (plus && memchr(text.data, '+', text.size));
}

/* Decodes into room for text.size bytes; false if an escape is broken. */
static bool decode_into(char *out, struct text text, bool plus, size_t *size)
{
	size_t n = 0;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '%') {
			int high = i + 1 < text.size ? hex_digit(text.data[i + 1]) : -1;
			int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		out[n++] = c;
	}
	*size = n;
	return true;
}

const char *percent_decode(struct arena *a, struct text text, bool plus, struct text *decoded)
{
	*decoded = text;
	if (!text.size)
		return NULL;
	if (is_encoded(text, plus)) {
		char *copy = arena_alloc(a, text.size);
		decoded->data = copy;
		if (!decode_into(copy, text, plus, &decoded->size))
			return "has a % that is not followed by two hexadecimal digits";
	}
	if (memchr(decoded->data, '\0', decoded->size))
		return "holds a NUL";
	if (text_utf8_error(*decoded) != decoded->size)
		return "is not UTF-8";
	return NULL;
}

struct text percent_encode(struct arena *a, struct text text, const char *also)
{
	struct buffer b = {.arena = a};
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c > ' ' && c <= '~' && c != '%' && !strchr(also, c))
			buffer_add_char(&b, c);
		else
			buffer_printf(&b, "%%%02X", (unsigned char)c);
	}
	return buffer_text(&b);
}
