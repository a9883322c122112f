/*
 * Schema: a google.protobuf.FileDescriptorSet as apigen looks at it: methods, messages and fields
 * with their options read, types resolved and places in the .proto files known. Everything lives
 * in the arena given to schema_read(); one thread. "Ours" is what stands in package junction.v1.
 */
#ifndef JUNCTION_PROTO_APIGEN_SCHEMA_H
#define JUNCTION_PROTO_APIGEN_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "google/api/http.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "junction/v1/options.pb-c.h"

#define OUR_PACKAGE "junction.v1"

/* FIELD_TYPE(STRING) */
#define FIELD_TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* Where something stands. */
struct place {
	const char *file;
	int line;            /* from 1; 0 if the set has no source info */
	const char *comment; /* the one right before it; "" if there is none */
};

struct field {
	const Google__Protobuf__FieldDescriptorProto *proto;
	const Junction__V1__FieldRule *rule; /* of fields without one: all defaults */
	const struct message *type;          /* of a message field, else NULL */
	struct place place;
};

struct message {
	const char *name;   /* "junction.v1.GetServerRequest" */
	const char *symbol; /* "registry__get_server_request", as protobuf-c calls it */
	const Google__Protobuf__DescriptorProto *proto;
	struct field *fields; /* by number, as protobuf-c orders them */
	size_t field_count;
	struct place place;
};

struct route {
	const char *verb, *path;
	const char *body, *response_body; /* as in google.api.HttpRule, "" if not given */
};

struct method {
	const char *service; /* "junction.v1.Registry" */
	const char *name;    /* "GetServer" */
	const char *title;   /* "Registry.GetServer"; of others with their package */
	const char *symbol;  /* "registry_get_server", the title in snake_case */
	bool ours;
	const Google__Protobuf__MethodDescriptorProto *proto;
	const struct message *input, *output;
	const Junction__V1__MethodRule *rule; /* of methods without one: all defaults */
	struct route *routes;
	size_t route_count;
	struct place place;
};

/* Anything that has a name of its own. */
struct item {
	const char *kind; /* "message" */
	const char *name;
	bool ours;
	struct place place;
};

struct schema {
	Google__Protobuf__FileDescriptorSet *set;
	struct message *messages; /* by name */
	size_t message_count;
	struct method *methods; /* as they stand in the set */
	size_t method_count;
	struct item *items;
	size_t item_count;
};

/* NULL if the bytes are no descriptor set with all imports. */
struct schema *schema_read(struct arena *a, struct text bytes);

struct message *schema_message(const struct schema *s, const char *name);

/* The field of that proto name, or NULL; the second also takes "server_info.host". */
const struct field *message_field(const struct message *m, struct text name);
const struct field *message_field_at(const struct message *m, struct text path);

bool field_is_map(const struct field *f);
bool field_is_repeated(const struct field *f);

/* The c_package that protobuf-c gets for a file of ours: its base name; NULL for others. */
const char *file_c_package(struct arena *a, const Google__Protobuf__FileDescriptorProto *file);

/* "registry.GetServer" becomes "registry" separator "get_server", by protobuf-c's own rule. */
const char *name_snake(struct arena *a, const char *name, const char *separator);
const char *name_upper(struct arena *a, const char *name);

#endif
