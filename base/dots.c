#include "base/dots.h"

static bool is_dots(struct text segment)
{
	segment = text_until(segment, text_find(segment, ';', 0));
	return text_equal(segment, TEXT(".")) || text_equal(segment, TEXT(".."));
}

bool dots_in(struct text path)
{
	size_t start = 0;
	for (size_t i = 0; i <= path.size; i++) {
		bool separator = i == path.size || path.data[i] == '/' || path.data[i] == '\\';
		if (separator && is_dots(text_from(text_until(path, i), start)))
			return true;
		start = separator ? i + 1 : start;
	}
	return false;
}
