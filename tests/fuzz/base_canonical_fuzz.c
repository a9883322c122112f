/* Brings any JSON into its canonical form. That is JSON of the same meaning: the same tree but for
 * the order of members, and numbers that are the same double; and its own canonical form is itself.
 * What is refused has a path in well-formed UTF-8. */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json_canonical.h"

static double number_of(struct arena *a, const struct json *value)
{
	return strtod(arena_string(a, value->raw), NULL);
}

static void check_same(struct arena *a, const struct json *x, const struct json *y)
{
	const struct json *other = y->first;

	CHECK(x->type == y->type && x->count == y->count);
	CHECK(text_equal(x->string, y->string));
	CHECK(x->type != JSON_NUMBER || number_of(a, x) == number_of(a, y));
	for (const struct json *child = x->first; child; child = child->next) {
		if (x->type == JSON_OBJECT)
			other = json_member(y, child->name);
		CHECK(other);
		check_same(a, child, other);
		other = other->next;
	}
}

static void check_form(struct arena *a, const struct json *value, struct text form)
{
	struct status status;
	struct buffer again = {.arena = a};
	const struct json *read = json_read(a, form, &status);

	CHECK(read);
	check_same(a, value, read);
	CHECK(json_canonical(&again, read, "body", &status));
	CHECK(text_equal(buffer_text(&again), form));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct status status = {.message = ""};
	struct text text = {size ? (const char *)data : "", size};
	struct buffer form = {.arena = a};
	const struct json *value = json_read(a, text, &status);

	if (value && json_canonical(&form, value, "body", &status)) {
		check_form(a, value, buffer_text(&form));
	} else if (value) {
		CHECK(status.code == STATUS_INVALID_ARGUMENT);
		CHECK(text_starts(text_of(status.field), TEXT("body")));
		CHECK(text_utf8_error(text_of(status.message)) == strlen(status.message));
	}
	arena_free(&a);
	return 0;
}
