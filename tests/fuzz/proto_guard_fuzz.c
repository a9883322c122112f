/* Wire bytes from outside: unpacked behind the guard, packed, unpacked again, without change. The
 * first byte picks the type. */
#include "base/check.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "junction/v1/registry.pb-c.h"
#include "proto/runtime/guard.h"
#include "tests/support/scalars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
	&registry__register_service_request__descriptor,
	&registry__list_services_response__descriptor,
	&google__protobuf__file_descriptor_set__descriptor,
	&grpc__reflection__v1alpha__server_reflection_response__descriptor,
	&scalars_descriptor,
};

static struct text repacked(
	struct arena *a, const ProtobufCMessageDescriptor *type, struct text wire)
{
	struct status status = {0};
	ProtobufCMessage *message = guard_unpack(a, type, wire, &status);

	CHECK(message);
	return guard_pack(a, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20);
	struct status status = {0};
	ProtobufCMessage *message;

	if (size > 0) {
		const ProtobufCMessageDescriptor *type =
			types[data[0] % (sizeof(types) / sizeof(types[0]))];

		message = guard_unpack(
			a, type, (struct text){(const char *)data + 1, size - 1}, &status);
		CHECK(!message == (status.code != STATUS_OK));
		if (message) {
			struct arena *b = arena_new(0);
			struct text wire = guard_pack(b, message);

			CHECK(text_equal(repacked(b, type, wire), wire));
			arena_free(&b);
		}
	}
	arena_free(&a);
	return 0;
}
