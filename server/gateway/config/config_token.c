/* JSON5's tokens. A name may have the letters of any script: all that is beyond ASCII is taken for
 * one but for the blocks of punctuation, full-width quotes and colons among them, which are
 * mistakes rather than names. */
#include "server/gateway/config/config_token.h"

#include <ctype.h>

/* --- characters ------------------------------------------------------------------------------- */

bool config_token_refuse(struct config_reader *r, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const char *rule = arena_vprintf(r->arena, format, args);
	va_end(args);
	r->error = config_tree_sentence(r->arena, r->file, line,
		r->here ? config_tree_path(r->arena, r->here) : TEXT(""), rule);
	return false;
}

/* '\0' at the text's end. */
static char byte_at(const struct config_reader *r, size_t at)
{
	return at < r->text.size ? r->text.data[at] : '\0';
}

static bool is_marked(const struct config_reader *r)
{
	return byte_at(r, r->at) == '\\' && ispunct((unsigned char)byte_at(r, r->at + 1));
}

char config_token_peek(const struct config_reader *r)
{
	return byte_at(r, r->at + is_marked(r));
}

/* Where a line ends: LF, CR, or both. */
static void count_line(struct config_reader *r)
{
	char c = byte_at(r, r->at);

	r->line += c == '\n' || (c == '\r' && byte_at(r, r->at + 1) != '\n');
}

void config_token_advance(struct config_reader *r)
{
	r->at += is_marked(r);
	count_line(r);
	r->at++;
}

bool config_token_take(struct config_reader *r, char c)
{
	bool is = config_token_peek(r) == c;

	if (is)
		config_token_advance(r);
	return is;
}

bool config_token_expected(struct config_reader *r, const char *what)
{
	if (r->at < r->text.size)
		return config_token_refuse(r, r->line, "%s is expected", what);
	return config_token_refuse(r, r->line, "the text ends where %s is expected", what);
}

/* The character at r->at, and its bytes. */
static uint32_t code_at(const struct config_reader *r, size_t *size)
{
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};

	*size = text_utf8_length(r->text, r->at);
	uint32_t code = (unsigned char)byte_at(r, r->at) & masks[*size];
	for (size_t i = 1; i < *size; i++)
		code = code << 6 | ((unsigned char)byte_at(r, r->at + i) & 0x3f);
	return code;
}

static bool is_blank(uint32_t code)
{
	return code == ' ' || (code >= '\t' && code <= '\r') || code == 0xa0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
	       code == 0x202f || code == 0x205f || code == 0x3000 || code == 0xfeff;
}

/* ASCII apart. */
static bool is_letter_beyond(uint32_t code)
{
	return code >= 0xc0 && code != 0xd7 && code != 0xf7 && !is_blank(code) &&
	       !(code >= 0x200b && code <= 0x206f) && !(code >= 0x3001 && code <= 0x3020) &&
	       !(code >= 0xff01 && code <= 0xff20) && !(code >= 0xff3b && code <= 0xff40) &&
	       !(code >= 0xff5b && code <= 0xff65);
}

static bool is_name_character(uint32_t code)
{
	return code < 0x80 ? isalnum((int)code) || code == '$' || code == '_'
			   : is_letter_beyond(code);
}

bool config_token_starts_name(const struct config_reader *r)
{
	size_t size;
	uint32_t code = (unsigned char)config_token_peek(r);

	if (code == '\\')
		return byte_at(r, r->at + 1) == 'u';
	if (code >= 0x80)
		code = code_at(r, &size);
	return is_name_character(code) && !(code >= '0' && code <= '9');
}

/* --- blanks ----------------------------------------------------------------------------------- */

static void skip_line(struct config_reader *r)
{
	while (r->at < r->text.size && byte_at(r, r->at) != '\n' && byte_at(r, r->at) != '\r')
		r->at++;
}

static bool skip_block(struct config_reader *r, int line)
{
	while (r->at < r->text.size) {
		if (byte_at(r, r->at) == '*' && byte_at(r, r->at + 1) == '/') {
			r->at += 2;
			return true;
		}
		count_line(r);
		r->at++;
	}
	return config_token_refuse(r, line, "the comment does not end");
}

/* found: there is a comment. */
static bool skip_comment(struct config_reader *r, bool *found)
{
	struct config_reader before = *r;

	*found = config_token_take(r, '/');
	if (!*found)
		return true;
	if (config_token_take(r, '/')) {
		skip_line(r);
		return true;
	}
	if (config_token_take(r, '*'))
		return skip_block(r, before.line);
	*r = before;
	*found = false;
	return true;
}

bool config_token_skip_blanks(struct config_reader *r)
{
	bool found = true;
	size_t size;

	while (found) {
		while (r->at < r->text.size && is_blank(code_at(r, &size))) {
			count_line(r);
			r->at += size;
		}
		if (!skip_comment(r, &found))
			return false;
	}
	return true;
}

/* --- strings and names ------------------------------------------------------------------------ */

/* Of so many digits at r->at, which are passed. */
static bool read_hex(struct config_reader *r, int digits, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < digits; i++) {
		unsigned char c = (unsigned char)byte_at(r, r->at);
		if (!isxdigit(c))
			return config_token_refuse(
				r, r->line, "an escape lacks hexadecimal digits");
		*code = *code << 4 | (uint32_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
		r->at++;
	}
	return true;
}

static bool add_code(struct config_reader *r, struct buffer *b, uint32_t code)
{
	char bytes[4];

	if (code == 0)
		return config_token_refuse(r, r->line, "must not hold NUL");
	buffer_add(b, bytes, (size_t)(text_put_utf8(bytes, code) - bytes));
	return true;
}

/* Behind "\u". */
static bool read_unicode(struct config_reader *r, struct buffer *b)
{
	uint32_t code, low;

	if (!read_hex(r, 4, &code))
		return false;
	if (code >= 0xd800 && code <= 0xdfff) {
		if (code >= 0xdc00 || byte_at(r, r->at) != '\\' || byte_at(r, r->at + 1) != 'u')
			return config_token_refuse(r, r->line, "unpaired surrogate");
		r->at += 2;
		if (!read_hex(r, 4, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return config_token_refuse(r, r->line, "unpaired surrogate");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return add_code(r, b, code);
}

/* The line goes on: nothing stands for the backslash and the line's end behind it. */
static bool take_line_end(struct config_reader *r)
{
	static const struct text ends[] = {
		TEXT("\r\n"), TEXT("\n"), TEXT("\r"), TEXT("\u2028"), TEXT("\u2029")};
	struct text rest = text_from(r->text, r->at);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (text_starts(rest, ends[i])) {
			r->line += i < 3;
			r->at += ends[i].size;
			return true;
		}
	return false;
}

/* At the backslash. What has no meaning of its own stands for itself: "\*", "\-". */
static bool read_escape(struct config_reader *r, struct buffer *b)
{
	static const char names[] = "bfnrtv", codes[] = "\b\f\n\r\t\v";
	uint32_t code;

	r->at++;
	if (take_line_end(r))
		return true;
	char c = byte_at(r, r->at);
	const char *name = c ? strchr(names, c) : NULL;
	if (isdigit((unsigned char)c) &&
		(c != '0' || isdigit((unsigned char)byte_at(r, r->at + 1))))
		return config_token_refuse(r, r->line, "an escape of digits has no meaning");
	if (!c)
		return true; /* the string does not end */
	r->at++;
	if (c == 'u')
		return read_unicode(r, b);
	if (c == 'x')
		return read_hex(r, 2, &code) && add_code(r, b, code);
	if (c == '0')
		return add_code(r, b, 0);
	buffer_add_char(b, name ? codes[name - names] : c);
	return true;
}

bool config_token_string(struct config_reader *r, struct text *string)
{
	bool marked = is_marked(r); /* \"so\": then its end is, too */
	char quote = config_token_peek(r), c;
	struct buffer b = {.arena = r->arena};
	int line = r->line;

	config_token_advance(r);
	while (is_marked(r) != marked || config_token_peek(r) != quote) {
		c = byte_at(r, r->at);
		if (c == '\0' || c == '\n' || c == '\r')
			return config_token_refuse(r, line, "the string does not end");
		if (c != '\\') {
			buffer_add_char(&b, c);
			r->at++;
		} else if (!read_escape(r, &b)) {
			return false;
		}
	}
	config_token_advance(r);
	*string = b.size > 0 ? buffer_text(&b) : TEXT("");
	return true;
}

bool config_token_name(struct config_reader *r, struct text *name)
{
	struct buffer b = {.arena = r->arena};
	size_t size;

	for (;;) {
		if (byte_at(r, r->at) == '\\' && byte_at(r, r->at + 1) == 'u') {
			r->at += 2;
			if (!read_unicode(r, &b))
				return false;
			continue;
		}
		r->at += is_marked(r) && config_token_peek(r) == '_';
		if (r->at == r->text.size || !is_name_character(code_at(r, &size)))
			break;
		buffer_add(&b, r->text.data + r->at, size);
		r->at += size;
	}
	*name = buffer_text(&b);
	return true;
}
