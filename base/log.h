/*
 * Log: one structured line an event on standard error, in logfmt:
 *   time=2026-11-21T20:49:00.123Z level=info event="server started" address=127.0.0.1:50051
 * Values are quoted and escaped where they need it. Any thread. Never give it a secret.
 */
#ifndef JUNCTION_BASE_LOG_H
#define JUNCTION_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);                      /* any time */
enum log_level log_level_now(void);                            /* the least that is logged */
bool log_level_named(const char *name, enum log_level *level); /* "debug" "info" "warn" "error" */
const char *log_level_name(enum log_level level);

/* Of which calls or requests a line is logged. */
enum log_access { LOG_ACCESS_ALL, LOG_ACCESS_ERRORS, LOG_ACCESS_NONE };
bool log_access_named(const char *name, enum log_access *access); /* "all" "errors" "none" */
/* What a caller may have made as long as it likes, cut for a line. */
#define LOG_VALUE_MAX       256
#define LOG_CUT(key, slice) LOG_SLICE(key, text_until((slice), LOG_VALUE_MAX))

struct log_field {
	const char *key;
	struct text value;
};

/* log_event(LOG_INFO, "call failed", LOG_TEXT("trace", id), LOG_NUMBER("ms", 12)); */
#define LOG_TEXT(key, string) ((struct log_field){(key), text_of(string)})
#define LOG_SLICE(key, slice) ((struct log_field){(key), (slice)})
/* Formats into a buffer of the enclosing block. */
#define LOG_NUMBER(key, number) ((struct log_field){(key), log_number((char[24]){0}, (number))})
/* The fields of an event that is not to be logged are not made. */
#define log_event(level, event, ...)                                                               \
	(!log_wants(level) ? (void)0                                                               \
			   : log_write((level), (event),                                           \
				     (const struct log_field[]){{"", {0}}, ##__VA_ARGS__},         \
				     sizeof((struct log_field[]){{"", {0}}, ##__VA_ARGS__}) /      \
					     sizeof(struct log_field)))

bool log_wants(enum log_level level); /* such events are logged now */

struct text log_number(char buffer[24], int64_t number);
/* fields[0] is unused. */
void log_write(
	enum log_level level, const char *event, const struct log_field *fields, size_t count);

#endif
