#include "server/notice/template/escape.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_one_of(char c, const char *characters)
{
	return c && strchr(characters, c);
}

static void add_plain(struct buffer *out, char c)
{
	if (c)
		buffer_add_char(out, c);
	else
		buffer_add_text(out, TEXT("\xef\xbf\xbd"));
}

static void write_plain(struct buffer *out, struct text value)
{
	size_t end;

	for (size_t from = 0; from < value.size; from = end + 1) {
		end = text_find(value, '\0', from);
		buffer_add_text(out, text_from(text_until(value, end), from));
		if (end < value.size)
			add_plain(out, '\0');
	}
}

/* --- header ----------------------------------------------------------------------------------- */

/* Bytes at that place that would end the line or are control characters; 0: none. */
static size_t unfit_for_header(struct text value, size_t at)
{
	const unsigned char *c = (const unsigned char *)value.data + at;
	size_t left = value.size - at;

	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	if (left >= 2 && c[0] == 0xc2 && c[1] < 0xa0)
		return 2;
	/* U+2028, U+2029 */
	return left >= 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9) ? 3 : 0;
}

static void write_header(struct buffer *out, struct text value)
{
	for (size_t at = 0; at < value.size;) {
		size_t unfit = unfit_for_header(value, at);

		buffer_add_char(out, unfit ? ' ' : value.data[at]);
		at += unfit ? unfit : 1;
	}
}

/* --- HTML ------------------------------------------------------------------------------------- */

static void write_html(struct buffer *out, struct text value)
{
	for (size_t i = 0; i < value.size; i++) {
		switch (value.data[i]) {
		case '&':
			buffer_add_text(out, TEXT("&amp;"));
			break;
		case '<':
			buffer_add_text(out, TEXT("&lt;"));
			break;
		case '>':
			buffer_add_text(out, TEXT("&gt;"));
			break;
		case '"':
			buffer_add_text(out, TEXT("&quot;"));
			break;
		case '\'':
			buffer_add_text(out, TEXT("&#39;"));
			break;
		default:
			add_plain(out, value.data[i]);
		}
	}
}

/* Whether a browser takes nothing but a page, a mail, a telephone number or a relative address
 * for it: a scheme that has anything but letters in it (which browsers skip) is none of them. */
static bool is_harmless_address(struct text value)
{
	static const struct text schemes[] = {
		TEXT("http"), TEXT("https"), TEXT("mailto"), TEXT("tel")};
	size_t end = 0;

	while (end < value.size && !is_one_of(value.data[end], ":/?#"))
		end++;
	if (end == value.size || value.data[end] != ':')
		return true;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (text_equal_nocase(text_until(value, end), schemes[i]))
			return true;
	return false;
}

/* What follows what may have been the beginning of a scheme ends none. */
static void write_address_rest(struct buffer *out, struct text value)
{
	size_t colon;

	for (size_t from = 0; from < value.size; from = colon + 1) {
		colon = text_find(value, ':', from);
		write_html(out, text_from(text_until(value, colon), from));
		if (colon < value.size)
			buffer_add_text(out, TEXT("%3A"));
	}
}

/* Whether the text ends in an attribute's name, "=" and a quote, and the attribute is an address.
 */
static bool begins_address(struct text text)
{
	static const struct text attributes[] = {TEXT("href"), TEXT("src"), TEXT("action"),
		TEXT("formaction"), TEXT("background"), TEXT("poster"), TEXT("cite"), TEXT("data")};
	size_t end = text.size, begin;

	if (!is_one_of(text.data[--end], "\"'"))
		return false;
	while (end > 0 && is_blank(text.data[end - 1]))
		end--;
	if (end == 0 || text.data[--end] != '=')
		return false;
	while (end > 0 && is_blank(text.data[end - 1]))
		end--;
	for (begin = end; begin > 0 && is_letter(text.data[begin - 1]);)
		begin--;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (text_equal_nocase(text_from(text_until(text, end), begin), attributes[i]))
			return true;
	return false;
}

static void write_html_at(struct buffer *out, enum place place, struct text value)
{
	if (place == PLACE_ADDRESS_REST)
		write_address_rest(out, value);
	else if (place == PLACE_ADDRESS && !is_harmless_address(value))
		buffer_add_char(out, '#');
	else
		write_html(out, value);
}

/* --- Markdown --------------------------------------------------------------------------------- */

/* Whether the text ends within a link's destination. */
static enum place place_in_markdown(enum place before, struct text text)
{
	for (size_t at = text.size; at > 0; at--) {
		char c = text.data[at - 1];

		if (c == ')' || is_blank(c))
			return PLACE_TEXT;
		if (c == '(' && at >= 2 && text.data[at - 2] == ']')
			return PLACE_ADDRESS;
	}
	return before;
}

/* Whether a backslash must stand before the character, whatever is around the value: it is markup,
 * of a mention too ("<@user>", "@13800000000"), or begins a link of itself ("https://", "www."). */
static bool is_markup(struct text value, size_t at)
{
	char c = value.data[at];

	if (is_one_of(c, "\\`*_[]()<>@~|&"))
		return true;
	if (c == '!')
		return at + 1 == value.size;
	if (c == ':')
		return text_starts(text_from(value, at + 1), TEXT("//"));
	return c == '.' && at >= 3 &&
	       text_equal_nocase(text_from(text_until(value, at), at - 3), TEXT("www"));
}

/* The same of one with which a line would begin a heading, a list or a rule. */
static bool is_markup_of_line(struct text value, size_t at, bool digits)
{
	if (value.data[at] == '.')
		return digits && (at + 1 == value.size || is_blank(value.data[at + 1]));
	return !digits && is_one_of(value.data[at], "#+-=");
}

static void write_markdown(struct buffer *out, struct text value)
{
	bool begins = true, digits = false; /* of a line: only blanks, and then digits so far */

	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];

		if (is_markup(value, i) || (begins && is_markup_of_line(value, i, digits)))
			buffer_add_char(out, '\\');
		add_plain(out, c);
		if (c == '\n' || c == '\r') {
			begins = true;
			digits = false;
		} else if (!is_blank(c) || digits) {
			begins = begins && is_digit(c);
			digits = begins;
		}
	}
}

/* As an address that Markdown reads no markup in. What is encoded already stays so. */
static void write_percent(struct buffer *out, struct text value)
{
	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];

		if (is_letter(c) || is_digit(c) || is_one_of(c, "-.:/?#&=%+,$"))
			buffer_add_char(out, c);
		else
			buffer_printf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

/* --- all of them ------------------------------------------------------------------------------ */

enum place escape_place(enum template_escape escape, enum place before, struct text text)
{
	switch (escape) {
	case TEMPLATE_PLAIN:
	case TEMPLATE_HEADER:
		break;
	case TEMPLATE_HTML:
		return begins_address(text) ? PLACE_ADDRESS : PLACE_TEXT;
	case TEMPLATE_MARKDOWN:
		return place_in_markdown(before, text);
	}
	return PLACE_TEXT;
}

enum place escape_value(struct buffer *out, enum template_escape escape, enum place place,
	bool link, struct text value)
{
	switch (escape) {
	case TEMPLATE_PLAIN:
		write_plain(out, value);
		break;
	case TEMPLATE_HEADER:
		write_header(out, value);
		break;
	case TEMPLATE_HTML:
		write_html_at(out, place, value);
		break;
	case TEMPLATE_MARKDOWN:
		if (link || place != PLACE_TEXT)
			write_percent(out, value);
		else
			write_markdown(out, value);
		break;
	}
	return place == PLACE_TEXT || value.size == 0 ? place : PLACE_ADDRESS_REST;
}
