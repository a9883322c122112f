/* Appends to a buffer. What the last byte is tells whether a comma is due, so no state is kept
 * beside the text: a complete value never ends in an opening bracket or a colon. */
#include "base/json.h"

/* Bytes from offset at that need no escape and are well-formed. */
static size_t plain_size(struct text t, size_t at)
{
	size_t end = at, length;

	while ((length = text_utf8_length(t, end))) {
		unsigned char c = (unsigned char)t.data[end];
		if (c < ' ' || c == '"' || c == '\\')
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
	buffer_add_char(b, '"');
	for (size_t i = 0; i < string.size; i++) {
		size_t plain = plain_size(string, i);
		if (plain) {
			buffer_add(b, string.data + i, plain);
			i += plain - 1;
		} else if (text_utf8_length(string, i)) {
			write_escape(b, string.data[i]);
		} else {
			buffer_add_text(b, TEXT("\xef\xbf\xbd"));
		}
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
