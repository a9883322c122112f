/*
 * Canonical JSON (RFC 8785): the one form in which values that mean the same have the same bytes,
 * so that a signature over it holds however the value was written. Pure functions; any thread.
 *
 * No blanks. Members of an object in the order of their names' UTF-16 code units. Strings with the
 * shortest escapes, and only where JSON wants one. Numbers as ECMAScript prints the double that
 * they are: 1 for 1.0, 1e+30 for 1E30, 0 for -0. What cannot be said in this form is refused, and
 * the field of the status is its path: an integer, written without fraction and exponent, that
 * would come out as another one (9007199254740993), and a number beyond the range of a double
 * (1e400).
 */
#ifndef JUNCTION_BASE_JSON_CANONICAL_H
#define JUNCTION_BASE_JSON_CANONICAL_H

#include "base/json.h"

/* Appends a value that json_read() has made. root: what paths begin with. False with the status
 * INVALID_ARGUMENT, in the buffer's arena; what has been appended by then is no JSON. */
bool json_canonical(
	struct buffer *out, const struct json *value, const char *root, struct status *status);
/* Appends a finite number. */
void json_canonical_number(struct buffer *out, double number);

#endif
