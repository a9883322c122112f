/* One pass over the object; of each member the paths that name it are found by halving. */
#include "base/json_part.h"

#include <stdlib.h>

static int compare_paths(const void *one, const void *other)
{
	const struct text *a = *(const struct text *const *)one;
	const struct text *b = *(const struct text *const *)other;

	for (; a->data && b->data; a++, b++) {
		int order = text_compare(*a, *b);
		if (order)
			return order;
	}
	return (a->data != NULL) - (b->data != NULL);
}

void json_sort_paths(const struct text **paths, size_t count)
{
	qsort(paths, count, sizeof(*paths), compare_paths);
}

/* The first of the paths from which on none has a smaller name at that depth. */
static size_t find_name(
	const struct text *const *paths, size_t count, size_t depth, struct text name)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (text_compare(paths[middle][depth], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* None of the paths ends before that depth. */
static bool write_part(struct buffer *out, const struct json *object,
	const struct text *const *paths, size_t count, size_t depth)
{
	size_t begin = out->size;

	buffer_add_char(out, '{');
	size_t empty = out->size;
	for (const struct json *m = object->first; m; m = m->next) {
		size_t first = find_name(paths, count, depth, m->name), end = first,
		       before = out->size;

		while (end < count && text_equal(paths[end][depth], m->name))
			end++;
		if (first == end)
			continue;
		json_write_name(out, m->name);
		size_t value = out->size;
		if (!paths[first][depth + 1].data || m->type == JSON_ARRAY)
			buffer_add_text(out, m->raw);
		else if (m->type == JSON_OBJECT)
			write_part(out, m, paths + first, end - first, depth + 1);
		if (out->size == value)
			out->size = before;
	}
	bool found = out->size > empty;
	if (found)
		buffer_add_char(out, '}');
	else
		out->size = begin;
	return found;
}

bool json_write_part(struct buffer *out, const struct json *object, const struct text *const *paths,
	size_t count)
{
	return write_part(out, object, paths, count, 0);
}
