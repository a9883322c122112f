/*
 * GraphQL: what an endpoint can be asked, as actions that Call can call.
 *
 * The schema is asked for by introspection; each field of the query and the mutation type becomes
 * an action of that name, POST to the endpoint's path, whose params are its arguments (name to
 * {"type": of JSON or "any", "items": of a list, "required", "graphql": "[ID!]"}), and whose data
 * is {"graphql": DOCUMENT}: an operation with a variable for each argument that selects what needs
 * no argument: the scalars and enums of the answer, and of what is in it down to GRAPHQL_DEPTH
 * levels, or fewer if the document would be larger than 16 KiB. Of interfaces and unions, and where
 * there is nothing else, it selects __typename. Call sends {"query": DOCUMENT, "variables": its
 * body} then.
 *
 * Left out: what is deprecated, what cannot be understood, and what is beyond GRAPHQL_ACTIONS_MAX.
 *
 * Pure; any thread; everything lives in the arena.
 */
#ifndef JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_H
#define JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_H

#include "base/arena.h"
#include "base/status.h"

#define GRAPHQL_DEPTH       2
#define GRAPHQL_ACTIONS_MAX 1000

/* The body of the question: {"query": "...", "operationName": "IntrospectionQuery"}. */
extern const char graphql_introspection[];

struct graphql_action {
	/* The field's; of a mutation whose name a query has, "mutation.NAME". No two are equal but
	 * for their case: a second one has "-2" behind it. */
	struct text name;
	struct text params; /* JSON object */
	struct text data;   /* JSON object */
	bool mutation;
};

/* The answer's body. False with the status: it is no introspection (INVALID_ARGUMENT), the endpoint
 * does not answer it (UNAVAILABLE, with what it says), or it is too large (RESOURCE_EXHAUSTED). */
bool graphql_read(struct arena *a, struct text answer, const struct graphql_action **actions,
	size_t *count, struct status *status);

#endif
