/*
 * Status: how a call ended, in gRPC's codes. The message names the field and the rule. Texts
 * belong to the arena of whoever set them.
 */
#ifndef JUNCTION_BASE_STATUS_H
#define JUNCTION_BASE_STATUS_H

#include "base/arena.h"

enum status_code {
	STATUS_OK = 0,
	STATUS_CANCELLED = 1,
	STATUS_UNKNOWN = 2,
	STATUS_INVALID_ARGUMENT = 3,
	STATUS_DEADLINE_EXCEEDED = 4,
	STATUS_NOT_FOUND = 5,
	STATUS_ALREADY_EXISTS = 6,
	STATUS_PERMISSION_DENIED = 7,
	STATUS_RESOURCE_EXHAUSTED = 8,
	STATUS_FAILED_PRECONDITION = 9,
	STATUS_ABORTED = 10,
	STATUS_OUT_OF_RANGE = 11,
	STATUS_UNIMPLEMENTED = 12,
	STATUS_INTERNAL = 13,
	STATUS_UNAVAILABLE = 14,
	STATUS_DATA_LOSS = 15,
	STATUS_UNAUTHENTICATED = 16,
};

/* With this message, and UNAUTHENTICATED, a token is refused before anything was done. */
#define STATUS_TOKEN_REFUSED "the token is not valid"

struct status {
	enum status_code code;
	const char *message; /* "" if OK; UTF-8 */
	const char *field;   /* path of the offending field for INVALID_ARGUMENT, else NULL */
	int64_t remote_code; /* the number that a third party refused with; 0: none */
	int64_t retry_ms;    /* when it may be tried again, if that is known; 0: it is not */
};

const char *status_name(enum status_code code); /* "INVALID_ARGUMENT"; "UNKNOWN" if out of range */

/* Sets the reason, message in arena a. Returns false, so that a function can end with
 * `return status_set(...)`. */
bool status_set(struct status *s, struct arena *a, enum status_code code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* INVALID_ARGUMENT about one field; the message becomes "field: rule". */
bool status_field(struct status *s, struct arena *a, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
