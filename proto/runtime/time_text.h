/*
 * Times as text: google.protobuf.Timestamp and Duration, "1972-01-01T10:00:20.021Z", "-1.5s", and
 * times as people and programs write them. Each function gives NULL or the rule that is broken. Any
 * thread.
 */
#ifndef JUNCTION_PROTO_RUNTIME_TIME_TEXT_H
#define JUNCTION_PROTO_RUNTIME_TIME_TEXT_H

#include "base/arena.h"

const char *timestamp_from_text(struct text text, int64_t *seconds, int32_t *nanos);
const char *duration_from_text(struct text text, int64_t *seconds, int32_t *nanos);
/* Milliseconds since 1970; or ISO 8601's date, or date and time parted by "T" or a blank, down to
 * the minute at least: "2026-11-22 08:30:00", "2026-11-22T08:30:00.5+08:00". Without an offset it
 * is of the process's time zone. Of the years 1 to 9999. */
const char *moment_from_text(struct text text, int64_t *unix_ms);
/* Append the text in quotes, with 0, 3, 6 or 9 digits of a second; nothing if a rule is broken. */
const char *timestamp_to_text(struct buffer *out, int64_t seconds, int32_t nanos);
const char *duration_to_text(struct buffer *out, int64_t seconds, int32_t nanos);

#endif
