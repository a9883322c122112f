/* The first line is a path, the second a JSON list of values, what follows the data of an event:
 * the condition is met if and only if it is by the definition, however it is asked. */
#include "base/check.h"
#include "server/event/subscription/condition.h"
#include "tests/support/event_rows.h"

enum { PLACES = 400, NUMBER_MAX = 100 }; /* decimal places before the point, and behind it */

/* The digits at their places; false: there are too many, or the exponent is too large. */
static bool write_out(struct text t, char places[2 * PLACES], bool *negative)
{
	size_t i = *negative = t.data[0] == '-', end = i, point;
	int exponent = 0;

	while (end < t.size && t.data[end] != 'e' && t.data[end] != 'E')
		end++;
	if (t.size > NUMBER_MAX || t.size - end > 4)
		return false;
	for (size_t e = end + 1; e < t.size; e++)
		if (t.data[e] >= '0' && t.data[e] <= '9')
			exponent = exponent * 10 + (t.data[e] - '0');
	if (exponent > PLACES - NUMBER_MAX)
		return false;
	if (end + 1 < t.size && t.data[end + 1] == '-')
		exponent = -exponent;
	memset(places, '0', 2 * PLACES);
	point = text_find(text_until(t, end), '.', 0);
	for (; i < end; i++)
		if (i != point)
			places[PLACES - exponent + (int)i - (int)point + (i < point)] = t.data[i];
	return true;
}

static bool is_zero(const char places[2 * PLACES])
{
	return strspn(places, "0") >= 2 * PLACES;
}

static bool is_same_number(const struct json *a, const struct json *b)
{
	char x[2 * PLACES + 1] = "", y[2 * PLACES + 1] = "";
	bool negative_x, negative_y;

	if (!write_out(a->raw, x, &negative_x) || !write_out(b->raw, y, &negative_y))
		return json_number_equal(a, b);
	return memcmp(x, y, 2 * PLACES) == 0 && (negative_x == negative_y || is_zero(x));
}

static bool is_same(const struct json *a, const struct json *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == JSON_NUMBER)
		return is_same_number(a, b);
	return a->type != JSON_STRING || text_equal(a->string, b->string);
}

static const struct json *find(const struct json *data, struct text path)
{
	size_t dot = text_find(path, '.', 0);
	const struct json *value = json_member(data, text_until(path, dot));

	return dot == path.size ? value : find(value, text_from(path, dot + 1));
}

static bool is_met(struct text path, const struct json *values, const struct json *data)
{
	const struct json *found = find(data, path);
	bool met = values->count == 0;

	for (const struct json *value = values->first; found && value; value = value->next)
		met |= is_same(value, found);
	return found && met;
}

static struct text conditions_text(struct arena *a, struct text path, const struct json *values)
{
	struct buffer b = {.arena = a};

	buffer_add_text(&b, TEXT("[{\"path\":"));
	json_write_string(&b, path);
	buffer_add_text(&b, TEXT(",\"values\":"));
	buffer_add_text(&b, values->raw);
	buffer_add_text(&b, TEXT("}]"));
	return arena_text(a, buffer_text(&b));
}

/* As a server asks it. */
static void check_subscription(
	struct arena *a, struct text path, const struct json *values, struct text data, bool met)
{
	const struct subscriptions_row rows[] = {
		event_queue_row(a, 1, "n"),
		event_subscription_row(
			a, 1, "n", 1, "[\"**\"]", conditions_text(a, path, values).data, true),
	};
	const struct subscriptions *s = subscriptions_make(rows, 2, 1);

	CHECK(subscriptions_count(s) == 1);
	struct subscriptions_match found = subscriptions_match(s, a, TEXT("n"), TEXT("x"), data);
	CHECK(found.count == met && found.encrypt_stored == met);
	CHECK(subscription_wants(subscriptions_at(s, 0), TEXT("x"), data) == met);
	subscriptions_release(&s);
}

static void try(struct arena *a, struct text path, const struct json *values, struct text data)
{
	struct status status = {0};
	struct condition condition;
	struct text *raw = arena_array(a, values->count, sizeof *raw), *next = raw;

	for (const struct json *value = values->first; value; value = value->next)
		*next++ = value->raw;
	if (!condition_read(a, 0, path, raw, values->count, &condition, &status)) {
		CHECK(status.code == STATUS_INVALID_ARGUMENT && status.field);
		return;
	}
	const struct json *tree = json_read(a, data, &status);
	if (!tree)
		return;
	bool met = is_met(path, values, tree);
	CHECK(condition_met(&condition, tree) == met);
	if (text_utf8_error(path) == path.size)
		check_subscription(a, path, values, data, met);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text input = {size ? (const char *)data : "", size};
	size_t path_end = text_find(input, '\n', 0), end = text_find(input, '\n', path_end + 1);
	struct arena *a = arena_new(0);
	struct status status;

	if (end < size) {
		const struct json *values =
			json_read(a, text_from(text_until(input, end), path_end + 1), &status);
		if (values && values->type == JSON_ARRAY)
			try(a, text_until(input, path_end), values, text_from(input, end + 1));
	}
	arena_free(&a);
	return 0;
}
