/* A number stays text: digits are moved into the form that JSON has, never converted. Only the
 * factors of a product, and what has hexadecimal digits, must fit into 64 bits. */
#include <ctype.h>

#include "base/json.h"
#include "server/gateway/config/config_token.h"

/* Appends the digits that follow; whether there are any. */
static bool add_digits(struct config_reader *r, struct buffer *b)
{
	size_t before = b->size;

	for (char c = config_token_peek(r); c >= '0' && c <= '9'; c = config_token_peek(r)) {
		buffer_add_char(b, c);
		config_token_advance(r);
	}
	return b->size > before;
}

static bool malformed(struct config_reader *r)
{
	return config_token_refuse(r, r->line, "malformed number");
}

/* JSON wants a digit before the point, and none or some behind it. */
static bool read_decimal(struct config_reader *r, struct buffer *b)
{
	size_t start = b->size;
	bool whole = add_digits(r, b);

	if (whole && b->data[start] == '0' && b->size > start + 1)
		return config_token_refuse(r, r->line, "a number must not begin with 0");
	if (!whole)
		buffer_add_char(b, '0');
	if (config_token_take(r, '.')) {
		buffer_add_char(b, '.');
		if (!add_digits(r, b)) {
			if (!whole)
				return malformed(r);
			b->size--;
		}
	} else if (!whole) {
		return malformed(r);
	}
	if (config_token_take(r, 'e') || config_token_take(r, 'E')) {
		buffer_add_char(b, 'e');
		if (config_token_take(r, '-'))
			buffer_add_char(b, '-');
		else
			config_token_take(r, '+');
		if (!add_digits(r, b))
			return malformed(r);
	}
	return true;
}

/* Behind "0x". */
static bool read_hexadecimal(struct config_reader *r, struct buffer *b)
{
	uint64_t number = 0;
	int digits = 0;

	for (char c = config_token_peek(r); isxdigit((unsigned char)c); c = config_token_peek(r)) {
		number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		config_token_advance(r);
		if (++digits > 16)
			return config_token_refuse(
				r, r->line, "a hexadecimal number must have at most 16 digits");
	}
	if (digits == 0)
		return malformed(r);
	buffer_printf(b, "%llu", (unsigned long long)number);
	return true;
}

static bool read_one(struct config_reader *r, struct text *number)
{
	struct buffer b = {.arena = r->arena};
	struct text word;

	if (config_token_take(r, '-'))
		buffer_add_char(&b, '-');
	else
		config_token_take(r, '+');
	if (text_starts(text_from(r->text, r->at), TEXT("0x")) ||
		text_starts(text_from(r->text, r->at), TEXT("0X"))) {
		r->at += 2;
		if (!read_hexadecimal(r, &b))
			return false;
	} else if (config_token_starts_name(r)) {
		if (!config_token_name(r, &word))
			return false;
		return text_equal(word, TEXT("Infinity")) || text_equal(word, TEXT("NaN"))
			       ? config_token_refuse(r, r->line, "must be a finite number")
			       : malformed(r);
	} else if (!read_decimal(r, &b)) {
		return false;
	}
	if (config_token_starts_name(r) || isdigit((unsigned char)config_token_peek(r)) ||
		config_token_peek(r) == '.')
		return malformed(r);
	*number = buffer_text(&b);
	return true;
}

static bool to_integer(struct text number, int64_t *integer)
{
	const struct json value = {.type = JSON_NUMBER, .raw = number};

	return json_int64(&value, integer);
}

/* Behind the factor that number is, "*" before the next one. */
static bool multiply(struct config_reader *r, struct text *number)
{
	int64_t product, factor;
	struct text next;

	if (!config_token_skip_blanks(r) || !read_one(r, &next))
		return false;
	if (!to_integer(*number, &product) || !to_integer(next, &factor))
		return config_token_refuse(
			r, r->line, "the factors of a product must be whole numbers");
	if (__builtin_mul_overflow(product, factor, &product))
		return config_token_refuse(r, r->line, "the product is too large");
	*number = text_of(arena_printf(r->arena, "%lld", (long long)product));
	return true;
}

bool config_token_number(struct config_reader *r, struct text *number)
{
	if (!read_one(r, number))
		return false;
	for (;;) {
		struct config_reader before = *r;
		if (!config_token_skip_blanks(r) || !config_token_take(r, '*')) {
			*r = before;
			return true;
		}
		if (!multiply(r, number))
			return false;
	}
}
