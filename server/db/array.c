/* What needs no escape is copied in one piece. */
#include "server/db/array.h"

static void begin_element(struct buffer *array)
{
	buffer_add_char(array, array->size == 0 ? '{' : ',');
}

void array_add(struct buffer *array, struct text t)
{
	size_t done = 0;

	begin_element(array);
	if (!t.data) {
		buffer_add_text(array, TEXT("NULL"));
		return;
	}
	buffer_add_char(array, '"');
	for (size_t i = 0; i < t.size; i++) {
		if (t.data[i] != '"' && t.data[i] != '\\')
			continue;
		buffer_add(array, t.data + done, i - done);
		buffer_add_char(array, '\\');
		done = i;
	}
	buffer_add(array, t.data + done, t.size - done);
	buffer_add_char(array, '"');
}

void array_add_number(struct buffer *array, int64_t element)
{
	begin_element(array);
	buffer_printf(array, "%lld", (long long)element);
}

struct text array_text(struct buffer *array)
{
	buffer_add_text(array, array->size == 0 ? TEXT("{}") : TEXT("}"));
	return buffer_text(array);
}
