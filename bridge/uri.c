/* URI: decoding is one pass to see whether anything is encoded, a second one into a copy. */
#include "bridge/uri.h"

/* Without the scheme, if it is one that we are asked with. */
static bool skip_scheme(struct text target, struct text *rest)
{
	static const struct text schemes[] = {{"http://", 7}, {"https://", 8}};
	for (size_t i = 0; i < 2; i++) {
		*rest = text_from(target, schemes[i].size);
		if (text_equal_nocase(text_until(target, schemes[i].size), schemes[i]))
			return true;
	}
	return false;
}

static const char *check_bytes(struct text target)
{
	for (size_t i = 0; i < target.size; i++) {
		unsigned char c = (unsigned char)target.data[i];
		if (c <= ' ' || c == 0x7f)
			return "the request's target holds a blank or a control character";
		if (c == '#')
			return "the request's target holds a #, which ends what a server is sent";
	}
	return NULL;
}

const char *uri_split(struct text target, struct uri *uri)
{
	struct text rest;
	*uri = (struct uri){0};
	if (skip_scheme(target, &rest)) {
		size_t slash = text_find(rest, '/', 0), mark = text_find(rest, '?', 0);
		size_t end = slash < mark ? slash : mark;
		uri->authority = text_until(rest, end);
		target = text_from(rest, end);
		if (!uri->authority.size)
			return "the request's target has no host";
	}
	size_t end = text_find(target, '?', 0);
	uri->path = text_until(target, end);
	uri->query = text_from(target, end + 1);
	if (uri->authority.size && !uri->path.size)
		uri->path = TEXT("/");
	return check_bytes(target);
}

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

const char *uri_decode(struct arena *a, struct text text, bool plus, struct text *decoded)
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
