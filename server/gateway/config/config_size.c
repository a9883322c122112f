/* Numbers with a fraction are read digit by digit: what they come to is exact, or cut off as bytes
 * does. */
#include "server/gateway/config/config_size.h"

#include "base/json.h"

#define YEAR_S         (INT64_C(365) * 24 * 3600)
#define DEFAULT_PARSER (100 * 1024)
#define DIGITS_MAX     18

/* --- bytes ------------------------------------------------------------------------------------ */

static bool unit_of(struct text word, int64_t *unit)
{
	static const char *const units[] = {"b", "kb", "mb", "gb", "tb", "pb"};

	*unit = 1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++, *unit *= 1024)
		if (text_equal_nocase(word, text_of(units[i])))
			return true;
	*unit = 1;
	return word.size == 0;
}

/* "1.5 MB" */
static bool parse_bytes(struct text t, int64_t *bytes)
{
	__int128 digits = 0, scale = 1;
	size_t at = 0, count = 0;
	bool point = false;
	int64_t unit;

	for (; at < t.size; at++) {
		char c = t.data[at];
		bool digit = c >= '0' && c <= '9';
		if (!digit && (c != '.' || point || at == 0))
			break;
		point = point || !digit;
		if (!digit)
			continue;
		if (++count > DIGITS_MAX)
			return false;
		digits = digits * 10 + (c - '0');
		scale *= point ? 10 : 1;
	}
	if (count == 0 || t.data[at - 1] == '.' || !unit_of(text_trim(text_from(t, at)), &unit))
		return false;
	digits = digits * unit / scale;
	*bytes = digits > INT64_MAX ? INT64_MAX : (int64_t)digits;
	return true;
}

bool config_size_read_bytes(struct reading *c, const struct config_value *value, int64_t least,
	int64_t most, int64_t *bytes)
{
	const struct json number = {.type = JSON_NUMBER, .raw = value->text};
	bool read = value->type == CONFIG_NUMBER   ? json_int64(&number, bytes)
		    : value->type == CONFIG_STRING ? parse_bytes(text_trim(value->text), bytes)
						   : false;

	return (read && *bytes >= least && *bytes <= most) ||
	       reading_refuse(c, value,
		       "must be bytes such as \"2MB\", \"500kb\" or 1000, "
		       "from %lld to %lld",
		       (long long)least, (long long)most);
}

/* --- seconds ---------------------------------------------------------------------------------- */

/* An exponent is set behind it: what has one already is no number then. */
static bool parse_seconds(struct arena *a, const struct config_value *value, int64_t *milliseconds)
{
	struct json number = {.type = JSON_NUMBER};

	number.raw = text_of(arena_printf(a, "%.*se3", TEXT_ARGS(value->text)));
	return value->type == CONFIG_NUMBER && json_int64(&number, milliseconds);
}

bool config_size_read_seconds(
	struct reading *c, const struct config_value *value, int64_t *milliseconds)
{
	*milliseconds = 0;
	if (value->type == CONFIG_NULL)
		return true;
	return (parse_seconds(c->arena, value, milliseconds) && *milliseconds >= 0 &&
		       *milliseconds <= YEAR_S * 1000) ||
	       reading_refuse(c, value,
		       "must be seconds from 0 to %lld, with at most three decimal places",
		       (long long)YEAR_S);
}

/* --- body parsers ----------------------------------------------------------------------------- */

static bool read_limit(struct reading *c, const struct config_value *value, void *into)
{
	return config_size_read_bytes(c, value, 1, CONFIG_SIZE_MAX, into);
}

static bool read_parser(struct reading *c, const struct config_value *value, void *into)
{
	static const struct field fields[] = {
		{"limit", FIELD_READ, .read = read_limit},
		{"defaultCharset", FIELD_QUIET},
		{"extended", FIELD_QUIET},
		{"inflate", FIELD_QUIET},
		{"parameterLimit", FIELD_QUIET},
		{"strict", FIELD_QUIET},
		{"type", FIELD_QUIET},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};
	int64_t *largest = into, limit = DEFAULT_PARSER;

	if (value->type == CONFIG_FALSE)
		return true;
	if (value->type != CONFIG_TRUE && !reading_members(c, value, tables, false, &limit))
		return false;
	if (limit > *largest)
		*largest = limit;
	return true;
}

bool config_size_read_parsers(struct reading *c, const struct config_value *value, int64_t *limit)
{
	static const struct field fields[] = {
		{"json", FIELD_READ, .read = read_parser},
		{"urlencoded", FIELD_READ, .read = read_parser},
		{"text", FIELD_READ, .read = read_parser},
		{"raw", FIELD_READ, .read = read_parser},
		{0},
	};
	static const struct field *const tables[] = {fields, NULL};

	if (value->type == CONFIG_TRUE || value->type == CONFIG_FALSE)
		return read_parser(c, value, limit);
	return reading_members(c, value, tables, false, limit);
}
