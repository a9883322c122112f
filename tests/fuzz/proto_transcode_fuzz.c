/* JSON from outside: what is taken comes back from its own JSON as the same bytes, which the guard
 * takes. The first byte picks the type. */
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
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static const struct transcode_options options = {0};

static const struct api_message *type_picked(uint8_t byte)
{
	unsigned index = byte % (NAME_COUNT + 1);
	const struct api_message *type =
		index == NAME_COUNT ? &scalars_type : api_message_named(names[index]);

	CHECK(type);
	return type;
}

static struct text json_of(
	struct arena *a, const struct api_message *type, const ProtobufCMessage *message)
{
	struct buffer out = {.arena = a};

	message_to_json(&out, type, message, &options);
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
	}
	arena_free(&a);
	return 0;
}
