/* Floating-point numbers are written in few digits that read back as the same number: 15 to 17 for
 * a double, 6 to 9 for a float, zeros at the end left out. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "proto/runtime/scalar.h"

static void unsigned_out(struct buffer *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buffer_add(out, digits + at, sizeof(digits) - at);
}

static void signed_out(struct buffer *out, int64_t number)
{
	if (number < 0)
		buffer_add_char(out, '-');
	unsigned_out(out, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

static void special_out(struct buffer *out, double number)
{
	if (isnan(number))
		buffer_add_text(out, TEXT("\"NaN\""));
	else
		buffer_add_text(out, number > 0 ? TEXT("\"Infinity\"") : TEXT("\"-Infinity\""));
}

/* 10 to the power of the index. */
static const double POWERS[] = {
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* digits / 10^places, with zeros in front of the point as needed. */
static void decimal_out(struct buffer *out, bool negative, uint64_t digits, int places)
{
	char text[32];
	size_t at = sizeof(text);

	for (int written = 0; digits > 0 || written <= places; digits /= 10) {
		if (written > 0 && written == places)
			text[--at] = '.';
		text[--at] = (char)('0' + digits % 10);
		written++;
	}
	if (negative)
		text[--at] = '-';
	buffer_add(out, text + at, sizeof(text) - at);
}

/* A number of few digits: both it times a power of ten, rounded to an integer, and that power are
 * exact doubles, so that the quotient is what anybody reads who rounds right. */
static bool short_double_out(struct buffer *out, double number)
{
	double size = fabs(number);

	if (size == 0 && signbit(number)) { /* many a reader makes an integer of -0 */
		buffer_add_text(out, TEXT("-0.0"));
		return true;
	}
	for (int places = 0; places <= 15 && size * POWERS[places] < 1e15; places++) {
		uint64_t digits = (uint64_t)(size * POWERS[places] + 0.5);

		if ((double)digits / POWERS[places] == size) {
			decimal_out(out, signbit(number), digits, places);
			return true;
		}
	}
	return false;
}

static void double_out(struct buffer *out, double number)
{
	char digits[32];
	int size = 0;

	if (!isfinite(number)) {
		special_out(out, number);
		return;
	}
	if (short_double_out(out, number))
		return;
	for (int precision = 15; precision <= 17; precision++) {
		size = snprintf(digits, sizeof(digits), "%.*g", precision, number);
		if (precision == 17 || strtod(digits, NULL) == number)
			break;
	}
	buffer_add(out, digits, (size_t)size);
}

/* As of a double. With at most 7 places no quotient lies so near the middle between two floats that
 * rounding it twice, to a double and then to a float, could go wrong. */
static bool short_float_out(struct buffer *out, float number)
{
	double size = fabs((double)number);

	if (size == 0)
		return short_double_out(out, (double)number);
	for (int places = 0; places <= 7 && size * POWERS[places] < 1e9; places++) {
		uint64_t digits = (uint64_t)(size * POWERS[places] + 0.5);

		if ((double)(float)((double)digits / POWERS[places]) == size) {
			decimal_out(out, signbit(number), digits, places);
			return true;
		}
	}
	return false;
}

static void float_out(struct buffer *out, float number)
{
	char digits[32];
	int size = 0;

	if (!isfinite(number)) {
		special_out(out, (double)number);
		return;
	}
	if (short_float_out(out, number))
		return;
	for (int precision = 6; precision <= 9; precision++) {
		size = snprintf(digits, sizeof(digits), "%.*g", precision, (double)number);
		if (precision == 9 || strtof(digits, NULL) == number)
			break;
	}
	buffer_add(out, digits, (size_t)size);
}

static void enum_out(struct buffer *out, const ProtobufCEnumDescriptor *type, int32_t number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

	if (value)
		json_write_string(out, text_of(value->name));
	else
		signed_out(out, number);
}

static void bytes_out(struct buffer *out, const ProtobufCBinaryData *bytes)
{
	buffer_add_char(out, '"');
	base64_write(out, (struct text){(const char *)bytes->data, bytes->len});
	buffer_add_char(out, '"');
}

static void integer_out(struct buffer *out, ProtobufCType type, const void *slot)
{
	switch (type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		unsigned_out(out, *(const uint32_t *)slot);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		signed_out(out, *(const int64_t *)slot);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		unsigned_out(out, *(const uint64_t *)slot);
		break;
	default:
		signed_out(out, *(const int32_t *)slot);
	}
}

static bool is_64_bit(ProtobufCType type)
{
	return type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_SINT64 ||
	       type == PROTOBUF_C_TYPE_SFIXED64 || type == PROTOBUF_C_TYPE_UINT64 ||
	       type == PROTOBUF_C_TYPE_FIXED64;
}

static void quoted_integer_out(struct buffer *out, ProtobufCType type, const void *slot)
{
	buffer_add_char(out, '"');
	integer_out(out, type, slot);
	buffer_add_char(out, '"');
}

static struct text boolean_text(const void *slot)
{
	return *(const protobuf_c_boolean *)slot ? TEXT("true") : TEXT("false");
}

void scalar_to_json(struct buffer *out, const ProtobufCFieldDescriptor *f, const void *slot,
	const struct transcode_options *options)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		json_write_string(out, text_of(*(const char *const *)slot));
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes_out(out, slot);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buffer_add_text(out, boolean_text(slot));
		break;
	case PROTOBUF_C_TYPE_ENUM:
		enum_out(out, f->descriptor, *(const int32_t *)slot);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		float_out(out, *(const float *)slot);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		double_out(out, *(const double *)slot);
		break;
	default:
		if (is_64_bit(f->type) && !options->int64_as_number)
			quoted_integer_out(out, f->type, slot);
		else
			integer_out(out, f->type, slot);
	}
}

void scalar_to_json_key(struct buffer *out, const ProtobufCFieldDescriptor *f, const void *slot)
{
	if (f->type == PROTOBUF_C_TYPE_STRING)
		json_write_string(out, text_of(*(const char *const *)slot));
	else if (f->type == PROTOBUF_C_TYPE_BOOL)
		json_write_string(out, boolean_text(slot));
	else
		quoted_integer_out(out, f->type, slot);
}
