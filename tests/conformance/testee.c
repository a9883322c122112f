/*
 * What protobuf's conformance suite talks to: on standard input a length of four bytes,
 * little-endian, and a conformance.ConformanceRequest; on standard output the same with the
 * ConformanceResponse; until the input ends. Each request has an arena of its own.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "conformance/conformance.pb-c.h"
#include "proto/runtime/guard.h"
#include "proto/runtime/transcode.h"

#define REQUEST_MOST (64 << 20)
#define FIELD(name)  CONFORMANCE__CONFORMANCE_RESPONSE__RESULT_##name

typedef Conformance__ConformanceRequest request;
typedef Conformance__ConformanceResponse response;

static void answer_text(
	response *out, Conformance__ConformanceResponse__ResultCase which, const char *text)
{
	out->result_case = which;
	out->skipped = (char *)text; /* all texts of the oneof share one place */
}

static const ProtobufCMessage *parse_json(
	struct arena *a, const struct api_message *type, const request *in, struct status *status)
{
	const bool lenient =
		in->test_category == CONFORMANCE__TEST_CATEGORY__JSON_IGNORE_UNKNOWN_PARSING_TEST;
	const struct transcode_options options = {
		.refuse_unknown = !lenient, .ignore_enums = lenient};
	const struct json *value = json_read(a, text_of(in->json_payload), status);
	ProtobufCMessage *message = message_new(a, type);

	return value && message_from_json(a, type, value, &options, message, status) ? message
										     : NULL;
}

static const ProtobufCMessage *parse(
	struct arena *a, const struct api_message *type, const request *in, struct status *status)
{
	const ProtobufCBinaryData *bytes = &in->protobuf_payload;

	if (in->payload_case == CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_JSON_PAYLOAD)
		return parse_json(a, type, in, status);
	return guard_unpack(
		a, type->descriptor, (struct text){(const char *)bytes->data, bytes->len}, status);
}

static void serialize(struct arena *a, const struct api_message *type, const request *in,
	const ProtobufCMessage *message, response *out)
{
	static const struct transcode_options options = {.omit_defaults = true};
	struct buffer json = {.arena = a};
	struct status status = {0};

	if (in->requested_output_format == CONFORMANCE__WIRE_FORMAT__PROTOBUF) {
		struct text wire = guard_pack(a, message);

		out->result_case = FIELD(PROTOBUF_PAYLOAD);
		out->protobuf_payload = (ProtobufCBinaryData){wire.size, (uint8_t *)wire.data};
	} else if (message_to_json(&json, type, message, &options, &status)) {
		answer_text(out, FIELD(JSON_PAYLOAD), arena_string(a, buffer_text(&json)));
	} else {
		answer_text(out, FIELD(SERIALIZE_ERROR), status.message);
	}
}

/* Why a request is not for us, or NULL. */
static const char *reason_to_skip(const request *in, const struct api_message *type)
{
	if (!type)
		return "not a message of this API";
	if (in->payload_case != CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_PROTOBUF_PAYLOAD &&
		in->payload_case != CONFORMANCE__CONFORMANCE_REQUEST__PAYLOAD_JSON_PAYLOAD)
		return "only protobuf and JSON are read";
	if (in->requested_output_format != CONFORMANCE__WIRE_FORMAT__PROTOBUF &&
		in->requested_output_format != CONFORMANCE__WIRE_FORMAT__JSON)
		return "only protobuf and JSON are written";
	return NULL;
}

static void answer(struct arena *a, struct text wire, response *out)
{
	struct status status = {0};
	const ProtobufCMessage *message =
		guard_unpack(a, &conformance__conformance_request__descriptor, wire, &status);
	const request *in = (const request *)message;
	const struct api_message *type = in ? api_message_named(in->message_type) : NULL;
	const char *skip = in ? reason_to_skip(in, type) : NULL;

	if (!in) {
		answer_text(out, FIELD(RUNTIME_ERROR), status.message);
	} else if (skip) {
		answer_text(out, FIELD(SKIPPED), skip);
	} else {
		message = parse(a, type, in, &status);
		if (message)
			serialize(a, type, in, message, out);
		else
			answer_text(out, FIELD(PARSE_ERROR), status.message);
	}
}

static bool read_request(struct arena *a, struct text *wire)
{
	uint32_t size;
	char *bytes;

	if (fread(&size, sizeof(size), 1, stdin) != 1)
		return false;
	size = le32toh(size);
	CHECK(size <= REQUEST_MOST);
	bytes = arena_alloc(a, size);
	CHECK(fread(bytes, 1, size, stdin) == size);
	*wire = (struct text){bytes, size};
	return true;
}

static void write_response(struct arena *a, const response *out)
{
	struct text wire = guard_pack(a, &out->base);
	uint32_t size = htole32((uint32_t)wire.size);

	CHECK(fwrite(&size, sizeof(size), 1, stdout) == 1);
	CHECK(fwrite(wire.data, 1, wire.size, stdout) == wire.size);
	CHECK(fflush(stdout) == 0);
}

int main(int count, char **arguments)
{
	struct text wire;

	if (count != 1) {
		fprintf(stderr,
			"usage: %s: ConformanceRequests on standard input, each behind its "
			"length in four bytes\n",
			arguments[0]);
		return 2;
	}
	for (struct arena *a = arena_new(0);; arena_clear(a)) {
		response out = CONFORMANCE__CONFORMANCE_RESPONSE__INIT;

		if (!read_request(a, &wire)) {
			arena_free(&a);
			return 0;
		}
		answer(a, wire, &out);
		write_response(a, &out);
	}
}
