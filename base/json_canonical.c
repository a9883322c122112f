/* The tree is walked once; names are unescaped already and are well-formed UTF-8, which sorts as
 * UTF-16 does but for characters beyond U+FFFF. A place is a way back to the root, made into a path
 * only when something is refused. */
#include "base/json_canonical.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_decimal.h"

#define SHOWN_NAME 64 /* bytes of a name shown in a path */

struct place {
	const struct place *parent; /* NULL: the root */
	const struct json *value;
	size_t index;
};

struct writer {
	struct buffer *out;
	const char *root;
	struct status *status;
};

static bool write_value(struct writer *w, const struct place *at);

/* --- paths ------------------------------------------------------------------------------------ */

static bool is_plain_name(struct text name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '_' && c != '-')
			return false;
	}
	return name.size > 0;
}

static struct text shown_name(struct text name)
{
	if (name.size <= SHOWN_NAME)
		return name;
	name.size = SHOWN_NAME;
	while ((name.data[name.size] & 0xc0) == 0x80)
		name.size--;
	return name;
}

/* root.member[3]["odd name"] */
static void write_path(struct buffer *b, const struct writer *w, const struct place *at)
{
	if (!at->parent) {
		buffer_add_text(b, text_of(w->root));
		return;
	}
	write_path(b, w, at->parent);
	struct text name = shown_name(at->value->name);
	if (at->parent->value->type == JSON_ARRAY) {
		buffer_printf(b, "[%zu]", at->index);
	} else if (is_plain_name(name)) {
		buffer_printf(b, ".%.*s", TEXT_ARGS(name));
	} else {
		buffer_add_char(b, '[');
		json_write_string(b, name);
		buffer_add_char(b, ']');
	}
}

static bool refuse(const struct writer *w, const struct place *at, const char *rule)
{
	struct arena *a = w->out->arena;
	struct buffer path = {.arena = a};

	write_path(&path, w, at);
	return status_field(w->status, a, arena_string(a, buffer_text(&path)), "%s", rule);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* As ECMAScript's Number::toString, for a number above 0. */
static void write_decimal(struct buffer *out, const struct json_decimal *d)
{
	char digits[24];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)d->digits);
	int point = count + d->power; /* digits before the point */

	if (point > 21 || point <= -6) {
		buffer_add_char(out, digits[0]);
		if (count > 1)
			buffer_printf(out, ".%s", digits + 1);
		buffer_printf(out, "e%+d", point - 1);
	} else if (point <= 0) {
		buffer_printf(out, "0.%.*s%s", -point, "00000", digits);
	} else if (point < count) {
		buffer_printf(out, "%.*s.%s", point, digits, digits + point);
	} else {
		buffer_printf(out, "%s%.*s", digits, point - count, "00000000000000000000");
	}
}

void json_canonical_number(struct buffer *out, double number)
{
	struct json_decimal d;

	if (number == 0) {
		buffer_add_char(out, '0');
		return;
	}
	if (number < 0)
		buffer_add_char(out, '-');
	json_decimal_shortest(fabs(number), &d);
	write_decimal(out, &d);
}

static bool is_integer(struct text number)
{
	for (size_t i = number.data[0] == '-'; i < number.size; i++)
		if (number.data[i] < '0' || number.data[i] > '9')
			return false;
	return true;
}

/* Whether what was appended from start on is this integer, digit by digit: beyond 21 of them the
 * form has an exponent, and as many significant digits as stand before it. */
static bool same_integer(const struct buffer *out, size_t start, struct text written)
{
	struct text form = {out->data + start, out->size - start};
	size_t at = 0, end = text_find(form, 'e', 0), digits = 0;

	if (text_equal(form, written) || text_equal(written, TEXT("-0")))
		return true;
	if (end == form.size)
		return false;
	for (; at < end; at++) {
		if (form.data[at] == '.')
			continue;
		if (digits == written.size || written.data[digits++] != form.data[at])
			return false;
	}
	for (at = digits; at < written.size; at++)
		if (written.data[at] != '0')
			return false;
	int64_t exponent = 0;
	text_to_int64(text_from(form, end + 2), &exponent);
	return written.size == (size_t)exponent + 1 + (written.data[0] == '-');
}

static bool write_number(struct writer *w, const struct place *at)
{
	struct text written = at->value->raw;
	size_t start = w->out->size;
	bool integer = is_integer(written);

	/* Most numbers, which a double holds whatever their digits are. */
	if (integer && written.size <= 15 && !text_equal(written, TEXT("-0"))) {
		buffer_add_text(w->out, written);
		return true;
	}
	double number = strtod(arena_string(w->out->arena, written), NULL);
	if (!isfinite(number))
		return refuse(w, at, "is a number beyond the range of a double");
	json_canonical_number(w->out, number);
	if (integer && !same_integer(w->out, start, written))
		return refuse(w, at,
			"is an integer that a double does not hold exactly: give it as a string");
	return true;
}

/* --- objects and lists ------------------------------------------------------------------------ */

/* By UTF-16: a character beyond U+FFFF, in UTF-8 led by F0 or more, is there a pair of surrogates
 * (D800 to DFFF) and comes before U+E000 to U+FFFF, led by EE or EF. */
static int by_name(const void *a, const void *b)
{
	struct text x = (*(const struct json *const *)a)->name;
	struct text y = (*(const struct json *const *)b)->name;
	size_t size = x.size < y.size ? x.size : y.size, at = 0;

	while (at < size && x.data[at] == y.data[at])
		at++;
	if (at == size)
		return (x.size > y.size) - (x.size < y.size);
	unsigned char c = (unsigned char)x.data[at], d = (unsigned char)y.data[at];
	if (c >= 0xee && d >= 0xee && (c >= 0xf0) != (d >= 0xf0))
		return c >= 0xf0 ? -1 : 1;
	return c < d ? -1 : 1;
}

static bool write_object(struct writer *w, const struct place *at)
{
	const struct json *object = at->value, **members;
	size_t count = 0;

	members = arena_array(w->out->arena, object->count, sizeof(struct json *));
	for (const struct json *m = object->first; m; m = m->next)
		members[count++] = m;
	qsort(members, count, sizeof(struct json *), by_name);
	buffer_add_char(w->out, '{');
	for (size_t i = 0; i < count; i++) {
		const struct place place = {.parent = at, .value = members[i]};

		json_write_name(w->out, members[i]->name);
		if (!write_value(w, &place))
			return false;
	}
	buffer_add_char(w->out, '}');
	return true;
}

static bool write_array(struct writer *w, const struct place *at)
{
	struct place place = {.parent = at, .value = at->value->first};

	buffer_add_char(w->out, '[');
	for (; place.value; place.value = place.value->next, place.index++) {
		json_write_comma(w->out);
		if (!write_value(w, &place))
			return false;
	}
	buffer_add_char(w->out, ']');
	return true;
}

static bool write_value(struct writer *w, const struct place *at)
{
	switch (at->value->type) {
	case JSON_NUMBER:
		return write_number(w, at);
	case JSON_STRING:
		json_write_string(w->out, at->value->string);
		return true;
	case JSON_ARRAY:
		return write_array(w, at);
	case JSON_OBJECT:
		return write_object(w, at);
	default:
		buffer_add_text(w->out, at->value->raw);
		return true;
	}
}

bool json_canonical(
	struct buffer *out, const struct json *value, const char *root, struct status *status)
{
	struct writer w = {out, root, status};
	const struct place at = {.value = value};

	return write_value(&w, &at);
}
