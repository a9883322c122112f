/*
 * grpc.reflection.v1 and v1alpha over the true schema (api_descriptor_set). Their messages are the
 * same on the wire: what v1alpha asks is read again as v1, and answered so.
 *
 * At the start each file of the set is decoded once and its names are listed; a question is
 * answered by a walk over that list, and with the very bytes of the set, so that options which this
 * program does not know arrive unchanged. The answer holds the file and, once each, all that it
 * imports. Constant after the start, so that any queue may read it.
 */
#include "server/rpc/internal.h"

#include "base/check.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "proto/runtime/guard.h"

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;
typedef Grpc__Reflection__V1__FileDescriptorResponse file_response;
typedef Grpc__Reflection__V1__ExtensionNumberResponse number_response;
typedef Grpc__Reflection__V1__ListServiceResponse list_response;
typedef Grpc__Reflection__V1__ServiceResponse service_response;
typedef Grpc__Reflection__V1__ErrorResponse error_response;

#define CASE(name)   GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

struct symbol {
	const char *name; /* full, without leading dot */
	size_t file;
};

struct extension {
	const char *extendee; /* full name of the message */
	int32_t number;
	size_t file;
};

/* An array that grows in the reflection's arena. */
struct list {
	struct buffer bytes;
	size_t count;
};

struct reflection {
	struct arena *arena;
	size_t file_count;
	const file_proto **files;
	const struct text *wires; /* of each file */
	struct list symbols;      /* struct symbol */
	struct list extensions;   /* struct extension */
};

/* --- the index -------------------------------------------------------------------------------- */

/* "scope.name", or the name alone. */
static const char *full_name(struct reflection *r, const char *scope, const char *name)
{
	return *scope ? arena_printf(r->arena, "%s.%s", scope, name) : name;
}

static const char *add_symbol(
	struct reflection *r, size_t file, const char *scope, const char *name)
{
	struct symbol s = {full_name(r, scope, name), file};
	buffer_add(&r->symbols.bytes, &s, sizeof(s));
	r->symbols.count++;
	return s.name;
}

static void add_enums(
	struct reflection *r, size_t file, const char *scope, enum_proto **enums, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_symbol(r, file, scope, enums[i]->name);
}

static void add_extensions(
	struct reflection *r, size_t file, const char *scope, field_proto **fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *extendee = fields[i]->extendee;
		struct extension e = {extendee + (*extendee == '.'), fields[i]->number, file};
		buffer_add(&r->extensions.bytes, &e, sizeof(e));
		r->extensions.count++;
		add_symbol(r, file, scope, fields[i]->name);
	}
}

static void add_messages(struct reflection *r, size_t file, const char *scope,
	message_proto **messages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const message_proto *m = messages[i];
		const char *name = add_symbol(r, file, scope, m->name);
		add_messages(r, file, name, m->nested_type, m->n_nested_type);
		add_enums(r, file, name, m->enum_type, m->n_enum_type);
		add_extensions(r, file, name, m->extension, m->n_extension);
	}
}

static void add_services(struct reflection *r, size_t file, const char *scope,
	service_proto **services, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const service_proto *s = services[i];
		const char *name = add_symbol(r, file, scope, s->name);
		for (size_t k = 0; k < s->n_method; k++)
			add_symbol(r, file, name, s->method[k]->name);
	}
}

static void add_file(struct reflection *r, size_t i)
{
	const file_proto *f = r->files[i];
	const char *scope = f->package ? f->package : "";
	add_messages(r, i, scope, f->message_type, f->n_message_type);
	add_enums(r, i, scope, f->enum_type, f->n_enum_type);
	add_extensions(r, i, scope, f->extension, f->n_extension);
	add_services(r, i, scope, f->service, f->n_service);
}

static uint64_t read_varint(const char **at, const char *end)
{
	uint64_t value = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		CHECK(*at < end);
		unsigned char byte = (unsigned char)*(*at)++;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value;
	}
	return value;
}

/* The next file of the set: field 1, length-delimited, is all that a set has. */
static struct text next_file(const char **at, const char *end)
{
	CHECK(read_varint(at, end) == (1 << 3 | 2));
	size_t size = read_varint(at, end);
	CHECK(size <= (size_t)(end - *at));
	struct text wire = {*at, size};
	*at += size;
	return wire;
}

struct reflection *reflection_new(void)
{
	struct arena *a = arena_new(0);
	struct reflection *r = ARENA_NEW(a, struct reflection);
	struct buffer wires = {.arena = a};
	const char *at = api_descriptor_set.data, *end = at + api_descriptor_set.size;
	r->arena = a;
	r->symbols.bytes.arena = r->extensions.bytes.arena = a;
	for (; at < end; r->file_count++) {
		struct text wire = next_file(&at, end);
		buffer_add(&wires, &wire, sizeof(wire));
	}
	r->wires = (const struct text *)wires.data;
	r->files = arena_array(a, r->file_count, sizeof(*r->files));
	for (size_t i = 0; i < r->file_count; i++) {
		struct status status = {.message = ""};
		r->files[i] = (const file_proto *)guard_unpack(a,
			&google__protobuf__file_descriptor_proto__descriptor, r->wires[i], &status);
		CHECK(r->files[i] && r->files[i]->name);
		add_file(r, i);
	}
	return r;
}

void reflection_free(struct reflection **r)
{
	struct arena *a = *r ? (*r)->arena : NULL;
	arena_free(&a);
	*r = NULL;
}

/* --- finding: the index of a file, or file_count ---------------------------------------------- */

static size_t file_named(const struct reflection *r, const char *name)
{
	size_t i = 0;
	while (i < r->file_count && strcmp(r->files[i]->name, name) != 0)
		i++;
	return i;
}

static size_t file_of_symbol(const struct reflection *r, const char *name)
{
	const struct symbol *symbols = (const struct symbol *)r->symbols.bytes.data;
	for (size_t i = 0; i < r->symbols.count; i++)
		if (strcmp(symbols[i].name, name) == 0)
			return symbols[i].file;
	return r->file_count;
}

static size_t file_of_extension(const struct reflection *r, const char *extendee, int32_t number)
{
	const struct extension *all = (const struct extension *)r->extensions.bytes.data;
	for (size_t i = 0; i < r->extensions.count; i++)
		if (all[i].number == number && strcmp(all[i].extendee, extendee) == 0)
			return all[i].file;
	return r->file_count;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void answer_error(struct arena *a, response *out, enum status_code code, const char *message)
{
	error_response *error = ARENA_NEW(a, error_response);
	grpc__reflection__v1__error_response__init(error);
	error->error_code = (int32_t)code;
	error->error_message = (char *)message;
	out->message_response_case = ANSWER(ERROR_RESPONSE);
	out->error_response = error;
}

/* The file, then what it imports. */
static void add_with_imports(const struct reflection *r, size_t i, bool *seen, file_response *out)
{
	if (i == r->file_count || seen[i])
		return;
	seen[i] = true;
	out->file_descriptor_proto[out->n_file_descriptor_proto++] =
		(ProtobufCBinaryData){r->wires[i].size, (uint8_t *)r->wires[i].data};
	for (size_t k = 0; k < r->files[i]->n_dependency; k++)
		add_with_imports(r, file_named(r, r->files[i]->dependency[k]), seen, out);
}

static void answer_file(
	const struct reflection *r, struct arena *a, size_t file, const char *asked, response *out)
{
	if (file == r->file_count) {
		answer_error(a, out, STATUS_NOT_FOUND, arena_printf(a, "not found: %s", asked));
		return;
	}
	file_response *files = ARENA_NEW(a, file_response);
	grpc__reflection__v1__file_descriptor_response__init(files);
	files->file_descriptor_proto =
		arena_array(a, r->file_count, sizeof(*files->file_descriptor_proto));
	add_with_imports(r, file, arena_array(a, r->file_count, sizeof(bool)), files);
	out->message_response_case = ANSWER(FILE_DESCRIPTOR_RESPONSE);
	out->file_descriptor_response = files;
}

static void answer_numbers(const struct reflection *r, struct arena *a, char *type, response *out)
{
	const struct extension *all = (const struct extension *)r->extensions.bytes.data;
	number_response *numbers = ARENA_NEW(a, number_response);
	grpc__reflection__v1__extension_number_response__init(numbers);
	numbers->base_type_name = type;
	numbers->extension_number = arena_array(a, r->extensions.count, sizeof(int32_t));
	for (size_t i = 0; i < r->extensions.count; i++)
		if (strcmp(all[i].extendee, type) == 0)
			numbers->extension_number[numbers->n_extension_number++] = all[i].number;
	if (file_of_symbol(r, type) == r->file_count) {
		answer_error(a, out, STATUS_NOT_FOUND, arena_printf(a, "not found: %s", type));
		return;
	}
	out->message_response_case = ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE);
	out->all_extension_numbers_response = numbers;
}

static void answer_services(const char **names, struct arena *a, response *out)
{
	list_response *list = ARENA_NEW(a, list_response);
	grpc__reflection__v1__list_service_response__init(list);
	while (names[list->n_service])
		list->n_service++;
	list->service = arena_array(a, list->n_service, sizeof(*list->service));
	for (size_t i = 0; i < list->n_service; i++) {
		list->service[i] = ARENA_NEW(a, service_response);
		grpc__reflection__v1__service_response__init(list->service[i]);
		list->service[i]->name = (char *)names[i];
	}
	out->message_response_case = ANSWER(LIST_SERVICES_RESPONSE);
	out->list_services_response = list;
}

static void fill(struct rpc *rpc, struct arena *a, request *in, response *out)
{
	const struct reflection *r = rpc->reflection;
	switch (in->message_request_case) {
	case CASE(FILE_BY_FILENAME):
		answer_file(r, a, file_named(r, in->file_by_filename), in->file_by_filename, out);
		break;
	case CASE(FILE_CONTAINING_SYMBOL):
		answer_file(r, a, file_of_symbol(r, in->file_containing_symbol),
			in->file_containing_symbol, out);
		break;
	case CASE(FILE_CONTAINING_EXTENSION): {
		const Grpc__Reflection__V1__ExtensionRequest *e = in->file_containing_extension;
		answer_file(r, a, file_of_extension(r, e->containing_type, e->extension_number),
			arena_printf(a, "%s %d", e->containing_type, e->extension_number), out);
		break;
	}
	case CASE(ALL_EXTENSION_NUMBERS_OF_TYPE):
		answer_numbers(r, a, in->all_extension_numbers_of_type, out);
		break;
	case CASE(LIST_SERVICES):
		answer_services(rpc->services, a, out);
		break;
	default:
		answer_error(a, out, STATUS_INVALID_ARGUMENT, "the request asks for nothing");
	}
}

static enum next answer(struct call *c)
{
	if (!c->request)
		return stream_end(c);
	response out = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	out.original_request = (request *)guard_unpack(c->turn,
		&grpc__reflection__v1__server_reflection_request__descriptor,
		guard_pack(c->turn, c->request), &c->status);
	if (!out.original_request)
		return failed(c);
	out.valid_host = out.original_request->host;
	fill(rpc_call_of(c)->queue->rpc, c->turn, out.original_request, &out);
	return STREAM_SEND(c, &out, false, reflection_info);
}

enum next reflection_info(struct call *c)
{
	return stream_receive(c, answer);
}
