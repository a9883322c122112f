/*
 * Shapes of Call: from its request to the HTTP request that goes upstream, and from the upstream's
 * answer back. Pure functions; what they make lives in the arena. Those that return bool or NULL
 * have set the status, INVALID_ARGUMENT with the field's path.
 */
#ifndef JUNCTION_SERVER_REGISTRY_CALL_SHAPE_H
#define JUNCTION_SERVER_REGISTRY_CALL_SHAPE_H

#include "base/json.h"
#include "server/lane/fetch.h"

/* A growing list of request headers. Starts as {.arena = a}. */
struct header_list {
	struct buffer items; /* of struct fetch_header */
};
void header_add(struct header_list *list, const char *name, struct text value);
/* NULL: there is none; name in any case. */
const struct fetch_header *header_find(const struct header_list *list, const char *name);
bool header_has(const struct header_list *list, const char *name);
const struct fetch_header *header_items(const struct header_list *list, size_t *count);

/* Upper-cased; NULL if it is none of GET HEAD POST PUT PATCH DELETE OPTIONS. */
const char *call_method(struct text method);

/* A JSON object, or a string that holds one; an empty one or null is *object NULL. */
bool call_object(struct arena *a, const char *field, struct text text, const struct json **object,
	struct status *status);

/* The URL with the object's members as its query: a list repeats its name, an object goes as its
 * JSON text, null is left out. What may not stand in a URL is percent-encoded. */
char *call_url(struct arena *a, struct text url, const struct json *param);

/* Adds the object's members. */
bool call_headers(struct arena *a, const struct json *object, struct header_list *list,
	struct status *status);

/* The bytes to send, data NULL for none, and what they are. */
struct text call_body(struct arena *a, struct text body, const char **content_type);

/* Of an action of a GraphQL endpoint: the operation that its data has, with the body as variables
 * as it was sent, or the object if there is no body. */
bool call_graphql(struct arena *a, struct text data, struct text body, const struct json *param,
	struct text *request, struct status *status);

/* "success", or the upstream's reason, or what the status means. */
const char *call_message(struct arena *a, const struct fetch_response *response);
/* The header's value; "" if there is none, or one that is not ASCII or beyond 1024 bytes. */
const char *call_content_type(struct arena *a, const struct fetch_response *response);
/* The body as JSON; body ends in NUL. */
const char *call_result(struct arena *a, struct text body);

#endif
