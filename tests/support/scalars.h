/*
 * A message with a field of every type, which Junction's own messages do not have; its tables are
 * what protoc-c and apigen would make. As a .proto:
 *   message Scalars {
 *     int32 a_int32 = 1;   sint32 a_sint32 = 2;  sfixed32 a_sfixed32 = 3;  uint32 a_uint32 = 4;
 *     fixed32 a_fixed32 = 5;  int64 a_int64 = 6;  sint64 a_sint64 = 7;  sfixed64 a_sfixed64 = 8;
 *     uint64 a_uint64 = 9;  fixed64 a_fixed64 = 10;  float a_float = 11;  double a_double = 12;
 *     bool a_bool = 13;  ServingStatus a_enum = 14;  string a_string = 15;  bytes a_bytes = 16;
 *     oneof choice { int32 number = 17;  string word = 18;  Scalars child = 19; }
 *     repeated sint64 numbers = 20;  repeated bool flags = 21;  repeated float floats = 22;
 *     map<int32, string> by_number = 23;  map<bool, Scalars> by_flag = 24;
 *     repeated bytes parts = 25;  repeated Scalars children = 26;  repeated string raws = 27;
 *   }
 */
#ifndef JUNCTION_TESTS_SUPPORT_SCALARS_H
#define JUNCTION_TESTS_SUPPORT_SCALARS_H

#include "grpc/health/v1/health.pb-c.h"
#include "proto/runtime/api.h"

struct scalars {
	ProtobufCMessage base;
	int32_t a_int32, a_sint32, a_sfixed32;
	uint32_t a_uint32, a_fixed32;
	int64_t a_int64, a_sint64, a_sfixed64;
	uint64_t a_uint64, a_fixed64;
	float a_float;
	double a_double;
	protobuf_c_boolean a_bool;
	int32_t a_enum;
	char *a_string;
	ProtobufCBinaryData a_bytes;
	uint32_t choice_case;
	union {
		int32_t number;
		char *word;
		struct scalars *child;
	};
	size_t n_numbers, n_flags, n_floats, n_by_number, n_by_flag, n_parts, n_children, n_raws;
	int64_t *numbers;
	protobuf_c_boolean *flags;
	float *floats;
	struct number_entry **by_number;
	struct flag_entry **by_flag;
	ProtobufCBinaryData *parts;
	struct scalars **children;
	char **raws;
};

struct number_entry {
	ProtobufCMessage base;
	int32_t key;
	char *value;
};

struct flag_entry {
	ProtobufCMessage base;
	protobuf_c_boolean key;
	struct scalars *value;
};

static const ProtobufCMessageDescriptor scalars_descriptor, number_entry_descriptor,
	flag_entry_descriptor;

#define EMPTY_STRING (char *)protobuf_c_empty_string

static void scalars_init(ProtobufCMessage *message)
{
	*(struct scalars *)message = (struct scalars){
		.base = PROTOBUF_C_MESSAGE_INIT(&scalars_descriptor), .a_string = EMPTY_STRING};
}

static void number_entry_init(ProtobufCMessage *message)
{
	*(struct number_entry *)message = (struct number_entry){
		.base = PROTOBUF_C_MESSAGE_INIT(&number_entry_descriptor), .value = EMPTY_STRING};
}

static void flag_entry_init(ProtobufCMessage *message)
{
	*(struct flag_entry *)message =
		(struct flag_entry){.base = PROTOBUF_C_MESSAGE_INIT(&flag_entry_descriptor)};
}

/* protoc-c gives strings alone a default. */
#define DEFAULT_INT32    NULL
#define DEFAULT_SINT32   NULL
#define DEFAULT_SFIXED32 NULL
#define DEFAULT_UINT32   NULL
#define DEFAULT_FIXED32  NULL
#define DEFAULT_INT64    NULL
#define DEFAULT_SINT64   NULL
#define DEFAULT_SFIXED64 NULL
#define DEFAULT_UINT64   NULL
#define DEFAULT_FIXED64  NULL
#define DEFAULT_FLOAT    NULL
#define DEFAULT_DOUBLE   NULL
#define DEFAULT_BOOL     NULL
#define DEFAULT_ENUM     NULL
#define DEFAULT_STRING   &protobuf_c_empty_string
#define DEFAULT_BYTES    NULL
#define DEFAULT_MESSAGE  NULL

#define PLAIN(number, field, kind, of)                                                             \
	{                                                                                          \
		.name = #field, .id = (number), .label = PROTOBUF_C_LABEL_NONE,                    \
		.type = PROTOBUF_C_TYPE_##kind, .offset = offsetof(struct scalars, field),         \
		.descriptor = (of)                                                                 \
	}
#define CHOICE(number, field, kind, of)                                                            \
	{                                                                                          \
		.name = #field, .id = (number), .label = PROTOBUF_C_LABEL_NONE,                    \
		.type = PROTOBUF_C_TYPE_##kind,                                                    \
		.quantifier_offset = offsetof(struct scalars, choice_case),                        \
		.offset = offsetof(struct scalars, field), .descriptor = (of),                     \
		.flags = PROTOBUF_C_FIELD_FLAG_ONEOF                                               \
	}
#define REPEATED(number, field, kind, of, more)                                                    \
	{                                                                                          \
		.name = #field, .id = (number), .label = PROTOBUF_C_LABEL_REPEATED,                \
		.type = PROTOBUF_C_TYPE_##kind,                                                    \
		.quantifier_offset = offsetof(struct scalars, n_##field),                          \
		.offset = offsetof(struct scalars, field), .descriptor = (of), .flags = (more)     \
	}

static const ProtobufCFieldDescriptor scalars_fields[] = {
	PLAIN(1, a_int32, INT32, NULL),
	PLAIN(2, a_sint32, SINT32, NULL),
	PLAIN(3, a_sfixed32, SFIXED32, NULL),
	PLAIN(4, a_uint32, UINT32, NULL),
	PLAIN(5, a_fixed32, FIXED32, NULL),
	PLAIN(6, a_int64, INT64, NULL),
	PLAIN(7, a_sint64, SINT64, NULL),
	PLAIN(8, a_sfixed64, SFIXED64, NULL),
	PLAIN(9, a_uint64, UINT64, NULL),
	PLAIN(10, a_fixed64, FIXED64, NULL),
	PLAIN(11, a_float, FLOAT, NULL),
	PLAIN(12, a_double, DOUBLE, NULL),
	PLAIN(13, a_bool, BOOL, NULL),
	PLAIN(14, a_enum, ENUM,
		&grpc__health__v1__health_check_response__serving_status__descriptor),
	PLAIN(15, a_string, STRING, NULL),
	PLAIN(16, a_bytes, BYTES, NULL),
	CHOICE(17, number, INT32, NULL),
	CHOICE(18, word, STRING, NULL),
	CHOICE(19, child, MESSAGE, &scalars_descriptor),
	REPEATED(20, numbers, SINT64, NULL, PROTOBUF_C_FIELD_FLAG_PACKED),
	REPEATED(21, flags, BOOL, NULL, PROTOBUF_C_FIELD_FLAG_PACKED),
	REPEATED(22, floats, FLOAT, NULL, PROTOBUF_C_FIELD_FLAG_PACKED),
	REPEATED(23, by_number, MESSAGE, &number_entry_descriptor, 0),
	REPEATED(24, by_flag, MESSAGE, &flag_entry_descriptor, 0),
	REPEATED(25, parts, BYTES, NULL, 0),
	REPEATED(26, children, MESSAGE, &scalars_descriptor, 0),
	REPEATED(27, raws, STRING, NULL, 0),
};

#define ENTRY_FIELDS(entry, key_kind, value_kind, of)                                              \
	{                                                                                          \
		{.name = "key",                                                                    \
			.id = 1,                                                                   \
			.label = PROTOBUF_C_LABEL_NONE,                                            \
			.type = PROTOBUF_C_TYPE_##key_kind,                                        \
			.offset = offsetof(struct entry, key)},                                    \
		{                                                                                  \
			.name = "value", .id = 2, .label = PROTOBUF_C_LABEL_NONE,                  \
			.type = PROTOBUF_C_TYPE_##value_kind,                                      \
			.offset = offsetof(struct entry, value), .descriptor = (of)                \
		}                                                                                  \
	}

static const ProtobufCFieldDescriptor number_entry_fields[] =
	ENTRY_FIELDS(number_entry, INT32, STRING, NULL);
static const ProtobufCFieldDescriptor flag_entry_fields[] =
	ENTRY_FIELDS(flag_entry, BOOL, MESSAGE, &scalars_descriptor);

#define FIELD_COUNT(fields) (sizeof(fields) / sizeof(fields[0]))
#define DESCRIPTOR(message, full_name)                                                             \
	{                                                                                          \
		.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .name = (full_name),                \
		.sizeof_message = sizeof(struct message),                                          \
		.n_fields = FIELD_COUNT(message##_fields), .fields = message##_fields,             \
		.n_field_ranges = 1,                                                               \
		.field_ranges =                                                                    \
			(const ProtobufCIntRange[]){{1, 0}, {0, FIELD_COUNT(message##_fields)}},   \
		.message_init = message##_init                                                     \
	}

static const ProtobufCMessageDescriptor scalars_descriptor = DESCRIPTOR(scalars, "Scalars");
static const ProtobufCMessageDescriptor number_entry_descriptor =
	DESCRIPTOR(number_entry, "Scalars.ByNumberEntry");
static const ProtobufCMessageDescriptor flag_entry_descriptor =
	DESCRIPTOR(flag_entry, "Scalars.ByFlagEntry");

static const struct api_message scalars_type;

static const struct api_message number_entry_type = {.descriptor = &number_entry_descriptor,
	.fields = (const struct api_field[]){{.json_name = "key"}, {.json_name = "value"}}};
static const struct api_message flag_entry_type = {.descriptor = &flag_entry_descriptor,
	.fields = (const struct api_field[]){
		{.json_name = "key"}, {.json_name = "value", .message = &scalars_type}}};

static const struct api_field scalars_api_fields[] = {
	{.json_name = "aInt32"},
	{.json_name = "aSint32"},
	{.json_name = "aSfixed32"},
	{.json_name = "aUint32"},
	{.json_name = "aFixed32"},
	{.json_name = "aInt64"},
	{.json_name = "aSint64"},
	{.json_name = "aSfixed64"},
	{.json_name = "aUint64"},
	{.json_name = "aFixed64"},
	{.json_name = "aFloat"},
	{.json_name = "aDouble"},
	{.json_name = "aBool"},
	{.json_name = "aEnum"},
	{.json_name = "aString"},
	{.json_name = "aBytes"},
	{.json_name = "number"},
	{.json_name = "word"},
	{.json_name = "child", .message = &scalars_type},
	{.json_name = "numbers"},
	{.json_name = "flags"},
	{.json_name = "floats"},
	{.json_name = "byNumber", .flags = API_MAP, .message = &number_entry_type},
	{.json_name = "byFlag", .flags = API_MAP, .message = &flag_entry_type},
	{.json_name = "parts"},
	{.json_name = "children", .message = &scalars_type},
	{.json_name = "raws", .flags = API_RAW_JSON},
};
static const struct api_message scalars_type = {
	.descriptor = &scalars_descriptor, .fields = scalars_api_fields};

#endif
