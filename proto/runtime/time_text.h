/*
 * google.protobuf.Timestamp and Duration as text: "1972-01-01T10:00:20.021Z", "-1.5s". Each
 * function gives NULL or the rule that is broken. Internal to proto/runtime; any thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_TIME_TEXT_H
#define JUNCTION_PROTO_RUNTIME_TIME_TEXT_H

#include "base/arena.h"

const char *timestamp_from_text(struct text text, int64_t *seconds, int32_t *nanos);
const char *duration_from_text(struct text text, int64_t *seconds, int32_t *nanos);
/* Append the text in quotes, with 0, 3, 6 or 9 digits of a second; nothing if a rule is broken. */
const char *timestamp_to_text(struct buffer *out, int64_t seconds, int32_t nanos);
const char *duration_to_text(struct buffer *out, int64_t seconds, int32_t nanos);

#endif
