/* The grammar of json_read.c without its tree: a pass over the UTF-8, then one of recursive
 * descent, at most JSON_DEPTH deep. */
#include "base/json.h"
#include "base/json_number.h"

/* All below take what starts at *at and move *at behind it. */
static bool value(struct text t, size_t *at, int depth);

static bool take(struct text t, size_t *at, char c)
{
	bool is = *at < t.size && t.data[*at] == c;

	*at += is;
	return is;
}

static void blanks(struct text t, size_t *at)
{
	while (take(t, at, ' ') || take(t, at, '\n') || take(t, at, '\t') || take(t, at, '\r'))
		;
}

static bool word(struct text t, size_t *at, struct text expected)
{
	if (!text_starts(text_from(t, *at), expected))
		return false;
	*at += expected.size;
	return true;
}

static bool number(struct text t, size_t *at)
{
	size_t size = json_number_size(text_from(t, *at));

	*at += size;
	return size > 0;
}

static bool code_unit(struct text t, size_t *at, uint32_t *code)
{
	*code = 0;
	for (size_t end = *at + 4; *at < end; ++*at) {
		char c = *at < t.size ? t.data[*at] : '"';
		char lower = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			*code = *code << 4 | (uint32_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			*code = *code << 4 | (uint32_t)(lower - 'a' + 10);
		else
			return false;
	}
	return true;
}

static bool escape(struct text t, size_t *at)
{
	uint32_t code;

	if (*at >= t.size)
		return false;
	if (!take(t, at, 'u'))
		return memchr("\"\\/bfnrt", t.data[(*at)++], 8);
	if (!code_unit(t, at, &code) || (code >= 0xdc00 && code <= 0xdfff))
		return false;
	if (code < 0xd800 || code > 0xdbff)
		return true;
	return word(t, at, TEXT("\\u")) && code_unit(t, at, &code) && code >= 0xdc00 &&
	       code <= 0xdfff;
}

static bool string(struct text t, size_t *at)
{
	if (!take(t, at, '"'))
		return false;
	while (*at < t.size && (unsigned char)t.data[*at] >= ' ') {
		char c = t.data[(*at)++];

		if (c == '"')
			return true;
		if (c == '\\' && !escape(t, at))
			return false;
	}
	return false;
}

static bool name(struct text t, size_t *at)
{
	if (!string(t, at))
		return false;
	blanks(t, at);
	return take(t, at, ':');
}

static bool container(struct text t, size_t *at, int depth)
{
	bool object = t.data[(*at)++] == '{';
	char close = object ? '}' : ']';

	if (depth == JSON_DEPTH)
		return false;
	blanks(t, at);
	if (take(t, at, close))
		return true;
	do {
		blanks(t, at);
		if ((object && !name(t, at)) || !value(t, at, depth + 1))
			return false;
	} while (take(t, at, ','));
	return take(t, at, close);
}

/* A value with the blanks round it. */
static bool value(struct text t, size_t *at, int depth)
{
	char first;
	bool good;

	blanks(t, at);
	first = *at < t.size ? t.data[*at] : '\0';
	if (first == '{' || first == '[')
		good = container(t, at, depth);
	else if (first == '"')
		good = string(t, at);
	else
		good = number(t, at) || word(t, at, TEXT("true")) || word(t, at, TEXT("false")) ||
		       word(t, at, TEXT("null"));
	blanks(t, at);
	return good;
}

bool json_valid(struct text text)
{
	size_t at = 0;

	return text_utf8_error(text) == text.size && value(text, &at, 0) && at == text.size;
}
