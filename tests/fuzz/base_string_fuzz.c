/* Writes any bytes as a JSON string. It is always valid JSON, and read back it is the same bytes,
 * with U+FFFD in the place of each that was ill-formed. */
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct buffer b = {.arena = a}, expected = {.arena = a};
	struct status status;
	char *copy = check_malloc(size);
	struct text text = {memcpy(copy, size ? (const void *)data : "", size), size};

	for (size_t at = 0, length; at < size; at += length ? length : 1) {
		length = text_utf8_length(text, at);
		buffer_add_text(&expected,
			length ? (struct text){copy + at, length} : TEXT("\xef\xbf\xbd"));
	}
	json_write_string(&b, text);
	const struct json *value = json_read(a, buffer_text(&b), &status);
	CHECK(value && value->type == JSON_STRING);
	CHECK(text_equal(value->string, buffer_text(&expected)));
	free(copy);
	arena_free(&a);
	return 0;
}
