/* Read leniently: what is wrong with the header leaves the id. */
#include "server/notice/attachment/disposition.h"

#include "base/percent.h"
#include "server/notice/attachment/store.h"

/* RFC 5987: charset, quote, language, quote, percent-encoded text; empty if it is none of UTF-8. */
static struct text decode_extended(struct arena *a, struct text value)
{
	size_t first = text_find(value, '\'', 0), second = text_find(value, '\'', first + 1);
	struct text name;

	if (!text_equal_nocase(text_until(value, first), TEXT("UTF-8")) ||
		percent_decode(a, text_from(value, second + 1), false, &name))
		return TEXT("");
	return name;
}

/* The value at *at, unquoted; *at is then behind it. */
static struct text read_value(struct arena *a, struct text header, size_t *at)
{
	struct buffer out = {.arena = a};
	size_t i = *at;
	bool quoted = i < header.size && header.data[i] == '"';

	if (!quoted) {
		*at = text_find(header, ';', i);
		return text_trim(text_from(text_until(header, *at), i));
	}
	for (i++; i < header.size && header.data[i] != '"'; i++) {
		if (header.data[i] == '\\' && i + 1 < header.size)
			i++;
		buffer_add_char(&out, header.data[i]);
	}
	*at = text_find(header, ';', i);
	return buffer_text(&out);
}

static struct text last_of_path(struct text name)
{
	size_t from = 0;

	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] == '/' || name.data[i] == '\\')
			from = i + 1;
	return text_from(name, from);
}

static struct text id_as_name(struct arena *a, struct text id)
{
	struct text name = arena_text(a, id);
	char *bytes = (char *)name.data;

	for (size_t i = 0; i < name.size; i++)
		if (bytes[i] == '/' || bytes[i] == '\\')
			bytes[i] = '_';
	return name;
}

struct text disposition_file_name(struct arena *a, struct text header, struct text id)
{
	struct text plain = TEXT(""), extended = TEXT("");
	size_t at = text_find(header, ';', 0);

	while (at < header.size) {
		size_t equals = text_find(header, '=', at);
		struct text name = text_trim(text_from(text_until(header, equals), at + 1));

		at = equals + 1;
		while (at < header.size && (header.data[at] == ' ' || header.data[at] == '\t'))
			at++;
		struct text value = read_value(a, header, &at);
		if (text_equal_nocase(name, TEXT("filename*")))
			extended = last_of_path(decode_extended(a, value));
		else if (text_equal_nocase(name, TEXT("filename")))
			plain = last_of_path(value);
	}
	if (store_name_holds(extended))
		return arena_text(a, extended);
	return store_name_holds(plain) ? arena_text(a, plain) : id_as_name(a, id);
}
