/*
 * Client key: the application that the built-in client authentication lets in, and what FATE Flow's
 * clients sign their requests with (HMAC-SHA1). Set once at start; any thread.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_CLIENT_KEY_H
#define JUNCTION_SERVER_AUTH_HOOK_CLIENT_KEY_H

#include "base/json.h"

/* What is signed. */
struct client_request {
	struct text timestamp, nonce, app_key; /* headers */
	struct text path;                      /* with "?" and query */
	struct text body;                      /* empty if it is no JSON, or nothing */
	const struct json *form;               /* an object of strings and numbers; NULL: none */
};

/* Both NULL: there is no application. The secret is the file's text without the end of its last
 * line. False, with a sentence on standard error, if it cannot be read or is empty. */
bool client_key_start(const char *app_key, const char *secret_file);
void client_key_stop(void);
/* Empty if there is none. */
struct text client_key_app(void);
struct text client_key_secret(void);

/* The signature by that secret, in base64. */
struct text client_key_hmac(
	struct arena *a, struct text secret, const struct client_request *request);
/* Takes as long wherever they differ. */
bool client_key_equal(struct text a, struct text b);

#endif
