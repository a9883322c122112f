/* What PostgreSQL would fail at when it reads a parameter or compares with it is refused here,
 * since only here its path is known. */
#include "server/audit/filter_value.h"

enum {
	PATTERN_MAX = 1024,
	UUID_SIZE = 36,
	/* Of PostgreSQL's numeric. */
	DIGITS_BEFORE_POINT = 131072,
	DIGITS_BEHIND_POINT = 16383,
};

/* Each reader gives NULL, or the rule that is broken. */

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_number(const struct json *v)
{
	struct text t = v->string;

	return v->type == JSON_NUMBER ||
	       (v->type == JSON_STRING && t.size > 0 &&
		       (t.data[0] == '-' || (t.data[0] >= '0' && t.data[0] <= '9')) &&
		       json_valid(t));
}

static const char *read_integer(struct arena *a, const struct json *v, struct text *out)
{
	int64_t number;

	if (!is_number(v))
		return "not a number";
	if (!json_int64(v, &number))
		return "not an integer of 64 bits";
	*out = text_of(arena_printf(a, "%lld", (long long)number));
	return NULL;
}

/* A number of JSON as PostgreSQL counts its digits. */
static bool fits_numeric(struct text t)
{
	size_t end = 0;
	int64_t exponent = 0;

	while (end < t.size && t.data[end] != 'e' && t.data[end] != 'E')
		end++;
	struct text power = text_from(t, end + 1);
	if (power.size > 0 && power.data[0] == '+')
		power = text_from(power, 1);
	if (power.size > 0 && !text_to_int64(power, &exponent))
		return false;
	size_t point = text_find(text_until(t, end), '.', 0);
	int64_t before = (int64_t)point - (t.data[0] == '-');
	int64_t behind = point < end ? (int64_t)(end - point - 1) : 0;
	return exponent <= DIGITS_BEFORE_POINT - before && exponent >= behind - DIGITS_BEHIND_POINT;
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *check_text(struct text t)
{
	return memchr(t.data, '\0', t.size) ? "must not hold U+0000" : NULL;
}

static bool ends_in_escape(struct text t)
{
	size_t count = 0;

	while (count < t.size && t.data[t.size - 1 - count] == '\\')
		count++;
	return count % 2 == 1;
}

static const char *read_pattern(const struct json *v, enum filter_use use, struct text *out)
{
	if (v->type != JSON_STRING)
		return "not a text";
	if (v->string.size > PATTERN_MAX)
		return "must have at most 1024 bytes";
	if (use == FILTER_LIKE && ends_in_escape(v->string))
		return "must not end in a \\ that takes nothing";
	*out = v->string;
	return check_text(*out);
}

static const char *read_text(const struct json *v, struct text *out)
{
	if (v->type != JSON_STRING && v->type != JSON_NUMBER)
		return "not a text";
	*out = v->type == JSON_STRING ? v->string : v->raw;
	return check_text(*out);
}

static const char *read_severity(const struct json *v, struct text *out)
{
	if (v->type == JSON_STRING || v->type == JSON_NUMBER)
		*out = text_of(audit_severity_word(v->type == JSON_STRING ? v->string : v->raw));
	return out->data ? NULL : "not a severity";
}

/* In lower case, as PostgreSQL writes it. */
static const char *read_uuid(struct arena *a, const struct json *v, struct text *out)
{
	if (v->type != JSON_STRING || v->string.size != UUID_SIZE)
		return "not a UUID";
	char *id = arena_string(a, v->string);
	for (int i = 0; i < UUID_SIZE; i++) {
		if (id[i] >= 'A' && id[i] <= 'F')
			id[i] = (char)(id[i] | 0x20);
		bool digit = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? id[i] != '-' : !digit)
			return "not a UUID";
	}
	*out = (struct text){id, UUID_SIZE};
	return NULL;
}

/* --- of any type ------------------------------------------------------------------------------ */

static const char *read_json(const struct json *v, enum filter_use use, struct text *out)
{
	*out = v->type == JSON_STRING ? v->string : v->raw;
	if (v->type == JSON_STRING)
		return check_text(*out);
	if (v->type != JSON_NUMBER)
		return use == FILTER_ORDER ? "true and false have no order" : NULL;
	return fits_numeric(v->raw) ? NULL
				    : "must have at most 131072 digits before the point, "
				      "and 16383 behind it";
}

static const char *read_value(struct arena *a, const struct json *v, enum audit_kind kind,
	enum filter_use use, struct text *out)
{
	if (v->type == JSON_NULL)
		return "null: use NotExists";
	if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
		return "must be a text, a number, true or false";
	if (use == FILTER_LIKE || use == FILTER_TERMS)
		return read_pattern(v, use, out);
	switch (kind) {
	case AUDIT_KIND_UUID:
		return read_uuid(a, v, out);
	case AUDIT_KIND_INTEGER:
	case AUDIT_KIND_TIME:
		return read_integer(a, v, out);
	case AUDIT_KIND_SEVERITY:
		return read_severity(v, out);
	case AUDIT_KIND_TEXT:
	case AUDIT_KIND_TEXTS:
		return read_text(v, out);
	case AUDIT_KIND_JSON:
		return read_json(v, use, out);
	}
	return "not a value";
}

bool filter_value_read(struct arena *a, struct text raw, enum audit_kind kind, enum filter_use use,
	const char *path, struct filter_value *value, struct status *status)
{
	struct status reason;
	const struct json *v = json_read(a, raw, &reason);

	*value = (struct filter_value){0};
	if (!v)
		return reason.code == STATUS_INVALID_ARGUMENT
			       ? status_field(status, a, path, "%s", reason.message)
			       : status_set(status, a, reason.code, "%s: %s", path, reason.message);
	const char *rule = read_value(a, v, kind, use, &value->text);
	value->type = v->type;
	value->raw = v->raw;
	return !rule || status_field(status, a, path, "%s", rule);
}
