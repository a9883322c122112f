/*
 * Client body: the body of an HTTP request as FATE Flow's clients and hooks know it: JSON, or a
 * form, or neither. Any thread; lives in the arena, and points into the bytes.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_CLIENT_BODY_H
#define JUNCTION_SERVER_AUTH_HOOK_CLIENT_BODY_H

#include "base/json.h"

enum { CLIENT_FORM_MAX = 1000 }; /* fields of a form */

struct client_body {
	const struct json
		*json; /* what Junction's own routes read, whatever type it is said to be */
	const struct json
		*form; /* an object of strings, of names that come twice the first; NULL */
	bool blank;    /* there is none to speak of */
};

/* type: Content-Type. False: it says that it is a form, and it is none, or too large a one. */
bool client_body_read(
	struct arena *a, struct text bytes, struct text type, struct client_body *body);

#endif
