/*
 * Document: what the bridge knows of its API, for people and for programs: the OpenAPI document and
 * a page that shows it, the .proto files, the descriptor set. Each is one URI, answered by the
 * bridge itself, with an ETag of its content. Built once, then read by any thread.
 */
#ifndef JUNCTION_BRIDGE_DOCUMENT_H
#define JUNCTION_BRIDGE_DOCUMENT_H

#include "bridge/reply.h"
#include "bridge/route.h"

struct document;
struct documents;

struct documents *documents_new(void);
void documents_free(struct documents **d);

/* The documents outlive the router. */
void documents_add_routes(const struct documents *d, struct router *router);

/* The document that a method of the router stands for, or NULL. d may be NULL. */
const struct document *documents_find(const struct documents *d, const struct api_method *method);

/* if_none_match: the header's value, or empty. */
void document_reply(const struct document *d, struct text if_none_match, struct reply *r);

#endif
