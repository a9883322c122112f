/*
 * OpenAPI: the parts of the document that apigen makes of the schema: what a caller of a route
 * sends and gets as bridge/request.c and bridge/reply.c read and write it. Internal to apigen; one
 * thread; all text lives in the arena.
 *
 * JSON is appended to out. Constant pieces are written with ' in place of ".
 */
#ifndef JUNCTION_PROTO_APIGEN_OPENAPI_H
#define JUNCTION_PROTO_APIGEN_OPENAPI_H

#include "base/json.h"
#include "proto/apigen/schema.h"

/* How 64-bit integers are written: as strings on native routes, as numbers on documented ones. */
enum openapi_form { FORM_NATIVE, FORM_NUMBERS, FORM_COUNT };

/* What is known of a message's schema. */
struct openapi_mark {
	bool used[FORM_COUNT];
	bool wide; /* a 64-bit integer is in it, so that its forms differ */
};

struct openapi {
	struct arena *arena;
	const struct schema *schema;
	const struct json *frame;
	struct buffer out;
	struct openapi_mark *marks;   /* of schema->messages[i] */
	struct openapi_mark *current; /* of the message whose schema is being written, or NULL */
	bool streams;                 /* some route answers with a stream */
	bool changed;                 /* some mark was, since this was cleared */
};

/* --- writing -------------------------------------------------------------------------------- */

/* Appends constant members or a value, after a comma where one is due. */
void openapi_add(struct openapi *o, const char *json);
/* Appends "name": and what opens its value: "{", "[" or "". */
void openapi_open(struct openapi *o, const char *name, const char *opening);
/* Appends an element that opens with { or [. */
void openapi_element(struct openapi *o, const char *opening);
void openapi_close(struct openapi *o, const char *closing);
void openapi_string(struct openapi *o, const char *name, struct text value);
/* "description" from a comment; nothing if there is none. */
void openapi_describe(struct openapi *o, const char *comment);

/* --- schemas -------------------------------------------------------------------------------- */

/* The members of a schema, without braces. A message is referred to, and marked as used. */
void openapi_message(struct openapi *o, const struct message *m, enum openapi_form form);
void openapi_field(struct openapi *o, const struct field *f, enum openapi_form form);
/* Likewise of an object with m's fields, without those that the list of proto names holds. */
void openapi_object(struct openapi *o, const struct message *m, enum openapi_form form,
	const struct text *without, size_t without_count);
bool openapi_is_required(struct openapi *o, const struct field *f);
/* Whether the field is written as one JSON string, number or truth value, or a list of them. */
bool openapi_is_plain(const struct field *f);
/* "name":{...} for every message that is marked. */
void openapi_components(struct openapi *o);

/* --- routes --------------------------------------------------------------------------------- */

/* Where m's fields come from besides the body, as the list "parameters". */
void openapi_parameters(struct openapi *o, const struct method *m, const struct route *r);
void openapi_request(struct openapi *o, const struct method *m, const struct route *r);
void openapi_responses(struct openapi *o, const struct method *m, const struct route *r);

/* The variables of a path, in order. */
size_t openapi_variables(const char *path, struct text *names, size_t room);
enum { OPENAPI_VARIABLES = 8 };

/* --- what does not depend on the schema ----------------------------------------------------- */

/* Members of a group of frame.json: info, tag, paths, schemas, streamSchemas, responses,
 * securitySchemes or parameters. */
void openapi_frame(struct openapi *o, const char *group);

#endif
