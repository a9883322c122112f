/* Encoded words are base64 of UTF-8, each a line of its own, at most 75 bytes, and of whole
 * characters. */
#include "server/notice/provider/mail_text.h"

#include <time.h>

#include "base/base64.h"
#include "server/posting.h"

enum {
	SAID_MOST = 2000, /* bytes of a header's text */
	LINE = 76,        /* that has an encoded word */
	FRAME = 12,       /* "=?UTF-8?B?" and "?=" */
	WORD_MOST = 60,   /* that stands as it is */
	ADDRESS_MOST = 254,
	LOCAL_MOST = 64,
	LABEL_MOST = 63,
};

/* --- addresses -------------------------------------------------------------------------------- */

static bool is_letter_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_local(struct text local)
{
	for (size_t i = 0; i < local.size; i++)
		if (!is_letter_or_digit(local.data[i]) &&
			!(local.data[i] && strchr(".!#$%&'*+-/=?^_`{|}~", local.data[i])))
			return false;
	return local.size > 0 && local.size <= LOCAL_MOST;
}

static bool is_domain(struct text domain)
{
	size_t begun = 0;

	for (size_t i = 0; i <= domain.size; i++) {
		if (i < domain.size && domain.data[i] != '.') {
			if (!is_letter_or_digit(domain.data[i]) && domain.data[i] != '-')
				return false;
			continue;
		}
		if (i == begun || i - begun > LABEL_MOST || domain.data[begun] == '-' ||
			domain.data[i - 1] == '-')
			return false;
		begun = i + 1;
	}
	return true;
}

bool mail_text_is_address(struct text address)
{
	size_t at = text_find(address, '@', 0);

	return at < address.size && address.size <= ADDRESS_MOST &&
	       is_local(text_until(address, at)) && is_domain(text_from(address, at + 1));
}

/* --- encoded words ---------------------------------------------------------------------------- */

/* Visible ASCII whose words are short enough for a line, and that reads as nothing else. */
static bool stands_as_it_is(struct text said)
{
	size_t word = 0;

	for (size_t i = 0; i < said.size; i++) {
		char c = said.data[i];

		word = c == ' ' ? 0 : word + 1;
		if (c < ' ' || c > '~' || word > WORD_MOST ||
			(c == '?' && i > 0 && said.data[i - 1] == '='))
			return false;
	}
	return said.size > 0 && said.data[0] != ' ' && said.data[said.size - 1] != ' ';
}

/* The bytes of whole characters, at most so many. */
static size_t whole(struct text said, size_t most)
{
	size_t size = 0, next;

	while (size < said.size && (next = size + text_utf8_length(said, size)) <= most)
		size = next;
	return size;
}

/* header: what the first word shares its line with. */
static struct text encode(struct arena *a, struct text header, struct text said)
{
	struct buffer b = {.arena = a};
	size_t room = LINE - header.size - 2 - FRAME;

	while (said.size > 0) {
		size_t size = whole(said, room / 4 * 3);

		if (b.size > 0)
			buffer_add_char(&b, ' ');
		buffer_add_text(&b, TEXT("=?UTF-8?B?"));
		base64_write(&b, text_until(said, size));
		buffer_add_text(&b, TEXT("?="));
		said = text_from(said, size);
		room = LINE - 1 - FRAME;
	}
	return buffer_text(&b);
}

struct text mail_text_encode(struct arena *a, struct text header, struct text said)
{
	struct text clean = posting_quote(a, said, SAID_MOST);

	return stands_as_it_is(clean) ? clean : encode(a, header, clean);
}

static struct text quote(struct arena *a, struct text name)
{
	struct buffer b = {.arena = a};

	buffer_add_char(&b, '"');
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] == '"' || name.data[i] == '\\')
			buffer_add_char(&b, '\\');
		buffer_add_char(&b, name.data[i]);
	}
	buffer_add_char(&b, '"');
	return buffer_text(&b);
}

struct text mail_text_mailbox(
	struct arena *a, struct text header, struct text name, struct text address)
{
	struct text clean = posting_quote(a, name, SAID_MOST);
	struct text shown = stands_as_it_is(clean) ? quote(a, clean) : encode(a, header, clean);

	return text_of(arena_printf(a, "%.*s%s<%.*s>", TEXT_ARGS(shown), shown.size > 0 ? " " : "",
		TEXT_ARGS(address)));
}

/* --- the date --------------------------------------------------------------------------------- */

struct text mail_text_date(struct arena *a, int64_t unix_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = unix_ms / 1000;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return text_of(arena_printf(a, "%.3s, %d %.3s %d %02d:%02d:%02d +0000",
		&days[tm.tm_wday * 3], tm.tm_mday, &months[tm.tm_mon * 3], tm.tm_year + 1900,
		tm.tm_hour, tm.tm_min, tm.tm_sec));
}
