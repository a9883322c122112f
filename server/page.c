/* A token is the parts of the key, each ended by a line feed, in base64 for URLs. */
#include "server/page.h"

#include "base/base64.h"

static bool read_token(struct arena *a, const char *token, size_t parts, struct page *page)
{
	struct text key;

	if (!base64_read(a, text_of(token), &key) || text_utf8_error(key) < key.size ||
		text_find(key, '\0', 0) < key.size)
		return false;
	for (size_t i = 0; i < parts; i++) {
		size_t end = text_find(key, '\n', 0);

		page->after[i] = text_until(key, end);
		if (end == key.size)
			return false;
		key = text_from(key, end + 1);
	}
	return key.size == 0;
}

bool page_read(struct arena *a, int32_t size, int32_t usual, int32_t most, const char *token,
	size_t parts, struct page *page, struct status *status)
{
	page->most = size ? size : usual;
	for (size_t i = 0; i < PAGE_KEY_PARTS; i++)
		page->after[i] = TEXT("");
	if (size < 0 || size > most)
		return status_field(status, a, "pageSize", "must be 1 to %d", most);
	return !*token || read_token(a, token, parts, page) ||
	       status_field(status, a, "pageToken", "is none of a page of this list");
}

char *page_token(struct arena *a, const struct text *key, size_t parts)
{
	struct buffer bytes = {.arena = a}, out = {.arena = a};

	for (size_t i = 0; i < parts; i++) {
		buffer_add_text(&bytes, key[i]);
		buffer_add_char(&bytes, '\n');
	}
	base64_write_url(&out, buffer_text(&bytes));
	return arena_string(a, buffer_text(&out));
}

struct text page_limit(struct arena *a, const struct page *page)
{
	return text_of(arena_printf(a, "%lld", (long long)page->most + 1));
}

int page_rows(const struct page *page, const struct rows *rows, int columns)
{
	int count = rows_count(rows) < page->most ? rows_count(rows) : (int)page->most;
	size_t bytes = 0;

	for (int i = 0; i < count; i++) {
		for (int column = 0; column < columns; column++)
			bytes += rows_text(rows, i, column).size;
		if (bytes > PAGE_BYTES && i > 0)
			return i;
	}
	return count;
}

enum next page_by_name(struct call *c, const struct statement *list, const struct page_asked *asked,
	enum next (*then)(struct call *c, const struct rows *rows))
{
	struct text *parameters = arena_array(c->arena, 3, sizeof(*parameters));
	struct page *page = ARENA_NEW(c->arena, struct page);

	if (!page_read(c->arena, asked->size, asked->usual, asked->most, asked->token, 1, page,
		    &c->status))
		return failed(c);
	parameters[0] = c->caller.space;
	parameters[1] = page->after[0];
	parameters[2] = page_limit(c->arena, page);
	c->state = page;
	return search(c, list, parameters, then);
}
