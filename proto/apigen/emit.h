/*
 * Emit: what apigen makes of the schema, as text. One function is one file; names that C code is
 * to know are made here.
 */
#ifndef JUNCTION_PROTO_APIGEN_EMIT_H
#define JUNCTION_PROTO_APIGEN_EMIT_H

#include "proto/apigen/schema.h"

/* The tables of proto/runtime/api.h, and their indices. */
struct text emit_api_header(struct arena *a, const struct schema *s);
struct text emit_api_source(struct arena *a, const struct schema *s);
/* api_descriptor_set, from the bytes of the set. */
struct text emit_set_source(struct arena *a, struct text set);
/* The OpenAPI document of all routes, JSON. */
struct text emit_openapi(struct arena *a, const struct schema *s);
/* api_openapi and api_files; sources[i] is that of the set's file i. */
struct text emit_documents_source(
	struct arena *a, const struct schema *s, struct text openapi, const struct text *sources);
/* api_method_help and api_message_help. */
struct text emit_help_source(struct arena *a, const struct schema *s);
/* The server's first steps: one function per method of ours, which some file has to define. */
struct text emit_steps_header(struct arena *a, const struct schema *s);
struct text emit_steps_source(struct arena *a, const struct schema *s);

/* Appends a C string literal. */
void emit_string(struct buffer *out, const char *string);

#define EMIT_NOTICE "/* Made by apigen from the .proto files. */\n"

#endif
