/* One pass of recursive descent, at most JSON_DEPTH deep, after one pass over the UTF-8, so that
 * the reader itself sees only well-formed characters. Strings without escapes are slices of the
 * text. Members of one object are compared pairwise up to PAIRWISE of them; beyond that they are
 * sorted, which no choice of names makes quadratic, as it can be done to a hash table. */
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "base/json_number.h"

#define PAIRWISE   16
#define SHOWN_NAME 64 /* bytes of a name shown in a message */

struct reader {
	struct arena *arena;
	struct text text;
	size_t at;
	int depth;
	struct status *status;
};

static bool read_value(struct reader *r, struct json *value);

__attribute__((format(printf, 3, 4))) static bool refuse(
	struct reader *r, size_t at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *reason = arena_vprintf(r->arena, format, args);
	va_end(args);
	return status_set(r->status, r->arena, STATUS_INVALID_ARGUMENT,
		"invalid JSON at byte %zu: %s", at, reason);
}

static bool expected(struct reader *r, const char *what)
{
	if (r->at < r->text.size)
		return refuse(r, r->at, "expected %s", what);
	return refuse(r, r->at, "the text ends where %s was expected", what);
}

static void *allocate(struct reader *r, size_t size)
{
	void *memory = arena_try(r->arena, size);

	if (!memory)
		status_set(r->status, r->arena, STATUS_RESOURCE_EXHAUSTED,
			"the JSON text needs more memory than one call may take");
	return memory;
}

static struct json *new_value(struct reader *r)
{
	struct json *value = allocate(r, sizeof(*value));

	if (value)
		*value = (struct json){0};
	return value;
}

static bool next_is(const struct reader *r, char c)
{
	return r->at < r->text.size && r->text.data[r->at] == c;
}

static bool take(struct reader *r, char c)
{
	bool is = next_is(r, c);

	r->at += is;
	return is;
}

static void skip_blanks(struct reader *r)
{
	if (r->at < r->text.size && (unsigned char)r->text.data[r->at] > ' ')
		return;
	while (next_is(r, ' ') || next_is(r, '\n') || next_is(r, '\t') || next_is(r, '\r'))
		r->at++;
}

/* Four hexadecimal digits; a string's closing quote ends the search, if not the text itself. */
static bool hex4(struct text text, size_t at, uint32_t *code)
{
	*code = 0;
	for (size_t i = at; i < at + 4; i++) {
		char c = i < text.size ? text.data[i] : '"';
		uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			return false;
		*code = *code << 4 | digit;
	}
	return true;
}

/* \uXXXX at r->at, or two of them for a character beyond U+FFFF. */
static bool read_code(struct reader *r, char **to)
{
	struct text t = r->text;
	size_t at = r->at;
	uint32_t code, low;

	if (!hex4(t, at + 2, &code))
		return refuse(r, at, "\\u needs four hexadecimal digits");
	r->at += 6;
	if (code >= 0xd800 && code <= 0xdfff) {
		if (code >= 0xdc00 || !text_starts(text_from(t, at + 6), TEXT("\\u")) ||
			!hex4(t, at + 8, &low) || low < 0xdc00 || low > 0xdfff)
			return refuse(r, at, "unpaired surrogate");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		r->at += 6;
	}
	*to = text_put_utf8(*to, code);
	return true;
}

/* A backslash at r->at, with at least one byte behind it. */
static bool read_escape(struct reader *r, char **to)
{
	static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
	char c = r->text.data[r->at + 1];

	if (c == 'u')
		return read_code(r, to);
	const char *name = memchr(names, c, sizeof(names) - 1);
	if (!name)
		return refuse(r, r->at, "unknown escape");
	*(*to)++ = codes[name - names];
	r->at += 2;
	return true;
}

/* What lies between r->at and the closing quote at end. */
static bool unescape(struct reader *r, size_t end, struct text *string)
{
	char *data = allocate(r, end - r->at), *to = data;

	if (!data)
		return false;
	while (r->at < end) {
		size_t plain = text_find(text_until(r->text, end), '\\', r->at);
		memcpy(to, r->text.data + r->at, plain - r->at);
		to += plain - r->at;
		r->at = plain;
		if (plain < end && !read_escape(r, &to))
			return false;
	}
	*string = (struct text){data, (size_t)(to - data)};
	return true;
}

static bool read_string(struct reader *r, struct text *string)
{
	struct text t = r->text;
	size_t start = ++r->at, end = start;
	bool escaped = false;

	for (; end < t.size && t.data[end] != '"'; end++) {
		if ((unsigned char)t.data[end] < ' ')
			return refuse(r, end, "control character in a string");
		if (t.data[end] == '\\') {
			escaped = true;
			end++;
		}
	}
	if (end >= t.size)
		return refuse(r, start - 1, "the string does not end");
	*string = (struct text){t.data + start, end - start};
	if (escaped && !unescape(r, end, string))
		return false;
	r->at = end + 1;
	return true;
}

static bool read_name(struct reader *r, struct json *member)
{
	if (!next_is(r, '"'))
		return expected(r, "a member's name in quotes");
	if (!read_string(r, &member->name))
		return false;
	skip_blanks(r);
	if (!take(r, ':'))
		return expected(r, "\":\"");
	skip_blanks(r);
	return true;
}

/* Offset of the quote that opens a member's name, found backwards from its value: inside a string a
 * quote always has a backslash before it, before a string never. */
static size_t name_position(const struct reader *r, const struct json *member)
{
	const char *quote = member->raw.data - 1;

	while (*quote != '"')
		quote--;
	do
		quote--;
	while (*quote != '"' || quote[-1] == '\\');
	return (size_t)(quote - r->text.data);
}

static int by_name(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
	int order = text_compare(x->name, y->name);

	if (order)
		return order;
	return (x->raw.data > y->raw.data) - (x->raw.data < y->raw.data);
}

static bool refuse_duplicate(struct reader *r, const struct json *member)
{
	struct text name = member->name;
	struct buffer shown = {.arena = r->arena};

	if (name.size > SHOWN_NAME) {
		name.size = SHOWN_NAME;
		while ((name.data[name.size] & 0xc0) == 0x80)
			name.size--;
	}
	json_write_string(&shown, name);
	return refuse(r, name_position(r, member), "duplicate member %.*s",
		TEXT_ARGS(buffer_text(&shown)));
}

static bool compare_pairwise(struct reader *r, const struct json *object)
{
	for (const struct json *m = object->first; m; m = m->next)
		for (const struct json *before = object->first; before != m; before = before->next)
			if (text_equal(before->name, m->name))
				return refuse_duplicate(r, m);
	return true;
}

static bool names_rise(const struct json *object)
{
	for (const struct json *m = object->first; m->next; m = m->next)
		if (text_compare(m->name, m->next->name) >= 0)
			return false;
	return true;
}

static bool compare_sorted(struct reader *r, const struct json *object)
{
	const struct json **members, *duplicate = NULL;
	size_t count = 0;

	if (names_rise(object))
		return true;
	members = allocate(r, object->count * sizeof(*members));
	if (!members)
		return false;
	for (const struct json *m = object->first; m; m = m->next)
		members[count++] = m;
	qsort(members, count, sizeof(*members), by_name);
	for (size_t i = 1; i < count; i++)
		if (text_equal(members[i - 1]->name, members[i]->name) &&
			(!duplicate || members[i]->raw.data < duplicate->raw.data))
			duplicate = members[i];
	return !duplicate || refuse_duplicate(r, duplicate);
}

static bool names_differ(struct reader *r, const struct json *object)
{
	return object->count <= PAIRWISE ? compare_pairwise(r, object) : compare_sorted(r, object);
}

static bool read_children(struct reader *r, struct json *parent)
{
	bool object = parent->type == JSON_OBJECT;
	struct json *last = NULL;

	do {
		struct json *child = new_value(r);
		skip_blanks(r);
		if (!child || (object && !read_name(r, child)) || !read_value(r, child))
			return false;
		if (last)
			last->next = child;
		else
			parent->first = child;
		last = child;
		parent->count++;
		skip_blanks(r);
	} while (take(r, ','));
	return true;
}

static bool read_container(struct reader *r, struct json *value)
{
	bool object = value->type == JSON_OBJECT;
	char close = object ? '}' : ']';

	if (r->depth == JSON_DEPTH)
		return refuse(r, r->at, "nested deeper than %d", JSON_DEPTH);
	r->depth++;
	r->at++;
	skip_blanks(r);
	if (!take(r, close)) {
		if (!read_children(r, value))
			return false;
		if (!take(r, close))
			return expected(r, object ? "\",\" or \"}\"" : "\",\" or \"]\"");
	}
	r->depth--;
	return !object || names_differ(r, value);
}

static bool read_word(struct reader *r, struct text word)
{
	if (!text_starts(text_from(r->text, r->at), word))
		return expected(r, "a value");
	r->at += word.size;
	return true;
}

static bool read_number(struct reader *r)
{
	size_t size = json_number_size(text_from(r->text, r->at));

	if (!size)
		return refuse(r, r->at, "malformed number");
	r->at += size;
	return true;
}

static bool read_by_type(struct reader *r, struct json *value)
{
	switch (r->at < r->text.size ? r->text.data[r->at] : '\0') {
	case '{':
		value->type = JSON_OBJECT;
		return read_container(r, value);
	case '[':
		value->type = JSON_ARRAY;
		return read_container(r, value);
	case '"':
		value->type = JSON_STRING;
		return read_string(r, &value->string);
	case 't':
		value->type = JSON_TRUE;
		return read_word(r, TEXT("true"));
	case 'f':
		value->type = JSON_FALSE;
		return read_word(r, TEXT("false"));
	case 'n':
		value->type = JSON_NULL;
		return read_word(r, TEXT("null"));
	case '-':
	case '0' ... '9':
		value->type = JSON_NUMBER;
		return read_number(r);
	default:
		return expected(r, "a value");
	}
}

static bool read_value(struct reader *r, struct json *value)
{
	size_t start = r->at;

	if (!read_by_type(r, value))
		return false;
	value->raw = (struct text){r->text.data + start, r->at - start};
	return true;
}

const struct json *json_read(struct arena *a, struct text text, struct status *status)
{
	struct reader r = {.arena = a, .text = text, .status = status};
	size_t bad = text_utf8_error(text);
	struct json *value;

	if (bad < text.size) {
		refuse(&r, bad, "ill-formed UTF-8");
		return NULL;
	}
	skip_blanks(&r);
	value = new_value(&r);
	if (!value || !read_value(&r, value))
		return NULL;
	skip_blanks(&r);
	if (r.at < text.size) {
		refuse(&r, r.at, "text after the value");
		return NULL;
	}
	return value;
}

const struct json *json_member(const struct json *object, struct text name)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *m = object->first; m; m = m->next)
		if (text_equal(m->name, name))
			return m;
	return NULL;
}

struct text json_member_text(const struct json *object, struct text name, struct text fallback)
{
	const struct json *member = json_member(object, name);
	return member && member->type == JSON_STRING ? member->string : fallback;
}
