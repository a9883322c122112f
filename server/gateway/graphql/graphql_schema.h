/*
 * GraphQL schema: the types of an introspection answer, with what can be selected of each; between
 * the sources of graphql.h only. Points into the answer's tree. Pure; any thread.
 */
#ifndef JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_SCHEMA_H
#define JUNCTION_SERVER_GATEWAY_GRAPHQL_GRAPHQL_SCHEMA_H

#include "base/json.h"
#include "base/table.h"

enum { GRAPHQL_NAME_MAX = 255 }; /* bytes; what has a longer one is left out */

enum graphql_kind {
	GRAPHQL_SCALAR,
	GRAPHQL_ENUM,
	GRAPHQL_INPUT_OBJECT,
	GRAPHQL_OBJECT,
	GRAPHQL_INTERFACE,
	GRAPHQL_UNION,
};

/* What a field or an argument is of: "[ID!]!". */
struct graphql_reference {
	const struct json *json;
	enum graphql_kind kind; /* of the type that it ends in */
	struct text name;       /* of that */
	unsigned lists;         /* round it */
	bool required;          /* NON_NULL outside */
};

/* False: it is none, or wrapped deeper than the answer tells. */
bool graphql_reference_read(const struct json *json, struct graphql_reference *reference);
bool graphql_reference_is_leaf(const struct graphql_reference *reference);
/* As GraphQL writes it; nullable: without the outermost "!". */
void graphql_reference_write(
	struct buffer *b, const struct graphql_reference *reference, bool nullable);

struct graphql_type;

/* A field that is an object, an interface or a union. */
struct graphql_inner {
	struct text name;
	const struct graphql_type *type;
};

struct graphql_type {
	struct text name;
	enum graphql_kind kind;
	const struct json *fields;
	/* What can be selected without arguments. */
	struct text *leaves;
	struct graphql_inner *inner;
	size_t leaf_count, inner_count;
};

struct graphql_schema {
	struct table types;                          /* of struct graphql_type; exact */
	const struct graphql_type *query, *mutation; /* NULL: there is none */
};

/* json: data.__schema. False with the status; to be cleared in any case. */
bool graphql_schema_read(struct arena *a, const struct json *json, struct graphql_schema *schema,
	struct status *status);
void graphql_schema_clear(struct graphql_schema *schema);

/* The name of a field or an argument; data NULL: it is deprecated, or its name is none. */
struct text graphql_member_name(const struct json *member);
/* It must be given, as far as the schema says. */
bool graphql_argument_required(
	const struct json *argument, const struct graphql_reference *reference);

#endif
