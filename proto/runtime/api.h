/*
 * The API as data: what apigen makes of the .proto files. Constant tables, any thread.
 *
 * A struct api_message stands beside protobuf-c's descriptor of the same message and adds what
 * that does not know: JSON names, raw JSON fields, maps. fields[i] belongs to
 * descriptor->fields[i].
 */
#ifndef JUNCTION_PROTO_RUNTIME_API_H
#define JUNCTION_PROTO_RUNTIME_API_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum api_field_flag {
	API_RAW_JSON = 1,        /* string that holds JSON text */
	API_MAP = 2,             /* repeated map entries: message has fields key = 1, value = 2 */
	API_ONE_OR_MANY = 4,     /* repeated; JSON may give a single value */
	API_OPTIONAL = 8,        /* has presence through a oneof of its own (proto3 optional) */
	API_NULL = 16,           /* of enum google.protobuf.NullValue: JSON null */
	API_NUMBER_AS_TEXT = 32, /* string; JSON may give a number, kept as it is written */
	API_REST = 64, /* raw JSON, an object of the members that are no other field's; no member
			  of its own */
	API_OMIT_EMPTY = 128, /* repeated; left out of JSON while it is empty */
};

/* What a message is in JSON. */
enum api_kind {
	API_OBJECT, /* an object of its fields */
	API_ANY,    /* google.protobuf.Any, and so on */
	API_TIMESTAMP,
	API_DURATION,
	API_FIELD_MASK,
	API_STRUCT,
	API_VALUE,
	API_LIST_VALUE,
	API_WRAPPER /* of its one field: google.protobuf.Int32Value and its like */
};

struct api_message;

struct api_field {
	const char *json_name;
	const char *second_name; /* written beside json_name, accepted like it; NULL */
	unsigned flags;
	const struct api_message *message; /* of a message field, else NULL */
	const char *header; /* the HTTP header that it is taken from, in any case; NULL */
};

struct api_message {
	const ProtobufCMessageDescriptor *descriptor;
	const struct api_field *fields;
	enum api_kind kind;
};

/* Values as in junction/v1/options.proto. */
enum api_profile {
	API_NATIVE = 0,
	API_FATE = 1,
	API_MW = 2,
	API_LIST = 3,
	API_HOOK = 4,
	API_READER = 5,
	API_EXTENSION = 6,
	API_LOG = 7,
	API_MW_NUMBER = 8,
	API_GATEWAY = 9
};
enum api_access {
	API_ACCESS_NONE = 0,
	API_ACCESS_READ = 1,
	API_ACCESS_WRITE = 2,
	API_ACCESS_CALL = 3,
	API_ACCESS_ADMIN = 4,
	API_ACCESS_AUDIT = 5,
	API_ACCESS_PUBLIC = 6,
	API_ACCESS_KNOWN = 7
};

enum { API_BODY_NONE = -2, API_BODY_ALL = -1 };

/* One URI of a method. */
struct api_route {
	const char *verb; /* "GET" */
	const char *path; /* "/v1/server/{server_name}/get": literals and {field} segments */
	int body; /* API_BODY_NONE, API_BODY_ALL, or index of the field that takes the body */
	int response_body; /* API_BODY_ALL, or index of the field that is the answer */
};

/* The second form of a body: see BulkForm in options.proto. */
struct api_bulk {
	int field; /* index of the map field in the input */
	const char *unless_member;
	const char *value_member;
};

struct api_method {
	const char *service; /* "junction.v1.Registry" */
	const char *name;    /* "GetServer" */
	const char *path;    /* "/junction.v1.Registry/GetServer" */
	const struct api_message *input, *output;
	bool client_streaming, server_streaming;
	enum api_profile profile;
	enum api_access access;
	bool checks_target;
	bool refuse_unknown;
	bool page;                   /* its bytes are a page of Junction's own */
	const struct api_bulk *bulk; /* NULL */
	/* Of a server stream: index of the output's field that is the id of a server-sent event,
	 * and of the input's that takes Last-Event-ID; -1: none. */
	int event_id, resume;
	const struct api_route *routes;
	size_t route_count;
};

/* All methods, google's and grpc's own included; ordered as in the descriptor set. The generated
 * header api.gen.h has an index for each: API_REGISTRY_GET_SERVER. */
extern const struct api_method api_methods[];
extern const size_t api_method_count;

/* All messages, by name. */
extern const struct api_message api_messages[];
extern const size_t api_message_count;

/* The true schema: a serialized google.protobuf.FileDescriptorSet with all imports. */
extern const struct text api_descriptor_set;

/* The OpenAPI 3.1 document of all routes, JSON. */
extern const struct text api_openapi;

/* The .proto files that the API consists of, imports included, by name as in an import. */
struct api_file {
	const char *name;
	struct text source;
};

extern const struct api_file api_files[];
extern const size_t api_file_count;

/* What the .proto files say of each method, and of each field of each message (NULL: it has none),
 * in the order of the tables above; paragraphs are parted by an empty line. Only in a program that
 * links help.gen.c. */
extern const char *const api_method_help[];
extern const char *const *const api_message_help[];

/* The message of that full name ("junction.v1.GetServerRequest"), or NULL. */
const struct api_message *api_message_named(const char *name);

#endif
