/* JSON from outside: what is taken comes back from its own JSON as the same bytes, which the guard
 * takes. The first byte picks the type. The same bytes are also tried as a message, which is either
 * written as well-formed JSON or refused. */
#include "base/check.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"
#include "tests/support/scalars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"junction.v1.RegisterServiceRequest",
	"junction.v1.ListServicesResponse",
	"junction.v1.CallResponse",
	"google.protobuf.FileDescriptorProto",
	"google.rpc.BadRequest",
	NULL, /* Scalars */
	"google.rpc.Status",
	"google.protobuf.Any",
	"google.protobuf.Struct",
	"google.protobuf.Value",
	"google.protobuf.ListValue",
	"google.protobuf.Timestamp",
	"google.protobuf.Duration",
	"google.protobuf.FieldMask",
	"google.protobuf.DoubleValue",
	"google.protobuf.FloatValue",
	"google.protobuf.Int64Value",
	"junction.v1.SignatureRequest",
	"junction.v1.PermissionRequest",
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static const struct transcode_options options = {0};

static const struct api_message *type_picked(uint8_t byte)
{
	const char *name = names[byte % NAME_COUNT];
	const struct api_message *type = name ? api_message_named(name) : &scalars_type;

	CHECK(type);
	return type;
}

static void write_wire(const struct api_message *type, struct text wire)
{
	struct arena *a = arena_new(1 << 20);
	struct status status = {0};
	struct buffer out = {.arena = a};
	const ProtobufCMessage *message = guard_unpack(a, type->descriptor, wire, &status);

	if (message && message_to_json(&out, type, message, &options, &status))
		CHECK(json_valid(buffer_text(&out)));
	else
		CHECK(status.code != STATUS_OK && out.size == 0);
	arena_free(&a);
}

static struct text json_of(
	struct arena *a, const struct api_message *type, const ProtobufCMessage *message)
{
	struct buffer out = {.arena = a};
	struct status status;

	CHECK(message_to_json(&out, type, message, &options, &status));
	return buffer_text(&out);
}

static ProtobufCMessage *message_of(
	struct arena *a, const struct api_message *type, struct text json, struct status *status)
{
	const struct json *value = json_read(a, json, status);
	ProtobufCMessage *message = message_new(a, type);

	if (!value || !message_from_json(a, type, value, &options, message, status))
		return NULL;
	return message;
}

static void go_round(const struct api_message *type, const ProtobufCMessage *message)
{
	struct arena *a = arena_new(0);
	struct status status = {0};
	struct text json = json_of(a, type, message), wire = guard_pack(a, message);
	const ProtobufCMessage *again = message_of(a, type, json, &status);

	CHECK(again);
	CHECK(text_equal(guard_pack(a, again), wire));
	again = guard_unpack(a, type->descriptor, wire, &status);
	CHECK(again);
	CHECK(text_equal(guard_pack(a, again), wire));
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20);
	struct status status = {0};

	if (size > 0) {
		const struct api_message *type = type_picked(data[0]);
		struct text json = {(const char *)data + 1, size - 1};
		const ProtobufCMessage *message = message_of(a, type, json, &status);

		CHECK(!message == (status.code != STATUS_OK));
		if (message)
			go_round(type, message);
		write_wire(type, json);
	}
	arena_free(&a);
	return 0;
}
