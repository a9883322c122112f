/* Appends to a buffer. What the last byte is tells whether a comma is due, so no state is kept
 * beside the text: a complete value never ends in an opening bracket or a colon. */
#include "base/json.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Eight bytes of ASCII, none of them a control character, a quote or a backslash. What a byte below
 * another borrows from makes a mistake only where that one is no such byte already. */
static bool is_plain(const char *eight)
{
	uint64_t bytes;

	memcpy(&bytes, eight, sizeof(bytes));
	uint64_t quote = (bytes ^ EACH('"')) - EACH(1), backslash = (bytes ^ EACH('\\')) - EACH(1);
	return !((bytes | (bytes - EACH(' ')) | quote | backslash) & EACH(0x80));
}

/* Bytes from offset at that need no escape and are well-formed. */
static size_t plain_size(struct text t, size_t at)
{
	size_t end = at, length;

	while (end < t.size) {
		unsigned char c = (unsigned char)t.data[end];

		length = c < 0x80 ? 1 : text_utf8_length(t, end);
		if (t.size - end >= 8 && is_plain(t.data + end))
			length = 8;
		else if (!length || c < ' ' || c == '"' || c == '\\')
			break;
		end += length;
	}
	return end - at;
}

static void write_escape(struct buffer *b, char c)
{
	static const char codes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *code = memchr(codes, c, sizeof(codes) - 1);

	if (code) {
		buffer_add_char(b, '\\');
		buffer_add_char(b, names[code - codes]);
	} else {
		buffer_printf(b, "\\u%04x", (unsigned)c);
	}
}

void json_write_string(struct buffer *b, struct text string)
{
	size_t plain = plain_size(string, 0);
	char *to = buffer_reserve(b, plain + 2);

	*to = '"';
	if (plain)
		memcpy(to + 1, string.data, plain);
	b->size += plain + 1;
	for (size_t i = plain; i < string.size; i += plain) {
		if (text_utf8_length(string, i))
			write_escape(b, string.data[i]);
		else
			buffer_add_text(b, TEXT("\xef\xbf\xbd"));
		plain = plain_size(string, ++i);
		buffer_add(b, string.data + i, plain);
	}
	buffer_add_char(b, '"');
}

void json_write_comma(struct buffer *b)
{
	if (b->size && !memchr("{[:", b->data[b->size - 1], 3))
		buffer_add_char(b, ',');
}

void json_write_name(struct buffer *b, struct text name)
{
	json_write_comma(b);
	json_write_string(b, name);
	buffer_add_char(b, ':');
}

void json_write_on_one_line(struct buffer *b, struct text json)
{
	char *to = buffer_reserve(b, json.size);

	for (size_t i = 0; i < json.size; i++) {
		if (json.data[i] != '\n' && json.data[i] != '\r')
			*to++ = json.data[i];
	}
	b->size = (size_t)(to - b->data);
}

void json_write_text_member(struct buffer *b, const char *name, struct text value)
{
	json_write_name(b, text_of(name));
	if (value.size > 0)
		json_write_string(b, value);
	else
		buffer_add_text(b, TEXT("null"));
}

void json_write_number_member(struct buffer *b, const char *name, int64_t number)
{
	json_write_name(b, text_of(name));
	buffer_printf(b, "%lld", (long long)number);
}

void json_write_bool_member(struct buffer *b, const char *name, bool value)
{
	json_write_name(b, text_of(name));
	buffer_add_text(b, value ? TEXT("true") : TEXT("false"));
}
