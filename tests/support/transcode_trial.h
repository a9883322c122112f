/*
 * Trial: one message between JSON and its struct, for the unit tests of proto/runtime. Everything
 * made lives in the test's arena. A failed expectation fails the running test. After cmocka.h.
 */
#ifndef JUNCTION_TESTS_SUPPORT_TRANSCODE_TRIAL_H
#define JUNCTION_TESTS_SUPPORT_TRANSCODE_TRIAL_H

#include "proto/runtime/transcode.h"
#include "tests/support/scalars.h"

static struct arena *arena;
static struct status status;
static const struct transcode_options lenient = {0};
static const struct transcode_options strict = {.refuse_unknown = true};
static const struct transcode_options documented = {.int64_as_number = true};

#define SERVICE        "junction.v1.RegisterServiceRequest"
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static inline int set_up(void **state)
{
	arena = arena_new(0);
	status = (struct status){0};
	return 0;
}

static inline int tear_down(void **state)
{
	arena_free(&arena);
	return 0;
}

static inline const struct api_message *type_named(const char *name)
{
	const struct api_message *type = api_message_named(name);

	assert_non_null(type);
	return type;
}

static inline const struct json *parsed(const char *json)
{
	const struct json *value = json_read(arena, text_of(json), &status);

	if (!value)
		fail_msg("%s: %s", json, status.message);
	return value;
}

static inline void *message_of(const struct api_message *type, const char *json)
{
	ProtobufCMessage *message = message_new(arena, type);

	if (!message_from_json(arena, type, parsed(json), &strict, message, &status))
		fail_msg("%s: %s", json, status.message);
	return message;
}

static inline const char *json_of(const struct api_message *type, const void *message)
{
	struct buffer out = {.arena = arena};

	if (!message_to_json(&out, type, message, &documented, &status))
		fail_msg("%s", status.message);
	return arena_string(arena, buffer_text(&out));
}

static inline void assert_json(const struct api_message *type, const char *in, const char *out)
{
	assert_string_equal(json_of(type, message_of(type, in)), out);
}

static inline void assert_refused(
	const struct api_message *type, const char *json, const char *reason)
{
	status = (struct status){0};
	assert_false(message_from_json(
		arena, type, parsed(json), &strict, message_new(arena, type), &status));
	assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
	assert_string_equal(status.message, reason);
}

static inline void assert_registry_refused(
	const char *message, const char *json, const char *reason)
{
	assert_refused(type_named(message), json, reason);
}

/* One field of Scalars, read from JSON and written again. */
static inline const char *field_of(
	const char *json, const char *name, const struct transcode_options *options)
{
	struct buffer out = {.arena = arena};
	int field = message_field_named(&scalars_type, text_of(name));

	assert_true(field >= 0);
	assert_true(message_field_to_json(&out, &scalars_type, (unsigned)field,
		message_of(&scalars_type, json), options, &status));
	return arena_string(arena, buffer_text(&out));
}

#endif
