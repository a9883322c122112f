/*
 * Client check: whether a request bears the headers of FATE Flow's own scheme (TIMESTAMP, NONCE,
 * APP_KEY, SIGNATURE), by an access key of an application or by the key of --client-app-key. Each
 * nonce is good once. Everything lives in the call's arena.
 */
#ifndef JUNCTION_SERVER_AUTH_HOOK_CLIENT_CHECK_H
#define JUNCTION_SERVER_AUTH_HOOK_CLIENT_CHECK_H

#include "server/auth/hook/client_key.h"
#include "server/call.h"

struct client_check {
	struct client_request request;
	struct text signature; /* header */
	/* On the work pool: sets body and form. False: they are not what a client sends. */
	bool (*read)(struct call *c, struct client_request *request);
	/* One of them ends the call. */
	enum next (*passed)(struct call *c, const struct client_check *check);
	enum next (*refused)(struct call *c, const struct client_check *check);

	/* By client_check_find(). */
	bool known;              /* there is such a key */
	bool good;               /* and it may be used */
	struct text application; /* whose it is */
	struct text secret;

	/* The module's own. */
	int64_t timestamp; /* milliseconds */
	bool genuine;
};

/* Of a JSON object; what is missing is empty. "-" is "_" in their names, and case does not count;
 * one that is given in two spellings is missing. */
void client_check_headers(struct client_check *check, const struct json *headers);
/* Looks for the key that the headers name. */
void client_check_find(struct call *c, struct client_check *check);
/* Ends a step, in passed or refused; UNAVAILABLE if PostgreSQL does not answer. The request's path
 * is set. Uses c->state. */
enum next client_check(struct call *c, struct client_check *check);

/* What whoever is refused is told, whatever is wrong. */
#define CLIENT_CHECK_REFUSED "signature authentication failed"

/* What Python takes for false: such a body is not signed. */
bool client_check_is_nothing(const struct json *value);

#endif
