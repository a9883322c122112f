/* Integers go through json_int64(), which takes numbers and numeric strings without rounding.
 * Other numbers go through strtod(), which takes more than JSON does: a string must first read as
 * a JSON number. */
#include <math.h>
#include <stdlib.h>

#include "base/base64.h"
#include "proto/runtime/field.h"
#include "proto/runtime/scalar.h"

static const char *string_in(struct arena *a, const struct json *value, char **slot)
{
	if (value->type != JSON_STRING)
		return "must be a string";
	if (text_find(value->string, '\0', 0) != value->string.size)
		return "must not contain U+0000";
	*slot = arena_string(a, value->string);
	return NULL;
}

static const char *bytes_in(struct arena *a, const struct json *value, ProtobufCBinaryData *slot)
{
	struct text bytes;

	if (value->type != JSON_STRING || !base64_read(a, value->string, &bytes))
		return "must be a string of base64";
	*slot = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
	return NULL;
}

static const char *boolean_in(const struct json *value, protobuf_c_boolean *slot)
{
	if (value->type != JSON_TRUE && value->type != JSON_FALSE)
		return "must be true or false";
	*slot = value->type == JSON_TRUE;
	return NULL;
}

static const char *int32_in(const struct json *value, int32_t *slot)
{
	int64_t number;

	if (!json_int64(value, &number) || number < INT32_MIN || number > INT32_MAX)
		return "not an integer from -2147483648 to 2147483647";
	*slot = (int32_t)number;
	return NULL;
}

static const char *uint32_in(const struct json *value, uint32_t *slot)
{
	uint64_t number;

	if (!json_uint64(value, &number) || number > UINT32_MAX)
		return "not an integer from 0 to 4294967295";
	*slot = (uint32_t)number;
	return NULL;
}

static const char *int64_in(const struct json *value, int64_t *slot)
{
	return json_int64(value, slot)
		       ? NULL
		       : "not an integer from -9223372036854775808 to 9223372036854775807";
}

static const char *uint64_in(const struct json *value, uint64_t *slot)
{
	return json_uint64(value, slot) ? NULL : "not an integer from 0 to 18446744073709551615";
}

static bool special_number(struct text name, double *number)
{
	if (text_equal(name, TEXT("NaN")))
		*number = (double)NAN;
	else if (text_equal(name, TEXT("Infinity")))
		*number = (double)INFINITY;
	else if (text_equal(name, TEXT("-Infinity")))
		*number = -(double)INFINITY;
	else
		return false;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits of a number or of a string that holds one and nothing else: only a number starts with
 * '-' or a digit, and it ends in a digit. */
static bool number_digits(const struct json *value, struct text *digits)
{
	struct text t = value->string;

	*digits = value->type == JSON_STRING ? t : value->raw;
	if (value->type != JSON_STRING)
		return value->type == JSON_NUMBER;
	return t.size > 0 && (t.data[0] == '-' || is_digit(t.data[0])) &&
	       is_digit(t.data[t.size - 1]) && json_valid(t);
}

/* Up to 15 digits with or without a point: they and the power of ten that divides them are exact
 * doubles, so that the only rounding is the right one. False if the number is none such. */
static bool exact_number(struct text t, double *number)
{
	static const double powers[] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	bool negative = t.data[0] == '-', fraction = false;
	size_t digits = 0, places = 0;
	uint64_t all = 0;

	for (size_t i = negative; i < t.size; i++) {
		if (t.data[i] == '.') {
			fraction = true;
			continue;
		}
		if (!is_digit(t.data[i]) || ++digits > 15)
			return false;
		all = all * 10 + (uint64_t)(t.data[i] - '0');
		places += fraction;
	}
	*number = (double)all / powers[places] * (negative ? -1 : 1);
	return true;
}

static const char *number_in(struct arena *a, const struct json *value, double *number)
{
	struct text digits;

	if (value->type == JSON_STRING && special_number(value->string, number))
		return NULL;
	if (!number_digits(value, &digits))
		return "not a number";
	if (!exact_number(digits, number))
		*number = strtod(arena_string(a, digits), NULL);
	return isfinite(*number) ? NULL : "number out of range";
}

/* What rounds to the largest float is in range. */
static const char *float_in(struct arena *a, const struct json *value, float *slot)
{
	double number;
	const char *wrong = number_in(a, value, &number);

	if (wrong)
		return wrong;
	*slot = (float)number;
	return !isfinite(number) || isfinite(*slot) ? NULL : "number out of range";
}

static bool enum_named(const ProtobufCEnumDescriptor *type, struct text name, int32_t *slot)
{
	for (unsigned i = 0; i < type->n_value_names; i++) {
		if (field_name_is(type->values_by_name[i].name, name)) {
			*slot = type->values[type->values_by_name[i].index].value;
			return true;
		}
	}
	return false;
}

static const char *enum_in(struct arena *a, const ProtobufCEnumDescriptor *type,
	const struct json *value, int32_t *slot)
{
	if (value->type == JSON_STRING && enum_named(type, value->string, slot))
		return NULL;
	if (int32_in(value, slot))
		return arena_printf(a, "must be a name or number of %s", type->name);
	return NULL;
}

const char *scalar_from_json(
	struct arena *a, const ProtobufCFieldDescriptor *f, const struct json *value, void *slot)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return string_in(a, value, slot);
	case PROTOBUF_C_TYPE_BYTES:
		return bytes_in(a, value, slot);
	case PROTOBUF_C_TYPE_BOOL:
		return boolean_in(value, slot);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_in(a, f->descriptor, value, slot);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return int32_in(value, slot);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return uint32_in(value, slot);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return int64_in(value, slot);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return uint64_in(value, slot);
	case PROTOBUF_C_TYPE_FLOAT:
		return float_in(a, value, slot);
	case PROTOBUF_C_TYPE_DOUBLE:
		return number_in(a, value, slot);
	default:
		return "must be an object";
	}
}

struct json scalar_from_text(const ProtobufCFieldDescriptor *f, struct text text)
{
	struct json value = {.type = JSON_STRING, .raw = text, .string = text};

	if (f->type == PROTOBUF_C_TYPE_BOOL && text_equal(text, TEXT("true")))
		value.type = JSON_TRUE;
	else if (f->type == PROTOBUF_C_TYPE_BOOL && text_equal(text, TEXT("false")))
		value.type = JSON_FALSE;
	return value;
}
