/* Numbers stay text until somebody asks for an integer. Then the exponent is applied to the decimal
 * digits themselves: no floating point, so nothing is rounded on the way, and the work is bounded
 * by the length of the text, not by the exponent. */
#include "base/json_number.h"

#include "base/json.h"

/* More than any text has digits, and far from overflow when added to their count. */
#define EXPONENT_MOST (INT64_C(1) << 60)

static size_t skip_digits(struct text t, size_t at)
{
	while (at < t.size && t.data[at] >= '0' && t.data[at] <= '9')
		at++;
	return at;
}

static bool is(struct text t, size_t at, char c)
{
	return at < t.size && t.data[at] == c;
}

static bool is_any(struct text t, size_t at, const char two[2])
{
	return is(t, at, two[0]) || is(t, at, two[1]);
}

size_t json_number_size(struct text t)
{
	size_t start = is(t, 0, '-'), at;

	at = is(t, start, '0') ? start + 1 : skip_digits(t, start);
	if (at == start)
		return 0;
	if (is(t, at, '.')) {
		start = at + 1;
		at = skip_digits(t, start);
		if (at == start)
			return 0;
	}
	if (is_any(t, at, "eE")) {
		start = at + 1 + is_any(t, at + 1, "+-");
		at = skip_digits(t, start);
		if (at == start)
			return 0;
	}
	return at;
}

/* What stands behind the "e"; kept within EXPONENT_MOST. */
static int64_t read_exponent(struct text t)
{
	bool negative = is(t, 0, '-');
	int64_t exponent = 0;

	for (size_t i = is_any(t, 0, "+-"); i < t.size && exponent < EXPONENT_MOST / 10; i++)
		exponent = exponent * 10 + (t.data[i] - '0');
	return negative ? -exponent : exponent;
}

/* Digits, a point among them or not, times ten to the power of zeros. */
static bool accumulate(struct text digits, int64_t zeros, uint64_t *magnitude)
{
	*magnitude = 0;
	for (size_t i = 0; i < digits.size; i++) {
		if (digits.data[i] == '.')
			continue;
		if (__builtin_mul_overflow(*magnitude, 10, magnitude) ||
			__builtin_add_overflow(
				*magnitude, (uint64_t)(digits.data[i] - '0'), magnitude))
			return false;
	}
	/* The last digit is not 0, so this overflows after at most 19 turns. */
	for (; zeros > 0; zeros--)
		if (__builtin_mul_overflow(*magnitude, 10, magnitude))
			return false;
	return true;
}

/* digits * 10^power. */
struct decimal {
	bool negative;
	struct text
		digits; /* from the first to the last that is not 0, a point among them or not */
	int64_t power;  /* of ten that the last digit stands for */
	bool beyond;    /* the exponent is larger than any that power can tell */
};

static struct decimal to_decimal(struct text t)
{
	struct decimal d = {.negative = is(t, 0, '-')};
	size_t start = d.negative, end = start;

	while (end < t.size && !is_any(t, end, "eE"))
		end++;
	size_t point = text_find(text_until(t, end), '.', start), last = end;
	while (last > start && is_any(t, last - 1, "0."))
		last--;
	while (start < last && is_any(t, start, "0."))
		start++;
	int64_t exponent = read_exponent(text_from(t, end + 1));
	d.digits = (struct text){t.data + start, last - start};
	d.power = (int64_t)point - (int64_t)last + (last > point) + exponent;
	d.beyond = exponent >= EXPONENT_MOST / 10 || exponent <= -EXPONENT_MOST / 10;
	return d;
}

static bool to_magnitude(struct text t, bool *negative, uint64_t *magnitude)
{
	struct decimal d = to_decimal(t);

	*negative = d.negative;
	*magnitude = 0;
	if (d.digits.size == 0)
		return true;
	return d.power >= 0 && accumulate(d.digits, d.power, magnitude);
}

/* But for the points among them. */
static bool same_digits(struct text a, struct text b)
{
	for (size_t i = 0, j = 0;; i++, j++) {
		i += is(a, i, '.');
		j += is(b, j, '.');
		if (i == a.size || j == b.size)
			return i == a.size && j == b.size;
		if (a.data[i] != b.data[j])
			return false;
	}
}

bool json_number_equal(const struct json *a, const struct json *b)
{
	struct decimal x = to_decimal(a->raw), y = to_decimal(b->raw);

	if (x.digits.size == 0 || y.digits.size == 0)
		return x.digits.size == y.digits.size;
	if (x.beyond || y.beyond)
		return text_equal(a->raw, b->raw);
	return x.negative == y.negative && x.power == y.power && same_digits(x.digits, y.digits);
}

static bool may_be_number(const struct json *value, struct text *number)
{
	if (!value || (value->type != JSON_NUMBER && value->type != JSON_STRING))
		return false;
	*number = value->type == JSON_STRING ? value->string : value->raw;
	return number->size > 0;
}

static bool is_number(struct text t)
{
	return json_number_size(t) == t.size;
}

/* Up to 18 digits and nothing else, which most numbers are. */
static bool to_short(struct text t, int64_t *number)
{
	bool negative = is(t, 0, '-');
	int64_t magnitude = 0;

	if (t.size <= negative || t.size > 18 || (t.data[negative] == '0' && t.size > 1))
		return false;
	for (size_t i = negative; i < t.size; i++) {
		unsigned digit = (unsigned)(t.data[i] - '0');

		if (digit > 9)
			return false;
		magnitude = magnitude * 10 + digit;
	}
	*number = negative ? -magnitude : magnitude;
	return true;
}

bool json_int64(const struct json *value, int64_t *number)
{
	struct text t;
	bool negative;
	uint64_t magnitude;

	if (!may_be_number(value, &t))
		return false;
	if (to_short(t, number))
		return true;
	if (!is_number(t) || !to_magnitude(t, &negative, &magnitude) ||
		magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*number = (int64_t)(negative ? -magnitude : magnitude);
	return true;
}

bool json_uint64(const struct json *value, uint64_t *number)
{
	struct text t;
	bool negative;
	uint64_t magnitude;
	int64_t small;

	if (!may_be_number(value, &t))
		return false;
	if (to_short(t, &small)) {
		*number = (uint64_t)small;
		return small >= 0;
	}
	if (!is_number(t) || !to_magnitude(t, &negative, &magnitude) || (negative && magnitude))
		return false;
	*number = magnitude;
	return true;
}
