/* Reads any bytes as JSON. What is accepted has its slices inside the text, is read again to the
 * same tree from its own raw text and from a text written anew, and gives the same integers as the
 * C library does. What is refused has a reason in well-formed UTF-8. json_valid() is of the same
 * opinion, but for repeated names. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"

static void check_same(const struct json *a, const struct json *b)
{
	CHECK(a->type == b->type && a->count == b->count);
	CHECK(text_equal(a->name, b->name) && text_equal(a->string, b->string));
	CHECK(a->type != JSON_NUMBER || text_equal(a->raw, b->raw));
	const struct json *x = a->first, *y = b->first;
	for (; x && y; x = x->next, y = y->next)
		check_same(x, y);
	CHECK(!x && !y);
}

/* Inside the text, and children one after the other inside their parent. */
static void check_slices(const struct json *value, struct text within)
{
	const char *at = value->raw.data, *end = at + value->raw.size;
	size_t count = 0;

	CHECK(value->raw.size && at >= within.data && end <= within.data + within.size);
	for (const struct json *child = value->first; child; child = child->next) {
		CHECK(child->raw.data > at);
		check_slices(child, value->raw);
		at = child->raw.data + child->raw.size - 1;
		count++;
	}
	CHECK(count == value->count);
}

static void write_value(struct buffer *b, const struct json *value)
{
	if (value->type < JSON_STRING) {
		buffer_add_text(b, value->raw);
	} else if (value->type == JSON_STRING) {
		json_write_string(b, value->string);
	} else {
		bool object = value->type == JSON_OBJECT;
		buffer_add_char(b, object ? '{' : '[');
		for (const struct json *child = value->first; child; child = child->next) {
			if (object)
				json_write_name(b, child->name);
			else
				json_write_comma(b);
			write_value(b, child);
		}
		buffer_add_char(b, object ? '}' : ']');
	}
}

/* Against strtold(), whose 64 bits of mantissa hold every 64-bit integer exactly. */
static void check_integers(struct arena *a, const struct json *value)
{
	int64_t number;
	uint64_t natural;

	for (const struct json *child = value->first; child; child = child->next)
		check_integers(a, child);
	if (value->type != JSON_NUMBER || value->raw.size > 18)
		return;
	errno = 0;
	long double real = strtold(arena_string(a, value->raw), NULL);
	if (errno == ERANGE)
		return;
	bool whole = real == floorl(real);
	CHECK(json_int64(value, &number) == (whole && real >= -0x1p63L && real < 0x1p63L));
	CHECK(json_uint64(value, &natural) == (whole && real >= 0 && real < 0x1p64L));
	CHECK(!json_int64(value, &number) || (long double)number == real);
	CHECK(!json_uint64(value, &natural) || (long double)natural == real);
}

static void check_accepted(struct arena *a, const struct json *value, struct text text)
{
	struct status status;
	struct buffer b = {.arena = a};

	check_slices(value, text);
	check_integers(a, value);
	const struct json *again = json_read(a, arena_text(a, value->raw), &status);
	CHECK(again);
	check_same(value, again);
	write_value(&b, value);
	again = json_read(a, buffer_text(&b), &status);
	CHECK(again);
	check_same(value, again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct status status = {0};
	/* A copy of exactly this size, so that reading beyond its end is found. */
	char *copy = check_malloc(size);
	struct text text = {memcpy(copy, size ? (const void *)data : "", size), size};
	const struct json *value = json_read(a, text, &status);

	if (value) {
		CHECK(json_valid(text));
		check_accepted(a, value, text);
	} else {
		CHECK(!json_valid(text) || strstr(status.message, ": duplicate member "));
		CHECK(status.code == STATUS_INVALID_ARGUMENT);
		CHECK(text_utf8_error(text_of(status.message)) == strlen(status.message));
	}
	free(copy);
	arena_free(&a);
	return 0;
}
