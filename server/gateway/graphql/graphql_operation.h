/*
 * GraphQL operation: a field of the query or mutation type as params and data of an action; between
 * the sources of graphql.h only. Pure; any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_OPERATION_H
#define JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_OPERATION_H

#include "server/gateway/graphql/graphql.h"
#include "server/gateway/graphql/graphql_schema.h"

/* Params and data of the action, in the arena; scratch: for the document, emptied first. False: it
 * cannot be asked, as it is not understood, or would be too large. */
bool graphql_operation_write(struct arena *a, struct buffer *scratch,
	const struct graphql_schema *schema, const struct json *field,
	struct graphql_action *action);

#endif
