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

static bool to_magnitude(struct text t, bool *negative, uint64_t *magnitude)
{
	*negative = is(t, 0, '-');
	size_t start = *negative, end = start;
	while (end < t.size && !is_any(t, end, "eE"))
		end++;
	size_t point = text_find(text_until(t, end), '.', start), last = end;
	while (last > start && is_any(t, last - 1, "0."))
		last--;
	*magnitude = 0;
	if (last == start)
		return true;
	/* The power of ten that the last digit kept stands for. */
	int64_t power = (int64_t)point - (int64_t)last + (last > point) +
			read_exponent(text_from(t, end + 1));
	return power >= 0 &&
	       accumulate((struct text){t.data + start, last - start}, power, magnitude);
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
